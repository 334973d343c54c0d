"""Samples as a Keras model takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from ann2neo.recording.samples.inputs import is_array

_OPTIONS = frozenset(["self", "training", "mask"])


def run(network: Any, inputs: Any) -> Any:
    """What the model returns, in inference mode."""
    if isinstance(inputs, _Arguments):
        return network(*inputs.args, training=False, **inputs.kwargs)
    return network(inputs, training=False)


def as_inputs(network: Any, inputs: Any) -> Any:
    """Several inputs as a list, or as arguments where `call` takes several; a tuple of one is one."""
    names = _list_arguments(network)
    expected = getattr(network, "inputs", None)
    _check_real(inputs)
    if isinstance(inputs, tuple):
        if len(names) > 1 and not expected and len(inputs) > 1:
            return _name_options(inputs, names)
        if expected and len(expected) != len(inputs):
            raise ValueError(
                f"samples must have an array for each input of network {network.name!r}, which has "
                f"{len(expected)}; got a tuple of {len(inputs)}. Labels go in labels="
            )
        return inputs[0] if len(inputs) == 1 else list(inputs)
    several = isinstance(inputs, Mapping) and not expected and len(names) > 1
    if several and set(inputs) <= {*names, "mask"}:
        return _Arguments((), dict(inputs))
    struct = getattr(network, "_inputs_struct", None)
    if isinstance(inputs, Mapping) and isinstance(struct, Mapping):
        # What is no input of a graph is none, whatever it is for others.
        return {name: v for name, v in inputs.items() if name in struct or is_array(v)}
    return inputs


def _name_options(inputs: tuple[Any, ...], names: list[str]) -> Any:
    """Arguments of which what is no array goes by its name, as Keras wants it."""
    n_first = next((place for place, value in enumerate(inputs) if not is_array(value)), len(inputs))
    rest = inputs[n_first:]
    if len(inputs) > len(names):
        raise ValueError(f"samples must be at most the arguments {names} of call, got {len(inputs)}")
    return _Arguments(inputs[:n_first], dict(zip(names[n_first:], rest, strict=False)))


def _check_real(inputs: Any) -> None:
    """Keras would drop what is imaginary."""
    for leaf in list_leaves(inputs):
        kind = getattr(getattr(leaf, "dtype", None), "kind", "f")
        if kind in "cMm":
            raise TypeError(f"samples must be real numbers or bool, got dtype {leaf.dtype}")


def takes_input(network: Any, name: str) -> bool:
    """Whether the model has an input of this name; one that looks at a dict by itself may have any."""
    expected = getattr(network, "inputs", None)
    if not expected:
        names = _list_arguments(network)
        return name in names or len(names) < 2
    struct = getattr(network, "_inputs_struct", None)
    if isinstance(struct, Mapping):
        return name in struct
    return name in [tensor.name for tensor in expected]


def has_fixed_batch(network: Any) -> bool:
    """Whether the model takes batches of one size alone."""
    expected = getattr(network, "inputs", None) or []
    return any(tensor.shape[0] is not None for tensor in expected)


def map_leaves(inputs: Any, function: Callable[[Any], Any]) -> Any:
    """The inputs with each array replaced by what `function` makes of it."""

    def map_inputs(leaf: Any) -> Any:
        return function(leaf) if is_array(leaf) else leaf

    if isinstance(inputs, _Arguments):
        args, kwargs = map_leaves((inputs.args, inputs.kwargs), function)
        return _Arguments(tuple(args), dict(kwargs))
    return keras.tree.map_structure(map_inputs, inputs)


def list_leaves(inputs: Any) -> list[Any]:
    """All arrays of the inputs."""
    if isinstance(inputs, _Arguments):
        inputs = (inputs.args, inputs.kwargs)
    return [leaf for leaf in keras.tree.flatten(inputs) if is_array(leaf)]


def list_constants(inputs: Any) -> list[Any]:
    """What stands among the inputs and is no array."""
    if isinstance(inputs, _Arguments):
        inputs = (inputs.args, inputs.kwargs)
    return [leaf for leaf in keras.tree.flatten(inputs) if not is_array(leaf)]


def describe(network: Any, inputs: Any) -> str:
    """What was given and what the model takes, in words."""
    given = ", ".join(f"{np.shape(leaf)} of {leaf.dtype}" for leaf in list_leaves(inputs))
    expected = getattr(network, "inputs", None) or []
    wanted = ", ".join(str(tuple(tensor.shape)) for tensor in expected)
    return f"the first batch is {given}" + (f", it takes {wanted}" if wanted else "")


class _Arguments:
    """Inputs for a `call` that takes several."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


def _list_arguments(network: Any) -> list[str]:
    """Names of the arguments of `call` that stand for inputs."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(type(network).call).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.name not in _OPTIONS and p.kind in kinds]
