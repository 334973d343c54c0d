"""Samples in every wrapping give the same raster; labels come from outside, from inside, or not."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import ann2neo as a2n
from ann2neo.recording.samples.batches import batches
from tests.recording.models import inputs, mlp

N = 21
X = inputs(N, 6)
Y = np.arange(N) % 4


@pytest.fixture(scope="module")
def model():
    return mlp()


class Sequence(keras.utils.PyDataset):
    def __init__(self, *parts, length=3):
        super().__init__()
        self.parts, self.length = parts, length

    @property
    def num_batches(self):
        return self.length

    def __getitem__(self, index):
        return tuple(part[index * 8 : index * 8 + 8] for part in self.parts)


def slices(*parts):
    return [tuple(part[i : i + 8] for part in parts) for i in range(0, N, 8)]


def memmap(tmp_path):
    found = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=X.shape)
    found[:] = X
    return found


def h5(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = X
    return h5py.File(tmp_path / "x.h5")["x"]


WRAPPINGS = {
    "array": lambda _: X,
    "memmap": memmap,
    "h5py": h5,
    "DataFrame": lambda _: pd.DataFrame(X),
    "tensor": lambda _: tf.constant(X),
    "dict": lambda _: {"x": X},
    "tuple": lambda _: (X,),
    "list of batches": lambda _: [X[:8], X[8:9], X[9:]],
    "with an empty batch": lambda _: [X[:8], X[:0], X[8:]],
    "generator": lambda _: (batch for (batch,) in slices(X)),
    "dicts": lambda _: ({"x": batch} for (batch,) in slices(X)),
    "lists, as of torch": lambda _: [[x, y] for x, y in slices(X, Y)],
    "with weights": lambda _: slices(X, Y, np.ones(N)),
    "tensors": lambda _: (tf.constant(batch) for (batch,) in slices(X)),
    "tf.data": lambda _: tf.data.Dataset.from_tensor_slices(X).batch(8),
    "tf.data of dicts": lambda _: tf.data.Dataset.from_tensor_slices({"x": X}).batch(8),
    "tf.data with labels": lambda _: tf.data.Dataset.from_tensor_slices((X, Y)).batch(5),
    "PyDataset": lambda _: Sequence(X),
    "PyDataset with labels": lambda _: Sequence(X, Y),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_any_wrapping_gives_the_same_raster(model, tmp_path, wrapping):
    network = keras.Model({"x": model.inputs[0]}, model.outputs) if "dict" in wrapping else model
    network.name = model.name
    samples = WRAPPINGS[wrapping](tmp_path)
    raster = a2n.record(network, samples, layers="first", labels=False, batch_size=8)
    assert raster == a2n.record(model, X, layers="first")
    assert list(raster.samples.columns) == ["sample_index"]


@pytest.mark.parametrize("wrapping", ["array", "h5py", "DataFrame", "tensor", "tuple", "memmap"])
def test_arrays_of_any_kind_are_read_in_a_drawn_order(model, tmp_path, wrapping):
    samples = WRAPPINGS[wrapping](tmp_path)
    raster = a2n.record(
        model, samples, layers="first", labels=Y, rng=np.random.default_rng(3), batch_size=8
    )
    order = np.random.default_rng(3).permutation(N)
    np.testing.assert_array_equal(raster.samples["sample_index"], order)
    np.testing.assert_array_equal(raster.samples["label"], Y[order])
    expected = a2n.record(model, X, layers="first").to_dense()[order]
    np.testing.assert_array_equal(raster.to_dense(), expected)


@pytest.mark.parametrize("wrapping", ["tf.data with labels", "PyDataset with labels", "with weights"])
def test_labels_inside_the_samples(model, tmp_path, wrapping):
    raster = a2n.record(model, WRAPPINGS[wrapping](tmp_path), layers="first")
    np.testing.assert_array_equal(raster.samples["label"], Y)
    own = a2n.record(model, WRAPPINGS[wrapping](tmp_path), layers="first", labels=Y + 1)
    np.testing.assert_array_equal(own.samples["label"], Y + 1)


def test_several_inputs_with_labels_inside():
    a, b = keras.Input((6,)), keras.Input((6,))
    network = keras.Model([a, b], keras.layers.Add(name="sum")([a, b]))
    for pack in (tuple, list):
        samples = [(pack(two), y) for *two, y in slices(X, -X[::-1], Y)]
        raster = a2n.record(network, samples, layers="sum")
        np.testing.assert_array_equal(raster.to_dense(), X - X[::-1] > 0)
        np.testing.assert_array_equal(raster.samples["label"], Y)


@pytest.mark.parametrize(
    "labels",
    [
        Y,
        Y.tolist(),
        Y[:, None],
        Y.astype(np.uint8),
        Y / 2,
        Y > 1,
        np.array(list("abcd"))[Y],
        pd.Series(list("abcd"))[Y],
        pd.Series(list("abcd"), dtype=object)[Y],
        tf.constant(Y),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_labels_of_any_kind(model, labels, streamed):
    samples = (batch for (batch,) in slices(X)) if streamed else X
    raster = a2n.record(model, samples, layers="first", labels=labels)
    assert list(raster.samples["label"]) == np.asarray(labels).ravel().tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(4)[Y], r"labels must be one .* got shape \(21, 4\).*argmax\(axis=1\)"),
        (3, r"got shape \(\)"),
        ([None] * N, "of object"),
        ([1 + 2j] * N, "of complex128"),
        (Y[:20], r"one entry per sample \(21\), got 20"),
        ([*Y, 1], r"one entry per sample \(21\), got 22"),
    ],
)
def test_labels_that_do_not_fit(model, labels, message):
    with pytest.raises(ValueError, match=message):
        a2n.record(model, X, labels=labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y[:20], "after the first 16 has 5 and 4 labels"),
        ([*Y, 1], r"one entry per sample \(21\), got 22"),
    ],
)
def test_labels_that_do_not_fit_a_stream(model, labels, message):
    with pytest.raises(ValueError, match=message):
        a2n.record(model, (batch for (batch,) in slices(X)), labels=labels)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (lambda: [(X, np.eye(4)[Y])], r"labels inside samples .*labels=False leaves.*argmax"),
        (lambda: [(X, Y[:3])], "after the first 0 has 21 and 3 labels"),
        (lambda: [(X, Y), X], "every batch of samples or with none.*ends at sample 42"),
        (lambda: [X, (X, Y)], "every batch of samples or with none.*ends at sample 42"),
        (lambda: [(X, Y, Y, Y)], "each batch of samples must be inputs.*got a tuple of 4"),
        (lambda: X.tolist(), "each batch of samples must be inputs.*got a list of 6"),
        (lambda: [{"a": X, "b": X[:3]}], r"one length.*\(21, 6\), \(3, 6\)"),
        (lambda: tf.data.Dataset.from_tensor_slices((X, Y)), "is the data set batched"),
        (lambda: tf.data.Dataset.from_tensor_slices(X), "is the data set batched"),
        (lambda: tf.data.Dataset.from_tensor_slices(Y), "is the data set batched"),
        (lambda: tf.data.Dataset.from_tensor_slices(X).batch(8).repeat(), "must end.*repeats for ever"),
        (lambda: Sequence(X, length=None), "must end.*no length"),
        (lambda: X[:0], r"at least one sample, got shape \(0, 6\)"),
        (list, "at least one sample, got none"),
        (dict, "at least one sample, got none"),
        (lambda: [X[:0]], "at least one sample, got none"),
        (lambda: (X, X[:3]), r"one length, got lengths \[3, 21\]"),
    ],
)
def test_samples_that_do_not_fit(model, samples, message):
    with pytest.raises(ValueError, match=message):
        a2n.record(model, samples())


def test_samples_of_another_type(model):
    with pytest.raises(TypeError, match=r"samples must be an array.*got 7 \(int\)"):
        a2n.record(model, 7)
    sparse = pytest.importorskip("scipy.sparse").csr_array(X)
    with pytest.raises(TypeError, match=r"dense, got a csr_array; pass samples.toarray\(\)"):
        a2n.record(model, sparse)


def test_a_data_frame_is_not_converted_as_a_whole():
    class Frame(pd.DataFrame):
        def to_numpy(self, *args, **options):
            assert len(self) <= 8
            return super().to_numpy(*args, **options)

        @property
        def _constructor(self):
            return Frame

    read = list(batches(Frame(X), labels=None, batch_size=8, rng=None))
    np.testing.assert_array_equal(np.concatenate([batch.inputs for batch in read]), X)
    assert [batch.n_samples for batch in read] == [8, 8, 5]
