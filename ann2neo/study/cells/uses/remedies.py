"""What is tried against learning wrong labels by heart: changes of a network before it is trained."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ann2neo.training.entropy_regularizer import PatternEntropyRegularizer
from ann2neo.training.surgery.keras_chain import list_chain

DROPOUT = 0.8
"""Share of each hidden layer's units that are dropped."""
WEIGHT_DECAY = 2.5e-3
"""Times the sum of squared weights: added to the loss."""
NARROW = 4
"""How many times fewer units."""
TARGET_RATE = 0.1
RATE_STRENGTH = 1.0
ENTROPY_STRENGTH = 0.001
"""Loss per bit."""


class RatePenalty(keras.layers.Layer):  # type: ignore[misc]
    """Adds to the loss how far firing rates of a batch are from a target; hands its input on.

    Before a ReLU. A unit counts as active by the logistic function of its input, so that there is a
    gradient: strength times the squared difference of the layer's mean rate, or with `each_unit` the
    mean of the squared differences of its units' rates, from the target.
    """

    def __init__(self, each_unit: bool, **options: Any) -> None:
        super().__init__(**options)
        self.each_unit = each_unit

    def call(self, inputs: Any) -> Any:
        """Add the loss."""
        active = ops.sigmoid(ops.cast(inputs, "float32"))
        rate = ops.mean(active, axis=0 if self.each_unit else None)
        self.add_loss(RATE_STRENGTH * ops.mean(ops.square(rate - TARGET_RATE)))
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {**super().get_config(), "each_unit": self.each_unit}


def apply_remedy(network: Any, remedy: str) -> Any:
    """A chain of layers with a remedy in each hidden one, and the weights of `network`.

    Parameters
    ----------
    network : keras.Model
        A chain of layers, hidden ones with a ReLU of their own.
    remedy : str
        One of `ann2neo.study.config.uses_settings.REMEDIES`; ``"narrow"`` is how the network was built.

    Returns
    -------
    keras.Sequential
        The layer behind a hidden layer's ReLU has the name that the hidden layer had.
    """
    chain = list_chain(network)
    weighted = [layer for layer in chain if hasattr(layer, "kernel")]
    made: list[Any] = [keras.Input(network.inputs[0].shape[1:], dtype=network.inputs[0].dtype)]
    copied: list[tuple[Any, Any]] = []
    for layer in chain:
        is_hidden = layer in weighted[:-1]
        config = layer.get_config()
        if remedy == "weight decay" and layer in weighted:
            config["kernel_regularizer"] = keras.regularizers.L2(WEIGHT_DECAY)
        splits = is_hidden and remedy in ("layer rate", "unit rate", "pattern entropy")
        if splits:
            config |= {"name": f"{layer.name}_linear", "activation": "linear"}
            if remedy == "pattern entropy":
                config["activity_regularizer"] = PatternEntropyRegularizer(ENTROPY_STRENGTH)
        one = type(layer).from_config(config)
        copied.append((one, layer))
        made.append(one)
        if splits:
            if remedy != "pattern entropy":
                made.append(RatePenalty(remedy == "unit rate"))
            made.append(keras.layers.ReLU(name=layer.name))
        if is_hidden and remedy == "dropout":
            made.append(keras.layers.Dropout(DROPOUT))
    changed = keras.Sequential(made, name=network.name)
    for one, layer in copied:
        one.set_weights(layer.get_weights())
    return changed
