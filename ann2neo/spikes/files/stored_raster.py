"""Rasters that are opened, not loaded: what they are of at once, their words when somebody asks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes import kernels, raster_tables
from ann2neo.spikes.argument_checks import as_indices, check_count
from ann2neo.spikes.files.chunk_cache import ChunkCache
from ann2neo.spikes.files.paths import find_path
from ann2neo.spikes.files.store import name_damage, read_words
from ann2neo.spikes.files.stored_parts import StoredPart, open_part, open_parts
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import LazyTable
from ann2neo.spikes.typing import Ints, PathLikeStr, Words
from ann2neo.spikes.words import freeze, n_words
from ann2neo.spikes.workers import look_ahead


class StoredRaster:
    """A raster on disk; made by `open_raster`, or by `select` from another one.

    It says what a `SpikeRaster` says (``n_units``, ``n_samples``, ``units``, ``samples``, ``layers``,
    ``sampling_period``, ``annotations``), and reads no words before `chunks`, `load` or ``spike_counts``
    want them. Statistics and tests go through its `chunks`. The first 128 MiB of words that are read
    stay in memory, unpacked, until it is closed or gone. A context manager; picklable, as its paths.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.eye(4, dtype=bool))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = raster.save(folder + "/four.zarr")
    ...     with a2n.open_raster(path) as stored:
    ...         stored.select(units=[0, 2], samples=[2, 3]).load().to_dense().astype(int)
    array([[0, 1],
           [0, 0]])
    """

    def __init__(
        self,
        parts: Sequence[StoredPart],
        chosen: Ints | None = None,
        order: range | Ints | None = None,
        unit_table: LazyTable | None = None,
        opened: StoredRaster | None = None,
    ) -> None:
        self._parts = tuple(parts)
        self._chosen = chosen
        self._starts = list(itertools.accumulate((part.n_samples for part in parts), initial=0))
        self._order = range(self._starts[-1]) if order is None else order
        self._unit_table = unit_table or LazyTable(self._read_units)
        # The raster that was opened, which this one is a part of: closed with it.
        self._opened = opened
        self._cache: ChunkCache = ChunkCache() if opened is None else opened._cache
        self._closed = False

    @property
    def n_samples(self) -> int:
        """Number of samples (time bins)."""
        return len(self._order)

    @property
    def n_units(self) -> int:
        """Number of units (nodes)."""
        return self._parts[0].n_units if self._chosen is None else self._chosen.size

    @property
    def sampling_period(self) -> float:
        """Seconds per sample."""
        return self._parts[0].sampling_period

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Description of the recording, a read-only copy."""
        said = self._parts[0].annotations
        return raster_tables.copy_annotations(
            raster_tables.shift_start(said, self._order, self.sampling_period)
        )

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in the order of their first unit."""
        if self._chosen is None:
            return list(self._parts[0].layers)
        codes, names = self._read_layers()
        found, first = np.unique(codes[self._chosen], return_index=True)
        return [names[code] for code in found[np.argsort(first)]]

    @property
    def units(self) -> pd.DataFrame:
        """A row per unit, read when it is first looked at."""
        return raster_tables.copy_table(self._unit_table.table)

    @property
    def samples(self) -> pd.DataFrame:
        """A row per sample, read anew each time."""
        return self._read_samples(0, self.n_samples)

    @property
    def spike_counts(self) -> Ints:
        """Number of spikes of each unit, int64, shape (n_units,); reads all words, chunk by chunk."""
        counts = np.zeros(self.n_units, np.int64)
        for chunk in self.chunks():
            counts += chunk.spike_counts
        return counts

    @property
    def nbytes(self) -> int:
        """Bytes that `load` would take for the words."""
        return self.n_units * n_words(self.n_samples) * 8

    def select(
        self,
        *,
        layer: str | Sequence[str] | None = None,
        units: npt.ArrayLike | None = None,
        samples: npt.ArrayLike | None = None,
    ) -> StoredRaster:
        """Part of the raster, or its units or samples in another order; nothing is read yet.

        Parameters and errors are those of `SpikeRaster.select`. Samples in an order that jumps between
        chunks cost a read of every chunk that a piece of the result needs.
        """
        chosen, order = self._chosen, self._order
        if layer is not None:
            codes, known = self._read_layers()
            codes = codes if chosen is None else codes[chosen]
            here = self.layers
            found = [known.index(here[place]) for place in raster_tables.find_layers(layer, here)]
            kept = np.flatnonzero(np.isin(codes, found))
            chosen = kept if chosen is None else chosen[kept]
        if units is not None:
            size = self.n_units if chosen is None else chosen.size
            index = as_indices(units, size, "units")
            chosen = index if chosen is None else chosen[index]
        if samples is not None:
            index = as_indices(samples, self.n_samples, "samples")
            first = int(index[0])
            if isinstance(order, range) and np.array_equal(index, np.arange(first, first + index.size)):
                order = order[first : first + index.size]
            else:
                order = np.asarray(order, np.int64)[index]
        return StoredRaster(self._parts, chosen, order, opened=self)

    def _take(self, start: int, stop: int) -> StoredRaster:
        """Consecutive samples, whose numbers are not listed."""
        return StoredRaster(self._parts, self._chosen, self._order[start:stop], self._unit_table, self)

    def chunks(self, n_samples: int | None = None) -> Iterator[SpikeRaster]:
        """Consecutive pieces in memory, three at most: a thread reads and unpacks the next ones.

        Parameters
        ----------
        n_samples : int, optional
            Samples per piece at most. Default: what one chunk of the store holds, up to 16 MB.

        Yields
        ------
        SpikeRaster
        """
        if n_samples is not None:
            n_samples = check_count(n_samples, "n_samples")
        ends = itertools.pairwise(itertools.chain([0], self._cuts(n_samples)))
        yield from look_ahead(lambda ends: self._make(self._read(*ends), *ends), ends)

    def load(self) -> SpikeRaster:
        """The whole raster in memory, ``nbytes`` of words and the tables."""
        words = np.zeros((self.n_units, n_words(self.n_samples)), np.uint64)
        start = 0
        for stop in self._cuts(None):
            kernels.append(self._read(start, stop), stop - start, words, start)
            start = stop
        return self._make(words, 0, self.n_samples)

    def close(self) -> None:
        """Refuse to read any more, here and in what was selected from it."""
        self._closed = True
        if self._opened is None:
            self._cache.clear()

    def __enter__(self) -> StoredRaster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        self._check_open()
        return StoredRaster, (self._parts, self._chosen, self._order)

    def __repr__(self) -> str:
        return (
            f"StoredRaster: {self.n_units:,} units × {self.n_samples:,} samples of "
            f"{self.sampling_period * 1000:g} ms ({self.nbytes / 1e6:,.3g} MB when loaded) in "
            f"{self._parts[0].path if len(self._parts) == 1 else self._parts[0].path.parent}"
        )

    def _make(self, words: Words, start: int, stop: int) -> SpikeRaster:
        said, order = self._parts[0].annotations, self._order[start:stop]
        return SpikeRaster(
            freeze(np.ascontiguousarray(words)),
            stop - start,
            self._unit_table,
            LazyTable(lambda: self._read_samples(start, stop)),
            sampling_period=self.sampling_period,
            annotations=raster_tables.shift_start(said, order, self.sampling_period),
        )

    def _cuts(self, most: int | None) -> Iterator[int]:
        """Where pieces end: with the store's chunks, so that none is read twice."""
        start, n_samples = 0, self.n_samples
        while start < n_samples:
            stop = n_samples
            if isinstance(self._order, range):
                part, within = self._find(self._order.start + start)
                stop = start + min(part.n_samples - within, part.chunk - within % part.chunk)
            else:
                stop = start + self._parts[0].chunk
            start = min(stop, n_samples, n_samples if most is None else start + most)
            yield start

    def _find(self, sample: int) -> tuple[StoredPart, int]:
        """The part that holds a sample, and its place in there."""
        number = int(np.searchsorted(self._starts, sample, side="right")) - 1
        return self._parts[number], sample - self._starts[number]

    def _read(self, start: int, stop: int) -> Words:
        if isinstance(self._order, range):
            return self._read_range(self._order.start + start, self._order.start + stop)
        distinct, places = np.unique(self._order[start:stop], return_inverse=True)
        gathered = np.zeros((self.n_units, n_words(distinct.size)), np.uint64)
        done = 0
        while done < distinct.size:
            first = int(distinct[done])
            part, within = self._find(first)
            end = first + min(part.n_samples - within, part.chunk - within % part.chunk)
            last = int(np.searchsorted(distinct, end))
            wanted = distinct[done:last] - first
            words = self._read_range(first, first + int(wanted[-1]) + 1)
            some = np.empty((self.n_units, n_words(wanted.size)), np.uint64)
            kernels.gather(words, wanted, some)
            kernels.append(some, wanted.size, gathered, done)
            done = last
        words = np.empty((self.n_units, n_words(places.size)), np.uint64)
        kernels.gather(gathered, places.astype(np.int64, copy=False), words)
        return words

    def _read_range(self, start: int, stop: int) -> Words:
        """Words of consecutive samples of the stores, which may lie in several parts."""
        self._check_open()
        found: list[tuple[Words, int]] = []
        while start < stop:
            part, within = self._find(start)
            last = min(within + stop - start, part.n_samples)
            # Opened whatever is kept: a store that was replaced is noticed.
            with part.open() as stored, name_damage(part.path):
                words = self._read_part(part, stored, within, last)
            found.append((words, last - within))
            start += last - within
        if len(found) == 1:
            return found[0][0]
        joined = np.zeros((self.n_units, n_words(sum(size for _, size in found))), np.uint64)
        start = 0
        for words, size in found:
            kernels.append(words, size, joined, start)
            start += size
        return joined

    def _read_part(self, part: StoredPart, stored: Any, start: int, stop: int) -> Words:
        """Words of samples of one part; whole chunks of it from what is kept, if they are there."""
        place = part.path, start, stop
        is_whole = start % part.chunk == 0 and stop == min(start + part.chunk, part.n_samples)
        if self._chosen is None and is_whole:
            return self._cache.read(place, lambda: read_words(stored, part.n_samples, start, stop, None))
        kept = self._cache.get(place)
        if kept is not None:
            return kept[self._chosen]
        return read_words(stored, part.n_samples, start, stop, self._chosen)

    def _read_units(self) -> pd.DataFrame:
        self._check_open()
        part = self._parts[0]
        with part.open() as stored, name_damage(part.path):
            table = raster_tables.normalize_table(
                stored.read_table("units", part.n_units, 0, part.n_units),
                name="units",
                n_rows=part.n_units,
                required=raster_tables.UNITS,
            )
        return table if self._chosen is None else table.iloc[self._chosen].reset_index(drop=True)

    def _read_layers(self) -> tuple[Ints, list[str]]:
        """The layer of each unit of the store as an index, and the layers' names; no other column."""
        self._check_open()
        part = self._parts[0]
        place = f"units/{list(part.columns).index('layer')}"
        with part.open() as stored, name_damage(part.path):
            codes = stored.read(place, part.n_units)
        return codes, list(part.layers)

    def _read_samples(self, start: int, stop: int) -> pd.DataFrame:
        self._check_open()
        if not isinstance(self._order, range):
            wanted = self._order[start:stop]
            low, high = int(wanted.min()), int(wanted.max()) + 1
            return self._read_rows(low, high).iloc[wanted - low].reset_index(drop=True)
        return self._read_rows(self._order.start + start, self._order.start + stop)

    def _read_rows(self, start: int, stop: int) -> pd.DataFrame:
        tables = []
        while start < stop:
            part, within = self._find(start)
            last = min(within + stop - start, part.n_samples)
            with part.open() as stored, name_damage(part.path):
                tables.append(
                    raster_tables.normalize_table(
                        stored.read_table("samples", part.n_samples, within, last),
                        name="samples",
                        n_rows=last - within,
                        required=raster_tables.SAMPLES,
                    )
                )
            start += last - within
        return tables[0] if len(tables) == 1 else raster_tables.stack_tables(tables, name="samples")

    def _check_open(self) -> None:
        if self._opened is not None:
            self._opened._check_open()
        if self._closed:
            raise ValueError("the raster is closed: open it again")


def open_raster(path: PathLikeStr) -> StoredRaster:
    """Open a recording without loading it.

    Parameters
    ----------
    path : str or Path
        A Zarr store or zip file that `record` or `SpikeRaster.save` wrote, or a directory of parts
        (``part-00000.zarr`` and so on, as `record_part` writes them), all of which must be there.

    Returns
    -------
    StoredRaster
        Wherever a raster is taken it is too, and so is the path itself: statistics and tests go through
        it chunk by chunk.

    Raises
    ------
    FileNotFoundError
        If nothing is there, or a part is missing.
    ValueError
        If it is not a raster's store, was written by a later version, or is damaged; or if parts differ
        in units, sampling period or annotations, or are not those that the plan beside them wants.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.as_raster(np.eye(4, dtype=bool)).save(folder + "/four.zarr")
    ...     a2n.firing_rate(a2n.open_raster(path)), a2n.firing_rate(path)
    (array([0.25, 0.25, 0.25, 0.25]), array([0.25, 0.25, 0.25, 0.25]))
    """
    found = find_path(path, "raster", folder=True)
    if found.is_dir() and not (found / ".zattrs").exists():
        parts = open_parts(found)
        if parts:
            return StoredRaster(parts)
    return StoredRaster([open_part(found)])
