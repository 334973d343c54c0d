"""What was learned of a Keras model when it was recorded before, for as long as it is the same.

A trial run and a new graph of a deep model take seconds, its predictions less.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator
from typing import Any

import keras

from ann2neo.recording.keras.activations import list_keras_kinds
from ann2neo.recording.keras.calls import is_operation
from ann2neo.recording.places import Place

Paths = dict[int, tuple[str, Any]]

_MEMORIES: weakref.WeakKeyDictionary[Any, Memory] = weakref.WeakKeyDictionary()
_PLAIN = (str, int, float, bool, bytes, type(None))


@dataclasses.dataclass
class Memory:
    """Places found for inputs of one form, and graphs per choice of them, of one state of a model."""

    state: Any
    places: dict[Any, list[Place]] = dataclasses.field(default_factory=dict)
    graphs: dict[Any, dict[Any, Any]] = dataclasses.field(default_factory=dict)


def recall(network: Any, paths: Paths) -> Memory | None:
    """What is known of the model as it is now; None where its state cannot be told."""
    state = _describe_state(network, paths)
    if state is None:
        return None
    memory = _MEMORIES.get(network)
    if memory is None or memory.state != state:
        memory = Memory(state)
        _MEMORIES[network] = memory
    return memory


def forget_tensors(places: list[Place]) -> list[Place]:
    """The places without what was seen there, but for its shape, which is kept."""
    return [dataclasses.replace(place, tensor=Seen(tuple(place.tensor.shape))) for place in places]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is left of a tensor."""

    shape: tuple[int, ...]


def _describe_state(network: Any, paths: Paths) -> Any:
    """All that decides what a model computes, but for the values of its variables; None where code of
    the user's own, which may look at anything, has a part in it."""
    members = [("", network), *paths.values()]
    if not all(_is_known(layer) for _, layer in members):
        return None
    described = [(path, *_describe_layer(layer)) for path, layer in members]
    return (keras.backend.backend(), keras.config.floatx(), network.run_eagerly, tuple(described))


def _is_known(layer: Any) -> bool:
    if "Lambda" in list_keras_kinds(layer) or "call" in vars(layer):
        return False
    parts = [layer] if is_operation(layer) else layer._flatten_layers()
    return all(_is_of_keras(part) and _has_known_functions(part) for part in parts)


def _is_of_keras(value: Any) -> bool:
    return type(value).__module__.startswith("keras.src.")


def _has_known_functions(layer: Any) -> bool:
    """Whether no function of the user's own is among the attributes, such as an activation function."""
    return all(
        (getattr(value, "__module__", None) or "").startswith("keras.src.")
        for name, value in vars(layer).items()
        if not name.startswith("_") and callable(value) and not isinstance(value, keras.Operation)
    )


def _describe_layer(layer: Any) -> Iterator[Any]:
    # By reference and not by id, which another object may have later.
    yield weakref.ref(layer)
    if is_operation(layer):
        yield tuple(_list_settings(layer))
        return
    yield tuple((id(variable), tuple(variable.shape), variable.dtype) for variable in layer.variables)
    for inner in layer._flatten_layers():
        yield weakref.ref(inner)
        yield inner.dtype_policy.name
        yield getattr(inner, "quantization_mode", None)
        yield tuple(_list_settings(inner))


def _list_settings(layer: Any) -> Iterator[tuple[str, Any]]:
    """Plain attributes and functions: what may be changed without a new layer."""
    for name, value in vars(layer).items():
        if name.startswith("_") or name in ("built", "supports_masking"):
            continue
        plain = isinstance(value, tuple) and all(isinstance(item, _PLAIN) for item in value)
        function = callable(value) and not isinstance(value, keras.Operation)
        if plain or function or isinstance(value, _PLAIN):
            yield name, value
