"""Entropies of patterns and what they say of labels."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mutual_info_score

import ann2neo as a2n
from ann2neo.statistics.patterns.entropy import (
    SATURATED_ABOVE,
    conditional_entropy,
    is_saturated,
    mutual_information,
    pattern_coverage,
    pattern_entropy,
)
from tests.strategies import dense

ALL = ("plug-in", "miller-madow", "chao-shen")


def coded(values, n_units=20):
    """Patterns that spell whole numbers in binary."""
    return ((np.asarray(values)[:, None] >> np.arange(n_units)) & 1).astype(bool)


def histogram_of(values, labels=None):
    return a2n.patterns.pattern_counts(coded(values), labels=labels)["units"]


def directly(counts, estimator):
    """Term by term, as the papers write it."""
    counts = [int(c) for c in counts]
    n = sum(counts)
    if estimator == "plug-in":
        return -sum(c / n * math.log2(c / n) for c in counts)
    if estimator == "miller-madow":
        return directly(counts, "plug-in") + (len(counts) - 1) / (2 * n) / math.log(2)
    coverage = 1 - sum(c == 1 for c in counts) / n
    terms = [coverage * c / n for c in counts]
    return -sum(p * math.log2(p) / (1 - (1 - p) ** n) for p in terms) if coverage else math.nan


@given(dense(max_units=12))
def test_as_written_in_the_papers(active):
    histogram = a2n.patterns.pattern_counts(active)["units"]
    counts = list(Counter(map(tuple, active.tolist())).values())
    for estimator in ALL:
        expected = directly(counts, estimator)
        found = pattern_entropy(histogram, estimator=estimator)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    assert pattern_entropy(histogram) == pytest.approx(stats.entropy(counts, base=2), abs=1e-9)
    assert pattern_coverage(histogram) == 1 - counts.count(1) / len(active)


def test_goldens():
    # Counts 2, 1, 1 by hand: H = 1.5, + 2 / (8 ln 2); coverage 1/2, terms p = 1/4 and 1/8, n = 4.
    active = coded([0, 0, 1, 2])
    assert pattern_entropy(active) == 1.5
    assert pattern_entropy(active, estimator="miller-madow") == pytest.approx(1.5 + 0.25 / math.log(2))
    expected = 0.25 * 2 / (1 - 0.75**4) + 2 * 0.125 * 3 / (1 - 0.875**4)
    assert pattern_entropy(active, estimator="chao-shen") == pytest.approx(expected, rel=1e-14)
    assert pattern_entropy(active, normalized=True) == 0.75
    assert pattern_entropy(coded([0, 1, 0, 1], 1), normalized=True) == 1


TRUE = {
    "even": np.full(256, 1 / 256),
    "geometric": 0.98 ** np.arange(600),
    "power law": 1 / np.arange(1, 2001),
    "one of a half": np.concatenate([[300.0], np.ones(300)]),
}


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("n", [300, 2000])
def test_corrected_estimates_are_closer(name, n):
    p = TRUE[name] / TRUE[name].sum()
    true = -np.sum(p * np.log2(p))
    rng = np.random.default_rng(n)
    errors = []
    for _ in range(10):
        found = histogram_of(rng.choice(p.size, n, p=p))
        errors.append([abs(pattern_entropy(found, estimator=estimator) - true) for estimator in ALL])
    plug_in, *corrected = np.mean(errors, axis=0)
    assert max(corrected) < 0.9 * plug_in


def test_degenerate_histograms():
    one, alike, different = coded([3]), coded([3] * 9), coded(range(9))
    for estimator in ALL[:2]:
        assert (
            pattern_entropy(one, estimator=estimator) == pattern_entropy(alike, estimator=estimator) == 0
        )
    assert pattern_entropy(alike, estimator="chao-shen") == 0
    assert math.copysign(1, pattern_entropy(alike, estimator="chao-shen")) == 1
    assert np.isnan([pattern_entropy(x, estimator="chao-shen") for x in (one, different)]).all()
    assert math.isnan(pattern_entropy(one, normalized=True))
    assert pattern_entropy(different) == pytest.approx(math.log2(9))
    assert [pattern_coverage(x) for x in (one, alike, different)] == [0, 1, 0]
    assert [is_saturated(x) for x in (one, alike, different)] == [True, False, True]


@settings(max_examples=50)
@given(st.integers(1, 400), st.data())
def test_saturation_is_what_distinct_over_n_says(n, data):
    n_distinct = data.draw(st.integers(1, n))
    values = np.concatenate([np.arange(n_distinct), np.zeros(n - n_distinct, int)])
    labels = np.arange(n) % 2
    found = histogram_of(values, labels)
    assert is_saturated(found) == (n_distinct / n > 1 - 1 / math.e)
    pairs = len(set(zip(values.tolist(), labels.tolist(), strict=True)))
    assert is_saturated(found, joint=True) == (pairs / n > 1 - 1 / math.e)


def test_saturation_threshold_and_what_is_said_of_it():
    # n samples of n equally likely patterns are just about at the threshold.
    rng = np.random.default_rng(0)
    n = 20_000
    found = histogram_of(rng.integers(n, size=n))
    assert a2n.patterns.n_patterns(found) / n == pytest.approx(SATURATED_ABOVE, abs=0.01)
    # Joint histogram at the threshold: 0.75 bits of nothing.
    found = histogram_of(rng.integers(n // 10, size=n), rng.integers(10, size=n))
    assert len(found.cells) / n == pytest.approx(SATURATED_ABOVE, abs=0.01)
    assert mutual_information(found) == pytest.approx(0.75, abs=0.02)


@settings(max_examples=40)
@given(dense(max_units=5), st.data())
def test_mutual_information_as_scikit_learn_has_it(active, data):
    labels = data.draw(st.lists(st.sampled_from("abc"), min_size=len(active), max_size=len(active)))
    codes = active @ (1 << np.arange(active.shape[1]))
    expected = mutual_info_score(labels, codes) / math.log(2)
    histogram = a2n.patterns.pattern_counts(active, labels=labels)["units"]
    found = mutual_information(histogram)
    assert found == pytest.approx(expected, abs=1e-9)
    entropy, rest = pattern_entropy(histogram), conditional_entropy(histogram)
    assert found == pytest.approx(entropy - rest, abs=1e-9)
    label_entropy = stats.entropy(list(Counter(labels).values()), base=2)
    assert -1e-9 <= found <= min(entropy, label_entropy) + 1e-9


@pytest.mark.parametrize("estimator", ALL)
def test_conditional_entropy_label_by_label(estimator):
    rng = np.random.default_rng(3)
    labels = rng.choice([4, 7, 9], 600, p=[0.6, 0.3, 0.1])
    values = rng.integers(30, size=600) + labels
    parts = [(labels == label) for label in (4, 7, 9)]
    expected = sum(
        part.mean() * directly(Counter(values[part].tolist()).values(), estimator) for part in parts
    )
    found = histogram_of(values, labels)
    assert conditional_entropy(found, estimator=estimator) == pytest.approx(expected, rel=1e-12)
    rest = pattern_entropy(found, estimator=estimator) - expected
    assert mutual_information(found, estimator=estimator) == pytest.approx(rest, rel=1e-9)


def test_labels_of_unequal_frequency_count_as_they_occur():
    # Patterns tell the label: I = H(L), not log2(2).
    labels = np.array([0] * 9 + [1])
    assert mutual_information(coded(labels), labels) == pytest.approx(stats.entropy([9, 1], base=2))


def test_all_different_patterns_say_the_label_whatever_it_is():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=400)
    found = histogram_of(rng.permutation(400), labels)
    assert mutual_information(found) == pytest.approx(stats.entropy(np.bincount(labels), base=2))
    assert is_saturated(found, joint=True)
    assert math.isnan(mutual_information(found, estimator="chao-shen"))


def test_the_labels_of_a_raster_are_its_own():
    active = coded([0, 1, 1, 0])
    raster = a2n.SpikeRaster.from_dense(
        active, samples=a2n.as_raster(active).samples.assign(label=[0, 1, 1, 0], other=[0, 0, 1, 1])
    )
    assert mutual_information(raster) == mutual_information(raster, "label") == 1
    assert mutual_information(raster, "other") == 0
    assert conditional_entropy(raster, "other") == 1


def test_refusals():
    active, found = coded([0, 1]), histogram_of([0, 1])
    with pytest.raises(ValueError, match=r"estimator must be one of .*got 'best'"):
        pattern_entropy(active, estimator="best")
    with pytest.raises(ValueError, match="source must have labels"):
        mutual_information(found)
    with pytest.raises(ValueError, match="source must have labels"):
        is_saturated(active, joint=True)
    with pytest.raises(ValueError, match="labels must be None: a histogram has its own"):
        conditional_entropy(histogram_of([0, 1], [0, 1]), labels=[0, 1])
    sketch = a2n.patterns.pattern_counts(active, max_patterns=5)["units"]
    for function in (pattern_entropy, pattern_coverage, is_saturated):
        with pytest.raises(ValueError, match="must have all patterns, got a sketch of max_patterns=5"):
            function(sketch)


def test_chao_wang_jost_sums_its_series():
    # n = 9: counts 3, 2, 2, 1, 1, so f1 = f2 = 2 and A = 4 / (8 · 2 + 4) = 1/5.
    counts, n, rest = np.array([3, 2, 2, 1, 1]), 9, 0.8
    seen = sum(c / n * sum(1 / k for k in range(c, n)) for c in counts)
    beyond = sum(rest ** (r - n + 1) / r for r in range(n, 400))
    expected = (seen + 2 / n * beyond) / np.log(2)
    active = coded(np.repeat(np.arange(5), counts))
    assert pattern_entropy(active, estimator="chao-wang-jost") == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(pattern_entropy(coded(np.arange(3000)), estimator="chao-wang-jost"))


@pytest.mark.parametrize("n", [200, 1000])
def test_chao_wang_jost_is_the_least_biased(n):
    # 256 equally likely patterns: 8 bits.
    rng, bias = np.random.default_rng(4), {}
    for estimator in ("plug-in", "miller-madow", "chao-wang-jost"):
        found = [
            pattern_entropy(coded(rng.integers(256, size=n)), estimator=estimator) for _ in range(30)
        ]
        bias[estimator] = abs(np.mean(found) - 8)
    assert bias["chao-wang-jost"] < 0.15
    assert bias["chao-wang-jost"] < bias["miller-madow"] < bias["plug-in"]
