"""Ljung–Box and runs tests against statsmodels, brute force and hand-computed values."""

import math
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from statsmodels.sandbox.stats.runs import Runs
from statsmodels.stats.diagnostic import acorr_ljungbox

from ann2neo import SpikeRaster
from ann2neo.significance.independence import (
    _runs_pvalues,
    ljung_box_test,
    runs_test,
)
from ann2neo.significance.kernels.ljung_box import statistic_of
from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.ljung_box_null import (
    _gamma_pvalues,
    _simulate,
    _tail_of_lags,
    ljung_box_statistic,
)
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.statistics.autocorrelation import autocorrelation_from_counts
from tests.strategies import dense

RATES = [0.01, 0.05, 0.1, 0.3, 0.6, 0.9]


def independent(n_samples, rate, n_units, seed):
    return SpikeRaster.from_dense(np.random.default_rng(seed).random((n_samples, n_units)) < rate)


def sticky(n_samples, correlation, n_units, seed):
    """Two-state Markov trains of rate one half whose autocorrelation at lag 1 is `correlation`."""
    rng = np.random.default_rng(seed)
    keeps = rng.random((n_samples, n_units)) < (1 + correlation) / 2
    flips = ~keeps
    flips[0] = rng.random(n_units) < 0.5
    return SpikeRaster.from_dense(np.cumsum(flips, axis=0) % 2 == 1)


def in_band(rejected, n, level=0.05):
    low, high = stats.binom.interval(0.999, n, level)
    return low <= rejected <= high


@given(dense(max_samples=200, max_units=4))
def test_ljung_box_agrees_with_statsmodels(active):
    n = len(active)
    if n < 3:
        return
    max_lag = min(10, n - 1)
    result = ljung_box_test(active, max_lag=max_lag)
    for unit, train in enumerate(active.T):
        if train.all() or not train.any():
            assert np.isnan([result.statistic[unit], result.pvalue[unit]]).all()
            continue
        expected = acorr_ljungbox(train.astype(float), lags=[max_lag])
        np.testing.assert_allclose(result.statistic[unit], expected["lb_stat"].iloc[0], rtol=1e-8)
        # So short that the train itself is permuted, unless there is but one spike or pause.
        assert np.isnan(result.pvalue[unit]) == (min(train.sum(), (~train).sum()) < 2)
        rarer = np.flatnonzero(train if 2 * train.sum() <= n else ~train)
        np.testing.assert_allclose(
            statistic_of(rarer, n, max_lag), expected["lb_stat"].iloc[0], rtol=1e-8
        )


def test_many_pairs_take_statsmodels_law():
    active = np.random.default_rng(5).random((10_000, 5)) < [0.4, 0.5, 0.6, 0.2, 0.8]
    result = ljung_box_test(active)
    for unit, train in enumerate(active.T):
        expected = acorr_ljungbox(train.astype(float), lags=[10])["lb_pvalue"].iloc[0]
        # With fewer pairs, by the law whose limit that is.
        np.testing.assert_allclose(result.pvalue[unit], expected, rtol=1e-8 if unit < 3 else 1e-3)
    assert not result.columns["permuted"].any()


def test_permutation_pvalues_by_enumeration():
    # All trains of 3 spikes at 9 samples: the fraction with a statistic at least as large.
    train = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    all_trains = np.array([np.isin(np.arange(9), c) for c in combinations(range(9), 3)])
    statistics = ljung_box_test(all_trains.T, max_lag=3).statistic
    observed = ljung_box_test(train[:, None], max_lag=3)
    exact = np.mean(statistics >= observed.statistic[0] * (1 - 1e-9))
    found = [
        ljung_box_test(train[:, None], max_lag=3, rng=np.random.default_rng(seed)).pvalue[0]
        for seed in range(200)
    ]
    # Each is h / l with h = 20: a relative standard deviation of about √((1 − p) / 20).
    assert np.mean(found) == pytest.approx(exact, rel=4 * np.sqrt((1 - exact) / 20 / 200) + 0.02)
    assert observed.pvalue[0] == ljung_box_test(~train[:, None], max_lag=3).pvalue[0]


@pytest.mark.parametrize(
    ("n_samples", "rate", "max_lag", "n_units"),
    [(200, 0.5, 10, 3000), (1000, 0.02, 10, 3000), (1000, 0.5, 300, 6000), (300, 0.9, 299, 1500)],
)
def test_ljung_box_holds_its_small_levels(n_samples, rate, max_lag, n_units):
    pvalue = ljung_box_test(independent(n_samples, rate, n_units, seed=4), max_lag).pvalue
    pvalue = pvalue[~np.isnan(pvalue)]
    for level in (0.05, 0.01, 0.001):
        assert np.sum(pvalue <= level) <= stats.binom.ppf(0.9995, pvalue.size, level), level


@pytest.mark.parametrize(("ones", "n"), [(300, 20_000), (2000, 20_000)])
def test_law_of_one_lag_is_that_of_neighbors(ones, n):
    # Between its values, so that no rounding decides.
    mean, sd = ones**2 / n, np.sqrt(n) * ones / n * (1 - ones / n)
    pairs = np.arange(ones)
    term = (n + 2) / n * ((pairs - mean) / sd) ** 2
    chance = stats.hypergeom.pmf(pairs, n, ones - 1, ones)
    values = np.sort(term[chance > 1e-8])
    wide = np.flatnonzero(np.diff(values) > 0.3)
    between = values[wide] + np.diff(values)[wide] / 2
    assert between.size >= 5
    expected = [chance[term >= value].sum() for value in between]
    found = _tail_of_lags(between, np.full(between.size, ones), n, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(("pairs", "max_lag"), [(1, 10), (5, 3), (20, 10), (300, 15)])
def test_law_of_lags_against_permutations(pairs, max_lag):
    n, n_draws = 20_000, 20_000
    ones = round(math.sqrt(pairs * n))
    drawn = _simulate(ones, n, max_lag, n_draws, random_state(np.random.default_rng(1)))
    pvalue = _tail_of_lags(drawn, np.full(n_draws, ones), n, max_lag)
    for level in (0.5, 0.05, 0.01, 0.001):
        least, most = stats.binom.ppf([0.0005, 0.9995], n_draws, level)
        assert 0.85 * least <= np.sum(pvalue <= level) <= most, level


@pytest.mark.parametrize("n", [5000, 12_000])
def test_small_pvalues_of_short_trains_are_permutations(n):
    # Autocorrelations some four standard errors off, by the gamma law and by that of lags.
    many = sticky(n, 4.5 / math.sqrt(n), 60, seed=2)
    by_law = ljung_box_test(many)
    assert not by_law.columns["permuted"].any()
    small = np.flatnonzero((by_law.pvalue > 1e-8) & (by_law.pvalue < 3e-4))
    assert small.size > 10
    few = ljung_box_test(many.select(units=small[:2]))
    assert few.columns["permuted"].all()
    np.testing.assert_allclose(few.pvalue, by_law.pvalue[small[:2]], rtol=1, atol=4e-5)


def test_one_sparse_unit_among_many_is_found():
    # With 1,000 permutations each no p-value could pass the adjustment for 2,000 units.
    active = np.random.default_rng(6).random((1000, 2000)) < 0.1
    active[:, 7] = np.arange(1000) % 100 < 10
    assert np.flatnonzero(ljung_box_test(active).significant(adjust="holm")).tolist() == [7]


def test_every_unit_of_two_spikes_and_pauses_is_tested():
    active = np.zeros((20_000, 5), bool)
    for unit, n_spikes in enumerate((1, 2, 30, 19_998, 19_999)):
        active[np.random.default_rng(unit).permutation(20_000)[:n_spikes], unit] = True
    result = ljung_box_test(active)
    assert np.isnan(result.pvalue).tolist() == [True, False, False, False, True]
    active[:, 2] = False
    active[1000:1030, 2] = True
    assert ljung_box_test(active).pvalue[2] < 0.001


def test_the_gamma_law_meets_the_chi_square_law():
    # Its skewness is simulated, which shows far out in the tail.
    ones, statistic = np.array([3000, 10_000]), np.array([18.3, 29.6])
    found = _gamma_pvalues(statistic, ones, 20_000, 10)
    np.testing.assert_allclose(found, stats.chi2.sf(statistic, 10), rtol=0.5)
    np.testing.assert_allclose(found[0], stats.chi2.sf(18.3, 10), rtol=0.05)


def test_ljung_box_golden():
    # By hand for 1 1 0 0: mean 1/2, deviations ±1/2; r_1 = (1/4 − 1/4 + 1/4)/1 = 1/4,
    # r_2 = (−1/4 − 1/4)/1 = −1/2; Q = 4 · 6 · (1/16/3 + 1/4/2) = 3.5.
    result = ljung_box_test(np.array([[1], [1], [0], [0]]), max_lag=2)
    assert result.statistic[0] == pytest.approx(3.5, rel=1e-14)
    assert result.columns["largest_autocorrelation"][0] == pytest.approx(-0.5, rel=1e-14)


def test_ljung_box_does_not_overflow():
    # Two billion samples, counts made up; the exact value in rational numbers.
    n, spikes, lagged = 2_000_000_000, 900_000_000, 405_020_000
    table = LaggedCounts(n, np.array([[spikes, lagged]]), np.array([[True]]), np.array([[False]]))
    m = Fraction(spikes, n)
    exact = (lagged - m * (2 * spikes - 1) + (n - 1) * m**2) / (spikes - n * m**2)
    r = autocorrelation_from_counts(table)[:, 1:]
    assert r[0, 0] == pytest.approx(float(exact), rel=1e-12)
    expected = n * (n + 2) * exact**2 / (n - 1)
    assert ljung_box_statistic(r, n)[0] == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("rate", [0.025, *RATES[1:], 0.975])
def test_ljung_box_holds_its_level(rate):
    result = ljung_box_test(independent(60_000, rate, 1000, seed=1))
    assert result.n_tested == 1000
    assert in_band(np.sum(result.pvalue <= 0.05), 1000)


def test_power_rises_with_correlation():
    for test in (ljung_box_test, runs_test):
        power = [
            np.mean(test(sticky(3000, r, 200, seed=2)).pvalue <= 0.05) for r in (0, 0.03, 0.06, 0.2)
        ]
        assert power == sorted(power)
        assert power[0] < 0.12
        assert power[2] > 0.5
        assert power[3] == 1


def test_ordered_classes_are_found():
    # Samples sorted by class, a rate a class.
    rng = np.random.default_rng(3)
    rate = rng.random((10, 20)).repeat(200, axis=0)
    active = rng.random(rate.shape) < rate
    shuffled = active[rng.permutation(len(active))]
    for test in (ljung_box_test, runs_test):
        assert np.mean(test(active).pvalue < 1e-3) > 0.9
        assert np.mean(test(shuffled).pvalue < 1e-3) < 0.1


@pytest.mark.parametrize(("ones", "zeros"), [(1, 1), (1, 5), (4, 4), (3, 6), (7, 2)])
def test_law_of_runs_by_enumeration(ones, zeros):
    n = ones + zeros
    counted = np.zeros(n + 2)
    for places in combinations(range(n), ones):
        train = np.isin(np.arange(n), places)
        counted[1 + np.sum(train[1:] != train[:-1])] += 1
    runs = np.arange(2, n + 1)
    expected = counted[2 : n + 1] / comb(n, ones)
    mean, variance = expected @ runs, expected @ runs**2 - (expected @ runs) ** 2
    for r in runs[expected > 0]:
        tails = expected[runs <= r].sum(), expected[runs >= r].sum()
        unit = tuple(np.array([number]) for number in (r, ones, mean, variance))
        (found,), (mid,) = _runs_pvalues(n, unit)
        assert found == pytest.approx(min(1, 2 * min(tails)), rel=1e-11)
        half = expected[int(r) - 2] / 2
        assert mid == pytest.approx(min(1, 2 * (min(tails) - half)), rel=1e-11, abs=1e-15)


@given(dense(max_samples=200, max_units=4))
def test_runs_agree_with_statsmodels(active):
    result = runs_test(active)
    for unit, train in enumerate(active.T):
        runs = Runs(train.astype(int))
        if result.columns["n_runs"][unit] > 0:
            z, _ = runs.runs_test(correction=False)
            assert result.columns["n_runs"][unit] == len(runs.runs)
            np.testing.assert_allclose(result.statistic[unit], z, rtol=1e-9, atol=1e-12)
            assert 0 <= result.pvalue[unit] <= 1
        else:
            assert np.isnan(result.pvalue[unit])
            assert len(train) <= 2 or train.all() or not train.any()


def test_long_runs_follow_the_normal_law():
    # A million samples at rate one half: the exact law is all but normal there.
    result = runs_test(independent(1_000_000, 0.5, 20, seed=4))
    normal = 2 * stats.norm.sf(np.abs(result.statistic))
    np.testing.assert_allclose(result.pvalue, np.minimum(normal, 1), atol=2e-3)


@pytest.mark.parametrize("rate", RATES)
def test_runs_hold_their_level(rate):
    result = runs_test(independent(5000, rate, 2000, seed=5))
    rejected = np.sum(result.pvalue <= 0.05)
    # Discrete and two-sided: never too many; at these lengths not far too few either.
    assert rejected <= stats.binom.isf(0.0005, 2000, 0.05)
    assert rejected >= stats.binom.isf(0.9995, 2000, 0.02)


@given(dense(max_samples=200, max_units=4))
def test_a_train_and_its_reverse_and_its_complement_test_alike(active):
    if len(active) < 3:
        return
    results = [runs_test(a) for a in (active, active[::-1], ~active)]
    lagged = [ljung_box_test(a, max_lag=2) for a in (active, active[::-1], ~active)]
    for group in (results, lagged):
        for other in group[1:]:
            np.testing.assert_allclose(group[0].statistic, other.statistic, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(group[0].pvalue, other.pvalue, rtol=1e-9, atol=1e-12)


def test_max_lag_must_fit():
    with pytest.raises(ValueError, match="raster must have at least 2 samples, got 1"):
        ljung_box_test(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"max_lag must lie in \[1, 3\] for 4 samples, got 4"):
        ljung_box_test(np.eye(4, dtype=bool), max_lag=4)
    with pytest.raises(ValueError, match="max_lag must be at least 1, got 0"):
        ljung_box_test(np.eye(4, dtype=bool), max_lag=0)


def test_one_sample():
    assert np.isnan(runs_test(np.array([[1, 0]])).pvalue).all()
