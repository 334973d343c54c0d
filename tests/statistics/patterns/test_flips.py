"""Bits compared one by one."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance

import ann2neo as a2n
from ann2neo.statistics.patterns.flips import (
    flip_rate,
    overfitting_underfitting_indicator,
    pattern_distance,
    spike_jaccard,
)
from tests.strategies import dense


@settings(max_examples=40)
@given(dense(), st.integers(0, 2**32), st.sampled_from([0, 0.1, 1]))
def test_flips_by_numpy(active, seed, share):
    other = active ^ (np.random.default_rng(seed).random(active.shape) < share)
    one, two, inverse = map(a2n.as_raster, (active, other, ~active))
    np.testing.assert_array_equal(flip_rate(one, two), (active != other).mean(axis=0))
    with np.errstate(invalid="ignore"):
        expected = (active & other).sum(axis=0) / (active | other).sum(axis=0)
    np.testing.assert_array_equal(spike_jaccard(one, two), expected)
    np.testing.assert_array_equal(flip_rate(two, one), flip_rate(one, two))
    np.testing.assert_array_equal(flip_rate(one, inverse), np.ones(active.shape[1]))


@settings(max_examples=50)
@given(dense(max_samples=60))
def test_distance_over_all_pairs(active):
    pairs = distance.pdist(active.astype(float), "hamming")
    expected = pairs.mean() if pairs.size else math.nan
    assert pattern_distance(active) == pytest.approx(expected, nan_ok=True)


@settings(max_examples=50)
@given(dense(max_samples=40, max_units=70))
def test_indicator_over_all_pairs(active):
    # The authors' formula: distances capped at half of the units, over this half.
    half = active.shape[1] // 2
    pairs = [min((a != b).sum(), half) / half for a, b in itertools.combinations(active, 2) if half]
    expected = np.mean(pairs) if pairs else math.nan
    assert overfitting_underfitting_indicator(active) == pytest.approx(expected, nan_ok=True)


def test_distance_of_many_samples():
    # k (n − k) and its sum over units pass 2^63 beyond some 10⁹ samples; here against a direct mean.
    rng = np.random.default_rng(0)
    active = rng.random((20_000, 3)) < [0.5, 0.1, 0.0]
    rate = active.mean(axis=0)
    expected = (2 * rate * (1 - rate)).mean() * 20_000 / 19_999
    assert pattern_distance(active) == pytest.approx(expected, rel=1e-12)


def test_refusals():
    active = np.eye(4)
    with pytest.raises(ValueError, match="must have the same n_units, got 4 and 3"):
        flip_rate(active, active[:, :3])
    with pytest.raises(ValueError, match="must have the same n_samples, got 4 and 3"):
        spike_jaccard(active, active[:3])
    raster = a2n.as_raster(active)
    train, test = (
        a2n.SpikeRaster(
            raster.words, 4, samples=pd.DataFrame({"sample_index": range(4), "dataset_split": split})
        )
        for split in ("train", "test")
    )
    assert not flip_rate(train, train).any()
    assert not flip_rate(train, raster).any()  # whose split is not known
    with pytest.raises(ValueError, match="must hold the same samples: their dataset_split differs"):
        flip_rate(train, test)
    with pytest.raises(ValueError, match="must hold the same samples: their sample_index differs"):
        flip_rate(raster, raster.select(samples=[1, 0, 2, 3]))
