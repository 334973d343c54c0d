"""Combined and adjusted p-values against SciPy, statsmodels and hand-computed values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ann2neo.significance.combine import (
    ADJUSTMENTS,
    COMBINATIONS,
    adjust_pvalues,
    adjust_within_layers,
    combine_pvalues,
)

inside = hnp.arrays(float, st.integers(1, 40), elements=st.floats(1e-12, 1 - 1e-12))
anywhere = hnp.arrays(
    float, st.integers(1, 40), elements=st.one_of(st.floats(0, 1), st.just(float("nan")))
)


@pytest.mark.parametrize("method", ["pearson", "fisher", "stouffer"])
@given(pvalues=inside)
def test_combination_agrees_with_scipy(method, pvalues):
    found = combine_pvalues(pvalues, method)
    expected = stats.combine_pvalues(pvalues, method)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.pvalue == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)


def test_fisher_golden():
    # Two p-values of product t combine to t(1 − log t) (the χ² law of 4 degrees of freedom).
    product = 0.01 * 0.04
    found = combine_pvalues([0.01, 0.04], "fisher").pvalue
    assert found == pytest.approx(product * (1 - np.log(product)), rel=1e-14)


@given(inside)
def test_cauchy_agrees_with_the_cauchy_law(pvalues):
    found = combine_pvalues(pvalues, "cauchy")
    n = pvalues.size
    statistic = np.mean(stats.cauchy.isf(np.minimum(pvalues, 0.99) if n > 1 else pvalues))
    assert found.statistic == pytest.approx(statistic, rel=1e-6, abs=1e-6)
    moved = found.statistic - (np.log(1 + 0.06 * n) / np.pi if n > 1 else 0)
    assert found.pvalue == pytest.approx(stats.cauchy.sf(moved), rel=1e-9)


@given(inside)
def test_simes_rejects_where_benjamini_and_hochberg_do(pvalues):
    adjusted = adjust_pvalues(pvalues)
    assert combine_pvalues(pvalues).pvalue == pytest.approx(adjusted.min(), rel=1e-12)


@pytest.mark.parametrize("method", ["simes", "cauchy", "harmonic-mean"])
@pytest.mark.parametrize("correlation", [0, 0.5, 0.95])
def test_level_of_dependent_pvalues(method, correlation):
    rng, n = np.random.default_rng(3), 1500
    rejected = 0
    for _ in range(n):
        z = np.sqrt(1 - correlation) * rng.standard_normal(100)
        p = stats.norm.sf(z + np.sqrt(correlation) * rng.standard_normal())
        rejected += combine_pvalues(p, method).pvalue <= 0.05
    # The harmonic mean and Cauchy's sum hold it nearly.
    assert rejected <= stats.binom.ppf(0.9995, n, 0.05 if method == "simes" else 0.06)


@pytest.mark.parametrize("method", ["simes", "cauchy", "harmonic-mean"])
@pytest.mark.parametrize("dull", [1.0, 1 - 1e-9, 0.9999, 0.99])
def test_pvalues_next_to_one_outweigh_nothing(method, dull):
    assert combine_pvalues([dull] * 280 + [1e-4] * 20, method).pvalue < 0.005
    assert combine_pvalues([dull] * 280, method).pvalue > 0.5


def test_rows_of_a_layer_are_one_family_and_whole_layers_another():
    units = pd.DataFrame({"layer": ["a", "a", "b", "c", "d"], "unit_index": [0, 1, 0, -1, -1]})
    found = adjust_within_layers(np.array([0.01, 0.5, 0.01, 0.01, 0.02]), units)
    np.testing.assert_allclose(found, [0.02, 0.5, 0.01, 0.02, 0.02])


@pytest.mark.parametrize("method", COMBINATIONS)
def test_one_pvalue_combines_to_itself(method):
    for p in (1e-300, 1e-20, 0.3, 0.5, 0.97):
        assert combine_pvalues([p], method).pvalue == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("method", COMBINATIONS)
@given(pvalues=anywhere)
def test_combination_is_a_number_whatever_the_pvalues(method, pvalues):
    found = combine_pvalues(pvalues, method)
    missing = np.isnan(pvalues)
    assert (found.n_missing, found.n_combined) == (missing.sum(), (~missing).sum())
    assert found.n_bounded == np.isin(pvalues, [0, 1]).sum()
    if found.n_combined:
        assert np.isfinite(found.statistic)
        assert 0 <= found.pvalue <= 1
    else:
        assert np.isnan([found.statistic, found.pvalue]).all()


@pytest.mark.parametrize("method", COMBINATIONS)
def test_combination_holds_its_level(method):
    rng = np.random.default_rng(20)
    n = 4000
    rejected = sum(combine_pvalues(rng.random(30), method).pvalue <= 0.05 for _ in range(n))
    low, high = stats.binom.interval(0.999, n, 0.05)
    assert low <= rejected <= high


def test_one_pvalue_of_one_outweighs_in_pearson_only():
    many = [0.001] * 20 + [1.0]
    assert combine_pvalues(many, "pearson").pvalue > 0.9
    assert combine_pvalues(many, "fisher").pvalue < 1e-20


def test_pvalues_of_one_leave_cauchy_its_power():
    many = [1e-8] + [1.0] * 100 + [0.5] * 400
    assert combine_pvalues(many, "cauchy").pvalue < 1e-5
    assert combine_pvalues([1.0] * 10, "cauchy").pvalue > 0.9


# statsmodels collects garbage at every call of its Holm, half a second beside loaded frameworks.
@pytest.mark.parametrize(("method", "theirs"), [("benjamini-hochberg", "fdr_bh"), ("holm", "holm")])
@settings(max_examples=20)
@given(pvalues=anywhere)
def test_adjustment_agrees_with_statsmodels(method, theirs, pvalues):
    found = adjust_pvalues(pvalues, method)
    tested = ~np.isnan(pvalues)
    assert np.array_equal(np.isnan(found), ~tested)
    if tested.any():
        expected = multipletests(pvalues[tested], method=theirs)[1]
        np.testing.assert_allclose(found[tested], expected, rtol=1e-12, atol=1e-300)
        assert np.all(found[tested] >= pvalues[tested] * (1 - 1e-12))


def test_adjustment_golden():
    # By hand: 4 tests; Holm multiplies by 4, 3, 2, 1 and never falls; Benjamini–Hochberg by 4/rank.
    pvalues = np.array([0.04, 0.01, 0.03, 0.005])
    np.testing.assert_allclose(adjust_pvalues(pvalues, "holm"), [0.06, 0.03, 0.06, 0.02])
    np.testing.assert_allclose(adjust_pvalues(pvalues), [0.04, 0.02, 0.04, 0.02])


def test_adjustment_keeps_the_shape():
    assert adjust_pvalues(np.full((2, 3), 0.2)).shape == (2, 3)


@pytest.mark.parametrize("function", [combine_pvalues, adjust_pvalues])
def test_faults_are_named(function):
    with pytest.raises(ValueError, match=r"pvalues must lie in \[0, 1\] or be NaN, got 1.5"):
        function([0.1, 1.5])
    with pytest.raises(ValueError, match="pvalues must hold at least one"):
        function([])
    with pytest.raises(ValueError, match=r"method must be one of .*, got 'tippett'"):
        function([0.1], "tippett")
    assert "tippett" not in (*COMBINATIONS, *ADJUSTMENTS)
