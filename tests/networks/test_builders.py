"""Networks: the layers the paper describes, weights that come from the rng alone."""

import random

import keras
import numpy as np
import pytest

from ann2neo import training


def build(name, width=8, seed=0, **options):
    options = {"input_shape": (12, 12, 1), "n_classes": 10, **options}
    return training.build(name, width, rng=np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def densenet():
    return build("densenet121", 16, input_shape=(32, 32, 3), weights=None)


def describe(network):
    return [(layer.name, type(layer).__name__, layer.output.shape[1:]) for layer in network.layers]


def test_layers_of_the_paper():
    assert describe(build("mlp", 64)) == [
        ("flatten", "Flatten", (144,)),
        ("hidden", "Dense", (64,)),
        ("output", "Dense", (10,)),
    ]
    cnn = build("cnn", 64)
    assert describe(cnn) == [
        ("convolution", "Conv2D", (10, 10, 32)),
        ("flatten", "Flatten", (3200,)),
        ("hidden", "Dense", (64,)),
        ("output", "Dense", (10,)),
    ]
    assert [layer.activation.__name__ for layer in cnn.layers if layer.weights] == [
        "relu",
        "relu",
        "softmax",
    ]


def test_densenet(densenet):
    assert [name for name, *_ in describe(densenet)[-3:]] == ["flatten", "hidden", "output"]
    # 7,037,504 weights of DenseNet121 without top, and the two dense layers.
    assert densenet.count_params() == 7_037_504 + 1024 * 16 + 16 + 16 * 10 + 10
    first = next(layer for layer in densenet.layers if layer.name.startswith("conv1"))
    bound = np.sqrt(6 / (7 * 7 * (3 + 64)))
    kernel = first.get_weights()[0]
    assert np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "pyramidnet"])
def test_weights_come_from_the_rng_alone(name):
    first = build(name, seed=3)
    random.random()
    second, third = build(name, seed=3), build(name, seed=4)
    pairs = list(zip(first.get_weights(), second.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    kernels = [layer.kernel.numpy() for layer in first.layers if hasattr(layer, "kernel")]
    others = [layer.kernel.numpy() for layer in third.layers if hasattr(layer, "kernel")]
    assert all((a != b).mean() > 0.9 for a, b in zip(kernels, others, strict=True))


def test_deeper_perceptrons():
    network = build("mlp", 7, depth=3, input_shape=(4, 4, 1), n_classes=3)
    assert [layer.name for layer in network.layers] == [
        "flatten", "hidden_1", "hidden_2", "hidden", "output",
    ]  # fmt: skip
    assert [layer.units for layer in network.layers[1:]] == [7, 7, 7, 3]
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        build("mlp", 7, depth=0)


def test_glorot_and_zero_biases():
    kernel, bias = build("mlp", 300).get_layer("hidden").get_weights()
    bound = np.sqrt(6 / (144 + 300))
    assert np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert not bias.any()


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("blocks", [1, 2])
def test_resnet(blocks, shortcuts):
    network = build("resnet", 4, blocks=blocks, shortcuts=shortcuts)
    layers = network.layers
    on_the_way = [
        layer for layer in layers if hasattr(layer, "kernel") and not layer.name.endswith("shortcut")
    ]
    assert len(on_the_way) == 6 * blocks + 2
    assert sum(isinstance(layer, keras.layers.Add) for layer in layers) == 3 * blocks * shortcuts
    assert network.get_layer("hidden").output.shape == (None, 3, 3, 16)
    assert np.allclose(network(np.zeros((2, 12, 12, 1))).numpy().sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("vgg", {}, ValueError, "name must be one of .*'vgg'"),
        ("mlp", {"width": 0}, ValueError, "width must be at least 1"),
        ("mlp", {"n_classes": 2.0}, TypeError, "n_classes must be an int"),
        ("mlp", {"input_shape": 12}, TypeError, "input_shape must be a non-empty tuple"),
        ("cnn", {"input_shape": (12, 12)}, ValueError, r"\(height, width, channels\).*\(12, 12\)"),
        ("resnet", {"blocks": 0}, ValueError, "blocks must be at least 1"),
        ("resnet", {"activation": "tanh"}, ValueError, "activation must be one of .*'tanh'"),
        ("resnet", {"normalization": "layer"}, ValueError, "normalization must be one of .*'layer'"),
        ("resnet", {"normalization": "fixup", "shortcuts": False}, ValueError, "needs shortcuts"),
        ("resnet", {"shortcuts": 1}, TypeError, "shortcuts must be True or False"),
        ("pyramidnet", {"widening": 0}, ValueError, "widening must be at least 1"),
        ("densenet121", {}, ValueError, "at least 32 pixels"),
        ("densenet121", {"input_shape": (32, 32, 1)}, ValueError, "3 channels for weights='imagenet'"),
        (
            "densenet121",
            {"input_shape": (32, 32, 3), "weights": "nothing.h5"},
            FileNotFoundError,
            "there is no nothing.h5",
        ),
    ],
)
def test_refusals(name, options, error, message):
    with pytest.raises(error, match=message):
        build(name, **options)


def test_an_rng_is_needed():
    with pytest.raises(TypeError, match="rng must be a"):
        training.build("mlp", 8, input_shape=(4,), n_classes=2, rng=0)
