"""Which activation function makes what a Keras layer returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.recording.keras.calls import Call, has_inside, is_operation

_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Softmax": "softmax",
}
_OPERATIONS = frozenset(
    [
        *("celu", "elu", "exponential", "gelu", "glu", "hardshrink", "hardsigmoid", "hardsilu"),
        *("hardtanh", "leakyrelu", "logsigmoid", "logsoftmax", "mish", "relu", "relu6", "selu"),
        *("sigmoid", "silu", "softmax", "softplus", "softshrink", "softsign", "sparseplus"),
        *("sparsesigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanhshrink", "threshold"),
    ]
)
_SPELLED = {
    "hardsigmoid": "hard_sigmoid",
    "hardsilu": "hard_silu",
    "hardtanh": "hard_tanh",
    "leakyrelu": "leaky_relu",
    "hardswish": "hard_silu",
}
_TRIED = ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "tanh", "sigmoid")
OWN = "own function"
_FEW_ZEROS = 0.05


def name_activation(layer: Any) -> str:
    """Name of the function that makes a layer's output, as the layer says it; "linear" for none."""
    kinds = list_keras_kinds(layer)
    if is_operation(layer):
        return _name_operation(layer)
    if "TimeDistributed" in kinds or "SpectralNormalization" in kinds:
        return name_activation(layer.layer)
    if "Bidirectional" in kinds:
        # Not the bare name: merged values may lie outside the function's own range.
        return f"bidirectional {name_activation(layer.forward_layer)}"
    if "ReLU" in kinds and layer.negative_slope:
        return "leaky_relu"
    if "ELU" in kinds and layer.alpha != 1:
        return "scaled elu"
    for kind in kinds:
        if kind in _LAYERS:
            return _LAYERS[kind]
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    return (
        function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    )


def name_by_values(call: Call, name: str, given: list[Any]) -> str:
    """`name`, or what values say where a layer of the user's own, or a Lambda, says nothing.

    `given` are the tensors that the layer's own computation begins with.
    """
    if name != "linear" or not is_own(call.layer) or len(call.made) != 1:
        return name
    made = _read(call.made[0])
    if made is None:
        return name
    for tensor in given:
        taken = _read(tensor)
        if taken is not None and taken.shape == made.shape and not np.array_equal(taken, made):
            found = _recognize(taken, made)
            if found:
                return found
    zeros = float((made == 0).mean())
    # Values are cut off at zero, and were not so before.
    cut = made.min() >= 0 and _FEW_ZEROS < zeros < 1
    before = [taken for taken in map(_read, given) if taken is not None]
    if cut and (not before or max(float((taken == 0).mean()) for taken in before) < zeros):
        return OWN
    return "linear"


def is_own(layer: Any) -> bool:
    """Whether a layer's computation is the user's own."""
    return "Lambda" in list_keras_kinds(layer) or not type(layer).__module__.startswith("keras.")


def is_selecting(call: Call) -> bool:
    """Whether all values that a call returned are among those it was given, moved or left out."""
    given = [taken for taken in map(_read, call.given) if taken is not None]
    made = [values for values in map(_read, call.made) if values is not None]
    if len(given) < len(call.given) or len(made) < len(call.made) or not given:
        return False
    pool = np.concatenate([taken.ravel() for taken in given])
    return all(bool(np.isin(values, pool).all()) for values in made)


def list_keras_kinds(layer: Any) -> list[str]:
    """Names of the classes of Keras that a layer is of."""
    return [kind.__name__ for kind in type(layer).__mro__ if kind.__module__.startswith("keras.")]


def _name_operation(operation: Any) -> str:
    name = type(operation).__name__.lower()
    if not type(operation).__module__.startswith("keras.") or name not in _OPERATIONS:
        return "linear"
    if name == "relu" and vars(operation).get("negative_slope", 0):
        return "leaky_relu"
    if name == "elu" and vars(operation).get("alpha", 1) != 1:
        return "scaled elu"
    return _SPELLED.get(name, name)


def _recognize(taken: npt.NDArray[Any], made: npt.NDArray[Any]) -> str:
    """The activation function that turns the one into the other, if it is a common one."""
    for name in _TRIED:
        function: Callable[[Any], Any] = getattr(keras.activations, name)
        wanted = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(taken)))
        if np.allclose(wanted, made, rtol=1e-4, atol=1e-6):
            return name
    return ""


def _read(tensor: Any) -> npt.NDArray[Any] | None:
    """Values of a tensor as float32; None of one that has none (yet), or whole numbers."""
    try:
        values = np.asarray(keras.ops.convert_to_numpy(tensor))
    except Exception:
        return None
    if values.size == 0 or values.dtype.kind not in "fV":
        return None
    return values.astype(np.float32)


def computes_itself(call: Call, inner: set[int]) -> bool:
    """Whether a layer with layers inside returned something that none of these made."""
    return has_inside(call.layer) and not any(id(tensor) in inner for tensor in call.made)
