"""How units' spike counts go together."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers, map_work
from ann2neo.statistics.accumulators.accumulate import accumulate
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.coincidences import coincidences, mirror
from ann2neo.statistics.moments import center_products
from ann2neo.statistics.windows import CutWindows, check_window

_EXACT = {np.float32: 2**24, np.float64: 2**53}  # whole numbers up to here are exact
_WINDOWS_AT_ONCE = 8192
_AT_ONCE = 2**17
"""Pairs whose correlations are worked out together: they stay in the cache."""


def correlation(raster: RasterLike, window: int = 1, *, workers: Workers = 1) -> np.ndarray:
    """Pearson correlation of every two units' spike counts in consecutive windows.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window : int
        Samples per window, from 1 (do units fire at the same samples?) to ``n_samples // 2``. Samples
        beyond the last whole window are left out, with a warning.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        As for `accumulate`: the result is the same. Threads share pairs of units, where the window is 1,
        so that memory does not grow with their number.

    Returns
    -------
    array of float, shape (n_units, n_units)
        Symmetric, as ``numpy.corrcoef`` of `spike_counts` and, for a window of 1,
        ``elephant.spike_train_correlation.correlation_coefficient``. NaN in the row and the column of a
        unit whose count never changes, the diagonal included; else 1 on the diagonal.

    Raises
    ------
    ValueError
        If `window` is out of range.

    Notes
    -----
    Products are summed as whole numbers. For a window over 1 the counts of all windows are held at once,
    8 bytes each; `Correlation` takes a long recording in chunks. The result and what it comes from take
    some 40 bytes per pair of units: 20,000 units need 16 GB, so select units first.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.correlation(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]))
    array([[ 1.,  0., nan],
           [ 0.,  1., nan],
           [nan, nan, nan]])
    """
    raster = as_recording(raster)
    check_window(raster.n_samples, window, at_least=2)
    if not isinstance(workers, int) or window > 1:
        return accumulate(functools.partial(Correlation, window), raster, workers=workers).result()
    seen = Correlation(window)
    seen._workers = check_count(workers, "workers")
    return seen.update(raster).result()


class Correlation(Accumulator):
    """Accumulator of `correlation`; says nothing of samples beyond the last whole window.

    Parameters
    ----------
    window
        As for `correlation`.
    start : int
        Place in the recording of the first sample this accumulator will see: windows are counted from
        the first sample of the recording.
    """

    _settings = ("window",)
    _kept = (CutWindows,)

    _workers = 1
    """Threads that share the pairs of units."""

    def __init__(self, window: int = 1, *, start: int = 0) -> None:
        super().__init__(start=start)
        self.n_windows = 0
        self.sum: Any = 0
        self.products: Any = 0
        self._windows = CutWindows(window, start)
        self.window = self._windows.window

    def result(self) -> np.ndarray:
        """The correlations over the whole windows seen, shape (n_units, n_units)."""
        if self.n_windows < 2:
            raise ValueError(
                f"needs at least 2 whole windows of {self._windows.window} samples, has {self.n_windows}"
            )
        found = np.empty(self.products.shape)
        variance = center_products(self.n_windows, self.products.diagonal(), self.sum, self.sum)

        def divide(rows: slice) -> None:
            total = self.sum[rows, None]
            covariance = center_products(self.n_windows, self.products[rows], total, self.sum)
            with np.errstate(divide="ignore", invalid="ignore"):
                # The root of a product, not a product of roots: a unit's own correlation is exactly 1.
                covariance /= np.sqrt(variance[rows, None] * variance)
            np.clip(covariance, -1, 1, out=found[rows])

        size = max(1, _AT_ONCE // len(found))
        rows = (slice(first, first + size) for first in range(0, len(found), size))
        self._share(divide, rows)
        return found

    def _update(self, chunk: SpikeRaster) -> None:
        if self.window == 1:
            self._windows.advance(chunk)
            if self.n_windows == 0:
                self.products = np.zeros((chunk.n_units, chunk.n_units), np.int64)

            def count(ends: tuple[int, int]) -> None:
                coincidences(chunk.words, *ends, self.products)

            self._share(count, _cut_pairs(chunk.n_units, self._workers))
            mirror(self.products)
            self.n_windows += chunk.n_samples
            self.sum = self.sum + chunk.spike_counts
        else:
            self._add_counts(self._windows.update(chunk))

    def _merge(self, later: Correlation) -> None:
        completed = self._windows.merge(later._windows)
        self._add(later.n_windows, later.sum, later.products)
        if completed.size:
            self._add_counts(completed)

    def _share(self, work: Callable[[Any], None], pieces: Iterable[Any]) -> None:
        for _ in map_work(work, pieces, workers=self._workers, kind="threads"):
            pass

    def _add_counts(self, counts: np.ndarray) -> None:
        products = _products(counts, self._windows.window)
        self._add(counts.shape[1], counts.sum(axis=1), products)

    def _add(self, n_windows: int, total: Any, products: Any) -> None:
        self.n_windows += n_windows
        self.sum = self.sum + total
        self.products = self.products + products


def _cut_pairs(n_units: int, workers: int) -> list[tuple[int, int]]:
    """Rows of the triangle of pairs, as many pairs in each piece."""
    left = np.sqrt(np.linspace(1, 0, 1 if workers == 1 else 8 * workers, endpoint=False))
    edges = [*(n_units - np.round(n_units * left).astype(int)).tolist(), n_units]
    return list(itertools.pairwise(dict.fromkeys(edges)))


def _products(counts: np.ndarray, window: int) -> np.ndarray:
    """Σ c_i c_j over windows for all pairs of units, int64; counts are at most `window`."""
    kind = np.float32 if window <= 256 else np.float64
    at_once = min(_EXACT[kind] // window**2, _WINDOWS_AT_ONCE)
    if at_once == 0:
        result: np.ndarray = np.einsum("iw,jw->ij", counts, counts)
        return result
    products = np.zeros((len(counts), len(counts)), np.int64)
    for first in range(0, counts.shape[1], at_once):
        # The sum of so few products of counts is a whole number that the float type holds exactly.
        part: np.ndarray = counts[:, first : first + at_once].astype(kind)
        products += (part @ part.T).astype(np.int64)
    return products
