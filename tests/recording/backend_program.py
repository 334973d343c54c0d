"""Run by test_backends.py under each Keras backend: what is recorded there against plain NumPy.

Weights and samples are whole numbers, so that every backend computes the same sums, and the threshold
lies between two of them: the same weights give the same bits everywhere.
"""

import sys

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from tests.recording.models import inputs, with_weights

N = 21
OPTIONS = {"layers": "all", "threshold": 0.5, "batch_size": 8}


def relu_dense(layer, x):
    kernel, bias = (weight.numpy() for weight in layer.weights)
    return np.maximum(x @ kernel + bias, 0)


def build_shared_and_nested():
    inner = keras.Sequential([keras.Input((6,)), kl.Dense(6, "relu", name="d")], name="enc")
    start, shared = keras.Input((6,)), kl.Dense(6, "relu", name="sh")
    hidden = kl.BatchNormalization()(shared(shared(inner(start))))
    return with_weights(keras.Model(start, kl.Dense(2, "relu", name="out")(kl.Dropout(0.5)(hidden))))


def check_dense():
    model, x = build_shared_and_nested(), inputs(N, 6)
    layers = [model.get_layer("enc").get_layer("d"), *[model.get_layer("sh")] * 2]
    values = [x]
    for layer in layers:
        values.append(relu_dense(layer, values[-1]))
    values.append(relu_dense(model.get_layer("out"), values[-1] / np.sqrt(1 + 1e-3)))
    raster = a2n.record(model, x, **OPTIONS)
    assert raster.layers == ["enc.d", "sh:0", "sh:1", "out"]
    assert raster.annotations["backend"] == keras.backend.backend()
    np.testing.assert_array_equal(raster.to_dense(), np.hstack(values[1:]) > 0.5)


class Loop(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [kl.Dense(5, "relu", name=f"block{i}") for i in range(2)]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def check_subclassed():
    model, x = Loop(), inputs(N, 5)
    model(x[:1])
    with_weights(model)
    one = relu_dense(model.blocks[0], x)
    expected = np.hstack([one, relu_dense(model.blocks[1], one)]) > 0.5
    np.testing.assert_array_equal(a2n.record(model, x, **OPTIONS).to_dense(), expected)


def check_convolution():
    # TensorFlow on a CPU has no convolution with the channels first.
    first = keras.backend.backend() != "tensorflow"
    layout, shape = ("channels_first", (2, 5, 4)) if first else ("channels_last", (5, 4, 2))
    model = keras.Sequential(
        [
            keras.Input(shape),
            kl.Conv2D(3, 2, activation="relu", data_format=layout, name="conv"),
            kl.GlobalAveragePooling2D(data_format=layout),
            kl.Dense(1),
        ]
    )
    images = inputs(N, 5, 4, 2)
    kernel, bias = (weight.numpy() for weight in with_weights(model).get_layer("conv").weights)
    windows = np.lib.stride_tricks.sliding_window_view(images, (2, 2), axis=(1, 2))
    expected = np.einsum("nrcihw,hwio->nrco", windows, kernel) + bias > 0.5
    given = images.transpose(0, 3, 1, 2) if first else images
    options = {**OPTIONS, "layers": "conv"}
    raster = a2n.record(model, given, **options)
    units = raster.units
    found = expected[:, units["row"], units["column"], units["channel"]]
    np.testing.assert_array_equal(raster.to_dense(), found)
    channels = a2n.record(model, given, conv_units="channels", **options)
    at = channels.samples
    found = expected[at["sample_index"], at["row"], at["column"]]
    np.testing.assert_array_equal(channels.to_dense(), found)


def check_model_is_left_as_found():
    model, x = build_shared_and_nested(), inputs(N, 6)
    layers = model._flatten_layers()

    def state():
        return [v.numpy() for v in model.variables], [sorted(layer.__dict__) for layer in layers]

    before = state()
    with pytest.raises(ValueError, match=r"shape \(6,\); got shape \(1,\)"):
        a2n.record(model, x, layers="sh", threshold=[1.0])
    np.testing.assert_equal(state(), before)
    a2n.record(model, x, **OPTIONS)
    np.testing.assert_equal(state(), before)


def check_state_goes_from_batch_to_batch():
    def build():
        start = keras.Input((5, 3), batch_size=4)
        return with_weights(keras.Model(start, kl.Dense(1)(kl.GRU(6, stateful=True, name="gru")(start))))

    x, model, reference = inputs(12, 5, 3), build(), build()
    gru = reference.get_layer("gru")
    values = np.concatenate([keras.ops.convert_to_numpy(gru(x[i : i + 4])) for i in (0, 4, 8)])
    ordered = np.sort(values, axis=None)
    widest = int(np.argmax(np.diff(ordered)))
    level = float(ordered[widest : widest + 2].mean())
    raster = a2n.record(model, x, layers="gru", batch_size=4, threshold=level)
    np.testing.assert_array_equal(raster.to_dense(), values > level)
    for state in keras.tree.flatten(model.get_layer("gru").states):
        np.testing.assert_array_equal(state.numpy(), 0)


class Gated(keras.Model):
    """Products of layers, and an output made by the weights of one of them."""

    def __init__(self):
        super().__init__()
        self.up, self.gate = kl.Dense(5, name="up"), kl.Dense(5, name="gate")
        self.down = kl.Dense(4, "relu", name="down")

    def call(self, x):
        hidden = self.down(keras.ops.clip(self.up(x), -2, 3) * self.gate(x))
        return hidden @ keras.ops.transpose(self.down.kernel)


def check_code_between_layers():
    model, x = Gated(), inputs(N, 5)
    model(x[:1])
    with_weights(model)
    up, gate = (x @ layer.kernel.numpy() + layer.bias.numpy() for layer in (model.up, model.gate))
    values = np.clip(up, -2, 3) * gate
    options = {**OPTIONS, "layers": "last_hidden"}
    assert a2n.record(model, x, **options).layers == ["down"]
    with pytest.warns(UserWarning, match="leaves out 'matmul': it is computed between layers"):
        raster = a2n.record(model, x, **OPTIONS)
    assert raster.layers == ["up", "gate", "down:input", "down"]
    found = raster.select(layer="down:input").to_dense()
    np.testing.assert_array_equal(found, values > 0.5)


if __name__ == "__main__":
    assert keras.backend.backend() == sys.argv[1]
    check_dense()
    check_subclassed()
    check_convolution()
    check_model_is_left_as_found()
    check_state_goes_from_batch_to_batch()
    check_code_between_layers()
