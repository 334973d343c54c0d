"""Where does a unit's rate change? Messer's multiple-filter test, of integer counts and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count, check_level, check_rng
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.progress import track
from ann2neo.spikes.typing import Floats, Ints, RasterLike


def change_point_test(
    raster: RasterLike,
    window_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    n_surrogates: int = 1000,
    time_step: int | None = None,
    progress: bool = True,
) -> TestResult:
    """Test that a unit's firing rate is constant, and find the samples at which it changes.

    The multiple-filter test: spike counts in windows left and right of a sample are compared, for
    several sizes of window at once.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window_sizes : sequence of int
        Sizes of the windows in samples, ascending, each below half of ``n_samples``. The test is
        asymptotic and needs hundreds of spikes in the smallest: see Notes.
    rng : numpy.random.Generator
        Draws the limit processes.
    alpha : float
        Level, in (0, 1), at which change points are listed: those of units whose p-value is at most
        `alpha`.
    n_surrogates : int
        Simulated limit processes, at least 2. All units share them. No p-value is below
        ``1 / (1 + n_surrogates)``.
    time_step : int, optional
        Samples between two places looked at; divides every window size. Default: the largest such
        number up to a twentieth of the smallest window.
    progress : bool
        Show a progress bar on runs of over a second.

    Returns
    -------
    TestResult
        ``statistic``, the largest difference of counts left and right of a place, over places and
        windows: in units of its standard deviation, less the mean and over the standard deviation of
        the maxima of that window's limit process. ``pvalue``, (1 + #) / (1 + n) where # of the n limit
        processes have a maximum at least as large. Columns: ``n_change_points``; ``change_points``, for
        each unit a list of samples, ascending: the rate before such a sample differs from that from it
        on; ``window_sizes``, a list with the window that found each; and ``flag``. Where the test is not
        defined the numbers are NaN, the lists are empty and the flag says why: ``"silent"``,
        ``"always on"``, ``"few spikes"`` (fewer than two intervals) or ``"equal intervals"``.

    Raises
    ------
    TypeError
        If `rng` is no Generator, `window_sizes` no sequence of int or `alpha` no number.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Where one of both windows has no interval, or equal ones only, no change is seen: the end of a silent
    stretch is found late, or not at all.

    The level is asymptotic: at ``alpha=0.05``, of 2,000 independent units 8 % got a change point with
    60 spikes per window, and of 1,000 units 5 % with 1,500.

    References
    ----------
    Messer et al., Annals of Applied Statistics 8 (2014) 2027. ``elephant.change_point_detection`` finds
    the same points at the same threshold; it is not called, for it looks at some 3,000 places per second
    and errs on some time steps and on units that are always on.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rate = np.where(np.arange(4000) < 2500, 0.2, 0.6)
    >>> active = np.random.default_rng(0).random(4000) < rate
    >>> found = a2n.change_point_test(active[:, None], [500], rng=np.random.default_rng(1))
    >>> found.columns["change_points"][0], found.pvalue.round(3)
    ([2500], array([0.001]))
    """
    raster = as_raster(raster)
    sizes, step = _check_windows(window_sizes, time_step, raster.n_samples)
    alpha = check_level(alpha, "alpha")
    n_surrogates = check_count(n_surrogates, "n_surrogates", 2)
    null = _simulate_null(sizes, raster.n_samples, step, n_surrogates, check_rng(rng))
    threshold = null.threshold(alpha)
    statistic, n_found = np.full((2, raster.n_units), np.nan)
    points, windows = np.empty((2, raster.n_units), object)
    flags = np.empty(raster.n_units, object)
    for unit in track(range(raster.n_units), "change points", progress=progress):
        spikes = raster.spike_indices(unit)
        flags[unit] = _flag(spikes, raster.n_samples)
        pairs: list[tuple[int, int]] = []
        if not flags[unit]:
            processes = null.normalize(
                [np.abs(_compare_counts(spikes, size, step, raster.n_samples)) for size in sizes]
            )
            statistic[unit] = max(process.max() for process in processes)
            pairs = _find_points(processes, sizes, step, threshold)
            n_found[unit] = len(pairs)
        points[unit], windows[unit] = [place for place, _ in pairs], [size for _, size in pairs]
    return TestResult(
        statistic,
        null.pvalue(statistic),
        "the unit is a renewal process of constant rate",
        "multiple-filter test",
        {"window_sizes": sizes, "time_step": step, "alpha": alpha, "n_surrogates": n_surrogates},
        raster.units,
        {
            "n_change_points": n_found,
            "change_points": points,
            "window_sizes": windows,
            "flag": flags.astype(str),
        },
    )


@dataclass(frozen=True)
class _Null:
    """Maxima of limit processes: mean and standard deviation per window, and normalized, ascending."""

    mean: Floats
    sd: Floats
    maxima: Floats

    def normalize(self, processes: Sequence[Floats]) -> list[Floats]:
        """Processes of all windows on one scale."""
        return [(one - m) / s for one, m, s in zip(processes, self.mean, self.sd, strict=True)]

    def pvalue(self, statistic: Floats) -> Floats:
        n_below = np.searchsorted(self.maxima, statistic, side="left")
        found = (1 + self.maxima.size - n_below) / (1 + self.maxima.size)
        return np.where(np.isnan(statistic), np.nan, found)

    def threshold(self, alpha: float) -> float:
        """What a statistic must exceed for a p-value of at most `alpha`."""
        # As the p-value is computed, so that both sides of the bound round alike.
        n = self.maxima.size
        allowed = int(np.count_nonzero((1 + np.arange(n)) / (1 + n) <= alpha))
        if not allowed:
            return math.inf
        return float(self.maxima[n - allowed])


def _simulate_null(
    sizes: Sequence[int], n_samples: int, step: int, n_surrogates: int, rng: np.random.Generator
) -> _Null:
    """Maxima over time of |W(t + h) + W(t − h) − 2 W(t)| / √(2 h), W a Brownian motion."""
    maxima = np.empty((n_surrogates, len(sizes)))
    for row in maxima:
        motion = np.cumsum(rng.normal(0, math.sqrt(step), n_samples // step))
        for place, size in enumerate(sizes):
            h = size // step
            second = motion[2 * h :] + motion[: -2 * h] - 2 * motion[h:-h]
            row[place] = np.abs(second).max() / math.sqrt(2 * size)
    mean, sd = maxima.mean(axis=0), maxima.std(axis=0)
    return _Null(mean, sd, np.sort(((maxima - mean) / sd).max(axis=1)))


def _compare_counts(spikes: Ints, size: int, step: int, n_samples: int) -> Floats:
    """Count right less count left of each place, over its standard deviation from the intervals."""
    places = np.arange(size, n_samples - size, step)
    edges = [np.searchsorted(spikes, places + shift) for shift in (-size, 0, size)]
    left, right = _Windows(spikes, edges[0], edges[1]), _Windows(spikes, edges[1], edges[2])
    variance = size * (left.scaled_variance + right.scaled_variance)
    varies = (left.scaled_variance > 0) & (right.scaled_variance > 0)
    difference = (right.counts - left.counts).astype(np.float64)
    return np.where(varies, difference / np.sqrt(np.where(varies, variance, 1)), 0)


class _Windows:
    """Spikes `first` up to `last` of a train, for many windows at once."""

    def __init__(self, spikes: Ints, first: Ints, last: Ints) -> None:
        self.counts = last - first
        n = np.maximum(self.counts - 1, 0)
        inside = n > 0
        squares = np.concatenate([[0], np.cumsum(np.diff(spikes) ** 2)])
        low, high = np.where(inside, first, 0), np.where(inside, last - 1, 0)
        total = spikes[high] - spikes[low]
        # n² times the variance of the intervals, exact: equal ones have none.
        scatter = n * (squares[high] - squares[low]) - total**2
        mean = np.where(inside, total / np.maximum(n, 1), 1)
        self.scaled_variance = np.where(inside, scatter / np.maximum(n, 1) ** 2 / mean**3, 0)
        """Variance of the intervals over the cube of their mean, 0 where there are none."""


def _find_points(
    processes: Sequence[Floats], sizes: Sequence[int], step: int, threshold: float
) -> list[tuple[int, int]]:
    """Change points and the window that found each; smaller windows go first."""
    found: list[tuple[int, int]] = []
    for process, size in zip(processes, sizes, strict=True):
        left, of_window = process.copy(), []
        while left.max() > threshold:
            index = int(left.argmax())
            place, reach = size + index * step, size // step
            # What lies around a change point is explained by it.
            left[max(0, index - reach + 1) : index + reach] = -math.inf
            if all(abs(place - earlier) >= size for earlier, _ in found):
                of_window.append((place, size))
        found += of_window
    return sorted(found)


def _flag(spikes: Ints, n_samples: int) -> str:
    """Why the test is not defined for such a unit; empty if it is."""
    if spikes.size == 0:
        return "silent"
    if spikes.size == n_samples:
        return "always on"
    if spikes.size < 3:
        return "few spikes"
    intervals = np.diff(spikes)
    return "equal intervals" if intervals.min() == intervals.max() else ""


def _check_windows(
    window_sizes: Sequence[int], time_step: int | None, n_samples: int
) -> tuple[list[int], int]:
    """Window sizes, and the time step."""
    if isinstance(window_sizes, str) or not np.iterable(window_sizes):
        raise TypeError(
            f"window_sizes must be a sequence of int, such as [200], got {window_sizes!r:.80}"
        )
    sizes = [check_count(size, "window_sizes") for size in window_sizes]
    if not sizes or sizes != sorted(set(sizes)) or 2 * sizes[-1] >= n_samples:
        raise ValueError(
            f"window_sizes must ascend and lie below n_samples / 2 = {n_samples / 2:g}, got {sizes}"
        )
    common = math.gcd(*sizes)
    if time_step is None:
        most = max(1, sizes[0] // 20)
        time_step = max(step for step in range(1, most + 1) if common % step == 0)
    time_step = check_count(time_step, "time_step")
    if common % time_step:
        raise ValueError(f"time_step must divide every window size, {sizes}, got {time_step}")
    return sizes, time_step
