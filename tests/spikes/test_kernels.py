"""The compiled loops, each against a loop over booleans; constant data would hide a wrong shift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ann2neo import SpikeRaster
from ann2neo.spikes import kernels
from ann2neo.spikes.words import n_words
from tests.strategies import dense


def pack(active):
    return np.array(SpikeRaster.from_dense(active).words)


def bits(words, n_samples):
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little", count=n_samples).T.astype(bool)


@given(dense(max_units=3))
def test_unpack_as_numpy_does(active):
    np.testing.assert_array_equal(bits(pack(active), len(active)), active)


@given(st.integers(0, 200), hnp.arrays(np.int8, st.tuples(st.integers(1, 150), st.integers(1, 5))))
def test_pack_above_starts_anywhere(start, values):
    threshold = np.arange(-2, values.shape[1] - 2).astype(np.int8)
    before = np.random.default_rng(0).random((start, values.shape[1])) < 0.5
    words = np.zeros((values.shape[1], n_words(start + len(values))), np.uint64)
    words[:, : n_words(start)] |= pack(before) if start else np.uint64(0)
    assert kernels.pack_above(values, threshold, words, start)
    expected = np.concatenate([before, values > threshold])
    np.testing.assert_array_equal(bits(words, len(expected)), expected)
    np.testing.assert_array_equal(words, pack(expected))


@pytest.mark.parametrize("n_units", [63, 64, 65, 2047, 2048, 2049, 4100])
def test_tiles_of_units(n_units):
    rng = np.random.default_rng(n_units)
    values = rng.standard_normal((70, n_units), dtype=np.float32)
    threshold = rng.standard_normal(n_units, dtype=np.float32)
    words = np.zeros((n_units, 2), np.uint64)
    assert kernels.pack_above(values, threshold, words, 0)
    found = np.empty(values.shape, np.uint8)
    kernels.unpack(words, found)
    np.testing.assert_array_equal(found.astype(bool), values > threshold)
    values[69, n_units - 1] = np.nan
    assert not kernels.pack_above(values, threshold, words, 0)


@given(st.sets(st.integers(0, 199), min_size=1))
def test_set_bits_and_spike_indices_undo_each_other(places):
    indices = np.array(sorted(places))
    row = np.zeros(n_words(200), np.uint64)
    kernels.set_bits(row, indices[::-1].copy())
    for dtype in (np.int64, np.float64):
        found = np.empty(indices.size, dtype)
        kernels.spike_indices(row, found)
        np.testing.assert_array_equal(found, indices)


@given(dense(max_units=3), st.data())
def test_gather_takes_any_order(active, data):
    order = np.array(data.draw(st.lists(st.integers(0, len(active) - 1), min_size=1, max_size=150)))
    out = np.full((active.shape[1], n_words(order.size)), 2**64 - 1, np.uint64)
    kernels.gather(pack(active), order, out)
    np.testing.assert_array_equal(out, pack(active[order]))


@given(st.data())
def test_gather_takes_stretches_that_begin_and_end_anywhere(data):
    active = np.random.default_rng(2).random((300, 2)) < 0.5
    ends = st.tuples(st.integers(0, 299), st.integers(1, 140))
    stretches = data.draw(st.lists(ends, min_size=1, max_size=5))
    order = np.concatenate([np.arange(first, min(first + size, 300)) for first, size in stretches])
    out = np.full((2, n_words(order.size)), 2**64 - 1, np.uint64)
    kernels.gather(pack(active), order, out)
    np.testing.assert_array_equal(out, pack(active[order]))


@given(dense(max_units=3), st.integers(0, 130))
def test_append_at_any_place(active, start):
    before = np.random.default_rng(1).random((start, active.shape[1])) < 0.5
    whole = np.concatenate([before, active])
    out = np.zeros((active.shape[1], n_words(len(whole))), np.uint64)
    if start:
        kernels.append(pack(before), start, out, 0)
    kernels.append(pack(active), len(active), out, start)
    np.testing.assert_array_equal(out, pack(whole))


@given(dense(max_units=3), st.integers(0, 63))
def test_drop_shifts_towards_the_start(active, n_bits):
    words = pack(active)
    kernels.drop(words, n_bits)
    rest = np.concatenate([active[n_bits:], np.zeros((min(n_bits, len(active)), active.shape[1]), bool)])
    np.testing.assert_array_equal(words, pack(rest))
