"""The Kolmogorov–Smirnov test of two rasters."""

import functools
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ann2neo.significance.comparison.distributions import _compare, ks_test
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.intervals import isi
from ann2neo.statistics.rates import firing_rate


def layers(rate_of, n_units, seed):
    rng = np.random.default_rng(seed)
    return rng.random((400, n_units)) < rate_of(rng.random(n_units))


@pytest.mark.parametrize(("n", "m", "shift"), [(50, 70, 0.3), (9, 9, 0.8), (200, 31, 0.2), (1, 3, 0.0)])
def test_agrees_with_scipy_without_ties(n, m, shift):
    rng = np.random.default_rng(n)
    for _ in range(5):
        a, b = rng.random(n), rng.random(m) + shift
        statistic, pvalue = _compare(a, b)
        expected = stats.ks_2samp(a, b, method="exact")
        assert statistic == pytest.approx(expected.statistic, rel=1e-12)
        assert pvalue == pytest.approx(expected.pvalue, rel=1e-9)
        assert _compare(b, a) == pytest.approx((statistic, pvalue), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_ties_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    n, m = 4, 5
    pooled = rng.integers(4, size=n + m).astype(float)
    a, b = pooled[:n], pooled[n:]
    statistic, pvalue = _compare(a, b)
    assert statistic == pytest.approx(stats.ks_2samp(a, b).statistic)
    reached = 0
    for chosen in itertools.combinations(range(n + m), n):
        mask = np.isin(np.arange(n + m), chosen)
        reached += stats.ks_2samp(pooled[mask], pooled[~mask]).statistic >= statistic - 1e-12
    assert pvalue == pytest.approx(reached / math.comb(n + m, n), rel=1e-12)


def test_small_pvalues_keep_their_digits():
    a, b = np.arange(60.0), np.arange(60.0) + 1000
    assert _compare(a, b)[1] == pytest.approx(2 / math.comb(120, 60), rel=1e-9)


def test_units_of_a_raster():
    a, b = layers(lambda u: u, 50, 1), layers(lambda u: u**2, 70, 2)
    result = ks_test(a, b)
    expected = stats.ks_2samp(a.mean(axis=0), b.mean(axis=0))
    assert result.statistic[0] == pytest.approx(expected.statistic)
    # Rates of 400 samples have ties, for which SciPy's law is conservative.
    assert result.pvalue[0] < expected.pvalue
    assert result.to_frame().loc[0, ["n_a", "n_b", "n_missing_a"]].tolist() == [50, 70, 0]


def test_longer_recordings_are_cut():
    rng = np.random.default_rng(0)
    pvalues = []
    for _ in range(30):
        long, short = rng.random((2, 4000, 60)) < rng.beta(6, 14, (2, 1, 60))
        with pytest.warns(UserWarning, match="a has 4000 samples and b 500") as caught:
            apart = ks_test(long, short[:500], functools.partial(fanofactor, window=50)).pvalue[0]
        assert {warning.filename for warning in caught} == {__file__}
        cut = ks_test(long, short[:500], functools.partial(fanofactor, window=50), rng=rng).pvalue[0]
        pvalues.append((apart, cut))
    rejected = (np.array(pvalues) <= 0.05).mean(axis=0)
    assert rejected[0] > 0.5
    assert rejected[1] <= stats.binom.isf(0.0005, 30, 0.05) / 30


def test_golden():
    # Rates 0, 1/2 and 1/2, 1 (of two samples): the distribution functions differ by 1/2 at 0 and 1/2.
    a, b = np.array([[0, 1], [0, 0]]), np.array([[1, 1], [0, 1]])
    assert ks_test(a, b).statistic[0] == 0.5


def test_units_without_a_value_are_left_out_and_counted():
    a = layers(lambda u: u, 30, 3)
    a[:, :4] = False
    result = ks_test(a, a, indicator=lambda raster: fanofactor(raster, 40))
    assert result.statistic[0] == 0
    assert result.pvalue[0] == 1
    assert result.columns["n_a"][0] == 26
    assert result.columns["n_missing_b"][0] == 4


def test_no_value_at_all():
    silent = np.zeros((80, 3), bool)
    result = ks_test(silent, ~silent, indicator=lambda raster: fanofactor(raster, 40))
    assert np.isnan([result.statistic[0], result.pvalue[0]]).all()


def test_holds_its_level_and_gains_power():
    power = []
    for shift in (0, 0.1, 0.3):
        pvalues = [
            ks_test(
                layers(lambda u: 0.6 * u, 60, seed),
                layers(lambda u, d=shift: 0.6 * u + d, 60, seed + 1000),
            ).pvalue[0]
            for seed in range(100)
        ]
        power.append(np.mean(np.array(pvalues) <= 0.05))
    assert power[0] <= stats.binom.isf(0.0005, 100, 0.05) / 100
    assert power == sorted(power)
    assert power[-1] == 1


def test_a_partial_is_named_as_it_would_be_called():
    a = layers(lambda u: u, 30, 3)
    result = ks_test(a, a, functools.partial(fanofactor, window=40))
    assert result.null.startswith("fanofactor(window=40) is distributed alike")
    assert result.parameters == {"indicator": "fanofactor(window=40)"}
    assert result.units.to_numpy().tolist() == [["all", -1]]
    named = ks_test(a, a, functools.partial(lambda raster, of: of(raster), of=firing_rate))
    assert named.parameters == {"indicator": "<lambda>(of=firing_rate)"}


def test_a_remainder_is_told_to_the_caller():
    with pytest.warns(UserWarning, match="the last 50 of 250 samples") as caught:
        ks_test(np.eye(250), np.eye(250)[:, :200], fanofactor)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize(
    ("indicator", "error", "message"),
    [
        ("firing_rate", TypeError, "indicator must be a function of a raster.*got 'firing_rate'"),
        (isi, TypeError, "indicator must return real numbers, a number per unit; isi returned"),
        (lambda raster: 3.0, ValueError, "indicator must return a number per unit.*returned one number"),
    ],
)
def test_what_an_indicator_may_not_be(indicator, error, message):
    active = np.array([[1, 1], [0, 1], [1, 1]])
    with pytest.raises(error, match=message):
        ks_test(active, active, indicator)


def test_the_indicator_must_give_a_value_a_unit():
    with pytest.raises(ValueError, match=r"indicator must return shape \(n_units,\) = \(2,\)"):
        ks_test(np.eye(2, dtype=bool), np.eye(2, dtype=bool), indicator=lambda raster: np.zeros(5))


def test_unequal_lengths_are_said():
    rng = np.random.default_rng(0)
    a, b = rng.random((500, 8)) < 0.3, rng.random((400, 8)) < 0.3
    with pytest.warns(UserWarning, match="a has 500 samples and b 400"):
        ks_test(a, b)
