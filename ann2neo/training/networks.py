"""Networks to train: plain Keras models, their weights drawn from an `rng`.

The layer that is observed is called ``"hidden"``, the last one ``"output"``; that is a softmax over the
classes. Nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.extras import needed
from ann2neo.spikes.arguments import check_choice, checked_count, checked_rng


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
    name : {"mlp", "cnn", "densenet121", "resnet"}
    width : int
        Units of the hidden layer; of a ResNet, channels of its first stage.
    input_shape : tuple of int
        Shape of a sample.
    n_classes : int
    rng : numpy.random.Generator
        Draws the weights: Glorot's uniform law for dense layers, zero biases.
    **options
        Further arguments of the builder, such as ``weights`` of `densenet121`.

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


def mlp(width: int, *, input_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator) -> Any:
    """Flatten, a hidden layer of `width` ReLU units, softmax output; see `build`.

    Source: the multilayer perceptron of Lehmler et al., "Understanding activation patterns in
    artificial neural networks by exploring stochastic processes" (2023).
    """
    keras = needed("keras", extra="tensorflow")
    rng = checked_rng(rng)
    layers = [keras.Input(_checked_shape(input_shape)), *_head(width, n_classes)]
    return _drawn(keras.Sequential(layers, name=f"mlp{width}"), rng)


def cnn(width: int, *, input_shape: tuple[int, ...], n_classes: int, rng: np.random.Generator) -> Any:
    """A convolution (32 channels, 3 × 3, ReLU) and then `mlp`; see `build`. Source: as for `mlp`."""
    keras = needed("keras", extra="tensorflow")
    rng = checked_rng(rng)
    convolution = keras.layers.Conv2D(32, 3, activation="relu", name="convolution")
    layers = [keras.Input(_checked_image(input_shape, 3)), convolution, *_head(width, n_classes)]
    return _drawn(keras.Sequential(layers, name=f"cnn{width}"), rng)


def densenet121(
    width: int,
    *,
    weights: str | Path | None = "imagenet",
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """Keras' DenseNet121 without its top, flattened, and then as `mlp`; see `build`.

    Parameters
    ----------
    weights : "imagenet", path or None
        ``"imagenet"`` downloads Keras' file; a path is such a file (without top); ``None`` draws
        the weights from `rng`, as those of the two dense layers always are.

    Raises
    ------
    ValueError
        If images are smaller than 32 × 32, or not in three colours for ImageNet's weights.
    FileNotFoundError
        If there is no file at the path.

    References
    ----------
    Huang et al., "Densely connected convolutional networks" (CVPR 2017).
    """
    keras = needed("keras", extra="tensorflow")
    rng = checked_rng(rng)
    shape = _checked_image(input_shape, 32)
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
    return _drawn(network, rng, None if weights is None else head)


def resnet(
    width: int,
    *,
    blocks: int = 3,
    shortcuts: bool = True,
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """A small residual network, or the same without shortcuts; see `build`.

    Three stages of `blocks` blocks of two 3 × 3 convolutions with batch normalization: ``6 blocks + 2``
    layers with weights, and `width`, twice and four times as many channels. Where the shape
    changes, the shortcut is a 1 × 1 convolution.

    Parameters
    ----------
    width : int
        Channels of the first stage; 16 in the paper.
    blocks : int
        Blocks a stage.
    shortcuts : bool
        Without them the blocks are plain convolutions, all else equal.

    Notes
    -----
    ``"hidden"`` is the last ReLU, before the mean over positions.

    References
    ----------
    He et al., "Deep residual learning for image recognition" (CVPR 2016), section 4.2.
    """
    keras = needed("keras", extra="tensorflow")
    layers = keras.layers
    rng = checked_rng(rng)
    width, blocks = checked_count(width, "width"), checked_count(blocks, "blocks")
    inputs = keras.Input(_checked_image(input_shape, 4))
    tensor = layers.ReLU(name="first_relu")(_convolved(inputs, width, "first"))
    for stage in range(3):
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            channels = width * 2**stage
            last = stage == 2 and number == blocks - 1
            name = f"stage{stage + 1}_block{number + 1}"
            tensor = _block(tensor, channels, stride, shortcuts, name)
            tensor = layers.ReLU(name="hidden" if last else f"{name}_relu")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="mean")(tensor)
    n_classes = checked_count(n_classes, "n_classes")
    outputs = layers.Dense(n_classes, activation="softmax", name="output")(tensor)
    kind = "resnet" if shortcuts else "plain"
    return _drawn(keras.Model(inputs, outputs, name=f"{kind}{6 * blocks + 2}_{width}"), rng)


NETWORKS: dict[str, Callable[..., Any]] = {
    "mlp": mlp,
    "cnn": cnn,
    "densenet121": densenet121,
    "resnet": resnet,
}
"""Builders by name, as `build` takes them."""


def _head(width: int, n_classes: int) -> list[Any]:
    layers = needed("keras", extra="tensorflow").layers
    width, n_classes = checked_count(width, "width"), checked_count(n_classes, "n_classes")
    return [
        layers.Flatten(name="flatten"),
        layers.Dense(width, activation="relu", name="hidden"),
        layers.Dense(n_classes, activation="softmax", name="output"),
    ]


def _block(tensor: Any, channels: int, stride: int, shortcuts: bool, name: str) -> Any:
    layers = needed("keras", extra="tensorflow").layers
    inner = layers.ReLU(name=f"{name}_inner_relu")(_convolved(tensor, channels, f"{name}_a", stride))
    inner = _convolved(inner, channels, f"{name}_b")
    if not shortcuts:
        return inner
    if tensor.shape != inner.shape:
        tensor = _convolved(tensor, channels, f"{name}_shortcut", stride, size=1)
    return layers.Add(name=f"{name}_add")([tensor, inner])


def _convolved(tensor: Any, channels: int, name: str, stride: int = 1, size: int = 3) -> Any:
    layers = needed("keras", extra="tensorflow").layers
    convolution = layers.Conv2D(
        channels,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )
    return layers.BatchNormalization(name=f"{name}_normalization")(convolution(tensor))


def _drawn(network: Any, rng: np.random.Generator, only: list[Any] | None = None) -> Any:
    """Draw every kernel anew from its layer's own law: Keras drew them from a seed nobody knows."""
    for layer in network.layers if only is None else only:
        initializer = getattr(layer, "kernel_initializer", None)
        if initializer is not None:
            config = {**initializer.get_config(), "seed": int(rng.integers(2**31))}
            seeded = type(initializer).from_config(config)
            layer.kernel.assign(seeded(layer.kernel.shape, dtype=layer.kernel.dtype))
    return network


def _checked_shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or not value:
        raise TypeError(f"input_shape must be a non-empty tuple of int, got {value!r:.60}")
    return tuple(checked_count(size, "input_shape") for size in value)


def _checked_image(value: Any, smallest: int) -> tuple[int, ...]:
    shape = _checked_shape(value)
    if len(shape) != 3 or min(shape[:2]) < smallest:
        raise ValueError(
            f"input_shape must be (height, width, channels), at least {smallest} pixels high and wide, "
            f"got {shape}"
        )
    return shape
