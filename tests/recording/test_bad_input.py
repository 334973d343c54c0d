"""Networks and samples that cannot be recorded: the message says which and why."""

import keras
import numpy as np
import pytest

from ann2neo import record

BROKEN = {"one weight": (0, 3, np.nan), "a bias": (1, 2, np.nan), "infinite": (0, 0, np.inf)}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_weights_are_named(case):
    # TensorFlow's fused kernels turn the NaN that such weights make into a silent unit.
    place, entry, value = BROKEN[case]
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5, "relu", name="hidden"), keras.layers.Dense(2)]
    )
    weights = model.layers[0].get_weights()
    weights[place].flat[entry] = value
    model.layers[0].set_weights(weights)
    with pytest.raises(ValueError, match=rf"has {value} among its weights, in '.*hidden/(kernel|bias)'"):
        record(model, np.ones((3, 4), np.float32), progress=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_samples_are_named(value):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(2)])
    samples = np.ones((30, 4), np.float32)
    samples[17, 2] = value
    with pytest.raises(ValueError, match=rf"samples must be finite, got {value} in sample 17"):
        record(model, samples, batch_size=8, progress=False)
    with pytest.raises(ValueError, match=rf"got {value} in sample 17"):
        record(model, samples, batch_size=8, rng=np.random.default_rng(0), progress=False)


def test_labels_in_a_tuple_are_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(2)])
    pair = (np.ones((6, 4), np.float32), np.arange(6))
    with pytest.raises(ValueError, match=r"has 1; got a tuple of 2\. Labels go in labels="):
        record(model, pair)


def test_samples_of_another_shape_are_named_in_one_line():
    convolution = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.Flatten()]
    )
    for samples in (np.ones((8, 8, 1), np.float32), np.ones((5, 9), np.float32)):
        with pytest.raises(
            ValueError, match=r"samples do not fit network .*it takes \(None, 8, 8, 1\)"
        ) as error:
            record(convolution, samples)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("arguments", [("model.keras",), ("model.keras", np.ones((2, 3)))])
def test_a_path_is_no_network(arguments):
    with pytest.raises(TypeError, match="a file has to be loaded first"):
        record(*arguments)
