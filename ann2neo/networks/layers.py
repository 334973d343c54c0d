"""Layers that the networks need and Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("ann2neo")
class ScalarShift(keras.layers.Layer):  # type: ignore[misc]
    """Adds a number that is learned, 0 at first; with `scaled` multiplies by another, 1 at first.

    The scalars of Zhang et al., "Fixup initialization: residual learning without normalization" (ICLR
    2019).
    """

    def __init__(self, scaled: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.scaled = scaled

    def build(self, input_shape: Any) -> None:
        """Make the scalars."""
        if self.scaled:
            self.factor = self.add_weight(shape=(), initializer="ones", name="factor")
        self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

    def call(self, inputs: Any) -> Any:
        """Scale and shift."""
        return (inputs * self.factor if self.scaled else inputs) + self.shift

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {**super().get_config(), "scaled": self.scaled}


@keras.saving.register_keras_serializable("ann2neo")
class ChannelPadding(keras.layers.Layer):  # type: ignore[misc]
    """Adds channels of zeros behind the last axis, until there are `channels`."""

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels = channels

    def call(self, inputs: Any) -> Any:
        """Pad."""
        widths = [(0, 0)] * (len(inputs.shape) - 1) + [(0, self.channels - inputs.shape[-1])]
        return ops.pad(inputs, widths)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input, with more channels."""
        return (*input_shape[:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {**super().get_config(), "channels": self.channels}
