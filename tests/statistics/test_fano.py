"""The Fano factor of window counts."""

import warnings
from fractions import Fraction

import neo
import numpy as np
import pytest
import quantities as pq
from elephant import statistics as elephant
from elephant.conversion import BinnedSpikeTrain
from hypothesis import given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.statistics.fano import FanoFactor, fano_from_sums, fanofactor
from tests.statistics.chunking import assert_same_bits, cut_rasters, feed, merge
from tests.strategies import dense


def quiet(raster, window, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fanofactor(raster, window, **options)


def by_definition(active, window, ddof=0):
    n_windows = len(active) // window
    counts = active[: n_windows * window].reshape(n_windows, window, -1).sum(axis=1)
    mean = counts.mean(axis=0)
    return np.divide(counts.var(axis=0, ddof=ddof), mean, out=np.full(mean.size, np.nan), where=mean > 0)


def test_computed_by_hand():
    # Counts 2, 0, 1 in windows of 2: mean 1, variance 2/3 or, unbiased, 1.
    active = np.array([[1], [1], [0], [0], [1], [0]])
    np.testing.assert_array_equal(fanofactor(active, 2), [2 / 3])
    np.testing.assert_array_equal(fanofactor(active, 2, ddof=1), [1.0])


@given(dense(), st.data())
def test_against_numpy(active, data):
    ddof = data.draw(st.integers(0, min(1, len(active) - 1)))
    window = data.draw(st.integers(1, len(active) // (ddof + 1)))
    expected = by_definition(active, window, ddof)
    np.testing.assert_allclose(quiet(active, window, ddof=ddof), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("n_samples", "window"), [(6000, 100), (1000, 64), (999, 7), (130, 63)])
def test_as_elephant_bins(n_samples, window):
    rng = np.random.default_rng(window)
    active = rng.random((n_samples, 5)) < [0.05, 0.2, 0.5, 0.9, 1]
    trains = a2n.to_spiketrains(a2n.SpikeRaster.from_dense(active))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Binning discarded", UserWarning)
        counts = BinnedSpikeTrain(trains, bin_size=window * pq.ms).to_array()
    expected = counts.var(axis=1) / counts.mean(axis=1)
    np.testing.assert_allclose(quiet(active, window), expected, rtol=1e-12, atol=1e-15)


def test_as_elephant_with_a_train_a_window():
    active = np.random.default_rng(3).random((400, 2)) < 0.4
    for unit in range(2):
        windows = [
            neo.SpikeTrain(np.flatnonzero(part).astype(float) * pq.ms, t_stop=20 * pq.ms)
            for part in active[:, unit].reshape(20, 20)
        ]
        expected = elephant.fanofactor(windows)
        np.testing.assert_allclose(fanofactor(active, 20)[unit], expected, rtol=1e-12)


@given(st.integers(1, 20), st.integers(2, 9), st.data())
def test_order_of_windows_and_within_them_does_not_matter(window, n_windows, data):
    active = np.random.default_rng(data.draw(st.integers(0, 99))).random((n_windows * window, 3)) < 0.4
    order = data.draw(st.permutations(range(n_windows)))
    within = data.draw(st.permutations(range(window)))
    other = active.reshape(n_windows, window, 3)[order][:, within].reshape(-1, 3)
    assert_same_bits(fanofactor(other, window), fanofactor(active, window))


@given(dense(), st.data())
def test_complement_has_the_same_variance(active, data):
    window = data.draw(st.integers(1, len(active)))
    mean = active[: len(active) // window * window].mean(axis=0)
    mixed = (mean > 0) & (mean < 1)
    found, other = quiet(active, window), quiet(~active, window)
    np.testing.assert_allclose(
        (found * mean)[mixed], (other * (1 - mean))[mixed], rtol=1e-12, atol=1e-15
    )


@given(dense())
def test_windows_of_one_sample(active):
    # The variance of a bit over its mean: 1 − p.
    rate = active.mean(axis=0)
    expected = np.where(rate > 0, 1 - rate, np.nan)
    np.testing.assert_allclose(fanofactor(active, 1), expected, rtol=0, atol=1e-15)


def test_degenerate_units():
    active = np.zeros((7, 3), bool)
    active[:, 1] = True
    active[6, 2] = True  # its only spike is in no whole window
    np.testing.assert_array_equal(quiet(active, 2), [np.nan, 0, np.nan])
    np.testing.assert_array_equal(fanofactor(active[:1], 1), [np.nan, 0, np.nan])
    np.testing.assert_array_equal(fanofactor(np.ones((1, 1)), 1), [0])


@pytest.mark.parametrize("ddof", [2, -1, 0.5, None, "0", True, False, 1.0])
def test_ddof_is_0_or_1(ddof):
    with pytest.raises(ValueError, match="ddof must be 0 or 1, got "):
        fanofactor(np.eye(4), 2, ddof=ddof)


@pytest.mark.parametrize("size", [10**3, 10**9, 10**12])
def test_sums_of_any_size(size):
    # n_windows · Σc² passes 2^63 for the larger two.
    total, squares, n_windows = np.array([size, 3 * size]), np.array([size * 7, size * 9]), size * 2
    found = fano_from_sums(total, squares, n_windows, 1)
    for value, s, q in zip(found, total.tolist(), squares.tolist(), strict=True):
        exact = Fraction(n_windows * q - s * s, (n_windows - 1) * s)
        assert value == pytest.approx(float(exact), rel=1e-15, abs=0)


@given(cut_rasters(), st.data())
def test_cutting_changes_nothing(cut, data):
    raster, chunks = cut
    ddof = data.draw(st.integers(0, min(1, raster.n_samples - 1)))
    window = data.draw(st.integers(1, raster.n_samples // (ddof + 1)))
    expected = quiet(raster, window, ddof=ddof)
    for way in (feed, merge):
        found = way(lambda start: FanoFactor(window, ddof=ddof, start=start), chunks)
        assert_same_bits(found.result(), expected)


def test_accumulator_refuses():
    raster = a2n.as_raster(np.eye(4))
    with pytest.raises(ValueError, match="needs more than 1 whole windows of 3 samples, has 1"):
        FanoFactor(3, ddof=1).update(raster).result()
    with pytest.raises(ValueError, match="needs more than 0 whole windows of 100 samples, has 0"):
        FanoFactor().result()
    with pytest.raises(ValueError, match="later must have ddof 0, got 1"):
        FanoFactor(3).merge(FanoFactor(3, ddof=1))
    with pytest.raises(ValueError, match="later must start at sample 4, got 0"):
        FanoFactor(3).update(raster).merge(FanoFactor(3).update(raster))
