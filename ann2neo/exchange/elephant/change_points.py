"""Elephant's multiple-filter test for changes of rate, guarded where it is known to fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import quantities as pq
from elephant import change_point_detection as mft

from ann2neo.exchange.elephant.methods import seeded_globals
from ann2neo.spikes.argument_checks import check_count, check_level
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.progress import track


def change_point_test(
    raster: Any,
    window_sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    n_surrogates: int = 1000,
    time_step: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Samples at which a unit's firing rate changes, by Elephant's multiple-filter algorithm.

    Spike counts in windows left and right of a sample are compared, for several sizes of window at once.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window_sizes : sequence of int
        Sizes of the windows in samples, ascending, each below half of ``n_samples``. The test is
        asymptotic and needs hundreds of spikes in the smallest: see Notes.
    rng : numpy.random.Generator
        Seeds the global generators for the threshold, which Elephant simulates; they are restored after.
    alpha : float
        Probability, in (0, 1), that a unit of constant rate gets a change point.
    n_surrogates : int
        Simulated limit processes for the threshold, at least 2. All units share them.
    time_step : int, optional
        Samples between two places looked at; divides every window size. Default: the largest such
        number up to a twentieth of the smallest window.
    progress : bool
        Show a progress bar on runs of over a second. Elephant looks at about 3,000 places a second: a
        unit of 60,000 samples takes about 2 s with three windows in steps of 25.

    Returns
    -------
    pandas.DataFrame
        A row a unit: ``layer``, ``unit_index``; ``n_change_points``, float; ``change_points``, a list of
        samples, ascending: the rate before such a sample differs from that from it on;
        ``window_sizes``, a list with the window that found each; and ``flag``. Where the test is not
        defined ``n_change_points`` is NaN, the lists are empty and the flag says why: ``"silent"``,
        ``"always on"``, ``"few spikes"`` (fewer than two intervals) or ``"equal intervals"``. ``attrs``
        has ``alpha``, ``threshold``, ``window_sizes`` (of the test) and ``time_step``.

    Raises
    ------
    TypeError
        If `rng` is no Generator, `window_sizes` no sequence of int or `alpha` no number.
    ValueError
        If an argument is out of range, or `alpha` so large that the threshold is not positive, on which
        Elephant would not return.

    Notes
    -----
    Elephant is given spikes in the middle of their samples and one second a sample. The test does not
    depend on the scale of time, and whole numbers keep Elephant from its rounding errors: change points
    in units that are always on, a broadcast error for some time steps (9 ms in 2 s). Its default time
    step, on which it raises, is not used. Where one of both windows has no interval, or equal ones only,
    Elephant sees no change: the end of a silent stretch is found late, or not at all.

    The level is that of Elephant's asymptotic test: at ``alpha=0.05``, 10 % of independent units got a
    change point with 60 spikes a window (9 % of Poisson processes), and 6 % with 1,500.

    References
    ----------
    Messer et al., Annals of Applied Statistics 8 (2014) 2027; ``elephant.change_point_detection``.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo.exchange.elephant.change_points import change_point_test
    >>> rate = np.where(np.arange(4000) < 2500, 0.2, 0.6)
    >>> active = np.random.default_rng(0).random(4000) < rate
    >>> rng = np.random.default_rng(1)
    >>> found = change_point_test(active[:, None], [500], rng=rng, n_surrogates=100)
    >>> found["change_points"][0]
    [2500]
    """
    raster = as_raster(raster)
    sizes, step = _checked_windows(window_sizes, time_step, raster.n_samples)
    alpha = check_level(alpha, "alpha")
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    if n_surrogates < 2:
        raise ValueError(f"n_surrogates must be at least 2, got {n_surrogates}")
    common = {
        "window_sizes": sizes * pq.s,
        "t_final": float(raster.n_samples) * pq.s,
        "alpha": 100 * alpha,
        "n_surrogates": n_surrogates,
        "time_step": float(step) * pq.s,
    }
    with seeded_globals(rng):
        threshold, parameters = mft.empirical_parameters(**common)
    if not threshold > 0:
        raise ValueError(
            f"alpha must be so small that the threshold is positive, got alpha={alpha!r} and {threshold}"
        )
    common |= {"test_quantile": threshold, "test_param": parameters}
    rows = [
        _row(raster.spike_indices(unit), raster.n_samples, common)
        for unit in track(range(raster.n_units), "change points", progress=progress)
    ]
    frame = pd.DataFrame(rows, columns=["n_change_points", "change_points", "window_sizes", "flag"])
    frame = pd.concat([raster.units[["layer", "unit_index"]], frame], axis=1)
    frame.attrs = {
        "alpha": alpha,
        "threshold": float(threshold),
        "window_sizes": sizes.astype(int).tolist(),
        "time_step": step,
    }
    return frame


def _row(
    spikes: np.ndarray, n_samples: int, common: dict[str, Any]
) -> tuple[float, list[int], list[int], str]:
    """Number of change points, where, by which window, and flag."""
    flag = _flag(spikes, n_samples)
    if flag:
        return math.nan, [], [], flag
    found = mft.multiple_filter_test(spiketrain=(spikes + 0.5) * pq.s, **common)
    pairs = sorted(
        (round(float(time)), round(float(size)))
        for size, times in zip(common["window_sizes"], found, strict=True)
        for time in times
    )
    return float(len(pairs)), [time for time, _ in pairs], [size for _, size in pairs], flag


def _flag(spikes: np.ndarray, n_samples: int) -> str:
    """Why the test is not defined for such a unit; empty if it is."""
    if spikes.size == 0:
        return "silent"
    if spikes.size == n_samples:
        return "always on"
    if spikes.size < 3:
        return "few spikes"
    intervals = np.diff(spikes)
    return "equal intervals" if intervals.min() == intervals.max() else ""


def _checked_windows(
    window_sizes: Sequence[int], time_step: int | None, n_samples: int
) -> tuple[np.ndarray, int]:
    """Window sizes as float64 whole numbers, and the time step."""
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
    return np.array(sizes, dtype=np.float64), time_step
