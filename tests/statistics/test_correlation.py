"""Correlation of every two units."""

import warnings

import numpy as np
import pytest
import quantities as pq
from elephant.conversion import BinnedSpikeTrain
from elephant.spike_train_correlation import correlation_coefficient
from hypothesis import given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.statistics.correlation import Correlation, _products, correlation
from tests.statistics.chunking import assert_same_bits, cut_rasters, feed, merge
from tests.strategies import dense


def quiet(raster, window):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return correlation(raster, window)


def by_numpy(counts):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        found = np.atleast_2d(np.corrcoef(counts))
    # NumPy's mean of equal counts may miss by a rounding error and leave noise where there is nothing.
    constant = np.ptp(counts, axis=1) == 0
    found[constant] = np.nan
    found[:, constant] = np.nan
    return found


def test_computed_by_hand():
    # 1 1 0 0 and 1 0 0 0: covariance 1/4 − 1/2 · 1/4 = 1/8, variances 1/4 and 3/16.
    active = np.array([[1, 1], [1, 0], [0, 0], [0, 0]])
    expected = 1 / 8 / np.sqrt(1 / 4 * 3 / 16)
    np.testing.assert_allclose(correlation(active), [[1, expected], [expected, 1]], rtol=1e-15)


@given(dense().filter(lambda active: len(active) > 1), st.data())
def test_against_numpy(active, data):
    window = data.draw(st.integers(1, len(active) // 2))
    n_windows = len(active) // window
    counts = active[: n_windows * window].reshape(n_windows, window, -1).sum(axis=1).T
    found = quiet(active, window)
    np.testing.assert_allclose(found, by_numpy(counts), rtol=0, atol=1e-12)
    assert_same_bits(found.T.copy(), found)
    diagonal = found.diagonal()
    assert np.all(np.isnan(diagonal) | (diagonal == 1))


@pytest.mark.parametrize("window", [1, 10])
def test_as_elephant(window):
    rng = np.random.default_rng(5)
    active = rng.random((2000, 6)) < [0.02, 0.2, 0.4, 0.5, 0.8, 0.98]
    active[:, 3] ^= active[:, 2]
    binned = BinnedSpikeTrain(a2n.to_spiketrains(active_raster(active)), bin_size=window * pq.ms)
    expected = correlation_coefficient(binned)
    np.testing.assert_allclose(correlation(active, window), expected, rtol=0, atol=1e-12)


def active_raster(active):
    return a2n.SpikeRaster.from_dense(active)


@pytest.mark.parametrize("n_samples", [8190, 8193, 20_001])
@pytest.mark.parametrize("window", [1, 2])
def test_many_windows_and_units(n_samples, window):
    rng = np.random.default_rng(n_samples)
    active = rng.random((n_samples, 70)) < rng.uniform(0.01, 0.99, 70)
    n_windows = n_samples // window
    counts = active[: n_windows * window].reshape(n_windows, window, -1).sum(axis=1).T
    np.testing.assert_allclose(quiet(active, window), np.corrcoef(counts), rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [256, 257, 4097, 2**25, 2**27, 2**30])
def test_products_are_exact(window):
    counts = np.random.default_rng(0).integers(0, window + 1, (4, 300 if window < 2**20 else 5))
    counts[0] = window
    expected = counts.astype(object) @ counts.T.astype(object)
    if expected.max() < 2**63:
        np.testing.assert_array_equal(_products(counts, window), expected.astype(np.int64))


@given(dense().filter(lambda active: len(active) > 1))
def test_complement_turns_the_sign(active):
    units = active.shape[1]
    both = correlation(np.concatenate([active, ~active], axis=1))
    np.testing.assert_array_equal(both[:units, units:], -both[:units, :units])
    np.testing.assert_array_equal(both[units:, units:], both[:units, :units])


def test_silent_and_always_on():
    active = np.zeros((66, 4), bool)
    active[:, 1] = active[::2, 2] = active[1::2, 3] = True
    expected = np.full((4, 4), np.nan)
    expected[2:, 2:] = [[1, -1], [-1, 1]]
    np.testing.assert_array_equal(correlation(active), expected)
    # In windows of two both fire once.
    assert np.isnan(correlation(active, 2)).all()


def test_one_sample_is_too_few():
    with pytest.raises(
        ValueError, match="window must fit at least 2 × into the recording's 1 samples, got 1"
    ):
        correlation([[1, 0]])


@given(cut_rasters().filter(lambda cut: cut[0].n_samples > 1), st.data())
def test_cutting_changes_nothing(cut, data):
    raster, chunks = cut
    window = data.draw(st.one_of(st.just(1), st.integers(1, raster.n_samples // 2)))
    for way in (feed, merge):
        found = way(lambda start: Correlation(window, start=start), chunks)
        assert_same_bits(found.result(), quiet(raster, window))


def test_accumulator_refuses():
    raster = a2n.as_raster(np.eye(3))
    with pytest.raises(ValueError, match="needs at least 2 whole windows of 2 samples, has 1"):
        Correlation(2).update(raster).result()
    with pytest.raises(ValueError, match="later must start at sample 3, got 0"):
        Correlation().update(raster).merge(Correlation())
    with pytest.raises(ValueError, match="chunk must have 3 units, as those before; got 1"):
        Correlation().update(raster).update(a2n.as_raster([[1]]))
