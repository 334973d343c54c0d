"""Feed an accumulator with a recording, by several workers at once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.words import WORD
from ann2neo.spikes.workers import Workers, count_workers, map_in_order
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.accumulators.checks import check_labels

_A = TypeVar("_A", bound=Accumulator)


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
        Each takes a stretch of the samples; the results are merged in order, so that they do not depend
        on the number of workers. An int starts threads: the compiled loops, and the unpacking of chunks,
        let one another run.

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
    n_parts = count_workers(workers)
    words = np.linspace(0, -(-recording.n_samples // WORD), n_parts + 1).astype(int)
    edges = [min(int(edge) * WORD, recording.n_samples) for edge in dict.fromkeys(words.tolist())]
    pieces = list(itertools.pairwise(edges))
    if labels is not None and not isinstance(labels, str):
        labels = np.asarray(check_labels(labels, recording.n_samples))
    feed = functools.partial(_feed, make, recording, labels)
    parts = map_in_order(feed, pieces, workers=workers if len(pieces) > 1 else 1, kind="threads")
    return functools.reduce(lambda a, b: a.merge(b), parts)


def _feed(
    make: Callable[..., _A],
    recording: SpikeRaster | StoredRaster,
    labels: str | np.ndarray | None,
    ends: tuple[int, int],
) -> _A:
    start, stop = ends
    whole = (start, stop) == (0, recording.n_samples)
    part = recording if whole else recording.select(samples=np.arange(start, stop))
    if labels is None:
        return make(start=start).update(part)
    given = {"labels": labels if isinstance(labels, str) else labels[start:stop]}
    return make(start=start).update(part, **given)
