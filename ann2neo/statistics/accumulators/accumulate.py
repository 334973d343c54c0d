"""Feed an accumulator with a recording, by several workers at once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.words import WORD, n_words
from ann2neo.spikes.workers import Workers, count_workers, map_in_order
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.accumulators.checks import check_labels
from ann2neo.statistics.accumulators.stacking import stack_units

_A = TypeVar("_A", bound=Accumulator)

_FEWEST_UNITS = 64
"""That are worth being handed to a thread."""

_COPIED = 2**26
"""Bytes of a recording in memory that each worker copies at a time."""


def accumulate(
    make: Callable[..., _A], raster: RasterLike, *, labels: Any = None, workers: Workers = 1
) -> _A:
    """What ``make(start=0)`` becomes by all samples of a recording.

    Parameters
    ----------
    make : callable
        Takes ``start`` and returns a new accumulator, such as ``a2n.FiringRate`` or
        ``functools.partial(a2n.FanoFactor, 50)``.
    raster : SpikeRaster or what `as_raster` takes
        What is on disk is read chunk by chunk.
    labels : str or array of shape (n_samples,), optional
        Handed to ``update``, an array in parts; for accumulators that take labels.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        Each takes a stretch of the samples, which are merged in order, or, of a raster in memory and
        where units do not matter to one another, some of the units: results do not depend on the number
        of workers. An int starts threads: the compiled loops, and the unpacking of chunks, let one
        another run.

    Returns
    -------
    Accumulator

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.eye(200, dtype=bool))
    >>> a2n.accumulate(a2n.FiringRate, raster, workers=2).result()[:2]
    array([0.005, 0.005])
    """
    recording = as_recording(raster)
    n_workers = count_workers(workers)
    threads = isinstance(workers, int) and n_workers > 1 and labels is None
    if threads and isinstance(recording, SpikeRaster) and make(start=0)._by_unit:
        return _share_units(make, recording, n_workers)
    words = np.linspace(0, n_words(recording.n_samples), n_workers + 1).astype(int)
    edges = [min(int(edge) * WORD, recording.n_samples) for edge in dict.fromkeys(words.tolist())]
    if labels is not None and not isinstance(labels, str):
        labels = np.asarray(check_labels(labels, recording.n_samples))
    stretches = (_Stretch(recording, labels, *ends) for ends in itertools.pairwise(edges))
    if len(edges) == 2:
        return _feed(make, next(stretches))
    if not isinstance(workers, int):
        stretches = (stretch.detach() for stretch in stretches)
    parts = map_in_order(functools.partial(_feed, make), stretches, workers=workers, kind="threads")
    return functools.reduce(lambda a, b: a.merge(b), parts)


def _share_units(make: Callable[..., _A], recording: SpikeRaster, workers: int) -> _A:
    """All samples of some units to each thread: views of the words, and nothing to be merged."""
    step = max(_FEWEST_UNITS, -(-recording.n_units // (4 * workers)))
    views = (recording._view_units(first, first + step) for first in range(0, recording.n_units, step))
    feed = functools.partial(_feed_all, make)
    parts = list(map_in_order(feed, views, workers=workers, kind="threads"))
    stacked: _A = stack_units(parts, recording._unit_table)
    return stacked


def _feed_all(make: Callable[..., _A], raster: SpikeRaster) -> _A:
    return make(start=0).update(raster)


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Samples `start` to `stop`, of a recording that begins with sample `origin` of the whole one."""

    recording: SpikeRaster | StoredRaster
    labels: str | np.ndarray | None
    start: int
    stop: int
    origin: int = 0

    def detach(self) -> _Stretch:
        """With these samples alone, to be sent to another process: of a store, paths and places."""
        labels = (
            self.labels[self.start : self.stop] if isinstance(self.labels, np.ndarray) else self.labels
        )
        recording = self.recording._take(self.start, self.stop)
        return _Stretch(recording, labels, self.start, self.stop, self.start)

    def pieces(self) -> Iterator[tuple[SpikeRaster | StoredRaster, dict[str, Any]]]:
        """What an accumulator is to be fed with, and the keywords for it."""
        first, last = self.start - self.origin, self.stop - self.origin
        size = last - first
        if isinstance(self.recording, SpikeRaster) and size < self.recording.n_samples:
            # Samples are copied to be handed on: some at a time.
            size = max(1, _COPIED // (8 * self.recording.n_units)) * WORD
        for start in range(first, last, size):
            stop = min(start + size, last)
            labels = self.labels[start:stop] if isinstance(self.labels, np.ndarray) else self.labels
            yield self.recording._take(start, stop), {} if labels is None else {"labels": labels}


def _feed(make: Callable[..., _A], stretch: _Stretch) -> _A:
    seen = make(start=stretch.start)
    for piece, options in stretch.pieces():
        seen = seen.update(piece, **options)
    return seen
