"""Has a unit's train a unit root? The augmented Dickey–Fuller test, from integer lag counts."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ann2neo.significance.kernels.dickey_fuller import dickey_fuller
from ann2neo.significance.result import TestResult
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers, map_in_order, split_units

# MacKinnon (1994), one series, constant, no trend, with the figures of statsmodels' adfvalues: Φ of a
# polynomial in the statistic, ascending powers, up to and beyond _SPLIT; 0 and 1 outside its range.
_LOWEST, _SPLIT, _HIGHEST = -18.83, -1.61, 2.74
_LEFT = (2.1659, 1.4412, 0.038269)
_RIGHT = (1.7339, 0.93202, -0.12745, -0.010368)


def adf_test(raster: RasterLike, max_lag: int | None = None) -> TestResult:
    """The augmented Dickey–Fuller test that a unit's train has a unit root.

    The firing-rate paper's check of stationarity. With a constant and no trend; the number of lagged
    differences is the one of the lowest AIC.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    max_lag : int, optional
        Most lagged differences to try, 0 to n_samples // 2 − 2. Default: Schwert's rule,
        ⌈12 (n_samples / 100)^¼⌉, or the bound if it is lower.

    Returns
    -------
    TestResult
        ``statistic``, the t of the level's coefficient; ``pvalue``, MacKinnon's approximation, exactly
        0 below a statistic of −18.83 and exactly 1 above 2.74; column ``lag``, lagged differences used;
        column ``degenerate``, True where the test is not defined and the rest is NaN: constant trains,
        trains that repeat with a short period, trains with spikes only near their ends, short trains
        whose regression at the largest lag is singular or perfect (31 % of all trains of 12 samples,
        12 % of 20, none of 20,000 of 30; a smaller `max_lag` helps), and all trains of fewer than 4
        samples.

    Raises
    ------
    TypeError, ValueError
        If `max_lag` is not an int in [0, n_samples // 2 − 2].

    Notes
    -----
    To reject is to say that the train is no random walk. A binary train hardly can be one: long
    independent trains are rejected always, and so are most whose rate drifts or jumps. That the test
    rejects is no evidence of a constant rate; `fano_test` with long windows and `runs_test` look for
    that.

    References
    ----------
    Dickey and Fuller, Journal of the American Statistical Association 74 (1979) 427; MacKinnon,
    Journal of Business and Economic Statistics 12 (1994) 167; statsmodels' ``adfuller``, which this
    agrees with.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> quick, slow = rng.random(2000) < 0.5, np.cumsum(rng.random(2000) < 0.002) % 2 == 1
    >>> a2n.adf_test(np.column_stack([quick, slow])).to_frame()[["statistic", "pvalue", "lag"]].round(3)
       statistic  pvalue  lag
    0    -47.056   0.000  0.0
    1     -2.457   0.126  0.0
    """
    raster = as_recording(raster)
    max_lag = find_max_lag(max_lag, raster.n_samples)
    return adf_of_counts(raster.units, LaggedCounts.of(raster, max_lag + 1), max_lag)


def adf_of_counts(
    units: pd.DataFrame, table: LaggedCounts, max_lag: int, workers: Workers = 1
) -> TestResult:
    """`adf_test` from the counts of all lags up to ``max_lag + 1``."""
    statistic, lag = np.full((2, len(units)), np.nan)
    if max_lag >= 0:
        pieces = split_units((table.counts, table.head, table.tail), workers)
        test = functools.partial(_test_piece, table.n_samples, max_lag)
        found = map_in_order(test, pieces, workers=workers, kind="threads")
        statistic, lag = np.concatenate(list(found), axis=1)
    degenerate = np.isnan(statistic)
    return TestResult(
        statistic,
        _mackinnon(statistic),
        "the train has a unit root (it is a random walk)",
        "augmented Dickey–Fuller test, constant, lags by AIC",
        {"max_lag": max(max_lag, 0)},
        units,
        {"lag": np.where(degenerate, np.nan, lag), "degenerate": degenerate},
    )


def _test_piece(n_samples: int, max_lag: int, piece: tuple[np.ndarray, ...]) -> np.ndarray:
    """Statistic and lag of some units."""
    found = np.empty((2, len(piece[0])))
    # Compiled for rows that lie together: those of merged counts do not.
    dickey_fuller(n_samples, max_lag, *map(np.ascontiguousarray, piece), *found)
    return found


def _mackinnon(statistic: np.ndarray) -> np.ndarray:
    """P-value of the statistic by MacKinnon's response surface; NaN stays."""
    left = np.polynomial.polynomial.polyval(statistic, _LEFT)
    right = np.polynomial.polynomial.polyval(statistic, _RIGHT)
    pvalue = special.ndtr(np.where(statistic <= _SPLIT, left, right))
    pvalue[statistic < _LOWEST] = 0
    pvalue[statistic > _HIGHEST] = 1
    result: np.ndarray = pvalue
    return result


def find_max_lag(max_lag: Any, n_samples: int) -> int:
    """Schwert's rule or the lag asked for; −1 where a train is too short for any."""
    most = n_samples // 2 - 2
    if max_lag is None:
        result: int = max(-1, min(most, math.ceil(12 * (n_samples / 100) ** 0.25)))
        return result
    try:
        lag = operator.index(max_lag)
    except TypeError:
        raise TypeError(f"max_lag must be an int or None, got {max_lag!r}") from None
    if not 0 <= lag <= most:
        raise ValueError(
            f"max_lag must lie in [0, n_samples // 2 − 2] = [0, {most}] for {n_samples} samples, "
            f"got {lag}"
        )
    return lag
