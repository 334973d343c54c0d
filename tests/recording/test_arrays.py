"""Activations that are there already."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import ann2neo as a2n

A = np.random.default_rng(0).normal(size=(21, 5)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(21, 2, 3, 2))


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=70),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    st.integers(1, 80),
)
def test_array_against_numpy(activations, batch_size):
    raster = a2n.record(activations, batch_size=batch_size)
    expected = activations.reshape(len(activations), -1) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)
    assert raster.layers == ["activations"]
    np.testing.assert_array_equal(raster.units["unit_index"], range(raster.n_units))


def test_memmap_is_read_batch_by_batch(tmp_path):
    class Watched(np.memmap):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            assert np.ndim(found) < 2 or len(found) <= 8
            return found

    file = Watched(tmp_path / "a.bin", np.float32, "w+", shape=A.shape)
    np.asarray(file)[:] = A
    raster = a2n.record(file, batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), A > 0)


@pytest.mark.parametrize("wrap", [iter, list, tuple])
def test_iterable_of_batches(wrap):
    if wrap is tuple:
        raster = a2n.record(part for part in (A[:8], A[8:]))
    else:
        raster = a2n.record(wrap([A[:8], A[8:]]))
    assert raster == a2n.record(A)


def test_batches_with_labels_inside():
    raster = a2n.record([(A[:8], range(8)), (A[8:], range(8, 21))])
    np.testing.assert_array_equal(raster.samples["label"], range(21))


def test_dict_of_layers():
    raster = a2n.record({"a": A, "b": B})
    expected = np.hstack([A, B.reshape(21, -1)]) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)
    assert raster.layers == ["a", "b"]
    units = raster.select(layer="b").units
    np.testing.assert_array_equal(units["row"], np.repeat([0, 1], 6))
    np.testing.assert_array_equal(units["column"], np.tile(np.repeat([0, 1, 2], 2), 2))
    np.testing.assert_array_equal(units["channel"], np.tile([0, 1], 6))
    assert a2n.record({"a": A, "b": B}, layers="b").layers == ["b"]
    assert a2n.record({"a": A, "b": B}, layers=["b", "a"]).layers == ["b", "a"]
    streamed = a2n.record({"a": A[i : i + 8], "b": B[i : i + 8]} for i in (0, 8, 16))
    assert streamed == raster


def test_channels_of_activations_without_positions():
    for activations in (A, A[:, 0]):
        one = a2n.record(activations, conv_units="channels")
        np.testing.assert_array_equal(one.to_dense(), activations.reshape(21, -1) > 0)
        assert list(one.samples.columns) == ["sample_index"]


def test_channels_with_positions():
    raster = a2n.record(B, conv_units="channels", batch_size=8, dataset_split="test")
    np.testing.assert_array_equal(raster.to_dense(), B.reshape(-1, 2) > 0)
    samples = raster.samples
    np.testing.assert_array_equal(samples["sample_index"], np.repeat(np.arange(21), 6))
    np.testing.assert_array_equal(samples["row"], np.tile(np.repeat([0, 1], 3), 21))
    np.testing.assert_array_equal(samples["column"], np.tile([0, 1, 2], 42))
    assert set(samples["dataset_split"]) == {"test"}


def test_channels_of_samples_of_several_lengths():
    batches = [B[:8, 0], B[8:, 0, :2]]
    with pytest.raises(ValueError, match=re.escape("shape (2, 2) a sample after (3, 2)")):
        a2n.record(batches)
    raster = a2n.record(batches, conv_units="channels")
    expected = np.concatenate([part.reshape(-1, 2) for part in batches]) > 0
    np.testing.assert_array_equal(raster.to_dense(), expected)
    lengths = [3] * 8 + [2] * 13
    np.testing.assert_array_equal(raster.samples["sample_index"], np.repeat(np.arange(21), lengths))
    np.testing.assert_array_equal(raster.samples["step"], np.concatenate([range(n) for n in lengths]))
    shuffled = a2n.record(batches, conv_units="channels", rng=np.random.default_rng(4))
    order = np.random.default_rng(4).permutation(21)
    found = shuffled.samples["sample_index"].drop_duplicates()
    np.testing.assert_array_equal(found, order)
    rows = np.concatenate([np.flatnonzero(np.repeat(np.arange(21), lengths) == i) for i in order])
    np.testing.assert_array_equal(shuffled.to_dense(), expected[rows])
    with pytest.raises(ValueError, match="another number of channels"):
        a2n.record([B[:8, 0], B[8:, 0, :, :1]], conv_units="channels")


@pytest.mark.parametrize(
    ("activations", "options", "error", "message"),
    [
        ((A, A), {}, TypeError, "dict of layer name to array"),
        (A, {"layers": "a"}, ValueError, "without names are one layer"),
        ({"a": A}, {"layers": "b"}, ValueError, r"among \['a'\], got 'b'"),
        ({"a": A}, {"layers": ["a", "a"]}, ValueError, "each once"),
        ({"a": A}, {"layers": []}, ValueError, "one or more"),
        ([{"a": A}, A], {}, TypeError, "a dict of layers, as the first; got a ndarray"),
        ([A, {"a": A}], {}, TypeError, "an array, as the first; got a dict"),
        ([{"a": A, "b": A}, {"a": A}], {}, ValueError, r"the layers \['a', 'b'\], got \['a'\]"),
        (A.astype(complex), {}, TypeError, "complex"),
        (None, {}, TypeError, "samples must be an array.*got None"),
    ],
)
def test_activations_that_do_not_fit(activations, options, error, message):
    with pytest.raises(error, match=message):
        a2n.record(activations, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_values_that_are_not_finite_are_named(value, batch_size):
    broken = A.copy()
    broken[13, 2] = value
    message = re.escape(f"layer 'b', unit 2, is {value} at sample 13")
    for threshold in (0.0, lambda a: a.mean(axis=1, keepdims=True)):
        with pytest.raises(ValueError, match=message):
            a2n.record({"a": A, "b": broken}, batch_size=batch_size, threshold=threshold)
    assert np.random.default_rng(5).permutation(21)[13] != 13
    with pytest.raises(ValueError, match=message):
        a2n.record({"a": A, "b": broken}, batch_size=batch_size, rng=np.random.default_rng(5))
    stream = ({"a": A[i : i + 4], "b": broken[i : i + 4]} for i in range(0, 21, 4))
    with pytest.raises(ValueError, match=message):
        a2n.record(stream)


def test_values_that_are_not_finite_are_named_by_channel():
    broken = B.copy()
    broken[13, 1, 0, 1] = np.nan
    with pytest.raises(ValueError, match="layer 'activations', unit 1, is nan at sample 13"):
        a2n.record(broken, conv_units="channels", batch_size=8)
