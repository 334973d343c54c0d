"""Which activation function makes what a Keras layer returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
_TRIED = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "tanh", "sigmoid"),
    *("softmax", "exponential", "hard_sigmoid", "hard_silu", "mish", "softsign", "celu", "squareplus"),
)
_ALSO_TRIED: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "sin": np.sin,
    "cos": np.cos,
    "square": np.square,
    "abs": np.abs,
    "sign": np.sign,
}
OWN = "own function"
_FEW_ZEROS = 0.05
_CLOSE = 1e-4
_MOST_SUMMED = 30


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
    if len({len(values) for values in [*given, *made]}) == 1:
        # The same ones of each sample: the larger of two is a choice of another kind.
        columns = {column for taken in given for column in _list_columns(taken)}
        return all(columns.issuperset(_list_columns(values)) for values in made)
    pool = np.concatenate([taken.ravel() for taken in given])
    return all(bool(np.isin(values, pool).all()) for values in made)


def _list_columns(values: npt.NDArray[Any]) -> set[bytes]:
    return {column.tobytes() for column in np.ascontiguousarray(values.reshape(len(values), -1).T)}


def name_between(tensor: Any, known: Sequence[Any]) -> str:
    """The activation function that makes a tensor of one of others, where nobody says how; "" for none
    that is common."""
    values = _read(tensor)
    if values is None:
        return ""
    others = [taken for taken in map(_read, reversed(known)) if taken is not None]
    others = [taken for taken in others if taken.shape == values.shape]
    if not any(np.allclose(taken, values, rtol=1e-4, atol=1e-6) for taken in others):
        for taken in others:
            found = _recognize(taken, values)
            if found:
                return found
    return ""


def is_combined(tensor: Any, known: Sequence[Any]) -> bool:
    """Whether a tensor is a sum of others, or has their values in other places, scaled and shifted the
    same for all samples."""
    values = _read(tensor)
    if values is None:
        return True
    others = [taken for taken in map(_read, known) if taken is not None and len(taken) == len(values)]
    columns = {column for taken in others for column in _norm_columns(taken)}
    # Copies of one sample say nothing of columns.
    if columns and columns.issuperset(_norm_columns(values)):
        return True
    alike = [taken.ravel() for taken in others if taken.shape == values.shape][-_MOST_SUMMED:]
    if not alike or values.size <= 2 * len(alike):
        return False
    terms = np.stack([*alike, np.ones(values.size)], axis=1).astype(np.float64)
    weights = np.linalg.lstsq(terms, values.ravel().astype(np.float64), rcond=None)[0]
    off = np.abs(terms @ weights - values.ravel()).max()
    return bool(off <= _CLOSE * max(float(np.abs(values).max()), 1e-30))


def is_product(tensor: Any, known: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Whether a tensor is the product of another with a matrix of the network, or a common activation
    function of that."""
    values = _read(tensor)
    matrices = [matrix for matrix in map(_read, variables) if matrix is not None and matrix.ndim == 2]
    for taken in [taken for taken in map(_read, known) if taken is not None]:
        for matrix in [*matrices, *(matrix.T for matrix in matrices)]:
            if values is None or taken.shape[-1] != len(matrix) or taken.ndim < 2:
                continue
            made = taken @ matrix
            if made.shape != values.shape:
                continue
            close = np.allclose(made, values, rtol=1e-3, atol=_CLOSE * float(np.abs(values).max()))
            if close or _recognize(made, values):
                return True
    return False


def is_cut(tensor: Any) -> bool:
    """Whether values are cut off at zero."""
    values = _read(tensor)
    return values is not None and values.min() >= 0 and _FEW_ZEROS < float((values == 0).mean()) < 1


def _norm_columns(values: npt.NDArray[Any]) -> set[bytes]:
    """What columns hold but for their mean, scale and sign; nothing of constant ones."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    spread = np.abs(flat).max(axis=0)
    flat = flat[:, spread > 1e-6 * max(float(spread.max(initial=0)), 1e-30)]
    flat = flat / np.abs(flat).max(axis=0, initial=1e-30)
    first = flat[np.abs(flat).argmax(axis=0), np.arange(flat.shape[1])]
    return {column.tobytes() for column in (np.round(flat * np.sign(first), 3) + 0.0).T.copy()}


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
    for name, function in _ALSO_TRIED.items():
        if np.allclose(function(taken), made, rtol=1e-4, atol=1e-6):
            return name
    return ""


def _read(tensor: Any) -> npt.NDArray[Any] | None:
    """Values of a tensor as float32; None of one that has none (yet), or whole numbers."""
    if isinstance(tensor, keras.KerasTensor):
        return None
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
