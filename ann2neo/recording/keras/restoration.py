"""A Keras model is left as it was found."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.recording.containers import (
    differs,
    hold_same,
    list_data,
    list_own_kinds,
    list_slots,
    put_back,
    put_back_data,
    read_data,
)
from ann2neo.recording.keras.weights import read_variable

_DEPTH = 6
_MAX_OBJECTS = 10_000
_KERAS_OWN = frozenset([*vars(keras.Layer()), *vars(keras.Model()), "call", "quantized_call"])
_FOREIGN = (
    *("keras", "tensorflow", "jax", "torch", "numpy", "logging", "threading", "inspect"),
    *("builtins", "functools", "types", "weakref", "collections"),
)


@contextmanager
def keep_unchanged(network: Any, *, attributes: bool = True) -> Iterator[None]:
    """Put back what running a model may move: states of layers, seeds of random ones, noted losses, and
    with `attributes` what the user's own layers keep in theirs."""
    layers = network._flatten_layers()
    moving = [variable for layer in layers for variable in layer._non_trainable_variables]
    moving += [seeds.state for layer in layers for seeds in layer._seed_generators]
    moving += list_recurrent_states(network)
    moving += [v for layer in list_own_layers(network) for v in layer._trainable_variables]
    before = [(variable, read_variable(variable)) for variable in moving]
    trained = [(layer, layer.trainable) for layer in layers]
    plain = PlainState(list_own_layers(network)) if attributes else None
    losses = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]
    try:
        yield
    finally:
        if plain is not None:
            plain.put_back()
        for variable, value in before:
            if not np.array_equal(read_variable(variable), value):
                variable.assign(value)
        for layer, trainable in trained:
            if layer.trainable != trainable:
                layer.trainable = trainable
        for layer, noted_losses, loss_ids in losses:
            layer._losses[:] = noted_losses
            layer._loss_ids.clear()
            layer._loss_ids.update(loss_ids)


def list_recurrent_states(network: Any) -> list[Any]:
    """States that stateful layers carry from batch to batch; Keras does not count them as variables."""
    states = [getattr(layer, "states", None) for layer in network._flatten_layers()]
    return [state for state in keras.tree.flatten(states) if isinstance(state, keras.Variable)]


def list_own_layers(network: Any) -> list[Any]:
    """The model and its layers, those of classes that are not Keras'."""
    members = dict.fromkeys([network, *network._flatten_layers()])
    return [m for m in members if type(m).__module__.partition(".")[0] != "keras"]


class PlainState:
    """Attributes of the user's own layers and of the model, and what is reached from them: lists, dicts,
    sets, arrays and plain objects, where such layers may keep what variables are meant for."""

    def __init__(self, layers: list[Any]) -> None:
        self._attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._containers: list[tuple[Any, Any]] = []
        self._arrays: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
        self._data: list[tuple[Any, dict[str, Any]]] = []
        self._seen: set[int] = set()
        for kind in dict.fromkeys(kind for layer in layers for kind in list_own_kinds(layer)):
            self._keep_data(kind, list_data(kind))
        for layer in layers:
            own = vars(layer)
            self._attributes.append((own, dict(own)))
            for name, value in own.items():
                if name not in _KERAS_OWN:
                    self._keep(value, _DEPTH)

    def has_moved(self) -> bool:
        """Whether anything is another than it was."""
        return (
            any(differs(own, before, _KERAS_OWN) for own, before in self._attributes)
            or any(differs(container, before) for container, before in self._containers)
            or any(not hold_same(array, value) for array, value in self._arrays)
            or any(differs(read_data(thing), before) for thing, before in self._data)
        )

    def put_back(self) -> None:
        """Everything as it was."""
        for own, before in self._attributes:
            for name in [name for name in own if name not in before and name not in _KERAS_OWN]:
                del own[name]
            own.update({name: v for name, v in before.items() if name not in _KERAS_OWN})
        for container, before in self._containers:
            put_back(container, before)
        for array, value in self._arrays:
            if not hold_same(array, value):
                array[...] = value
        for thing, before in self._data:
            put_back_data(thing, before)

    def _keep_data(self, thing: Any, data: dict[str, Any]) -> None:
        self._data.append((thing, data))
        for value in data.values():
            self._keep(value, _DEPTH - 1)

    def _keep(self, value: Any, depth: int) -> None:
        plain = isinstance(value, str | bytes | int | float | complex | bool | type(None) | type)
        if plain or not depth or id(value) in self._seen or len(self._seen) > _MAX_OBJECTS:
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.dtype != object and value.flags.writeable:
                self._arrays.append((value, value.copy()))
        elif isinstance(value, dict):
            self._containers.append((value, dict(value)))
            self._keep_all(value.values(), depth)
        elif isinstance(value, list | deque | set):
            self._containers.append((value, set(value) if isinstance(value, set) else list(value)))
            self._keep_all(value, depth)
        elif isinstance(value, tuple):
            self._keep_all(value, depth)
        elif _is_own_object(value):
            own = getattr(value, "__dict__", None)
            if isinstance(own, dict):
                self._containers.append((own, dict(own)))
                self._keep_all(own.values(), depth)
            slots = list_slots(value)
            if slots:
                self._keep_data(value, slots)

    def _keep_all(self, values: Any, depth: int) -> None:
        for value in list(values):
            self._keep(value, depth - 1)


def _is_own_object(value: Any) -> bool:
    """Whether it is an object of a class of the user's own, and neither a layer nor a function."""
    if type(value).__module__.partition(".")[0] in _FOREIGN:
        return False
    return not isinstance(value, keras.Operation) and not inspect.isroutine(value)


class Moving:
    """What a model changes from batch to batch, put back before each: else its layers would depend on
    how many samples a batch holds. States of stateful layers stay, which are meant to go from batch to
    batch, and so do seeds."""

    def __init__(self, network: Any) -> None:
        self._own = list_own_layers(network)
        layers = network._flatten_layers()
        seeds = {id(seeds.state) for layer in layers for seeds in layer._seed_generators}
        kept = seeds | {id(state) for state in list_recurrent_states(network)}
        variables = [v for layer in layers for v in layer._non_trainable_variables if id(v) not in kept]
        variables += [v for layer in self._own for v in layer._trainable_variables]
        self._variables = [(v, read_variable(v)) for v in variables]
        self._is_first = True
        self.moved = False

    @contextmanager
    def one_batch(self) -> Iterator[None]:
        """While inside, a batch is shown. At the first one it turns out which variables move."""
        # Not as it was at first: whoever reads the samples may change the model in between.
        plain = PlainState(self._own)
        for variable, value in [] if self._is_first else self._variables:
            variable.assign(value)
        try:
            yield
        finally:
            self.moved |= plain.has_moved()
            plain.put_back()
        if self._is_first:
            self._is_first = False
            self._variables = [
                (variable, value)
                for variable, value in self._variables
                if not hold_same(read_variable(variable), value)
            ]
            self.moved |= bool(self._variables)
