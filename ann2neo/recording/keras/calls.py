"""Seeing what the layers of a Keras model are given and return."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras

_NOTHING = object()
_LOCKS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_LOCKS_GUARD = threading.Lock()


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of an operation between layers: tensors that went in and came out.

    `path` tells which layer, `layer` is the object itself.
    """

    layer: Any
    given: list[Any]
    made: list[Any]


def find_paths(network: Any, prefix: str = "") -> dict[int, tuple[str, Any]]:
    """id → (dotted path, layer) of every layer that can be seen, outer before inner; and of operations
    of functional models, as ``keras.ops.relu(x)``, which are no layers."""
    found: dict[int, tuple[str, Any]] = {}
    for layer in network._flatten_layers(recursive=False, include_self=False):
        path = prefix + layer.name
        if isinstance(layer, keras.layers.InputLayer) or id(layer) in found:
            continue
        found[id(layer)] = (path, layer)
        if has_inside(layer):
            for key, inner in find_paths(layer, path + ".").items():
                found.setdefault(key, inner)
    for operation in _list_operations(network):
        found.setdefault(id(operation), (prefix + operation.name, operation))
    return found


def is_operation(layer: Any) -> bool:
    """Whether it is a function that was called between layers."""
    return not isinstance(layer, keras.Layer)


def _list_operations(network: Any) -> list[Any]:
    inside = getattr(network, "_functional", None) or network
    return [operation for operation in getattr(inside, "operations", []) if is_operation(operation)]


def has_inside(layer: Any) -> bool:
    """Models and the user's own composite layers are looked into; Keras' own (wrappers, recurrent and
    attention layers) and what is derived from them are one node: what they hold may run in a loop."""
    if is_operation(layer):
        return False
    kinds = [kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras.src.layers.")]
    plain = all(kind.__module__ == "keras.src.layers.layer" for kind in kinds)
    composite = isinstance(layer, keras.Model) or plain
    return composite and bool(layer._flatten_layers(recursive=False, include_self=False))


@contextmanager
def note_calls(layers: Iterable[Any]) -> Iterator[list[Call]]:
    """While inside, each call of a layer by this thread is added to the list given out."""
    notes: list[Call] = []
    patched: list[tuple[Any, str, Any]] = []
    owner = threading.get_ident()

    def note(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def note_call(*args: Any, **kwargs: Any) -> Any:
            returned = call(*args, **kwargs)
            if threading.get_ident() == owner:
                notes.append(Call(layer, list_tensors([args, kwargs]), list_tensors(returned)))
            return returned

        return note_call

    try:
        for layer in layers:
            name = "call" if getattr(layer, "quantization_mode", None) is None else "quantized_call"
            patched.append((layer, name, layer.__dict__.get(name, _NOTHING)))
            # Past Keras' attribute tracking, which would take the function for state of the layer.
            layer.__dict__[name] = note(layer, getattr(layer, name))
        yield notes
    finally:
        # Last patched, first restored: a layer may be there twice.
        for layer, name, before in reversed(patched):
            if before is _NOTHING:
                layer.__dict__.pop(name, None)
            else:
                layer.__dict__[name] = before


def list_tensors(values: Any) -> list[Any]:
    """The tensors with a samples axis in what a layer returned or was given."""
    leaves = keras.tree.flatten(values)
    found = []
    for leaf in leaves:
        shape = getattr(leaf, "shape", None)
        if shape is not None and getattr(shape, "rank", 1) is not None and len(shape) > 0:
            found.append(leaf)
    return found


@contextmanager
def lock(network: Any) -> Iterator[None]:
    """Waits until no other thread observes this model, or one that shares layers with it."""
    members = {id(layer): layer for layer in [network, *network._flatten_layers()]}
    with _LOCKS_GUARD:
        locks = [_LOCKS.setdefault(members[key], threading.RLock()) for key in sorted(members)]
    with ExitStack() as stack:
        # In the same order everywhere, so that no two threads wait for each other.
        for one in locks:
            stack.enter_context(one)
        yield
