"""The calls of a Keras model, and of operations between its layers, as steps of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ann2neo.recording.flow.operations import CONTRACTIONS, LINEAR, PASSING, PRODUCTS
from ann2neo.recording.flow.shaped import find_shaped
from ann2neo.recording.flow.steps import Step
from ann2neo.recording.keras.activations import list_keras_kinds
from ann2neo.recording.keras.calls import Call, has_inside, is_operation

_SPELLED = {
    "greater": "gt",
    "greaterequal": "ge",
    "less": "lt",
    "lessequal": "le",
    "equal": "eq",
    "notequal": "eq",
    "logicaland": "logical_and",
    "logicalor": "logical_or",
    "logicalnot": "logical_not",
    "subtract": "sub",
    "truedivide": "div",
    "divide": "div",
    "negative": "neg",
    "multiply": "mul",
    "moveaxis": "movedim",
    "expanddims": "unsqueeze",
    "cast": "to",
    "getitem": "__getitem__",
    "slice": "__getitem__",
    "take": "index_select",
    "takealongaxis": "take_along_dim",
    "unstack": "unbind",
    "max": "amax",
    "min": "amin",
    "topk": "topk",
    "onehot": "one_hot",
    "multihot": "one_hot",
    "clip": "clamp",
    "power": "pow",
    "absolute": "abs",
    "mod": "remainder",
    "logsoftmax": "log_softmax",
    "broadcastto": "expand",
    "tile": "expand",
    "repeat": "expand",
    "stopgradient": "detach",
    "scatterupdate": "index_put",
    "sliceupdate": "copy",
    "arctan2": "atan2",
    "conv": "conv2d",
    "normalize": "normalize",
    "layernormalization": "layer_norm",
    "rmsnormalization": "rms_norm",
    "average": "add",
    "maximum": "maximum",
    "minimum": "minimum",
}
_MERGING = frozenset(["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"])
_HANDING = frozenset(
    [
        *(
            "Flatten",
            "Reshape",
            "Permute",
            "Identity",
            "Masking",
            "Activation",
            "ActivityRegularization",
        ),
        *("Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
        *("BaseDropout", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "RepeatVector"),
    ]
)
_NORMS = frozenset(
    ["BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"]
)


def name_step(layer: Any) -> str:
    """What torch calls the function of an operation or of a layer without weights."""
    name = type(layer).__name__.lower()
    if is_operation(layer) or name in _MERGING:
        return _SPELLED.get(name, name)
    kinds = set(list_keras_kinds(layer))
    if kinds & _HANDING:
        return "view"
    return "layer_norm" if kinds & _NORMS else f"layer {name}"


def takes_weights(operation: Any) -> bool:
    """Whether an operation multiplies what it is given with a matrix of the network's own."""
    if not is_operation(operation) or name_step(operation) not in CONTRACTIONS:
        return False
    for node in operation._inbound_nodes:
        operands = [v for v in keras.tree.flatten([node.arguments.args, node.arguments.kwargs])]
        operands = [v for v in operands if len(getattr(v, "shape", ())) > 0]
        own = [not isinstance(v, keras.KerasTensor) for v in operands]
        matrices = [is_own and len(v.shape) > 1 for is_own, v in zip(own, operands, strict=True)]
        if any(matrices[1:]) or (any(matrices) and name_step(operation) == "einsum"):
            return not all(own)
    return False


class Steps:
    """Calls as steps: `numbers` tells by the id of a tensor which of `steps` made it."""

    def __init__(self, calls: Sequence[Call], active: Sequence[bool], weighted: Sequence[bool]) -> None:
        self._calls, self._weighted = calls, weighted
        self.steps: list[Step] = []
        self.numbers: dict[int, int] = {}
        self._call_of: dict[int, int] = {}
        self._active: set[int] = set()
        for index, call in enumerate(calls):
            self._add_call(index, call, is_active=active[index])

    def find_shaped(self) -> list[int]:
        """Places of calls that act as activation functions though they are none by name."""
        found = find_shaped(self.steps, self._active)
        return [self._call_of[number] for number in found if number in self._call_of]

    def comes_of_weights(self, tensors: Sequence[Any]) -> bool:
        """Whether the network chose these itself, as one does that quantizes vectors."""
        pending, seen = [self.numbers[id(t)] for t in tensors if id(t) in self.numbers], set()
        while pending:
            number = pending.pop()
            if number not in seen:
                seen.add(number)
                if self.steps[number].is_contraction:
                    return True
                pending += self.steps[number].parents
        return False

    def _add_call(self, index: int, call: Call, *, is_active: bool) -> None:
        for tensor in call.given:
            if id(tensor) not in self.numbers and not is_constant(call, tensor):
                self._add(tensor, Step("samples", (), (), -1, *_measure(tensor)))
        parents = [self.numbers[id(t)] for t in call.given if id(t) in self.numbers]
        weights: tuple[str, ...] = ()
        name = name_step(call.layer)
        if self._weighted[index]:
            weights = (type(call.layer).__name__,)
            name = name if is_operation(call.layer) else "linear"
        if has_inside(call.layer) and not self._weighted[index]:
            name = "a composite"
        for tensor in call.made:
            # A composite hands on what was made inside.
            if id(tensor) in self.numbers:
                continue
            step = Step(name, tuple(dict.fromkeys(parents)), weights, -1, *_measure(tensor))
            number = self._add(tensor, step)
            if is_active:
                self._active.add(number)
            if is_operation(call.layer) or name in _SPELLED.values():
                self._call_of[number] = index

    def _add(self, tensor: Any, step: Step) -> int:
        self.numbers[id(tensor)] = len(self.steps)
        self.steps.append(step)
        return len(self.steps) - 1


def is_constant(call: Call, tensor: Any) -> bool:
    """Whether what an operation is given is the network's own."""
    if not is_operation(call.layer):
        return False
    constants = [
        v
        for node in call.layer._inbound_nodes
        for v in keras.tree.flatten([node.arguments.args, node.arguments.kwargs])
        if not isinstance(v, keras.KerasTensor)
    ]
    return any(v is tensor for v in constants)


def is_passing(layer: Any) -> bool:
    """Whether an operation hands values on, where they lie or elsewhere."""
    return name_step(layer) in PASSING


def is_linear(layer: Any) -> bool:
    """Whether an operation is linear in what it is given."""
    name = name_step(layer)
    several = any(len(node.arguments.keras_tensors) > 1 for node in layer._inbound_nodes)
    return name in LINEAR and not (several and name in PRODUCTS)


def _measure(tensor: Any) -> tuple[tuple[int, ...], bool]:
    """The shape of a tensor, and whether its numbers are no floats."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return tuple(int(size or 1) for size in tensor.shape), "float" not in dtype
