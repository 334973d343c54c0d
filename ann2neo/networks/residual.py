"""Residual networks and their like, small enough for a CPU; see `ann2neo.training.build`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.extras import require
from ann2neo.networks.initialization import check_image, draw_weights
from ann2neo.spikes.argument_checks import check_choice, check_count, check_rng

_ACTIVATIONS = ("relu", "leaky_relu", "prelu")


def resnet(
    width: int,
    *,
    blocks: int = 3,
    shortcuts: bool = True,
    activation: str = "relu",
    normalization: str | None = "batch",
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """A small residual network, or the same without shortcuts; see `build`.

    Three stages of `blocks` blocks of two 3 × 3 convolutions: ``6 blocks + 2`` layers with weights, and
    `width`, twice and four times as many channels. Where the shape changes, the shortcut is a 1 × 1
    convolution. He's normal law draws the convolutions.

    Parameters
    ----------
    width : int
        Channels of the first stage; 16 in the paper.
    blocks : int
        Blocks a stage.
    shortcuts : bool
        Without them the blocks are plain convolutions, all else equal.
    activation : {"relu", "leaky_relu", "prelu"}
        Leaky: slope 0.01 below 0. PReLU: a learned slope a channel, 0.25 at first.
    normalization : {"batch", "fixup"} or None
        Batch normalization behind each convolution, with moving averages of momentum 0.9. Fixup has
        none: the first convolution of a block is drawn smaller by the square root of the number of
        blocks, the second and the output start at 0, and learned scalars shift and scale; it needs
        shortcuts. None: biases only.

    Raises
    ------
    ValueError, TypeError
        If an argument is not in its domain.

    Notes
    -----
    ``"hidden"`` is the last activation, before the mean over positions. The names of the others,
    ``stage1_block1_inner_relu``, ``stage1_block1_relu`` and so on, sort by depth behind ``first_relu``.

    References
    ----------
    He et al., "Deep residual learning for image recognition" (CVPR 2016), section 4.2. He et al.,
    "Delving deep into rectifiers" (ICCV 2015), for PReLU. Zhang et al., "Fixup initialization: residual
    learning without normalization" (ICLR 2019).

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import training
    >>> shapes = {"input_shape": (8, 8, 1), "n_classes": 10}
    >>> network = training.build(
    ...     "resnet", 4, blocks=1, normalization="fixup", **shapes, rng=np.random.default_rng(0)
    ... )
    >>> network.name
    'resnet8_4_fixup'
    """
    rng = check_rng(rng)
    width, blocks = check_count(width, "width"), check_count(blocks, "blocks")
    if not isinstance(shortcuts, bool):
        raise TypeError(f"shortcuts must be True or False, got {shortcuts!r:.60}")
    if normalization == "fixup" and not shortcuts:
        raise ValueError(
            "normalization='fixup' needs shortcuts: each block's last convolution starts at 0"
        )
    parts = _Parts(activation, normalization, 3 * blocks)
    keras = require("keras", extra="tensorflow")
    inputs = keras.Input(check_image(input_shape, 4))
    tensor = parts.shift(parts.convolve(inputs, width, "first"), "first_shift")
    tensor = parts.activate(tensor, "first")
    for stage in range(3):
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            name = f"stage{stage + 1}_block{number + 1}"
            tensor = _block(parts, tensor, width * 2**stage, stride, shortcuts, name)
            last = stage == 2 and number == blocks - 1
            tensor = parts.activate(tensor, name, "hidden" if last else None)
    kind = "resnet" if shortcuts else "plain"
    name = f"{kind}{6 * blocks + 2}_{width}" + _suffix(activation, normalization)
    return draw_weights(keras.Model(inputs, parts.classify(tensor, n_classes), name=name), rng)


def pyramidnet(
    width: int,
    *,
    blocks: int = 3,
    widening: int | None = None,
    activation: str = "relu",
    input_shape: tuple[int, ...],
    n_classes: int,
    rng: np.random.Generator,
) -> Any:
    """A small residual network whose channels grow a little with each block; see `build`.

    Three stages of `blocks` blocks: normalization, convolution, normalization, activation, convolution,
    normalization. Block k of N has ``width + floor(k widening / N)`` channels. Shortcuts are
    averages over 2 × 2 positions where the stride is 2, and zeros for channels that are new.

    Parameters
    ----------
    width : int
        Channels before the first block; 16 in the paper.
    blocks : int
        Blocks a stage.
    widening : int, optional
        Channels added on the whole way; by default 3 · `width`, as a ResNet of that width has. The paper
        has 48 to 270 of them for 16.
    activation
        As for `resnet`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not in its domain.

    Notes
    -----
    ``"hidden"`` is the last activation, behind the last normalization; the only others are one in each
    block, ``stage1_block1_inner_relu`` and so on.

    References
    ----------
    Han, Kim and Kim, "Deep pyramidal residual networks" (CVPR 2017): additive widening, equation 2, and
    the block of figure 6d.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import training
    >>> network = training.build(
    ...     "pyramidnet", 4, blocks=1, input_shape=(8, 8, 1), n_classes=10, rng=np.random.default_rng(0)
    ... )
    >>> network.get_layer("hidden").output.shape
    (None, 2, 2, 16)
    """
    rng = check_rng(rng)
    width, blocks = check_count(width, "width"), check_count(blocks, "blocks")
    widening = 3 * width if widening is None else check_count(widening, "widening")
    parts = _Parts(activation, "batch", 3 * blocks)
    keras = require("keras", extra="tensorflow")
    inputs = keras.Input(check_image(input_shape, 4))
    tensor = parts.convolve(inputs, width, "first")
    for number in range(3 * blocks):
        stage, place = divmod(number, blocks)
        channels = width + (number + 1) * widening // (3 * blocks)
        stride = 2 if stage and not place else 1
        tensor = _pyramid_block(parts, tensor, channels, stride, f"stage{stage + 1}_block{place + 1}")
    tensor = parts.activate(parts.normalize(tensor, "last"), "last", "hidden")
    name = f"pyramidnet{6 * blocks + 2}_{width}_{widening}" + _suffix(activation, "batch")
    return draw_weights(keras.Model(inputs, parts.classify(tensor, n_classes), name=name), rng)


@dataclass(frozen=True)
class _Parts:
    """What the layers of one network have in common; each method adds to a tensor under a name."""

    activation: str
    normalization: str | None
    n_blocks: int

    def __post_init__(self) -> None:
        check_choice(self.activation, "activation", _ACTIVATIONS)
        if self.normalization is not None:
            check_choice(self.normalization, "normalization", ("batch", "fixup"))

    def convolve(
        self, tensor: Any, channels: int, name: str, stride: int = 1, size: int = 3, kernel: Any = None
    ) -> Any:
        keras = require("keras", extra="tensorflow")
        convolution = keras.layers.Conv2D(
            channels,
            size,
            strides=stride,
            padding="same",
            use_bias=self.normalization is None,
            kernel_initializer="he_normal" if kernel is None else kernel,
            name=name,
        )
        return self.normalize(convolution(tensor), name)

    def normalize(self, tensor: Any, name: str) -> Any:
        if self.normalization != "batch":
            return tensor
        layers = require("keras", extra="tensorflow").layers
        # Keras' 0.99 follows too slowly: looks early in a training would see averages of nothing yet.
        return layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(tensor)

    def activate(self, tensor: Any, name: str, whole_name: str | None = None) -> Any:
        layers = require("keras", extra="tensorflow").layers
        name = whole_name or f"{name}_{self.activation}"
        if self.activation == "prelu":
            alpha = require("keras", extra="tensorflow").initializers.Constant(0.25)
            return layers.PReLU(alpha_initializer=alpha, shared_axes=[1, 2], name=name)(tensor)
        return layers.ReLU(negative_slope=0.01 * (self.activation == "leaky_relu"), name=name)(tensor)

    def shift(self, tensor: Any, name: str, *, scaled: bool = False) -> Any:
        """With Fixup's learned scalars; without Fixup as it is."""
        if self.normalization != "fixup":
            return tensor
        from ann2neo.networks.layers import ScalarShift

        return ScalarShift(scaled, name=name)(tensor)

    def first_kernel(self) -> Any:
        """Law of a block's first convolution."""
        if self.normalization != "fixup":
            return None
        keras = require("keras", extra="tensorflow")
        # He's law has variance 2 / fan_in; the standard deviation is to be 1 / sqrt(n_blocks) of it.
        scale = 2 / self.n_blocks
        return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal")

    def last_kernel(self) -> Any:
        return "zeros" if self.normalization == "fixup" else None

    def classify(self, tensor: Any, n_classes: int) -> Any:
        layers = require("keras", extra="tensorflow").layers
        tensor = layers.GlobalAveragePooling2D(name="mean")(tensor)
        tensor = self.shift(tensor, "output_shift")
        return layers.Dense(
            check_count(n_classes, "n_classes"),
            activation="softmax",
            kernel_initializer=self.last_kernel() or "glorot_uniform",
            name="output",
        )(tensor)


def _block(parts: _Parts, tensor: Any, channels: int, stride: int, shortcuts: bool, name: str) -> Any:
    layers = require("keras", extra="tensorflow").layers
    shifted = parts.shift(tensor, f"{name}_a_shift")
    inner = parts.convolve(shifted, channels, f"{name}_a", stride, kernel=parts.first_kernel())
    inner = parts.activate(parts.shift(inner, f"{name}_inner_shift"), f"{name}_inner")
    inner = parts.shift(inner, f"{name}_b_shift")
    inner = parts.convolve(inner, channels, f"{name}_b", kernel=parts.last_kernel())
    inner = parts.shift(inner, f"{name}_scale", scaled=True)
    if not shortcuts:
        return inner
    if tensor.shape != inner.shape:
        tensor = parts.convolve(shifted, channels, f"{name}_shortcut", stride, size=1)
    return layers.Add(name=f"{name}_add")([tensor, inner])


def _pyramid_block(parts: _Parts, tensor: Any, channels: int, stride: int, name: str) -> Any:
    from ann2neo.networks.layers import ChannelPadding

    layers = require("keras", extra="tensorflow").layers
    inner = parts.normalize(tensor, f"{name}_first")
    inner = parts.convolve(inner, channels, f"{name}_a", stride)
    inner = parts.activate(inner, f"{name}_inner")
    inner = parts.convolve(inner, channels, f"{name}_b")
    if stride > 1:
        tensor = layers.AveragePooling2D(stride, padding="same", name=f"{name}_average")(tensor)
    if channels > tensor.shape[-1]:
        tensor = ChannelPadding(channels, name=f"{name}_padding")(tensor)
    return layers.Add(name=f"{name}_add")([tensor, inner])


def _suffix(activation: str, normalization: str | None) -> str:
    said = "" if activation == "relu" else f"_{activation}"
    return said + ("" if normalization == "batch" else f"_{normalization or 'unnormalized'}")
