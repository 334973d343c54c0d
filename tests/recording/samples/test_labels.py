"""Labels that are text: str, or the bytes that TensorFlow makes of it."""

import numpy as np
import pytest

import ann2neo as a2n

TEXTS = ["cat", "dog", "bär", "cat", "", "a longer one"]


@pytest.mark.parametrize("kind", [str, object, bytes, "bytes as objects"])
def test_texts_beside_the_samples(kind):
    labels = np.array(TEXTS, object if kind is object else str)
    if kind in (bytes, "bytes as objects"):
        encoded = [text.encode() for text in TEXTS]
        labels = np.array(encoded, None if kind is bytes else object)
    raster = a2n.record(np.ones((6, 2)), labels=labels, progress=False)
    assert raster.samples["label"].tolist() == TEXTS


def test_bytes_that_are_no_text():
    with pytest.raises(ValueError, match="labels must be text in UTF-8 where they are bytes"):
        a2n.record(np.ones((2, 2)), labels=np.array([b"\xff", b"a"]), progress=False)


def test_texts_in_a_tensorflow_data_set():
    tf = pytest.importorskip("tensorflow", reason="the tensorflow extra is not installed")
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)])
    pairs = tf.data.Dataset.from_tensor_slices((x, TEXTS)).batch(4)
    raster = a2n.record(model, pairs, progress=False)
    assert raster.samples["label"].tolist() == TEXTS
