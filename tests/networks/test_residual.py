"""Residual networks: activations, normalizations, starts and shapes as their papers have them."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from ann2neo import monitoring, training
from ann2neo.training.clone import copy_network

IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
}


def build(name="resnet", width=4, **options):
    options = {"input_shape": (8, 8, 1), "n_classes": 3, "rng": np.random.default_rng(0), **options}
    return training.build(name, width, **options)


def inside(network, *names):
    """What these layers give for the images."""
    outputs = [network.get_layer(name).output for name in names]
    return [value.numpy() for value in keras.Model(network.inputs[0], outputs)(IMAGES)]


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("name", ["resnet", "pyramidnet"])
def test_activations(name, activation):
    network = build(name, blocks=1, activation=activation)
    before = "stage3_block1_add" if name == "resnet" else "last_normalization"
    taken, given = inside(network, before, "hidden")
    assert (taken < 0).any()
    np.testing.assert_allclose(given, FUNCTIONS[activation](taken), rtol=1e-6)
    monitor = monitoring.PatternMonitor({"x": IMAGES}, conv_units="channels")
    monitor.observe(network, 0)
    inner = [f"stage{stage}_block1_inner_{activation}" for stage in (1, 2, 3)]
    outer = [f"stage{stage}_block1_{activation}" for stage in (1, 2)]
    on_the_way = [f"first_{activation}", inner[0], outer[0], inner[1], outer[1], inner[2]]
    assert monitor.layers == [*(on_the_way if name == "resnet" else inner), "hidden"]


def test_fixup_starts_as_its_shortcuts():
    network = build(blocks=2, normalization="fixup")
    assert not any(isinstance(layer, kl.BatchNormalization) for layer in network.layers)
    taken, given = inside(network, "stage1_block1_relu", "stage1_block2_add")
    np.testing.assert_array_equal(taken, given)
    np.testing.assert_allclose(network(IMAGES), 1 / 3, rtol=1e-6)
    # Six blocks of two convolutions: 6^(-1 / (2 · 2 - 2)) of He's standard deviation.
    kernels = build(width=32, blocks=2, normalization="fixup").get_layer("stage3_block2_a").get_weights()
    assert len(kernels) == 1
    assert kernels[0].std() == pytest.approx(np.sqrt(2 / (9 * 128)) / np.sqrt(6), rel=0.02)
    scalars = [w for w in network.trainable_weights if w.shape == ()]
    # Of each block four shifts and a factor; one behind the first convolution, one before the output.
    assert len(scalars) == 6 * 5 + 2


def test_without_normalization_there_are_biases():
    network = build(blocks=1, normalization=None, shortcuts=False)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert kinds == {"InputLayer", "Conv2D", "ReLU", "GlobalAveragePooling2D", "Dense"}
    assert all(layer.use_bias for layer in network.layers if isinstance(layer, kl.Conv2D))
    assert network.name == "plain8_4_unnormalized"


def test_pyramid_widens_a_little_with_each_block():
    network = build("pyramidnet", width=5, blocks=2, widening=20)
    channels = [
        network.get_layer(f"stage{stage}_block{block}_add").output.shape[-1]
        for stage in (1, 2, 3)
        for block in (1, 2)
    ]
    assert channels == [int(5 + k * 20 / 6) for k in range(1, 7)]
    assert sum(hasattr(layer, "kernel") for layer in network.layers) == 6 * 2 + 2
    taken, added, branch = inside(
        network, "stage1_block2_add", "stage2_block1_add", "stage2_block1_b_normalization"
    )
    shortcut = taken.reshape(4, 4, 2, 4, 2, -1).mean(axis=(2, 4))
    np.testing.assert_allclose((added - branch)[..., : channels[1]], shortcut, atol=1e-5)
    np.testing.assert_allclose((added - branch)[..., channels[1] :], 0, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"name": "resnet", "normalization": "fixup", "activation": "prelu"}, {"name": "pyramidnet"}],
)
def test_they_are_copied_and_learn(options):
    network = build(blocks=1, **options)
    rng = np.random.default_rng(1)
    for weight in network.trainable_weights:
        weight.assign(weight + 0.1 * rng.random(weight.shape))
    copy = copy_network(network, rng)
    np.testing.assert_array_equal(copy(IMAGES), network(IMAGES))
    copy.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", jit_compile=False)
    losses = copy.fit(IMAGES, np.arange(4) % 3, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
