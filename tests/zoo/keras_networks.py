"""Small Keras networks with random weights, by family: name → (make, samples)."""

import keras
import numpy as np
from keras import layers as L  # noqa: N812
from keras import ops

VECTORS, IMAGES, STEPS, TOKENS, FILMS = (6,), (8, 8, 1), (5, 4), "tokens", (3, 8, 8, 1)


def functional(shape):
    """A function from inputs to outputs as a model."""

    def wrap(build):
        def make():
            given = keras.Input((5,), dtype="int32") if shape == TOKENS else keras.Input(shape)
            return keras.Model(given, build(given))

        return make, shape

    return wrap


def perceptron(*activations):
    return functional(VECTORS)(lambda x: L.Dense(3, name="out")(_stack(x, activations)))


def _stack(x, activations):
    for width, activation in zip((8, 7, 6), activations, strict=False):
        x = (
            L.Dense(width, activation)(x)
            if isinstance(activation, str)
            else activation()(L.Dense(width)(x))
        )
    return x


def conv(x, width, activation="relu", size=3):
    x = L.Conv2D(width, size, padding="same", use_bias=False)(x)
    return L.Activation(activation)(L.BatchNormalization()(x))


def pool(x):
    return L.Dense(3)(L.GlobalAveragePooling2D()(x))


def residual(x):
    x = conv(x, 4)
    inner = L.Conv2D(4, 3, padding="same")(conv(x, 4))
    return pool(L.ReLU()(L.Add()([x, inner])))


def dense_blocks(x):
    x = conv(x, 4)
    x = L.Concatenate()([x, conv(x, 3)])
    return pool(conv(L.Concatenate()([x, conv(x, 3)]), 4, size=1))


def squeeze_excite(x):
    x = conv(x, 4, "swish")
    shares = L.Dense(4, "sigmoid")(L.Dense(2, "swish")(L.GlobalAveragePooling2D(keepdims=True)(x)))
    return pool(L.Multiply()([x, shares]))


def depthwise(x):
    x = L.DepthwiseConv2D(3, depth_multiplier=3, activation="relu")(x)
    return pool(L.SeparableConv2D(5, 3, activation="relu6")(x))


def inception(x):
    parts = [conv(x, 3, size=1), conv(x, 3), conv(x, 2, size=5), L.MaxPooling2D(3, 1, "same")(x)]
    return pool(conv(L.Concatenate()(parts), 4))


def u_net(x):
    first = conv(x, 4)
    deep = conv(L.MaxPooling2D()(first), 6)
    up = L.Conv2DTranspose(4, 2, 2, activation="relu")(deep)
    return L.Conv2D(1, 1)(L.Concatenate()([first, L.UpSampling2D()(deep), up]))


def encoder(x):
    inner = L.MultiHeadAttention(2, 3)(L.LayerNormalization()(x), L.LayerNormalization()(x))
    x = L.Add()([x, inner])
    inner = L.Dense(4)(L.Dense(9, "gelu")(L.LayerNormalization()(x)))
    return L.Add()([x, inner])


def of_tokens(x):
    return L.Dense(3)(L.GlobalAveragePooling1D()(encoder(L.Embedding(23, 4)(x))))


def mixer(x):
    across = L.Permute((2, 1))(L.Dense(5)(L.Dense(6, "gelu")(L.Permute((2, 1))(x))))
    x = L.Add()([x, across])
    return L.Dense(3)(L.Flatten()(L.Add()([x, L.Dense(4)(L.Dense(9, "gelu")(x))])))


def siamese(x):
    shared = L.Dense(5, "relu", name="shared")
    return L.Dense(2)(L.Subtract()([shared(x), shared(L.Rescaling(-1.0)(x))]))


def nest(x):
    given = keras.Input((6,))
    inner = keras.Model(given, L.Dense(5, "tanh", name="deep")(L.Dense(7, "relu", name="first")(given)))
    return L.Dense(2, name="out")(inner(x))


def of_operations(x):
    hidden = ops.relu(L.Dense(8)(x))
    return L.Dense(2)(L.Lambda(lambda h: ops.maximum(h - 0.1, 0.0), name="shifted")(hidden))


def build_mixed():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    return keras.Sequential(
        [
            keras.Input(VECTORS),
            L.Dense(8, "relu", dtype=policy),
            L.Dense(7, "tanh", dtype=policy),
            L.Dense(3),
        ]
    )


@keras.saving.register_keras_serializable("zoo")
class Subclassed(keras.Model):
    """Layers called by the model's own code, one of them twice."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first, self.second = L.Dense(8, "relu"), L.Dense(8, "swish")
        self.out = L.Dense(2)

    def call(self, x):
        x = self.first(x)
        return self.out(self.second(self.second(x)) + x)


@keras.saving.register_keras_serializable("zoo")
class Gated(L.Layer):
    """A gated layer with weights of its own, and layers inside."""

    def __init__(self, width, **options):
        super().__init__(**options)
        self.gate, self.up = L.Dense(width, "silu"), L.Dense(width)

    def build(self, shape):
        self.gate.build(shape)
        self.up.build(shape)

    def call(self, x):
        return self.gate(x) * self.up(x)


def build_subclassed():
    model = Subclassed()
    model(np.zeros((1, 6), "float32"))
    return model


NETWORKS = {
    "perceptron": perceptron("relu", "relu"),
    "perceptron gelu, silu": perceptron("gelu", "silu", "elu"),
    "perceptron tanh, sigmoid": perceptron("tanh", "sigmoid", "softplus"),
    "activation layers": perceptron(L.LeakyReLU, L.PReLU, L.ELU),
    "dropout and noise": functional(VECTORS)(
        lambda x: L.Dense(2)(L.GaussianNoise(0.5)(L.Dropout(0.5)(L.Dense(8, "relu")(x))))
    ),
    "spectral normalization": functional(VECTORS)(
        lambda x: L.Dense(2)(L.SpectralNormalization(L.Dense(8, "relu"), name="spectral")(x))
    ),
    "unit normalization": functional(VECTORS)(
        lambda x: L.Dense(2)(L.UnitNormalization()(L.EinsumDense("ab,bc->ac", 8, activation="relu")(x)))
    ),
    "residual": functional(IMAGES)(residual),
    "dense": functional(IMAGES)(dense_blocks),
    "inception": functional(IMAGES)(inception),
    "squeeze and excite": functional(IMAGES)(squeeze_excite),
    "depthwise and separable": functional(IMAGES)(depthwise),
    "group normalization": functional(IMAGES)(
        lambda x: pool(L.ReLU()(L.GroupNormalization(2)(L.Conv2D(4, 3)(x))))
    ),
    "u-net": functional(IMAGES)(u_net),
    "lstm": functional(STEPS)(lambda x: L.Dense(2)(L.LSTM(6)(L.LSTM(5, return_sequences=True)(x)))),
    "gru": functional(STEPS)(lambda x: L.Dense(2)(L.GRU(6)(x))),
    "bidirectional": functional(STEPS)(lambda x: L.Dense(2)(L.Bidirectional(L.SimpleRNN(4))(x))),
    "stacked cells": functional(STEPS)(
        lambda x: L.Dense(2)(L.RNN([L.SimpleRNNCell(4), L.GRUCell(3)], name="stacked")(x))
    ),
    "temporal convolution": functional(STEPS)(
        lambda x: L.Conv1D(3, 2, dilation_rate=2)(L.Conv1D(6, 2, padding="causal", activation="relu")(x))
    ),
    "frames": functional(FILMS)(
        lambda x: L.Dense(2)(L.LSTM(4)(L.TimeDistributed(L.Dense(5, "relu"))(L.Reshape((3, 64))(x))))
    ),
    "attention": functional(STEPS)(lambda x: L.Dense(2)(L.Flatten()(encoder(x)))),
    "tokens": functional(TOKENS)(of_tokens),
    "mixer": functional(STEPS)(mixer),
    "shared": functional(VECTORS)(siamese),
    "nested": functional(VECTORS)(nest),
    "operations": functional(VECTORS)(of_operations),
    "gated": functional(VECTORS)(lambda x: L.Dense(2)(Gated(5)(x))),
    "mixed precision": (build_mixed, VECTORS),
    "subclassed": (build_subclassed, VECTORS),
    "mobilenet": (
        lambda: keras.applications.MobileNet((32, 32, 1), alpha=0.25, weights=None, classes=3),
        (32, 32, 1),
    ),
}


def samples_of(shape, n=5, seed=0):
    """Samples that a family takes."""
    rng = np.random.default_rng(seed)
    if shape == TOKENS:
        return rng.integers(0, 23, (n, 5)).astype("int32")
    return rng.standard_normal((n, *shape)).astype("float32")
