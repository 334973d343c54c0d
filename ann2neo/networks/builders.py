"""Networks to train: plain Keras models, their weights drawn from an `rng`.

The layer that is observed is called ``"hidden"``, the last one ``"output"``; that is a softmax over the
classes. Nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.extras import require
from ann2neo.networks.initialization import check_image, check_shape, draw_weights
from ann2neo.networks.residual import pyramidnet, resnet
from ann2neo.spikes.argument_checks import check_choice, check_count, check_rng


def build(
    name: str,
    width: int,
    *,
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
    **options: Any,
) -> Any:
    """Build one of `NETWORKS` by name.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    width : int
        Units of the hidden layer; of residual networks, channels of the first convolution.
    input_shape : tuple of int
        Shape of a sample.
    n_classes : int
    rng : numpy.random.Generator
        Draws the weights: Glorot's uniform law for dense layers, zero biases.
    **options
        Further arguments of the builder, such as ``weights`` of `densenet121` or ``shortcuts`` of
        `resnet`; see ``help(training.NETWORKS[name])``.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    ValueError, TypeError
        If the name is unknown or the input does not fit the network.

    Examples
    --------
    >>> import numpy as np
    >>> network = build("mlp", 64, input_shape=(8, 8, 1), n_classes=10, rng=np.random.default_rng(0))
    >>> [layer.name for layer in network.layers], network.count_params()
    (['flatten', 'hidden', 'output'], 4810)
    """
    check_choice(name, "name", NETWORKS)
    return NETWORKS[name](width, input_shape=input_shape, n_classes=n_classes, rng=rng, **options)


def mlp(
    width: int,
    *,
    depth: int = 1,
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """Flatten, hidden layers of `width` ReLU units, softmax output; see `build`.

    Parameters
    ----------
    depth : int
        Hidden layers: the last is ``"hidden"``, those before it ``"hidden_1"``, ``"hidden_2"``, ….

    Notes
    -----
    Source, of one hidden layer: the multilayer perceptron of Lehmler et al., "Understanding activation
    patterns in artificial neural networks by exploring stochastic processes" (2023).
    """
    keras = require("keras", extra="tensorflow")
    rng = check_rng(rng)
    width = check_count(width, "width")
    first, *last = _head(width, n_classes)
    before = [
        keras.layers.Dense(width, activation="relu", name=f"hidden_{number}")
        for number in range(1, check_count(depth, "depth"))
    ]
    layers = [keras.Input(check_shape(input_shape)), first, *before, *last]
    return draw_weights(keras.Sequential(layers, name=f"mlp{width}"), rng)


def cnn(width: int, *, input_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator) -> Any:
    """A convolution (32 channels, 3 × 3, ReLU) and then `mlp`; see `build`. Source: as for `mlp`."""
    keras = require("keras", extra="tensorflow")
    rng = check_rng(rng)
    convolution = keras.layers.Conv2D(32, 3, activation="relu", name="convolution")
    layers = [keras.Input(check_image(input_shape, 3)), convolution, *_head(width, n_classes)]
    return draw_weights(keras.Sequential(layers, name=f"cnn{width}"), rng)


def densenet121(
    width: int,
    *,
    weights: str | Path | None = "imagenet",
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """Keras' DenseNet121 without its top, flattened, and then as `mlp` of depth 1; see `build`.

    Parameters
    ----------
    weights : "imagenet", path or None
        ``"imagenet"`` downloads Keras' file; a path is such a file (without top); ``None`` draws
        the weights from `rng`, as those of the two dense layers always are.

    Raises
    ------
    ValueError
        If images are smaller than 32 × 32, or not in three colors for ImageNet's weights.
    FileNotFoundError
        If there is no file at the path.

    References
    ----------
    Huang et al., "Densely connected convolutional networks" (CVPR 2017).
    """
    keras = require("keras", extra="tensorflow")
    rng = check_rng(rng)
    shape = check_image(input_shape, 32)
    if weights == "imagenet" and shape[2] != 3:
        raise ValueError(f"input_shape must have 3 channels for weights='imagenet', got {shape}")
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise FileNotFoundError(f"weights must be 'imagenet', None or a file; there is no {weights}")
    file = weights if weights in (None, "imagenet") else str(weights)
    base = keras.applications.DenseNet121(include_top=False, weights=file, input_shape=shape)
    head = _head(width, n_classes)
    tensor = base.output
    for layer in head:
        tensor = layer(tensor)
    network = keras.Model(base.input, tensor, name=f"densenet121_{width}")
    return draw_weights(network, rng, None if weights is None else head)


NETWORKS: dict[str, Callable[..., Any]] = {
    "mlp": mlp,
    "cnn": cnn,
    "densenet121": densenet121,
    "resnet": resnet,
    "pyramidnet": pyramidnet,
}
"""Builders by name, as `build` takes them."""


def _head(width: int, n_classes: int) -> list[Any]:
    layers = require("keras", extra="tensorflow").layers
    width, n_classes = check_count(width, "width"), check_count(n_classes, "n_classes")
    return [
        layers.Flatten(name="flatten"),
        layers.Dense(width, activation="relu", name="hidden"),
        layers.Dense(n_classes, activation="softmax", name="output"),
    ]
