"""Which patterns occur, and which two recordings share."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.statistics.patterns.sets import (
    jaccard,
    n_patterns,
    pattern_turnover,
    top_pattern_fraction,
    weighted_jaccard,
)


@st.composite
def pairs(draw):
    """Two boolean arrays of equally many units whose patterns are partly the same."""
    n_units = draw(st.sampled_from([1, 3, 64, 65]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pool = rng.random((draw(st.integers(1, 30)), n_units)) < 0.5
    sizes = [draw(st.integers(1, 60)) for _ in range(2)]
    return [pool[rng.integers(len(pool), size=size)] for size in sizes]


def brute_force(active):
    return Counter(map(tuple, active.tolist()))


@settings(max_examples=50)
@given(pairs(), st.integers(1, 4))
def test_by_brute_force(both, min_count):
    one, two = map(brute_force, both)
    n_samples = len(both[0])
    both = [a2n.patterns.pattern_counts(active)["units"] for active in both]
    assert n_patterns(both[0]) == len(one)
    assert top_pattern_fraction(both[0]) == max(one.values()) / n_samples
    often = [{p for p, c in counts.items() if c >= min_count} for counts in (one, two)]
    either = len(often[0] | often[1])
    expected = len(often[0] & often[1]) / either if either else math.nan
    assert jaccard(*both, min_count=min_count) == pytest.approx(expected, nan_ok=True)
    assert weighted_jaccard(*both) == (one & two).total() / (one | two).total()
    assert pattern_turnover(*both) == (len(two.keys() - one.keys()), len(one.keys() - two.keys()))
    assert pattern_turnover(*both[::-1]) == pattern_turnover(*both)[::-1]


@settings(max_examples=50)
@given(pairs())
def test_identities(both):
    both = [active[: min(map(len, both))] for active in both]
    p, q = map(brute_force, both)
    distance = sum(abs(p[key] - q[key]) for key in p | q) / 2 / len(both[0])
    one, back, two = (a2n.patterns.pattern_counts(a)["units"] for a in (both[0], both[0][::-1], both[1]))
    assert jaccard(one, back) == weighted_jaccard(one, back) == 1
    assert jaccard(one, two) == jaccard(two, one)
    assert weighted_jaccard(one, two) == pytest.approx((1 - distance) / (1 + distance))


def test_histograms_and_rasters_alike():
    rng = np.random.default_rng(0)
    one, two = rng.random((2, 300, 8)) < 0.3
    histograms = [a2n.patterns.pattern_counts(active)["units"] for active in (one, two)]
    for function in (jaccard, weighted_jaccard, pattern_turnover):
        assert function(*histograms) == function(one, two)
    short = [a2n.patterns.pattern_counts(a, fingerprint=True)["units"] for a in (one, two)]
    assert jaccard(*short) == jaccard(one, two)


def test_none_often_enough():
    assert math.isnan(jaccard(np.eye(3), np.eye(3), min_count=2))
    assert jaccard(np.eye(3)[[0, 0, 1]], np.eye(3), min_count=2) == 0


def test_refusals():
    with pytest.raises(ValueError, match="histograms must agree in n_units, got 3 and 4"):
        jaccard(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="min_count must be at least 1, got 0"):
        jaccard(np.eye(3), np.eye(3), min_count=0)
    sketch = a2n.patterns.pattern_counts(np.eye(3), max_patterns=2)["units"]
    with pytest.raises(ValueError, match="histograms must agree in max_patterns, got 2 and None"):
        jaccard(sketch, np.eye(3))
    with pytest.raises(ValueError, match="must have all patterns"):
        weighted_jaccard(sketch, sketch)
    with pytest.raises(ValueError, match="must have all patterns"):
        top_pattern_fraction(sketch)
