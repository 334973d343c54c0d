"""Inter-spike intervals and how they vary."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import as_seconds
from ann2neo.spikes.as_raster import as_raster, as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike, TimeLike
from ann2neo.statistics import interval_kernels
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.accumulators.checks import check_number
from ann2neo.statistics.moments import center_products

_ONE = 2.0**-61  # the kernels add up multiples of this
_CV2, _LV, _LVR = 2, 4, 6  # where the kernels keep each term's sum


def isi(raster: RasterLike) -> list[np.ndarray]:
    """Inter-spike intervals of each unit, in samples.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    list of array of int64
        An array per unit, one shorter than its number of spikes; empty for fewer than two spikes.
        Times the sampling period they are what ``elephant.statistics.isi`` gives.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.isi(np.array([[1], [0], [1], [1]]))
    [array([2, 1])]
    """
    raster = as_raster(raster)
    return [np.diff(raster.spike_indices(unit)) for unit in range(raster.n_units)]


def cv(raster: RasterLike) -> np.ndarray:
    """Coefficient of variation of the inter-spike intervals: sd (ddof=0) over mean.

    For a unit that fires independently at each sample with probability p intervals are geometric, and it
    is √(1 − p) in expectation, not the 1 of a Poisson process.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    array of float, shape (n_units,)
        NaN for fewer than two intervals; 0 for a unit that is always on.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.cv(np.array([[1], [0], [0], [1], [1]]))
    array([0.5])
    """
    raster = as_recording(raster)
    if not isinstance(raster, SpikeRaster):
        return _gather(raster).cv()
    counts, sums = np.empty(raster.n_units, np.int64), np.empty((raster.n_units, 2), np.int64)
    interval_kernels.square_sums(raster.words, counts, sums)
    return _cv(np.maximum(counts - 1, 0), sums[:, 0], sums[:, 1])


def cv2(raster: RasterLike) -> np.ndarray:
    """Mean of 2|d' − d| / (d' + d) over neighboring intervals d, d' (Holt et al. 1996).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    array of float, shape (n_units,)
        As ``elephant.statistics.cv2``; NaN for fewer than two intervals.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.cv2(np.array([[1], [0], [0], [1], [1]]))
    array([1.])
    """
    return _gather(raster).cv2()


def lv(raster: RasterLike) -> np.ndarray:
    """Local variation: 3 × the mean of ((d' − d) / (d' + d))² (Shinomoto et al. 2003).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    array of float, shape (n_units,)
        As ``elephant.statistics.lv``; NaN for fewer than two intervals.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.lv(np.array([[1], [0], [0], [1], [1]]))
    array([0.75])
    """
    return _gather(raster).lv()


def lvr(raster: RasterLike, *, R: TimeLike = 0.0) -> np.ndarray:  # noqa: N803
    """Revised local variation, which allows for a refractory period `R` (Shinomoto et al. 2009).

    3 × the mean of ((d' − d) / (d' + d))² (1 + 4R / (d' + d)).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    R : float or quantities.Quantity
        Refractoriness constant, at least 0; numbers are seconds. Elephant's default of 5 ms suits
        neurons; the units of a network have no refractory period, hence 0, where this is `lv`.

    Returns
    -------
    array of float, shape (n_units,)
        As ``elephant.statistics.lvr``; NaN for fewer than two intervals.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.lvr(np.array([[1], [0], [0], [1], [1]]), R=0.001)
    array([1.5])
    """
    refractoriness = check_number(as_seconds(R, "R"), "R", "a finite number of seconds, at least 0")
    raster = as_recording(raster)
    return _gather(raster).lvr(refractoriness / raster.sampling_period)


class Intervals(Accumulator):
    """Accumulator of what `cv`, `cv2`, `lv` and `lvr` need; its methods give them per unit.

    Parameters
    ----------
    start : int
        Place in the recording of the first sample that will be seen.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.statistics.intervals import Intervals
    >>> seen = Intervals()
    >>> for chunk in np.array_split(np.array([[1], [0], [0], [1], [1]]), 2):
    ...     seen = seen.update(chunk)
    >>> seen.cv()
    array([0.5])
    """

    _by_unit = True

    def __init__(self, *, start: int = 0) -> None:
        super().__init__(start=start)
        self._ends: np.ndarray | None = None
        self._sums: np.ndarray | None = None

    def result(self) -> np.ndarray:
        """The CV, as `cv`."""
        return self.cv()

    def cv(self) -> np.ndarray:
        """See `cv`."""
        return _cv(self._n, self._column(0), self._column(1))

    def cv2(self) -> np.ndarray:
        """See `cv2`."""
        return self._mean_over_pairs(_CV2)

    def lv(self) -> np.ndarray:
        """See `lv`."""
        return 3 * self._mean_over_pairs(_LV)

    def lvr(self, refractoriness: float) -> np.ndarray:
        """See `lvr`; `refractoriness` in samples."""
        return 3 * (self._mean_over_pairs(_LV) + 4 * refractoriness * self._mean_over_pairs(_LVR))

    def _update(self, chunk: SpikeRaster) -> None:
        if self._ends is None or self._sums is None:
            self._ends = np.zeros((chunk.n_units, 5), np.int64)
            self._sums = np.zeros((chunk.n_units, 8), np.int64)
        kernels.interval_sums(chunk.words, self.stop, self._ends, self._sums)

    def _merge(self, later: Intervals) -> None:
        if self._ends is None or self._sums is None:
            self._ends, self._sums = later._ends, later._sums
        else:
            kernels.join_intervals(self._ends, self._sums, later._ends, later._sums)

    @property
    def _n(self) -> np.ndarray:
        """Number of intervals of each unit."""
        if self._ends is None:
            raise ValueError("no samples yet: call update first")
        result: np.ndarray = np.maximum(self._ends[:, 0] - 1, 0)
        return result

    def _column(self, index: int) -> np.ndarray:
        if self._sums is None:
            raise ValueError("no samples yet: call update first")
        return self._sums[:, index]

    def _mean_over_pairs(self, index: int) -> np.ndarray:
        return _mean_over_pairs(self._n, self._column(index), self._column(index + 1))


def _gather(raster: RasterLike) -> Intervals:
    return Intervals().update(raster)


def _mean_over_pairs(n: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Of n intervals, from the exact sum in two numbers; NaN for fewer than two."""
    exact = (high.astype(object) << 32) + low.astype(object)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = exact.astype(float) * _ONE / (n - 1)
    return np.where(n >= 2, mean, np.nan)


def _cv(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """√(n Σd² − (Σd)²) / Σd of n intervals d; NaN for fewer than two."""
    # n Σd² passes 2^63 from 4·10⁶ samples on.
    spread = center_products(n, squares, total, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n >= 2, np.sqrt(spread) / total, np.nan)
