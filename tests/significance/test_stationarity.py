"""The Dickey–Fuller test against statsmodels."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import adfuller

from ann2neo.significance.kernels.dickey_fuller import lag_covariances
from ann2neo.significance.stationarity import _mackinnon, adf_test
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.lagged import LaggedCounts
from tests.strategies import dense


def trains(kind, n, n_units, rng):
    t = np.arange(n)[:, None]
    if kind == "independent":
        return rng.random((n, n_units)) < rng.choice([0.01, 0.05, 0.2, 0.5, 0.9, 0.99], n_units)
    if kind == "slow":
        return np.cumsum(rng.random((n, n_units)) < 0.01, axis=0) % 2 == 1
    if kind == "drifting":
        return rng.random((n, n_units)) < t / n
    if kind == "one jump":
        return t >= rng.integers(n // 4, n // 2, n_units)
    if kind == "few spikes":
        return t == rng.integers(n // 4, n // 2, n_units)
    return (t % 5 == 0) ^ (rng.random((n, n_units)) < 0.1)


def reference(train, max_lag=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return adfuller(train.astype(float), maxlag=max_lag, result_object=True)


KINDS = ["independent", "slow", "drifting", "one jump", "few spikes", "noisy period"]


@pytest.mark.parametrize("n", [150, 333, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_statsmodels(kind, n):
    active = trains(kind, n, 12, np.random.default_rng(n))
    active = active[:, active.any(axis=0) & ~active.all(axis=0)]
    result = adf_test(active)
    assert not result.columns["degenerate"].any()
    for unit, train in enumerate(active.T):
        expected = reference(train)
        assert result.columns["lag"][unit] == expected.lags
        assert result.statistic[unit] == pytest.approx(expected.statistic, rel=1e-8)
        assert result.pvalue[unit] == pytest.approx(expected.pvalue, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("max_lag", [0, 1, 7, 48])
def test_max_lag_agrees_with_statsmodels(max_lag):
    active = trains("noisy period", 100, 4, np.random.default_rng(1))
    result = adf_test(active, max_lag=max_lag)
    for unit, train in enumerate(active.T):
        expected = reference(train, max_lag)
        assert result.columns["lag"][unit] == expected.lags
        assert result.statistic[unit] == pytest.approx(expected.statistic, rel=1e-8)


def test_the_shortest_trains_agree_with_statsmodels():
    # Seven samples, two to five of them spikes; only those with a well-posed regression.
    codes = np.arange(2**7)
    active = (codes >> np.arange(7)[:, None]) % 2 == 1
    result = adf_test(active)
    tested = np.flatnonzero(~result.columns["degenerate"])
    assert tested.size > 30
    for unit in tested[::3]:
        assert result.statistic[unit] == pytest.approx(reference(active[:, unit]).statistic, rel=1e-8)


def test_degenerate_trains_are_flagged():
    t = np.arange(400)
    ends = np.isin(t, [0, 2, 399])
    active = np.column_stack([t < 0, t >= 0, t % 2 == 0, t % 7 < 3, ends])
    result = adf_test(active)
    assert result.columns["degenerate"].all()
    assert np.isnan([result.statistic, result.pvalue, result.columns["lag"]]).all()


def test_short_trains_may_be_degenerate_at_the_largest_lag_only():
    train = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1], bool)[:, None]
    # At lag 4 six coefficients fit the seven differences perfectly.
    assert adf_test(train).columns["degenerate"].all()
    assert adf_test(train, 3).statistic[0] == pytest.approx(reference(train[:, 0], 3).statistic)
    every = (np.arange(2**12) >> np.arange(12)[:, None]) % 2 == 1
    assert adf_test(every).columns["degenerate"].mean() == pytest.approx(0.31, abs=0.005)


def test_a_degenerate_unit_leaves_the_others_alone():
    active = trains("independent", 400, 5, np.random.default_rng(2))
    alone = adf_test(active)
    beside = adf_test(np.column_stack([np.arange(400) % 2 == 0, active]))
    assert np.isnan(beside.statistic[0])
    np.testing.assert_array_equal(beside.statistic[1:], alone.statistic)


@given(dense(max_samples=200, max_units=3))
def test_covariances_are_those_of_the_regressors(active):
    n = len(active)
    for lag in {0, 1, n // 4}:
        if n // 2 - 2 < lag:
            continue
        m = lag + 1
        table = LaggedCounts.of(as_raster(active), m + 1)
        for unit, train in enumerate(active.T.astype(np.int64)):
            columns = np.array([train[m - i : n - i] for i in range(m + 1)])
            sums = columns.sum(axis=1)
            expected = (n - m) * (columns @ columns.T) - np.outer(sums, sums)
            found = np.empty((m + 1, m + 1), np.int64)
            lag_covariances(n, lag, table.counts[unit], table.head[unit], table.tail[unit], found)
            np.testing.assert_array_equal(found, expected)


def test_pvalues_are_mackinnons():
    statistic = np.concatenate([np.linspace(-25, 4, 500), [-18.83, -1.61, 2.74]])
    expected = [mackinnonp(s, regression="c", N=1) for s in statistic]
    np.testing.assert_allclose(_mackinnon(statistic), expected, rtol=1e-12, atol=1e-300)
    assert np.isnan(_mackinnon(np.array([np.nan]))[0])


def test_a_train_and_its_complement_test_alike():
    active = trains("slow", 700, 6, np.random.default_rng(3))
    np.testing.assert_allclose(adf_test(active).statistic, adf_test(~active).statistic, rtol=1e-10)


def test_slower_trains_look_more_like_random_walks():
    rng = np.random.default_rng(4)
    medians = []
    for switching in (0.5, 0.1, 0.02, 0.005):
        active = np.cumsum(rng.random((1000, 40)) < switching, axis=0) % 2 == 1
        medians.append(np.median(adf_test(active).statistic))
    assert medians == sorted(medians)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_trains_too_short_are_undefined(n):
    result = adf_test(np.eye(n, 2, dtype=bool))
    assert np.isnan(result.pvalue).all()
    assert result.columns["degenerate"].all()


@pytest.mark.parametrize("max_lag", [-1, 3])
def test_max_lag_must_fit(max_lag):
    with pytest.raises(
        ValueError, match=rf"max_lag must lie in .* \[0, 2\] for 8 samples, got {max_lag}"
    ):
        adf_test(np.eye(8, dtype=bool), max_lag=max_lag)


def test_max_lag_must_be_whole():
    with pytest.raises(TypeError, match=r"max_lag must be an int or None, got 1\.5"):
        adf_test(np.eye(8, dtype=bool), max_lag=1.5)
