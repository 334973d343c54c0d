"""A row of a recording of a Keras model is that of its sample, whatever a layer does with the batch."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ann2neo as a2n

N = 40
X = np.random.default_rng(0).standard_normal((N, 6)).astype("float32")


def keep_first(n):
    def keep(h):
        places = ops.arange(ops.shape(h)[0])
        return ops.where((places < n)[:, None], h, 0.0)

    return keep


def quantize(h):
    scale = ops.max(ops.abs(h)) / 127
    return ops.round(h / scale) * scale


MIXED = {
    "mean": lambda h: h - ops.mean(h, 0),
    "mean of many": lambda h: ops.where(ops.shape(h)[0] > 20, h - ops.mean(h, 0), h),
    "sorted": lambda h: ops.take(h, ops.argsort(h[:, 0]), 0),
    "summed up": lambda h: ops.cumsum(h, 0),
    "attention over the batch": lambda h: ops.softmax(h @ ops.transpose(h)) @ h,
    "a scale of all": quantize,
    "the place": keep_first(30),
    "the last two": lambda h: ops.where(
        (ops.arange(ops.shape(h)[0]) < ops.maximum(ops.shape(h)[0] - 2, 9))[:, None], h, 0.0
    ),
}


class Subclassed(keras.Model):
    def __init__(self, mix):
        super().__init__()
        self.mix = mix
        self.first, self.second = layers.Dense(8, "relu", name="first"), layers.Dense(7, name="second")

    def call(self, x):
        return self.second(self.mix(self.first(x)))


def functional(mix):
    given = keras.Input((6,))
    mixed = layers.Lambda(mix, output_shape=(8,), name="mix")(
        layers.Dense(8, "relu", name="first")(given)
    )
    return keras.Model(given, layers.Dense(7, name="second")(mixed))


@pytest.mark.parametrize("make", [Subclassed, functional])
@pytest.mark.parametrize("case", MIXED)
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_layers_that_look_at_the_whole_batch(case, make):
    keras.utils.set_random_seed(0)
    model = make(MIXED[case])
    model(X[:4])
    with pytest.raises(ValueError, match="layer 'second' cannot be recorded: its rows depend on which"):
        a2n.record(model, X, layers="second")
    with pytest.warns(UserWarning, match=r"layers='all' leaves out .*'second': its rows depend"):
        assert "second" not in a2n.record(model, X, layers="all").layers
    assert a2n.record(model, X, layers="first").n_samples == N
