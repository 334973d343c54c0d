"""Differences of indicators: SciPy and statsmodels as oracles, and the level with networks as units."""

import functools
import itertools
import math
import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import weightstats

import ann2neo as a2n
from ann2neo.significance.comparison.effect_sizes import cliffs_delta, hedges_g
from ann2neo.significance.comparison.permutation import permutation_pvalue
from ann2neo.significance.comparison.values import compare_units, fit_mixed_model
from tests.calibration.networks import pvalues


def trains(rates, n_samples=500, seed=0):
    return np.random.default_rng(seed).random((n_samples, len(rates))) < rates


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_effect_sizes(rng):
    a, b = rng.integers(6, size=17) / 2, rng.integers(5, size=23) / 2
    pairs = np.sign(a[:, None] - b)
    assert cliffs_delta(a, b) == pytest.approx(pairs.mean(), rel=1e-12)
    assert cliffs_delta(b, a) == pytest.approx(-pairs.mean(), rel=1e-12)
    # By hand: means 2 and 5, both variances 1, d = −3; J(4) = Γ(2) / (√2 Γ(3/2)) = .79788.
    assert hedges_g(np.array([1.0, 2, 3]), np.array([4.0, 5, 6])) == pytest.approx(-3 * 0.7978846)
    assert math.isnan(hedges_g(np.ones(3), np.ones(3)))
    assert math.isnan(cliffs_delta(np.ones(0), np.ones(3)))


def test_permutations_by_enumeration(rng):
    a, b = rng.random(5), rng.random(4) + 0.3
    pooled, t = np.concatenate([a, b]), stats.ttest_ind(a, b, equal_var=False).statistic
    found = []
    for chosen in itertools.combinations(range(9), 5):
        mask = np.isin(np.arange(9), chosen)
        found.append(stats.ttest_ind(pooled[mask], pooled[~mask], equal_var=False).statistic)
    exact = np.mean(np.abs(found) >= abs(t) - 1e-9)
    assert permutation_pvalue(a, b, paired=False, n_permutations=9, rng=rng) == pytest.approx(exact)
    c, d = rng.random(7), rng.random(7)
    signs = np.array(list(itertools.product((-1, 1), repeat=7)))
    sums = np.abs((signs * (c - d)).sum(axis=1))
    exact = np.mean(sums >= abs((c - d).sum()) - 1e-12)
    assert permutation_pvalue(c, d, paired=True, n_permutations=9, rng=rng) == pytest.approx(exact)


def test_drawn_permutations_near_the_t_tests(rng):
    a, b = rng.normal(size=60), rng.normal(0.35, 2, size=80)
    found = permutation_pvalue(a, b, paired=False, n_permutations=9999, rng=rng)
    assert found == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, abs=0.02)
    c = a + rng.normal(0.1, 0.4, size=60)
    found = permutation_pvalue(a, c, paired=True, n_permutations=9999, rng=rng)
    assert found == pytest.approx(stats.ttest_rel(a, c).pvalue, abs=0.02)


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_and_rank_tests_are_scipys(rng, paired):
    a, b = rng.normal(size=30), rng.normal(0.3, 2, size=30)
    found = compare_units(a, b, paired=paired, rng=rng, n_permutations=99)
    theirs = stats.ttest_rel(a, b) if paired else stats.ttest_ind(a, b, equal_var=False)
    ends = theirs.confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], [ends.low, ends.high], rtol=1e-12)
    rank = stats.wilcoxon(a, b) if paired else stats.mannwhitneyu(a, b)
    assert found.pvalue_wilcoxon == rank.pvalue


def test_mixed_model_of_equal_networks_is_the_t_test_of_means(rng):
    # Known of balanced designs, wherever networks vary.
    a, b = (list(rng.normal(size=(6, 15)) + rng.normal(0, 1, (6, 1)) + shift) for shift in (0, 0.7))
    means = [np.mean(side, axis=1) for side in (a, b)]
    assert fit_mixed_model(a, b, paired=False) == pytest.approx(stats.ttest_ind(*means).pvalue, rel=0.02)
    noise = [side + rng.normal(0, 0.5, (6, 1)) for side in (a, a)]
    c, d = ([*one] for one in noise)
    expected = stats.ttest_rel(np.mean(c, axis=1), np.mean(d, axis=1)).pvalue
    assert fit_mixed_model(c, d, paired=True) == pytest.approx(expected, rel=0.05)


def test_level_where_networks_differ():
    # Network means vary by a fifth of the units' spread: intraclass correlation .04. A slice of the
    # program that makes the table, where the KS test of layers of 512 units rejects two in three.
    found = pvalues(512, 0.2, 0.0, 25, seed=0)
    rejected = {name: int((pvalue <= 0.05).sum()) for name, pvalue in found.items()}
    most = stats.binom.isf(0.0005, 25, 0.05)
    ks = rejected.pop("KS test of all units")
    assert max(rejected.values()) <= most
    assert ks > 2 * most


def test_two_recordings(rng):
    a, b = trains(np.linspace(0.1, 0.5, 30)), trains(np.linspace(0.2, 0.7, 40), seed=1)
    result = a2n.compare(a, b, rng=rng)
    assert result.parameters["paired"] is False
    assert result.statistic[0] == pytest.approx(a.mean() - b.mean())
    assert result.pvalue[0] < 0.01
    assert result.columns["n_a"][0] == 30
    assert result.columns["low"][0] < result.statistic[0] < result.columns["high"][0] < 0


def test_pairs_are_known_by_their_weights(rng):
    rates = np.linspace(0.1, 0.9, 40)
    a, b = (a2n.as_raster(trains(rates, 800, seed)) for seed in range(2))
    same = [raster.with_annotations(weights_hash="f00") for raster in (a, b)]
    other = [a.with_annotations(weights_hash="f00"), b.with_annotations(weights_hash="ba7")]
    assert a2n.compare(*same, rng=rng).parameters["paired"] is True
    assert a2n.compare(*other, rng=rng).parameters["paired"] is False
    assert a2n.compare(a, b, rng=rng).parameters["paired"] is False
    paired = a2n.compare(a, b, rng=rng, paired=True)
    unpaired = a2n.compare(a, b, rng=rng)
    width = [float((r.columns["high"] - r.columns["low"])[0]) for r in (paired, unpaired)]
    assert width[0] < width[1] / 5
    with pytest.raises(ValueError, match="paired recordings must have the same units, got 40 and 39"):
        a2n.compare(a, b.select(units=np.arange(39)), rng=rng, paired=True)


def test_unequal_lengths_are_cut(rng):
    fano = functools.partial(a2n.fanofactor, window=25)
    a, b = trains(np.full(300, 0.3), 4000), trains(np.full(300, 0.3), 100, seed=1)
    result = a2n.compare(a, b, fano, rng=rng)
    assert result.parameters["n_samples"] == 100
    # Of four windows the Fano factor is a quarter too small.
    assert abs(result.statistic[0]) < 0.05
    assert a2n.fanofactor(a, 25).mean() - a2n.fanofactor(b, 25).mean() > 0.1
    again = a2n.compare(a, b, fano, rng=np.random.default_rng(4))
    assert again.statistic == a2n.compare(a, b, fano, rng=np.random.default_rng(4)).statistic


def test_lists_of_networks(rng):
    quiet = [trains(rng.uniform(0.1, 0.3, 20), seed=seed) for seed in range(5)]
    busy = [trains(rng.uniform(0.3, 0.6, 20), seed=seed + 9) for seed in range(4)]
    result = a2n.compare(quiet, busy, rng=rng)
    assert result.columns["n_a"][0] == 5
    assert result.pvalue[0] == pytest.approx(1 / math.comb(9, 4))
    assert result.columns["pvalue_mixed"][0] < 0.001
    assert result.columns["cliffs_delta"][0] == -1
    with pytest.raises(ValueError, match="paired networks must be as many in a and b, got 5 and 4"):
        a2n.compare(quiet, busy, rng=rng, paired=True)
    with pytest.raises(TypeError, match="both be one recording, or both sequences"):
        a2n.compare(quiet, busy[0], rng=rng)
    with pytest.raises(ValueError, match="at least 2 networks each, got 1 and 4"):
        a2n.compare(quiet[:1], busy, rng=rng)


def test_one_number_is_no_indicator(rng):
    with pytest.raises(ValueError, match="indicator must return a number per unit"):
        a2n.compare(trains([0.2] * 3), trains([0.2] * 3), a2n.patterns.pattern_entropy, rng=rng)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("margin", [0.1, (-0.05, 0.2)])
def test_equivalence_is_statsmodels(rng, paired, margin):
    a, b = trains(np.linspace(0.1, 0.5, 30)), trains(np.linspace(0.12, 0.52, 30), seed=1)
    result = a2n.equivalence(a, b, margin=margin, paired=paired)
    low, high = (-margin, margin) if isinstance(margin, float) else margin
    values = a.mean(axis=0), b.mean(axis=0)
    if paired:
        pvalue, lower, upper = weightstats.ttost_paired(*values, low, high)
    else:
        pvalue, lower, upper = weightstats.ttost_ind(*values, low, high, usevar="unequal")
    assert result.pvalue[0] == pytest.approx(pvalue, rel=1e-9)
    assert result.columns["pvalue_lower"][0] == pytest.approx(lower[1], rel=1e-9)
    assert result.columns["pvalue_upper"][0] == pytest.approx(upper[1], rel=1e-9)
    within = low < result.columns["low"][0] and result.columns["high"][0] < high
    assert within == (result.pvalue[0] < 0.05)


def test_equivalence_holds_its_level_at_the_margin(rng):
    found = []
    for seed in range(80):
        a, b = (trains(rng.normal(rate, 0.05, 12), 200, seed) for rate in (0.3, 0.4))
        found.append(a2n.equivalence(a, b, margin=0.1).pvalue[0])
    assert np.mean(np.array(found) <= 0.05) <= stats.binom.isf(0.0005, 80, 0.05) / 80


@pytest.mark.parametrize("margin", [0, -0.1, (0.2, 0.1), float("nan")])
def test_margins(margin):
    with pytest.raises(ValueError, match="margin must be positive, or a rising pair"):
        a2n.equivalence(trains([0.2] * 3), trains([0.2] * 3), margin=margin)


def test_what_does_not_vary_has_no_interval(rng):
    # Nothing varies: no p-value of 0 that the two are alike, no interval of no width.
    silent, busy = np.zeros((100, 6), bool), np.ones((100, 6), bool)
    for a, b in ((silent, silent), (silent, busy)):
        for paired in (True, False):
            alike = a2n.equivalence(a, b, margin=0.1, paired=paired)
            assert np.isnan([alike.pvalue[0], alike.columns["low"][0], alike.columns["high"][0]]).all()
            result = a2n.compare(a, b, rng=rng, paired=paired)
            assert np.isnan([result.columns["low"][0], result.columns["high"][0]]).all()
            assert result.statistic[0] == alike.statistic[0] == a.mean() - b.mean()
    networks = a2n.compare([silent] * 4, [busy] * 4, rng=rng)
    assert np.isnan(networks.columns["pvalue_mixed"][0])


@pytest.mark.parametrize(
    ("n", "paired", "few"), [(3, False, True), (4, False, False), (5, True, True), (6, True, False)]
)
def test_too_few_networks_to_be_significant(rng, n, paired, few):
    sides = [[trains([rate] * 4, 200, seed) for seed in range(n)] for rate in (0.2, 0.7)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = a2n.compare(*sides, rng=rng, paired=paired)
    assert [str(one.message).split(":")[0] for one in said if one.category is UserWarning] == [
        "no difference can be significant at the level of 0.05"
    ] * few
    assert (result.pvalue[0] > 0.05) == few


def test_too_few_and_undefined(rng):
    silent = np.zeros((100, 3), bool)
    fano = functools.partial(a2n.fanofactor, window=20)
    result = a2n.compare(silent, trains([0.5] * 3, 100), fano, rng=rng)
    assert np.isnan([result.statistic[0], result.pvalue[0], result.columns["low"][0]]).all()
    assert np.isnan(a2n.equivalence(silent, silent, fano, margin=0.1).pvalue[0])
    same = trains([0.2, 0.4, 0.3, 0.5, 0.1, 0.6], 100)
    assert a2n.compare(same, same, rng=rng, paired=True).pvalue[0] == 1
