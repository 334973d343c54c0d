"""Checks of a network against the data it is to be trained on."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from ann2neo.training.datasets import Dataset


def check_fit(network: Any, data: Dataset, from_logits: bool) -> None:
    """Show the network two samples: does it take them, and answer with a distribution over classes?

    Raises
    ------
    ValueError
        If not; the message names what does not fit.
    """
    try:
        answer = network(data.x_train[:2], training=False)
    except Exception as error:
        # Such errors are pages long, most of it tensors; the whole stays as the cause.
        raise ValueError(_misfit(network, data, error)) from error
    if not keras.ops.is_tensor(answer):
        kind, count = type(answer).__name__, len(keras.tree.flatten(answer))
        raise ValueError(
            f"network {network.name!r} must have one output, the classes, got a {kind} of {count}"
        )
    outputs = keras.ops.convert_to_numpy(answer)
    _check_classes(network, data, outputs.shape[1:])
    sums_to_one = np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0
    if not (from_logits or sums_to_one):
        raise ValueError(
            f"network {network.name!r} must end in a softmax, or be trained with from_logits=True; "
            f"its outputs for a sample sum to {outputs[0].sum():.3g}"
        )


def _check_classes(network: Any, data: Dataset, shape: tuple[int, ...]) -> None:
    """Refuse a network whose answer to a sample, of `shape`, has no number for some class."""
    n_outputs = shape[0] if len(shape) == 1 else 0
    for name, labels in (("y_train", data.y_train), ("y_test", data.y_test)):
        largest = int(labels.max(initial=0))
        # A single output is no class number short, but a network for something else.
        if 1 < n_outputs <= largest:
            raise ValueError(
                f"{name} must be class numbers from 0 to {n_outputs - 1}, as network {network.name!r} "
                f"has {n_outputs} outputs, got {largest}"
            )
    if n_outputs < data.n_classes:
        raise ValueError(
            f"network {network.name!r} must answer a sample with {data.n_classes} numbers, one a class, "
            f"got outputs of shape {shape}"
        )


def _misfit(network: Any, data: Dataset, error: Exception) -> str:
    given = data.input_shape
    taken = [tuple(tensor.shape[1:]) for tensor in getattr(network, "inputs", None) or []]
    said = f"data do not fit network {network.name!r}: x_train has samples of shape {given}"
    if taken:
        said += f", the network takes {' and '.join(map(str, taken))}"
    if taken and not _is_like(given, taken[0]):
        return said
    reason = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    return f"{said}: {reason:.240}"


def _is_like(given: tuple[int, ...], taken: tuple[int | None, ...]) -> bool:
    """Whether shapes agree where the network takes one size only."""
    return len(given) == len(taken) and all(t in (None, g) for g, t in zip(given, taken, strict=True))
