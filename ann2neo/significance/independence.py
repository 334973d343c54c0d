"""Are a unit's samples independent of one another? Ljung and Box's test, and Wald and Wolfowitz's."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.autocorrelation import autocorrelation_from_counts

# Expected pairs at a lag, of spikes or of pauses, from which Ljung and Box's χ² law is good enough for
# the smallest p-value of a hundred units (the table of `ljung_box_test`).
_LEAST_PAIRS = 20


def ljung_box_test(raster: RasterLike, max_lag: int = 10) -> TestResult:
    """Ljung and Box's test that a unit's samples are uncorrelated up to a lag.

    The test the firing-rate paper checks the independence of spikes with.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    max_lag : int
        Lags 1 to `max_lag` are tested together; at least 1 and below the number of samples.

    Returns
    -------
    TestResult
        ``statistic`` Q = n (n + 2) Σ_k r_k² / (n − k), with r_k the autocorrelation at lag k (the usual
        estimate: mean of the whole train, divided by n); ``pvalue`` from the χ² law of `max_lag`
        degrees of freedom; columns ``largest_autocorrelation``, the r_k farthest from 0, because a long
        train makes tiny ones significant, and ``too_few_spikes``, True where spikes or pauses are too
        few for that law (Notes) and the p-value is NaN. All NaN for silent and always-active units.

    Raises
    ------
    ValueError
        If `max_lag` does not lie in [1, n_samples − 1].

    Notes
    -----
    The χ² law needs many pairs of spikes at each lag, and the test sees no difference between spikes and
    pauses: what counts is n · min(rate, 1 − rate)², their expected number, or that of pauses where these
    are rarer. Where the train has fewer than 20, the p-value is NaN and `runs_test`, which is exact at
    every rate, the one to go by. How often independent trains are rejected, in multiples of the level
    (simulated, 10 lags):

    ========= ==== ============== ======= ========= ===========
    n_samples rate expected pairs at 5 %  at 0.1 %  at 0.05 %
    ========= ==== ============== ======= ========= ===========
    10,000    .022 5 (NaN)        1.1     2.6       3.4
    10,000    .032 10 (NaN)       1.0     1.8       2.1
    10,000    .045 20             1.0     1.3       1.3
    60,000    .018 20             1.1     1.1       1.3
    10,000    .1   100            1.0     1.1       1.1
    1,000     .5   250            1.0     1.5       1.6
    500       .5   125            1.1     1.7       2.0
    200       .5   50             1.2     2.6       3.1
    100       .5   25             1.3     4.3       5.7
    ========= ==== ============== ======= ========= ===========

    Adjusted for many units it is the small levels that count: below some 500 samples go by `runs_test`
    too.

    References
    ----------
    Ljung and Box, Biometrika 65 (1978) 297; statsmodels' ``acorr_ljungbox``, which this agrees with.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> trains = np.random.default_rng(1).random((1000, 2)) < 0.3
    >>> trains[:, 1] = np.arange(1000) % 10 < 3
    >>> a2n.ljung_box_test(trains).pvalue.round(3)
    array([0.295, 0.   ])
    """
    raster = as_recording(raster)
    max_lag = check_count(max_lag, "max_lag")
    if max_lag >= raster.n_samples:
        raise ValueError(
            f"max_lag must lie in [1, {raster.n_samples - 1}] for {raster.n_samples} samples, "
            f"got {max_lag}"
        )
    table, n = LaggedCounts.of(raster, max_lag), raster.n_samples
    r = autocorrelation_from_counts(table)[:, 1:]
    statistic = _ljung_box(r, n)
    rarer = np.minimum(table.counts[:, 0], n - table.counts[:, 0])
    too_few = rarer**2 < _LEAST_PAIRS * n
    farthest = np.abs(np.nan_to_num(r)).argmax(axis=1)
    return TestResult(
        statistic,
        np.where(too_few, np.nan, special.chdtrc(max_lag, statistic)),
        "the samples are uncorrelated",
        "Ljung–Box test",
        {"max_lag": max_lag},
        raster.units,
        {
            "largest_autocorrelation": np.take_along_axis(r, farthest[:, None], 1)[:, 0],
            "too_few_spikes": too_few,
        },
    )


def runs_test(raster: RasterLike) -> TestResult:
    """Wald and Wolfowitz's test that a unit's samples could as well be in any other order.

    A run is a stretch of equal samples; too few of them mean clustering or drift, too many mean
    regularity. Exact at every rate and length, given the unit's number of spikes.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    TestResult
        ``statistic``, the number of runs less its mean, over its standard deviation, both exact under
        the null; ``pvalue`` two-sided, twice the smaller tail of the exact law; columns ``n_runs`` and
        ``expected_runs``. NaN for silent and always-active units and where the number of runs cannot
        vary (one spike in two samples).

    References
    ----------
    Wald and Wolfowitz, Annals of Mathematical Statistics 11 (1940) 147.

    Examples
    --------
    Ten spikes and ten pauses make 2 to 20 runs, on average 11.

    >>> import ann2neo as a2n, numpy as np
    >>> trains = np.zeros((20, 2), bool)
    >>> trains[:10, 0] = trains[::2, 1] = True
    >>> a2n.runs_test(trains).to_frame()[["statistic", "pvalue", "n_runs", "expected_runs"]].round(5)
       statistic   pvalue  n_runs  expected_runs
    0   -4.13521  0.00002     2.0           11.0
    1    4.13521  0.00002    20.0           11.0
    """
    raster = as_recording(raster)
    table, n = LaggedCounts.of(raster, 1), raster.n_samples
    ones = table.counts[:, 0]
    # A sample that differs from the one before it starts a run.
    ends = table.head[:, 0].astype(np.int64) + table.tail[:, -1]
    n_runs = 1 + 2 * ones - ends - 2 * table.counts[:, 1]
    mean, variance = _moments_of_runs(ones, n)
    varies = variance > 0
    statistic = np.full(ones.size, np.nan)
    statistic[varies] = (n_runs[varies] - mean[varies]) / np.sqrt(variance[varies])
    pvalue = np.full(ones.size, np.nan)
    for unit in np.flatnonzero(varies):
        pvalue[unit] = _runs_pvalue(int(n_runs[unit]), int(ones[unit]), n, mean[unit], variance[unit])
    return TestResult(
        statistic,
        pvalue,
        "every order of the samples is equally likely",
        "Wald–Wolfowitz runs test, exact",
        {},
        raster.units,
        {
            "n_runs": np.where(varies, n_runs, np.nan),
            "expected_runs": np.where(varies, mean, np.nan),
        },
    )


def _ljung_box(r: np.ndarray, n: int) -> np.ndarray:
    lags = np.arange(1, r.shape[1] + 1)
    result: np.ndarray = n * (n + 2.0) * np.sum(r**2 / (n - lags), axis=1)
    return result


def _moments_of_runs(ones: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the number of runs among all orders of a train, as floats."""
    pairs = 2.0 * ones * (n - ones)
    variance = pairs / n * ((pairs - n) / n) / max(n - 1, 1)
    return pairs / n + 1, np.where(pairs > 0, variance, 0)


def _runs_pvalue(n_runs: int, ones: int, n: int, mean: float, variance: float) -> float:
    """Twice the smaller tail of the exact law of the number of runs, at most 1."""
    # Bernstein's inequality leaves less than 1e-17 of the probability beyond this.
    reach = int(9 * np.sqrt(variance)) + 200
    zeros = n - ones
    lowest, highest = 2, 2 * min(ones, zeros) + (ones != zeros)
    if n_runs <= mean:
        runs = np.arange(n_runs, max(lowest, n_runs - reach) - 1, -1)
    else:
        runs = np.arange(n_runs, min(highest, n_runs + reach) + 1)
    probability = _probability_of_runs(runs, ones, zeros)
    tail = probability.sum()
    return float(min(1, 2 * min(tail, 1 - tail + probability[0])))


def _probability_of_runs(runs: np.ndarray, ones: int, zeros: int) -> np.ndarray:
    """P(R) = C(K−1, j−1) C(M−1, j−1) / C(n, K) · (2 if R = 2j, (n − 2j) / j if R = 2j + 1)."""
    n, j = ones + zeros, runs // 2
    log = _log_binomial(ones - 1, j - 1) + _log_binomial(zeros - 1, j - 1) - _log_binomial(n, ones)
    result: np.ndarray = np.exp(log) * np.where(runs % 2 == 0, 2.0, (n - 2 * j) / j)
    return result


def _log_binomial(n: int, k: Any) -> Any:
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
