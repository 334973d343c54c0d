"""A Keras model is left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


@contextmanager
def keep_unchanged(network: Any) -> Iterator[None]:
    """Put back what running a model may move: states of layers, seeds of random ones, noted losses."""
    layers = network._flatten_layers()
    moving = [variable for layer in layers for variable in layer._non_trainable_variables]
    moving += [seeds.state for layer in layers for seeds in layer._seed_generators]
    moving += list_recurrent_states(network)
    before = [(variable, np.array(variable.numpy())) for variable in moving]
    losses = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]
    try:
        yield
    finally:
        for variable, value in before:
            if not np.array_equal(variable.numpy(), value):
                variable.assign(value)
        for layer, noted_losses, loss_ids in losses:
            layer._losses[:] = noted_losses
            layer._loss_ids.clear()
            layer._loss_ids.update(loss_ids)


def list_recurrent_states(network: Any) -> list[Any]:
    """States that stateful layers carry from batch to batch; Keras does not count them as variables."""
    states = [getattr(layer, "states", None) for layer in network._flatten_layers()]
    return [state for state in keras.tree.flatten(states) if isinstance(state, keras.Variable)]
