"""LaggedCounts against a loop over booleans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import SpikeRaster
from ann2neo.spikes.lagged import LaggedCounts, unpack_samples
from tests.statistics.chunking import cut_rasters
from tests.strategies import dense

lags = st.one_of(st.integers(0, 10), st.sampled_from([62, 63, 64, 65, 127, 128, 200, 300]))


def brute(active, max_lag):
    x = active.T.astype(int)
    n = x.shape[1]
    counts = [
        np.sum(x[:, : n - k] * x[:, k:], axis=1) if k < n else np.zeros(len(x))
        for k in range(max_lag + 1)
    ]
    ends = [x[:, :k].sum(axis=1) + x[:, max(n - k, 0) :].sum(axis=1) for k in range(max_lag + 1)]
    return np.array(counts, int).T, np.array(ends, int).T


def assert_equal(found, expected):
    assert found.n_samples == expected.n_samples
    for name in ("counts", "head", "tail", "ends"):
        a, b = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(a, b, err_msg=name)
        assert a.dtype == b.dtype, name


@given(dense(), lags)
def test_against_a_loop(active, max_lag):
    table = LaggedCounts.of(SpikeRaster.from_dense(active), max_lag)
    counts, ends = brute(active, max_lag)
    np.testing.assert_array_equal(table.counts, counts)
    np.testing.assert_array_equal(table.ends, ends)
    edge = min(max_lag, len(active))
    np.testing.assert_array_equal(table.head, active[:edge].T)
    np.testing.assert_array_equal(table.tail, active[len(active) - edge :].T)
    assert table.max_lag == max_lag


def test_counted_by_hand():
    # Spikes at 0, 1, 3, 4: one apart are (0, 1) (3, 4), two (1, 3), three (0, 3) (1, 4), four (0, 4).
    table = LaggedCounts.of(SpikeRaster.from_dense([[1], [1], [0], [1], [1]]), 4)
    np.testing.assert_array_equal(table.counts, [[4, 2, 1, 2, 1]])
    np.testing.assert_array_equal(table.ends, [[0, 2, 4, 4, 6]])


@given(cut_rasters(), lags)
def test_cutting_changes_nothing(cut, max_lag):
    raster, chunks = cut
    parts = [LaggedCounts.of(chunk, max_lag) for chunk in chunks]
    whole = LaggedCounts.of(raster, max_lag)
    forwards = parts[0]
    for part in parts[1:]:
        forwards = forwards.merge(part)
    backwards = parts[-1]
    for part in parts[-2::-1]:
        backwards = part.merge(backwards)
    assert_equal(forwards, whole)
    assert_equal(backwards, whole)


@given(dense(), lags)
def test_backwards_swaps_the_ends(active, max_lag):
    there = LaggedCounts.of(SpikeRaster.from_dense(active), max_lag)
    back = LaggedCounts.of(SpikeRaster.from_dense(active[::-1]), max_lag)
    np.testing.assert_array_equal(there.counts, back.counts)
    np.testing.assert_array_equal(there.head, back.tail[:, ::-1])
    np.testing.assert_array_equal(there.ends, back.ends)


@given(dense(), st.data())
def test_unpacked_takes_any_stretch(active, data):
    start = data.draw(st.integers(0, len(active)))
    stop = data.draw(st.integers(start, len(active)))
    found = unpack_samples(SpikeRaster.from_dense(active).words, start, stop)
    np.testing.assert_array_equal(found, active[start:stop].T)


@pytest.mark.parametrize(
    ("lag", "error", "message"),
    [
        (-1, ValueError, "max_lag must be at least 0, got -1"),
        (1.0, TypeError, r"max_lag must be an int of at least 0, got 1\.0"),
        ("2", TypeError, "max_lag must be an int of at least 0, got '2'"),
    ],
)
def test_lags_out_of_range(lag, error, message):
    with pytest.raises(error, match=message):
        LaggedCounts.of(SpikeRaster.from_dense([[1]]), lag)


def test_only_alike_tables_merge():
    one, two = SpikeRaster.from_dense([[1]]), SpikeRaster.from_dense([[1, 0]])
    table = LaggedCounts.of(one, 2)
    for other in (LaggedCounts.of(two, 2), LaggedCounts.of(one, 3)):
        with pytest.raises(ValueError, match=r"later must have counts of shape \(1, 3\)"):
            table.merge(other)
