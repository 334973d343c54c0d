"""Entropies of patterns and what they say of labels."""

import itertools
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
    conditional_entropy,
    mutual_information,
    pattern_coverage,
    pattern_entropy,
)
from ann2neo.statistics.patterns.entropy_estimators import ESTIMATORS, expect_plug_in
from ann2neo.statistics.patterns.saturation import is_saturated
from tests.strategies import dense

ALL = ("plug-in", "miller-madow", "chao-shen")


def encode_values(values, n_units=20):
    """Patterns that spell whole numbers in binary."""
    return ((np.asarray(values)[:, None] >> np.arange(n_units)) & 1).astype(bool)


def histogram_of(values, labels=None):
    return a2n.patterns.pattern_counts(encode_values(values), labels=labels)["units"]


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
    active = encode_values([0, 0, 1, 2])
    assert pattern_entropy(active) == 1.5
    assert pattern_entropy(active, estimator="miller-madow") == pytest.approx(1.5 + 0.25 / math.log(2))
    expected = 0.25 * 2 / (1 - 0.75**4) + 2 * 0.125 * 3 / (1 - 0.875**4)
    assert pattern_entropy(active, estimator="chao-shen") == pytest.approx(expected, rel=1e-14)
    assert pattern_entropy(active, normalized=True) == 0.75
    assert pattern_entropy(encode_values([0, 1, 0, 1], 1), normalized=True) == 1


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
    one, alike, different = encode_values([3]), encode_values([3] * 9), encode_values(range(9))
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


def all_samples(p, n):
    """Counts of every outcome of n samples of a law p, and its probability."""
    for outcome in itertools.product(range(n + 1), repeat=len(p)):
        if sum(outcome) == n:
            yield np.array(outcome), float(stats.multinomial.pmf(outcome, n, p))


@pytest.mark.parametrize("n", [5, 8])
def test_biases_by_enumeration(n):
    # Every outcome of n samples of four patterns, of two units.
    p = np.array([0.5, 0.25, 0.15, 0.1])
    true = -np.sum(p * np.log2(p))
    bias = {
        name: -true
        + sum(
            chance * estimate(counts[counts > 0], 2)
            for counts, chance in all_samples(p, n)
            if name != "chao-shen" or (counts > 1).any()
        )
        for name, estimate in ESTIMATORS.items()
    }
    assert bias["plug-in"] < -0.2
    for name in ("grassberger", "chao-wang-jost", "miller-madow", "quadratic-extrapolation"):
        assert abs(bias[name]) < 0.6 * abs(bias["plug-in"]), name
    # What Grassberger's G is made for.
    assert abs(bias["grassberger"]) < abs(bias["miller-madow"])


def test_grassberger_as_the_paper_defines_it():
    # G(1) = −γ − log 2, G(2) = 2 − γ − log 2, G(2k + 1) = G(2k), G(2k + 2) = G(2k) + 2 / (2k + 1).
    g = {1: -np.euler_gamma - math.log(2), 2: 2 - np.euler_gamma - math.log(2)}
    for c in range(3, 60):
        g[c] = g[c - 1] if c % 2 else g[c - 2] + 2 / (c - 1)
    counts = np.array([1, 1, 2, 3, 7, 18, 40, 59])
    n = counts.sum()
    expected = (math.log(n) - sum(c * g[c] for c in counts.tolist()) / n) / math.log(2)
    assert ESTIMATORS["grassberger"](counts, 9) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_units", [3, 6])
def test_james_stein_as_the_paper_defines_it(n_units):
    counts = np.zeros(2**n_units)
    counts[:6] = 9, 4, 2, 1, 1, 1
    n, p = counts.sum(), counts / counts.sum()
    weight = (1 - np.sum(p**2)) / ((n - 1) * np.sum((1 / p.size - p) ** 2))
    shrunk = min(1, weight) / p.size + (1 - min(1, weight)) * p
    expected = -np.sum(shrunk * np.log2(shrunk))
    found = ESTIMATORS["james-stein"](counts[:6].astype(int), n_units)
    assert found == pytest.approx(expected, rel=1e-12)
    assert math.isfinite(ESTIMATORS["james-stein"](counts[:6].astype(int), 4096))


def test_extrapolation_takes_parabolas_away():
    counts = np.array([40, 30, 20, 6, 4])
    halves = [expect_plug_in(counts, size) for size in (100, 50, 25)]
    line = np.polynomial.Polynomial.fit([1 / 100, 1 / 50, 1 / 25], halves, 2)
    assert ESTIMATORS["quadratic-extrapolation"](counts, 4) == pytest.approx(line(0), rel=1e-9)
    assert math.isnan(ESTIMATORS["quadratic-extrapolation"](np.array([3]), 4))


def test_expected_plug_in_by_enumeration():
    values = [0, 0, 0, 1, 1, 2, 3]
    counts = np.array([3, 2, 1, 1])
    found = [
        ESTIMATORS["plug-in"](np.unique([values[i] for i in chosen], return_counts=True)[1], 2)
        for chosen in itertools.combinations(range(7), 4)
    ]
    assert expect_plug_in(counts, 4) == pytest.approx(np.mean(found), rel=1e-12)
    assert expect_plug_in(counts, 7) == ESTIMATORS["plug-in"](counts, 2)


def one_hot(n, rng):
    """Ten labels, each of which one unit says, and six units of noise: 3.32 bits."""
    labels = rng.integers(10, size=n)
    return np.column_stack([labels[:, None] == np.arange(10), rng.random((n, 6)) < 0.5]), labels


@pytest.mark.parametrize("estimator", ["chao-wang-jost", "grassberger"])
def test_information_of_a_code_and_noise(estimator):
    active, labels = one_hot(1000, np.random.default_rng(0))
    found = mutual_information(active, labels, estimator=estimator)
    assert found == pytest.approx(math.log2(10), abs=0.35)


def test_shuffle_corrected_of_nothing():
    rng = np.random.default_rng(0)
    active, labels = rng.random((600, 8)) < 0.4, rng.integers(4, size=600)
    assert mutual_information(active, labels) > 0.5
    found = mutual_information(active, labels, estimator="shuffle-corrected", rng=rng)
    assert found == pytest.approx(0, abs=0.12)
    with pytest.raises(TypeError, match="rng must"):
        mutual_information(active, labels, estimator="shuffle-corrected")


def test_saturation_sees_a_bias_of_a_bit():
    rng = np.random.default_rng(2)
    few, p = rng.random((300, 14)) < 0.12, 0.12
    true = -14 * (p * math.log2(p) + (1 - p) * math.log2(1 - p))
    assert true - pattern_entropy(few) > 0.7
    assert is_saturated(few)
    assert not is_saturated(rng.random((20_000, 6)) < 0.3)


def test_saturation_is_of_an_estimator():
    rng = np.random.default_rng(0)
    found = histogram_of(rng.integers(0, 100, 400))
    assert pattern_entropy(found) < math.log2(100) - 0.12
    assert pattern_entropy(found, estimator="chao-shen") == pytest.approx(math.log2(100), abs=0.08)
    assert is_saturated(found)
    assert not is_saturated(found, estimator="chao-shen")
    assert all(is_saturated(histogram_of(np.arange(300)), estimator=e) for e in ESTIMATORS)


def test_saturation_of_the_information():
    rng = np.random.default_rng(0)
    n = 20_000
    many = histogram_of(rng.integers(n // 10, size=n), rng.integers(10, size=n))
    assert mutual_information(many) == pytest.approx(0.75, abs=0.02)
    assert is_saturated(many, joint=True)
    few = histogram_of(rng.integers(16, size=n), rng.integers(4, size=n))
    assert not is_saturated(few, joint=True)
    assert not is_saturated(few, joint=True, estimator="chao-wang-jost")
    with pytest.raises(ValueError, match="tolerance must be a positive number of bits"):
        is_saturated(few, tolerance=0)


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
    assert mutual_information(encode_values(labels), labels) == pytest.approx(
        stats.entropy([9, 1], base=2)
    )


def test_all_different_patterns_say_the_label_whatever_it_is():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=400)
    found = histogram_of(rng.permutation(400), labels)
    assert mutual_information(found) == pytest.approx(stats.entropy(np.bincount(labels), base=2))
    assert is_saturated(found, joint=True)
    assert math.isnan(mutual_information(found, estimator="chao-shen"))


def test_the_labels_of_a_raster_are_its_own():
    active = encode_values([0, 1, 1, 0])
    raster = a2n.SpikeRaster.from_dense(
        active, samples=a2n.as_raster(active).samples.assign(label=[0, 1, 1, 0], other=[0, 0, 1, 1])
    )
    assert mutual_information(raster) == mutual_information(raster, "label") == 1
    assert mutual_information(raster, "other") == 0
    assert conditional_entropy(raster, "other") == 1


def test_refusals():
    active, found = encode_values([0, 1]), histogram_of([0, 1])
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
    active = encode_values(np.repeat(np.arange(5), counts))
    assert pattern_entropy(active, estimator="chao-wang-jost") == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(pattern_entropy(encode_values(np.arange(3000)), estimator="chao-wang-jost"))


@pytest.mark.parametrize("n", [200, 1000])
def test_chao_wang_jost_is_the_least_biased(n):
    # 256 equally likely patterns: 8 bits.
    rng, bias = np.random.default_rng(4), {}
    for estimator in ("plug-in", "miller-madow", "chao-wang-jost"):
        found = [
            pattern_entropy(encode_values(rng.integers(256, size=n)), estimator=estimator)
            for _ in range(30)
        ]
        bias[estimator] = abs(np.mean(found) - 8)
    assert bias["chao-wang-jost"] < 0.15
    assert bias["chao-wang-jost"] < bias["miller-madow"] < bias["plug-in"]
