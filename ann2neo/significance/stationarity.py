"""Has a unit's train a unit root? The augmented Dickey–Fuller test, from integer lag counts."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from scipy import special

from ann2neo.significance.result import TestResult
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.typing import RasterLike

# Units whose Gram matrices are worked on together: a few stay in the cache.
_CHUNK = 64

# A regressor is taken to be a combination of the others, and a fit to be perfect, where less than this
# fraction of its variance is left: rounding leaves 1e-14.
_COLLINEAR = 1e-11

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
    max_lag = _check_max_lag(max_lag, raster.n_samples)
    statistic = np.full(raster.n_units, np.nan)
    lag = np.full(raster.n_units, np.nan)
    if max_lag >= 0:
        table = LaggedCounts.of(raster, max_lag + 1)
        for first in range(0, raster.n_units, _CHUNK):
            part = slice(first, first + _CHUNK)
            trains = _Trains(table.n_samples, table.counts[part], table.head[part], table.tail[part])
            statistic[part], lag[part] = _test_units(trains, max_lag)
    degenerate = np.isnan(statistic)
    return TestResult(
        statistic,
        _mackinnon(statistic),
        "the train has a unit root (it is a random walk)",
        "augmented Dickey–Fuller test, constant, lags by AIC",
        {"max_lag": max(max_lag, 0)},
        raster.units,
        {"lag": np.where(degenerate, np.nan, lag), "degenerate": degenerate},
    )


class _Trains:
    """Lag counts of some units, and the covariances of regressors that follow from them."""

    def __init__(self, n_samples: int, counts: np.ndarray, head: np.ndarray, tail: np.ndarray) -> None:
        self.n_samples, self.counts = n_samples, counts
        self.head = head.astype(np.int64)
        self.end = tail[:, ::-1].astype(np.int64)

    def of(self, chosen: np.ndarray) -> _Trains:
        return _Trains(self.n_samples, self.counts[chosen], self.head[chosen], self.end[chosen, ::-1])

    def covariance(self, lag: int) -> np.ndarray:
        """N² times the covariances of x[t], x[t−1] … x[t−lag−1] over the N samples t > lag.

        Exact in int64 for fewer than 3·10⁹ samples.
        """
        m = lag + 1
        gram = np.empty((len(self.counts), m + 1, m + 1), np.int64)
        for d in range(m + 1):
            # Σ x[t−i] x[t−j] with j = i + d is c_d less the products before the first and after the
            # last t: m − j of them at the head of the train, i of them at its end.
            i = np.arange(m + 1 - d)
            before = _accumulate(self.head[:, : m - d] * self.head[:, d:m])
            after = _accumulate(self.end[:, : m - d] * self.end[:, d:m])
            gram[:, i, i + d] = self.counts[:, d, None] - before[:, ::-1] - after
            gram[:, i + d, i] = gram[:, i, i + d]
        # Bits are their own squares.
        sums = np.diagonal(gram, axis1=1, axis2=2)
        return (self.n_samples - m) * gram - sums[:, :, None] * sums[:, None, :]


def _accumulate(products: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, 2 … products."""
    sums = np.zeros((len(products), products.shape[1] + 1), np.int64)
    np.cumsum(products, axis=1, out=sums[:, 1:])
    return sums


def _test_units(trains: _Trains, max_lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Statistic and lag of each unit, NaN where degenerate."""
    n_units = len(trains.counts)
    lag = _lowest_aic(trains, max_lag)
    statistic = np.full(n_units, np.nan)
    for one in np.unique(lag[~np.isnan(lag)]).astype(int):
        chosen = np.flatnonzero(lag == one)
        statistic[chosen] = _t_of_level(trains.of(chosen), one)
    return statistic, lag


def _lowest_aic(trains: _Trains, max_lag: int) -> np.ndarray:
    """Number of lagged differences with the lowest AIC, all tried on the same samples."""
    loadings = _loadings(_regression(trains, max_lag, level_last=False))
    # What regressors beyond a model's own explain, and what none does, is what the model leaves.
    squares = loadings[:, ::-1] ** 2
    unexplained = np.cumsum(squares, axis=1)[:, ::-1][:, 1:]
    n = trains.n_samples - max_lag - 1
    with np.errstate(invalid="ignore"):
        aic = n * np.log(unexplained) + 2 * np.arange(max_lag + 1)
    defined = ~np.isnan(loadings[:, 0])
    lag = np.full(len(loadings), np.nan)
    lag[defined] = np.argmin(aic[defined], axis=1)
    return lag


def _t_of_level(trains: _Trains, lag: int) -> np.ndarray:
    """t of the level's coefficient with `lag` differences: √df · loading / residual, the level last."""
    loadings = _loadings(_regression(trains, lag, level_last=True))
    degrees = trains.n_samples - 1 - lag - (lag + 2)
    result: np.ndarray = math.sqrt(degrees) * loadings[:, -2] / loadings[:, -1]
    return result


def _regression(trains: _Trains, lag: int, *, level_last: bool) -> np.ndarray:
    """Covariances of the regressors and, last, of Δx[t]; regressors x[t−1] and Δx[t−1] … Δx[t−lag]."""
    c = trains.covariance(lag)
    rows = c[:, :-1] - c[:, 1:]
    differences = rows[:, :, :-1] - rows[:, :, 1:]
    everything = np.empty((len(c), lag + 2, lag + 2), np.int64)
    everything[:, 1:, 1:] = differences
    everything[:, 0, 1:] = everything[:, 1:, 0] = rows[:, :, 1]
    everything[:, 0, 0] = c[:, 1, 1]
    # Here: level, Δx[t], Δx[t−1] …
    lagged = list(range(2, lag + 2))
    order = [*lagged, 0, 1] if level_last else [0, *lagged, 1]
    return everything[:, order][:, :, order]


def _loadings(covariance: np.ndarray) -> np.ndarray:
    """Last row of the Cholesky factor of each correlation matrix; NaN where it is singular."""
    variance = np.diagonal(covariance, axis1=1, axis2=2).astype(np.float64)
    constant = np.any(variance <= 0, axis=1)
    scale = 1 / np.sqrt(np.where(constant[:, None], 1, variance))
    correlation = covariance * scale[:, :, None] * scale[:, None, :]
    correlation[constant] = np.eye(correlation.shape[1])
    factor = _cholesky(correlation)
    left = np.diagonal(factor, axis1=1, axis2=2) ** 2
    loadings = factor[:, -1].copy()
    loadings[constant | ~(left > _COLLINEAR).all(axis=1)] = np.nan
    return loadings


def _cholesky(matrices: np.ndarray) -> np.ndarray:
    """Cholesky factors, NaN for matrices that are not positive definite."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        pass
    factors = np.full_like(matrices, np.nan)
    for factor, matrix in zip(factors, matrices, strict=True):
        try:
            factor[:] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
    return factors


def _mackinnon(statistic: np.ndarray) -> np.ndarray:
    """P-value of the statistic by MacKinnon's response surface; NaN stays."""
    left = np.polynomial.polynomial.polyval(statistic, _LEFT)
    right = np.polynomial.polynomial.polyval(statistic, _RIGHT)
    pvalue = special.ndtr(np.where(statistic <= _SPLIT, left, right))
    pvalue[statistic < _LOWEST] = 0
    pvalue[statistic > _HIGHEST] = 1
    result: np.ndarray = pvalue
    return result


def _check_max_lag(max_lag: Any, n_samples: int) -> int:
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
