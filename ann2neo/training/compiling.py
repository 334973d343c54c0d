"""Networks compiled to learn classes: optimizer, loss, accuracy."""

from __future__ import annotations

import math
import numbers
from typing import Any

import keras


def compile_for_classes(network: Any, optimizer: Any, learning_rate: Any, from_logits: bool) -> None:
    """Compile `network`: categorical cross-entropy, by an optimizer like the one given or plain SGD.

    Raises
    ------
    TypeError, ValueError
        If `optimizer` or `learning_rate` is out of its domain.
    """
    network.compile(
        _optimizer(optimizer, learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # no faster here, and another order of sums than the fast path's
    )


def compile_with(network: Any) -> dict[str, Any]:
    """What provenance says of it: optimizer, learning rate as it is now, Keras' backend."""
    return {
        "optimizer": type(network.optimizer).__name__,
        "learning_rate": float(keras.ops.convert_to_numpy(network.optimizer.learning_rate)),
        "backend": keras.backend.backend(),
    }


def _optimizer(optimizer: Any, learning_rate: Any) -> Any:
    if optimizer is not None:
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise TypeError(f"optimizer must be a keras optimizer, got {optimizer!r:.60}")
        return type(optimizer).from_config(optimizer.get_config())
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, numbers.Real):
        raise TypeError(f"learning_rate must be a positive number, got {learning_rate!r:.60}")
    if not 0 < float(learning_rate) < math.inf:
        raise ValueError(f"learning_rate must be positive and finite, got {learning_rate!r:.60}")
    return keras.optimizers.SGD(float(learning_rate))
