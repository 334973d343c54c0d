"""The samples whose patterns are nearest to a sample's, and what their labels say."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.counts import encode_labels
from ann2neo.statistics.patterns.histogram import pack_patterns
from ann2neo.statistics.uses import neighbor_kernels

_QUERIES = 32
"""Queries per task: their distances to all references are held at a time."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest samples of each query; made by `nearest_patterns`.

    Attributes
    ----------
    indices : array of int64, shape (n_queries, k)
        Positions in the reference raster, the nearest first, ties in their order there.
    distances : array of int64, shape (n_queries, k)
        Units in which the patterns differ.
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int64]

    def vote(self, labels: npt.ArrayLike) -> npt.NDArray[Any]:
        """The label that most of each query's neighbors have; of equally many, the nearer ones'.

        Parameters
        ----------
        labels : array, shape (n_references,)
            A label per sample of the reference raster.

        Returns
        -------
        array, shape (n_queries,)

        Raises
        ------
        ValueError
            If there are fewer labels than the neighbors' positions need, or some are missing.
        """
        given = np.asarray(labels)
        if given.ndim != 1 or given.size <= self.indices.max(initial=-1):
            raise ValueError(
                "labels must have shape (n_references,), a label per reference, at least "
                f"{self.indices.max(initial=-1) + 1} of them, got shape {given.shape}"
            )
        distinct, codes = np.unique(given, return_inverse=True)
        found = codes[self.indices]
        n, k = found.shape
        weights = np.zeros((n, distinct.size))
        # Ties: a neighbor's place decides, by less than a vote in all.
        each = 1 + (k - np.arange(k)) / (2 * k * (k + 1))
        np.add.at(weights, (np.arange(n)[:, np.newaxis], found), each)
        chosen: npt.NDArray[Any] = distinct[weights.argmax(axis=1)]
        return chosen


def nearest_patterns(
    reference: RasterLike, query: RasterLike, k: int = 50, *, n_workers: int | None = None
) -> Neighbors:
    """For each sample of `query` the `k` samples of `reference` with the nearest patterns.

    Parameters
    ----------
    reference, query : SpikeRaster or what `as_raster` takes
        The same units, in the same order.
    k : int
        Neighbors per sample, at most the samples of `reference`.
    n_workers : int, optional
        Threads; by default one per core.

    Returns
    -------
    Neighbors
        Exact: Hamming distances of all pairs are computed. A sample that is in both is its own nearest.

    Raises
    ------
    ValueError
        If the two differ in their units, or `k` is larger than the number of references.

    See Also
    --------
    label_suspicion : samples whose patterns do not fit their label.

    Notes
    -----
    A network that has learned noisy labels by heart errs where its neighbors do not: with
    `Neighbors.vote` over the noisy labels themselves, the patterns of its last hidden layer name the
    true class more often than its own output does. Without label noise the network's own output is
    better. See the page "What works and what does not".

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> reference = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    >>> found = a2n.nearest_patterns(reference, np.array([[1, 1, 1]]), k=2)
    >>> found.indices, found.distances
    (array([[0, 1]]), array([[1, 2]]))
    >>> found.vote(["cat", "cat", "dog"]).tolist()
    ['cat']
    """
    references, queries = as_raster(reference), as_raster(query)
    check_same_units(references, queries)
    k = check_count(k, "k")
    if k > references.n_samples:
        raise ValueError(f"k must be at most the {references.n_samples} samples of reference, got {k}")
    known = pack_patterns(references.words, 0, references.n_samples)
    asked = pack_patterns(queries.words, 0, queries.n_samples)
    indices = np.empty((len(asked), k), np.int64)
    distances = np.empty((len(asked), k), np.int64)
    n_units = references.n_units

    def find(first: int) -> None:
        rows = slice(first, first + _QUERIES)
        kind = np.uint16 if n_units < 2**16 else np.uint32
        found = np.empty((len(asked[rows]), len(known)), kind)
        neighbor_kernels.distances(known, asked[rows], found)
        neighbor_kernels.smallest(found, n_units, indices[rows], distances[rows])

    workers = check_count(n_workers, "n_workers") if n_workers is not None else os.cpu_count() or 1
    starts = range(0, len(asked), _QUERIES)
    with ThreadPoolExecutor(min(workers, max(1, len(starts)))) as pool:
        for _ in pool.map(find, starts):
            pass
    return Neighbors(indices, distances)


def check_same_units(one: SpikeRaster, two: SpikeRaster) -> None:
    """Refuse rasters whose patterns are not of the same units."""
    if one.n_units != two.n_units:
        raise ValueError(
            f"reference and query must have the same units, got {one.n_units} and {two.n_units} of them"
        )
    for name in ("layer", "unit_index"):
        both = name in one.units and name in two.units
        if both and not np.array_equal(one.units[name].to_numpy(), two.units[name].to_numpy()):
            raise ValueError(f"reference and query must have the same units: their {name} differs")


def read_labels(raster: SpikeRaster, labels: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Labels as indices into the sorted distinct ones, two at least, and these."""
    codes, distinct = encode_labels(raster, labels)
    if distinct.size < 2:
        raise ValueError(f"labels must be of two classes at least, got {distinct.tolist()} alone")
    return codes, distinct
