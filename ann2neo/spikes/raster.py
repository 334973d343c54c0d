"""SpikeRaster, the one type everything shares."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes import kernels, raster_tables
from ann2neo.spikes.argument_checks import as_bits, as_indices, check_count, check_period
from ann2neo.spikes.raster_tables import LazyTable
from ann2neo.spikes.typing import Bits, Ints, TimeLike, Words
from ann2neo.spikes.words import check_words, freeze, is_frozen, n_words, take_samples


class SpikeRaster:
    """Which unit was active at which sample: the spike trains of a network, one bit per unit and sample.

    Immutable. Samples are time bins: sample ``k`` is the bin from ``k * sampling_period`` to
    ``(k + 1) * sampling_period``.

    Parameters
    ----------
    words : array of uint64, shape (n_units, n_words)
        Bit ``t % 64`` of word ``t // 64`` is sample ``t``; bits beyond `n_samples` are zero.
        Use `from_dense` to make a raster from a boolean array. A writeable array is copied; one that
        is read-only and owns its data is taken over.
    n_samples : int
        Number of samples, at least 1; ``n_words = ceil(n_samples / 64)``.
    units : pandas.DataFrame, optional
        A row per unit, with columns ``layer`` (str) and ``unit_index`` (int, place in the layer's
        flattened output), for convolutions ``channel``, ``row``, ``column`` (−1 where a unit has no
        such coordinate), and any further columns of bool, int, float or str.
        Default: one layer ``"units"``.
    samples : pandas.DataFrame, optional
        A row per sample, with the column ``sample_index`` (int, place in the data set) and where
        known ``label`` and ``dataset_split``. Default: ``sample_index`` 0, 1, …
    sampling_period : float
        Seconds per sample, positive, or a time with its unit (quantities).
    annotations : mapping, optional
        Flat description of the recording: str keys; str, bool, int, finite float, None or flat lists
        of these.

    Raises
    ------
    TypeError, ValueError
        Where an argument does not fit this description; the message names it.

    Notes
    -----
    ``raster[:1000]`` are the first 1,000 samples, ``raster["conv1"]`` is a layer, ``len(raster)`` the
    number of samples; NumPy takes a raster as the array that `to_dense` gives.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import SpikeRaster
    >>> active = np.array([[True, False], [True, True], [False, False]])
    >>> raster = SpikeRaster.from_dense(active)
    >>> raster.n_units, raster.n_samples
    (2, 3)
    >>> raster.spike_counts
    array([2, 1])
    """

    __slots__ = ("_annotations", "_n_samples", "_period", "_sample_table", "_unit_table", "_words")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        words: Words,
        n_samples: int,
        units: pd.DataFrame | LazyTable | None = None,
        samples: pd.DataFrame | LazyTable | None = None,
        *,
        sampling_period: TimeLike = 0.001,
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        n_samples = check_count(n_samples, "n_samples")
        words = np.asarray(words)
        check_words(words, n_samples)
        if not is_frozen(words):
            words = freeze(np.array(words, order="C"))
        if units is None:
            units = raster_tables.default_units(len(words))
        if samples is None:
            samples = raster_tables.default_samples(n_samples)
        # A view: unlike the array itself, it cannot be made writeable again.
        self._words = words.view()
        self._n_samples = n_samples
        self._unit_table = raster_tables.as_lazy(units, "units", len(words), raster_tables.UNITS)
        self._sample_table = raster_tables.as_lazy(samples, "samples", n_samples, raster_tables.SAMPLES)
        self._period = check_period(sampling_period)
        self._annotations = raster_tables.check_annotations(annotations)

    @property
    def words(self) -> Words:
        """Packed bits, uint64, shape (n_units, n_words), read-only."""
        return self._words

    @property
    def n_samples(self) -> int:
        """Number of samples (time bins)."""
        return self._n_samples

    @property
    def n_units(self) -> int:
        """Number of units (nodes)."""
        return len(self._words)

    @property
    def units(self) -> pd.DataFrame:
        """A row per unit. A copy: changing it does not change the raster."""
        return raster_tables.copy_table(self._unit_table.table)

    @property
    def samples(self) -> pd.DataFrame:
        """A row per sample. A copy: changing it does not change the raster."""
        return raster_tables.copy_table(self._sample_table.table)

    @property
    def sampling_period(self) -> float:
        """Seconds per sample."""
        return self._period

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Description of the recording, a read-only copy."""
        return raster_tables.copy_annotations(self._annotations)

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in the order of their first unit."""
        return raster_tables.encode_layers(self._unit_table.table)[1]

    @property
    def spike_counts(self) -> Ints:
        """Number of spikes of each unit, int64, shape (n_units,)."""
        counts: Ints = np.bitwise_count(self._words).sum(axis=1, dtype=np.int64)
        return counts

    @classmethod
    def from_dense(
        cls,
        active: npt.ArrayLike,
        units: pd.DataFrame | None = None,
        samples: pd.DataFrame | None = None,
        *,
        sampling_period: TimeLike = 0.001,
        annotations: Mapping[str, Any] | None = None,
    ) -> SpikeRaster:
        """Pack a boolean array.

        Parameters
        ----------
        active : array of bool, or of 0 and 1, shape (n_samples, n_units)
            The shape activations have: a row per sample.
        units, samples, sampling_period, annotations
            As for `SpikeRaster`.

        Raises
        ------
        TypeError
            If `active` is neither boolean nor numeric.
        ValueError
            If it is not two-dimensional, is empty, or holds a value other than 0 and 1.
        """
        bits = as_bits(active)
        words = np.zeros((bits.shape[1], n_words(bits.shape[0])), np.uint64)
        kernels.pack_above(bits, np.zeros(bits.shape[1], np.uint8), words, 0)
        return cls(
            freeze(words),
            bits.shape[0],
            units,
            samples,
            sampling_period=sampling_period,
            annotations=annotations,
        )

    def to_dense(self) -> Bits:
        """The raster as a boolean array of shape (n_samples, n_units)."""
        dense = np.empty((self.n_samples, self.n_units), np.uint8)
        kernels.unpack(self._words, dense)
        return dense.view(bool)

    def spike_indices(self, unit: int) -> Ints:
        """Samples at which one unit is active, int64, ascending.

        Raises
        ------
        IndexError
            If `unit` is not in ``range(-n_units, n_units)``.
        """
        index = operator.index(unit)
        if not -self.n_units <= index < self.n_units:
            raise IndexError(f"unit must lie in [{-self.n_units}, {self.n_units}), got {index}")
        row = self._words[index]
        indices = np.empty(int(np.bitwise_count(row).sum()), np.int64)
        kernels.spike_indices(row, indices)
        return indices

    def select(
        self,
        *,
        layer: str | Sequence[str] | None = None,
        units: npt.ArrayLike | None = None,
        samples: npt.ArrayLike | None = None,
    ) -> SpikeRaster:
        """Part of the raster, or its units or samples in another order.

        Parameters
        ----------
        layer : str or sequence of str, optional
            Keep the units of these layers.
        units : array of int or of bool, optional
            Keep these units (of those that `layer` leaves), in this order.
        samples : array of int or of bool, optional
            Keep these samples, in this order; a permutation reorders the recording.

        Raises
        ------
        ValueError
            If a layer is not in the raster, a selection is empty or a mask has the wrong length.
        IndexError
            If an index is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from ann2neo import SpikeRaster
        >>> raster = SpikeRaster.from_dense(np.eye(3, dtype=bool))
        >>> raster.select(samples=[2, 0]).to_dense().astype(int)
        array([[0, 0, 1],
               [1, 0, 0]])
        """
        words, unit_table = self._words, self._unit_table
        if layer is not None or units is not None:
            chosen = raster_tables.find_units(self._unit_table.table, layer)
            if units is not None:
                chosen = chosen[as_indices(units, chosen.size, "units")]
            if chosen.size != self.n_units or units is not None:
                words = self._words[chosen]
            unit_table = raster_tables.take_rows(self._unit_table, chosen)
        n_samples, sample_table = self.n_samples, self._sample_table
        annotations = self._annotations
        if samples is not None:
            order = as_indices(samples, self.n_samples, "samples")
            n_samples = order.size
            sample_table = raster_tables.take_rows(self._sample_table, order)
            annotations = raster_tables.shift_start(annotations, order, self._period)
            words = take_samples(words, order)
        return SpikeRaster(
            freeze(words),
            n_samples,
            unit_table,
            sample_table,
            sampling_period=self._period,
            annotations=annotations,
        )

    def _take(self, start: int, stop: int) -> SpikeRaster:
        """Consecutive samples; itself if these are all."""
        whole = (start, stop) == (0, self.n_samples)
        return self if whole else self.select(samples=np.arange(start, stop))

    def _view_units(self, start: int, stop: int) -> SpikeRaster:
        """Consecutive units, whose words are not copied: for those who let go of it soon."""
        rows = np.arange(start, min(stop, self.n_units))
        units = raster_tables.take_rows(self._unit_table, rows)
        return SpikeRaster(self._words[start:stop], self._n_samples, units, self._sample_table)

    def chunks(self) -> Iterator[SpikeRaster]:
        """The raster itself, once; one on disk (`open_raster`) comes in pieces."""
        yield self

    def with_annotations(self, **annotations: Any) -> SpikeRaster:
        """The same raster with annotations added or replaced."""
        return SpikeRaster(
            self._words,
            self._n_samples,
            self._unit_table,
            self._sample_table,
            sampling_period=self._period,
            annotations={**self._annotations, **annotations},
        )

    def save(self, path: str | Path, *, overwrite: bool = False, progress: bool = True) -> Path:
        """Write the raster to a Zarr store, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Zarr directory to make, or a single file if the name ends in ``.zip``.
        overwrite : bool
            Replace what is there.
        progress : bool
            Show a progress bar on runs of over a second.

        Returns
        -------
        pathlib.Path
            Where it was written.

        Raises
        ------
        FileExistsError
            If `path` exists and `overwrite` is False, or is a directory that holds something else than a
            raster's store.
        FileNotFoundError
            If the directory to write in does not exist.

        Examples
        --------
        >>> import tempfile, numpy as np, ann2neo as a2n
        >>> raster = a2n.as_raster(np.eye(4, dtype=bool))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = raster.save(folder + "/four.zarr")
        ...     a2n.SpikeRaster.load(path) == raster
        True
        """
        from ann2neo.spikes.files import store

        return store.save(self, path, overwrite=overwrite, progress=progress)

    @classmethod
    def load(cls, path: str | Path, *, start: int = 0, stop: int | None = None) -> SpikeRaster:
        """Read a raster, or a part of it, from a Zarr store.

        Nothing is unpickled: arrays other than plain numeric ones are refused before they are decoded.

        Parameters
        ----------
        path : str or Path
            Zarr directory or zip file that `save` or `record` wrote.
        start, stop : int
            Read the samples from `start` up to, not including, `stop` (default: all). Only the chunks
            that hold them are read and checked.

        Raises
        ------
        FileNotFoundError
            If nothing is there.
        ValueError
            If it is not a raster's store, was written by a later version, or is damaged; or unless
            ``0 <= start < stop <= n_samples``.
        """
        from ann2neo.spikes.files import store

        return store.load(path, cls, start=start, stop=stop)

    def to_numpy(self) -> Bits:
        """As `to_dense`: what NumPy makes of a raster, bool, shape (n_samples, n_units)."""
        return self.to_dense()

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a raster is packed, so copy must not be False")
        return self.to_dense() if dtype is None else self.to_dense().astype(dtype)

    def __len__(self) -> int:
        return self._n_samples

    # Its items would be rasters of one sample, which nobody wants a million of.
    __iter__ = None

    def __getitem__(self, key: str | Sequence[str] | slice) -> SpikeRaster:
        """``raster[:1000]``: these samples; ``raster["conv1"]``: this layer; see `select`."""
        if isinstance(key, slice):
            return self.select(samples=np.arange(self._n_samples)[key])
        if isinstance(key, str) or (isinstance(key, list) and all(isinstance(k, str) for k in key)):
            return self.select(layer=key)
        raise TypeError(
            f"a raster takes a slice of samples or names of layers in brackets, got {key!r:.60}; "
            "use select(units=..., samples=...)"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeRaster):
            return NotImplemented
        return (
            self._n_samples == other._n_samples
            and self._period == other._period
            and dict(self._annotations) == dict(other._annotations)
            and np.array_equal(self._words, other._words)
            and raster_tables.same(self._unit_table.table, other._unit_table.table)
            and raster_tables.same(self._sample_table.table, other._sample_table.table)
        )

    def __repr__(self) -> str:
        from ann2neo.spikes.representation import raster_text

        return raster_text.render(self)

    def _repr_html_(self) -> str:
        from ann2neo.spikes.representation import raster_html

        return raster_html.render(self)

    def __reduce__(self) -> Any:
        options = {"sampling_period": self._period, "annotations": dict(self._annotations)}
        tables = self._unit_table.table, self._sample_table.table
        return _rebuild, (options, self._words, self._n_samples, *tables)


def _rebuild(options: dict[str, Any], words: Words, *about: Any) -> SpikeRaster:
    return SpikeRaster(freeze(words), *about, **options)
