"""Packer against NumPy's own comparison, in the precision of the activations."""

import itertools
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ann2neo import SpikeRaster
from ann2neo.spikes import packing
from ann2neo.spikes.packing import NonFiniteActivation, Packer
from ann2neo.spikes.words import n_words

DTYPES = ["f2", "f4", "f8", ">f4", ">f8", "i1", "u2", "i4", "u8", "?"]
try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None
else:
    DTYPES += [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2]


def values_of(dtype, shape=(130, 5), seed=0):
    """Small multiples of a quarter: many ties with the thresholds of the tests, exact in every type."""
    quarters = np.random.default_rng(seed).integers(-8, 9, shape) / 4
    return (np.abs(quarters) if np.dtype(dtype).kind in "u?" else quarters).astype(dtype)


def pack(blocks, thresholds, n_samples=None):
    packer = Packer(sum(block.shape[1] for block in blocks), n_samples)
    packer.append(blocks, thresholds)
    return packer.finish()


def words_of(active):
    return SpikeRaster.from_dense(active).words


def assert_packed(words, active):
    np.testing.assert_array_equal(words, words_of(active))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("shape", [(), (5,), (130, 5)], ids=["scalar", "per unit", "per value"])
def test_active_is_strictly_above(dtype, shape):
    values = values_of(dtype)
    threshold = np.random.default_rng(1).integers(-2, 3, shape) / 2
    expected = values.astype(np.float64) > threshold
    ties = values.astype(np.float64) == threshold
    assert ties.any()
    assert 0 < expected.sum() < expected.size
    assert_packed(pack([values], [threshold]), expected)
    assert_packed(pack([values], [threshold.tolist()]), expected)


@pytest.mark.parametrize(
    "dtype", [d for d in DTYPES if np.dtype(d).kind in "fV"], ids=lambda d: np.dtype(d).name
)
@pytest.mark.parametrize("level", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_threshold_is_compared_in_the_precision_of_the_activations(dtype, shape, level):
    # No type holds these: each of the types rounds one of them up, so as a double it lies below `same`.
    native = np.full((1, 1), level).astype(np.dtype(dtype).newbyteorder("="))
    following = (native.view(f"u{native.itemsize}") + 1).view(native.dtype)
    same, above = native.astype(dtype), following.astype(dtype)
    assert above > same
    assert pack([same], [np.full(shape, level)]) == 0
    assert pack([above], [np.full(shape, level)]) == 1


@given(
    st.data(),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=200),
    st.sampled_from(["scalar", "unit", "value"]),
)
def test_any_split_into_batches_gives_the_same_words(data, shape, kind):
    values = values_of(np.float32, shape, seed=2)
    threshold = {"scalar": 0.25, "unit": values[0], "value": values[::-1]}[kind]
    cuts = data.draw(st.lists(st.integers(0, shape[0]), max_size=6))
    edges = sorted([0, *cuts, shape[0]])
    n_samples = data.draw(st.sampled_from([None, shape[0], max(1, shape[0] - 70), shape[0] + 70]))
    column = data.draw(st.integers(0, shape[1]))
    with mock.patch.object(packing, "_BUFFER_BYTES", 8 * shape[1]):
        packer = Packer(shape[1], n_samples)
    for first, last in itertools.pairwise(edges):
        part = values[first:last]
        level = threshold[first:last] if kind == "value" else threshold
        levels = [level, level] if kind == "scalar" else [level[..., :column], level[..., column:]]
        packer.append([part[:, :column], part[:, column:]], levels)
    assert packer.n_samples == shape[0]
    assert_packed(packer.finish(), values > threshold)


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 3))
def test_flushed_blocks_are_the_words(n_samples, batch, words_a_block):
    values = values_of(np.float32, (n_samples, 3), seed=3)
    blocks = []
    with mock.patch.object(packing, "_BUFFER_BYTES", 8 * 3 * words_a_block):
        packer = Packer(3, flush=lambda words: blocks.append(words.copy()))
    for first in range(0, n_samples, batch):
        packer.append([values[first : first + batch]], [0])
    assert packer.finish() is None
    assert packer.n_samples == n_samples
    assert all(block.shape == (3, words_a_block) for block in blocks[:-1])
    assert len(blocks) == -(-n_words(n_samples) // words_a_block)
    assert_packed(np.concatenate(blocks, axis=1), values > 0)


@pytest.mark.parametrize("n_samples", [None, 130])
def test_finished_words_are_read_only_and_owned(n_samples):
    words = pack([values_of(np.float32)], [0], n_samples)
    assert not words.flags.writeable
    assert words.flags.owndata


@pytest.mark.parametrize(
    "dtype", [d for d in DTYPES if np.dtype(d).kind in "fV"], ids=lambda d: np.dtype(d).name
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(), (5,), (130, 5)], ids=["scalar", "per unit", "per value"])
def test_non_finite_values_are_located(dtype, bad, shape):
    blocks = [values_of(dtype), values_of(dtype)]
    blocks[1][70:, 3] = bad
    packer = Packer(10)
    packer.append([values_of(dtype, (40, 5))] * 2, [0, 0])
    with pytest.raises(NonFiniteActivation, match=rf"{bad} in block 1, row 70, column 3") as error:
        packer.append(blocks, [0, np.zeros(shape)])
    found = error.value
    assert (found.block, found.row, found.column) == (1, 70, 3)
    np.testing.assert_equal(found.value, bad)


@given(
    st.integers(0, 149),
    st.integers(0, 3),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.integers(1, 150),
)
def test_one_non_finite_value_anywhere(row, column, bad, batch):
    values = np.full((150, 4), np.finfo(np.float32).max, np.float32)
    values[row, column] = bad
    packer = Packer(4)
    whole = row // batch * batch
    for first in range(0, whole, batch):
        packer.append([values[first : first + batch]], [0.0])
    with pytest.raises(NonFiniteActivation) as error:
        packer.append([values[whole : whole + batch]], [0.0])
    assert (error.value.row, error.value.column) == (row - whole, column)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_near_the_end_of_the_range_are_finite(dtype, sign):
    values = np.full((200, 3), sign * np.finfo(dtype).max, dtype)
    values[::2, 1] = np.finfo(dtype).tiny
    values[::2, 2] = np.finfo(dtype).smallest_subnormal
    for threshold in (0.0, np.zeros(3), np.zeros((200, 3))):
        assert_packed(pack([values], [threshold]), values > 0)


@pytest.mark.parametrize(("threshold", "active"), [(1e30, False), (-1e30, True), (np.inf, False)])
def test_thresholds_beyond_the_range_of_the_activations(threshold, active):
    values = np.array([[-65504.0], [0.0], [65504.0]], np.float16)
    assert_packed(pack([values], [threshold]), np.full((3, 1), active))


def test_threshold_that_is_not_a_number():
    with pytest.raises(ValueError, match="threshold must not be NaN"):
        pack([values_of(np.float32)], [[0, 0, np.nan, 0, 0]])


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda v: np.repeat(v, 2, axis=1)[:, ::2], lambda v: v[::-1].copy()[::-1]],
    ids=["Fortran", "strided", "reversed"],
)
def test_non_contiguous_input(layout):
    values = values_of(np.float32, seed=4)
    given = layout(values)
    assert not given.flags.c_contiguous
    assert_packed(pack([given], [0]), values > 0)


def test_input_is_left_alone():
    values = values_of(np.float32)
    values.flags.writeable = False
    before = values.copy()
    pack([values], [0])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    "shapes",
    [[(3, 4)], [(3, 6)], [(3, 2), (3, 2)], [(3, 2), (4, 3)], [(3, 2), (2, 3)], [(5,)], [(3, 5, 1)]],
)
def test_blocks_of_another_shape(shapes):
    packer = Packer(5, 100)
    blocks = [np.ones(shape, np.float32) for shape in shapes]
    with pytest.raises(ValueError, match=r"blocks must have shapes .* 5 units together, got"):
        packer.append(blocks, [0.0] * len(blocks))
    assert not packer._words.any()


def test_one_threshold_a_block():
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        Packer(5).append([np.ones((3, 2)), np.ones((3, 3))], [0.0])


@pytest.mark.parametrize("dtype", ["c8", "U3", "O", "m8[s]", "g"])
def test_activations_that_are_no_real_numbers(dtype):
    with pytest.raises(
        TypeError, match="activations must be real numbers of at most 64 bits, got dtype"
    ):
        pack([np.zeros((3, 2)).astype(dtype)], [0.0])


@pytest.mark.parametrize("dtype", ["i8", ">i8", "u8"])
def test_integers_that_float64_does_not_hold(dtype):
    largest = 2**53 - 1
    whole = [largest, largest - 1, 0] + ([] if dtype == "u8" else [-largest, 1 - largest])
    values = np.array([whole], dtype)
    for level in (largest - 1, largest, 2**53 + 1, -largest, -(2**53) - 1):
        # Python's own integers are exact.
        expected = np.array([[value > level for value in whole]])
        assert_packed(pack([values], [np.full(len(whole), level)]), expected)
    for beyond in (2**53, 2**53 + 1) if dtype == "u8" else (2**53 + 1, -(2**53), -(2**63)):
        with pytest.raises(ValueError, match=rf"between -2\*\*53 and 2\*\*53.*; got {beyond}"):
            pack([np.array([[0, beyond]], dtype)], [0.0])


def test_buffer_is_bounded():
    for n_units in (1, 64, 10_000, 10**6, 10**8):
        words = packing.buffer_words(n_units)
        assert 1 <= words <= 1024
        assert words == 1 or words * n_units * 8 <= 16 * 2**20
