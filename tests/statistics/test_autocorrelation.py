"""Autocorrelation of single units."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.stattools import acf

import ann2neo as a2n
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.statistics.autocorrelation import (
    Autocorrelation,
    autocorrelation,
    autocorrelation_from_counts,
)
from tests.statistics.chunking import assert_same_bits, cut_rasters, feed, merge
from tests.strategies import dense


def by_definition(x, max_lag):
    deviation = x - x.mean()
    products = [np.sum(deviation[: x.size - k] * deviation[k:]) for k in range(max_lag + 1)]
    return np.array(products) / np.sum(deviation**2)


def test_computed_by_hand():
    # 1 1 0 0, mean 1/2: products of ±1/2 a lag apart are (+ − +)/4, (− −)/4, (−)/4; of lag 0, 1.
    active = np.array([[1], [1], [0], [0]])
    np.testing.assert_array_equal(autocorrelation(active, 3), [[1, 0.25, -0.5, -0.25]])


@given(dense(), st.data())
def test_against_the_definition(active, data):
    max_lag = data.draw(st.integers(0, len(active) - 1))
    found = autocorrelation(active, max_lag)
    assert found.shape == (active.shape[1], max_lag + 1)
    for unit, row in enumerate(found):
        column = active[:, unit]
        if column.all() or not column.any():
            assert np.isnan(row).all()
        else:
            np.testing.assert_allclose(
                row, by_definition(column.astype(float), max_lag), rtol=0, atol=1e-12
            )


def test_as_statsmodels():
    rng = np.random.default_rng(4)
    active = rng.random((1501, 5)) < [0.01, 0.3, 0.5, 0.9, 0.99]
    active[1:, 2] |= active[:-1, 1]
    expected = [acf(column.astype(float), nlags=70, adjusted=False, fft=False) for column in active.T]
    np.testing.assert_allclose(autocorrelation(active, 70), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [10**6, 1_600_000, 2 * 10**6 + 1, 10**7, 2 * 10**9])
def test_recordings_of_any_length(n):
    spikes, lagged = 2 * n // 5, n // 6
    counts = np.array([[spikes, lagged, lagged + 7]])
    head, tail = np.array([[True, False]]), np.array([[True, True]])
    found = autocorrelation_from_counts(LaggedCounts(n, counts, head, tail))
    mean, ends = Fraction(spikes, n), [0, 2, 3]
    for k, count in enumerate(counts[0].tolist()):
        exact = count - mean * (2 * spikes - ends[k]) + (n - k) * mean**2
        exact /= spikes - spikes * mean
        assert found[0, k] == pytest.approx(float(exact), rel=1e-15, abs=1e-300)


@given(dense(), st.data())
def test_backwards_and_complement_are_the_same(active, data):
    max_lag = data.draw(st.integers(0, len(active) - 1))
    expected = autocorrelation(active, max_lag)
    assert_same_bits(autocorrelation(active[::-1], max_lag), expected)
    assert_same_bits(autocorrelation(~active, max_lag), expected)


@given(dense(), st.data())
def test_sums_to_minus_one_half(active, data):
    # Over all lags but 0, for any series.
    found = autocorrelation(active, len(active) - 1)
    mixed = ~np.isnan(found[:, 0])
    np.testing.assert_allclose(found[mixed, 1:].sum(axis=1), -0.5, rtol=0, atol=1e-12)


def test_degenerate():
    np.testing.assert_array_equal(autocorrelation([[1], [0]], 0), [[1.0]])
    assert np.isnan(autocorrelation([[1, 0]], 0)).all()


@pytest.mark.parametrize("max_lag", [-1, 3, 64])
def test_max_lag_out_of_range(max_lag):
    with pytest.raises(ValueError, match=f"max_lag must be .*, got {max_lag}"):
        autocorrelation(np.eye(3), max_lag)


@given(cut_rasters(), st.data())
def test_cutting_changes_nothing(cut, data):
    raster, chunks = cut
    max_lag = data.draw(st.integers(0, raster.n_samples - 1))
    for way in (feed, merge):
        found = way(lambda start: Autocorrelation(max_lag, start=start), chunks)
        assert_same_bits(found.result(), autocorrelation(raster, max_lag))


def test_accumulator_refuses():
    with pytest.raises(ValueError, match="no samples yet"):
        Autocorrelation(2).result()
    with pytest.raises(ValueError, match="max_lag must be less than n_samples = 2, got 2"):
        Autocorrelation(2).update(a2n.as_raster(np.eye(2))).result()
    with pytest.raises(ValueError, match="later must have max_lag 2, got 3"):
        Autocorrelation(2).merge(Autocorrelation(3))
