"""Are a unit's samples independent of one another? Ljung and Box's test, and Wald and Wolfowitz's."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from ann2neo.significance.kernels.runs import tails_of_runs
from ann2neo.significance.ljung_box_null import ljung_box_statistic, pvalues
from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count, check_rng
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers, map_in_order, split_units
from ann2neo.statistics.autocorrelation import autocorrelation_from_counts


def ljung_box_test(
    raster: RasterLike, max_lag: int = 10, *, rng: np.random.Generator | None = None
) -> TestResult:
    """Ljung and Box's test that a unit's samples are uncorrelated up to a lag.

    The test the firing-rate paper checks the independence of spikes with.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    max_lag : int
        Lags 1 to `max_lag` are tested together; at least 1 and below the number of samples.
    rng : numpy.random.Generator, optional
        For the permutations of units with few spikes or pauses. Without it the same draws are made
        every time, so that the result can be repeated.

    Returns
    -------
    TestResult
        ``statistic`` Q = n (n + 2) Σ_k r_k² / (n − k), with r_k the autocorrelation at lag k (the usual
        estimate: mean of the whole train, divided by n); ``pvalue``; columns
        ``largest_autocorrelation``, the r_k farthest from 0, because a long train makes tiny ones
        significant, ``first_autocorrelation``, r_1, and ``permuted``, True where the p-value comes from
        permutations of the train. All NaN for silent and always-active units, the p-value also for those
        with one spike or one pause.

    Raises
    ------
    ValueError
        If `max_lag` does not lie in [1, n_samples − 1], or there are fewer than 2 samples.

    Notes
    -----
    The usual χ² law of `max_lag` degrees of freedom needs many samples per lag and many pairs of spikes
    at each lag; the test sees no difference between spikes and pauses, so what counts is
    n · min(rate, 1 − rate)², their expected number, or that of pauses where these are rarer.

    With 1,000 samples per lag or more, the χ² law is used from 1,000 pairs on. With fewer pairs the law
    is that of a sum of independent terms, one for each lag, in which pairs have the hypergeometric law
    of neighbors in a random order; not resolved below 1e-10. With fewer than 10 pairs at all lags
    together, or 1 at each, the unit's own samples are permuted.

    With fewer samples per lag (1,000 samples and 300 lags, where the χ² law rejects ten times too often
    at the level of 0.1 %) trains of fewer than 100 pairs are permuted, of fewer than 300 where samples
    times lags are at most 100,000, of fewer than 20 beyond 20,000 samples. For those of more, a moved
    gamma law has the statistic's mean, variance and skewness over permutations of trains of that length,
    simulated once for each number of samples and lags.

    Beside these, up to 20,000 samples and 5,000 per lag, trains are permuted whose p-value by these laws
    lies between 1e-8 and 3e-4, if they are few: so far out, where layers of many units are decided
    about, laws err by a third.

    Permutation goes on until 20 orders have a statistic as large as the train's (Besag and Clifford
    1991), at most 1,000 times, and up to 50,000 times for the units that are not clear then, while time
    lasts. That p-value is valid at every rate, length and lag, and not below 2e-5: of 2,500 such units
    no single one can be significant after adjustment.

    References
    ----------
    Ljung and Box, Biometrika 65 (1978) 297; statsmodels' ``acorr_ljungbox``, whose statistic this
    agrees with. Besag and Clifford, Biometrika 78 (1991) 301.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> trains = np.random.default_rng(1).random((2000, 2)) < 0.3
    >>> trains[:, 1] = np.arange(2000) % 10 < 3
    >>> a2n.ljung_box_test(trains).pvalue.round(3)
    array([0.952, 0.   ])
    """
    raster = as_recording(raster)
    max_lag = check_max_lag(max_lag, raster.n_samples)
    if rng is not None:
        check_rng(rng)
    return ljung_box_of_counts(raster.units, LaggedCounts.of(raster, max_lag), rng)


def check_max_lag(max_lag: int, n_samples: int) -> int:
    """Refuse lags that a recording of so many samples has no pairs for."""
    max_lag = check_count(max_lag, "max_lag")
    if n_samples < 2:
        raise ValueError(f"raster must have at least 2 samples, got {n_samples}")
    if max_lag >= n_samples:
        raise ValueError(
            f"max_lag must lie in [1, {n_samples - 1}] for {n_samples} samples, got {max_lag}"
        )
    return max_lag


def ljung_box_of_counts(
    units: pd.DataFrame, table: LaggedCounts, rng: np.random.Generator | None
) -> TestResult:
    """`ljung_box_test` of all lags counted."""
    max_lag, n = table.max_lag, table.n_samples
    r = autocorrelation_from_counts(table)[:, 1:]
    statistic = ljung_box_statistic(r, n)
    pvalue, permuted = pvalues(statistic, table.counts[:, 0], n, max_lag, rng)
    farthest = np.abs(np.nan_to_num(r)).argmax(axis=1)
    return TestResult(
        statistic,
        pvalue,
        "the samples are uncorrelated",
        "Ljung–Box test",
        {"max_lag": max_lag},
        units,
        {
            "largest_autocorrelation": np.take_along_axis(r, farthest[:, None], 1)[:, 0],
            "first_autocorrelation": r[:, 0],
            "permuted": permuted,
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
        the null; ``pvalue`` two-sided, twice the smaller tail of the exact law; columns ``n_runs``,
        ``expected_runs`` and ``pvalue_mid``, the mid-p-value (half the probability of the number found
        is left out of the tail): less conservative for few runs, its level held on average only. NaN
        for silent and always-active units and where the number of runs cannot vary (one spike in two
        samples).

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
    return runs_of_counts(raster.units, LaggedCounts.of(raster, 1))


def runs_of_counts(units: pd.DataFrame, table: LaggedCounts, workers: Workers = 1) -> TestResult:
    """`runs_test` of pairs at lag 1."""
    n, ones = table.n_samples, table.counts[:, 0]
    # A sample that differs from the one before it starts a run.
    ends = table.head[:, 0].astype(np.int64) + table.tail[:, -1]
    n_runs = 1 + 2 * ones - ends - 2 * table.counts[:, 1]
    mean, variance = _moments_of_runs(ones, n)
    varies = variance > 0
    statistic = np.full(ones.size, np.nan)
    statistic[varies] = (n_runs[varies] - mean[varies]) / np.sqrt(variance[varies])
    pvalue, mid = np.full((2, ones.size), np.nan)
    columns = (array[varies] for array in (n_runs, ones, mean, variance))
    pieces = split_units(tuple(columns), workers)
    found = map_in_order(functools.partial(_runs_pvalues, n), pieces, workers=workers, kind="threads")
    pvalue[varies], mid[varies] = np.concatenate([np.empty((2, 0)), *found], axis=1)
    return TestResult(
        statistic,
        pvalue,
        "every order of the samples is equally likely",
        "Wald–Wolfowitz runs test, exact",
        {},
        units,
        {
            "n_runs": np.where(varies, n_runs, np.nan),
            "expected_runs": np.where(varies, mean, np.nan),
            "pvalue_mid": mid,
        },
    )


def _moments_of_runs(ones: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the number of runs among all orders of a train, as floats."""
    pairs = 2.0 * ones * (n - ones)
    variance = pairs / n * ((pairs - n) / n) / max(n - 1, 1)
    return pairs / n + 1, np.where(pairs > 0, variance, 0)


def _runs_pvalues(n: int, units: tuple[np.ndarray, ...]) -> np.ndarray:
    """Twice the smaller tail of the exact law of the number of runs, at most 1; and the mid-p-value.

    Of units given by their number of runs, of spikes, and the mean and variance of the number of runs.
    """
    tail, own = np.empty((2, units[0].size))
    tails_of_runs(n, *units, tail, own)
    pvalue = np.minimum(tail, 1 - tail + own)
    mid = np.minimum(tail - own / 2, 1 - tail + own / 2)
    both: np.ndarray = np.clip([2 * pvalue, 2 * mid], 0, 1)
    return both
