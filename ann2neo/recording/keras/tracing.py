"""What the user's own code computes between the layers of a Keras model.

Keras notes the operations of functional models as they are built. The code of subclassed models is run
once more on Keras' symbolic tensors, which note the same of it; values come from the run itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras.src.backend.common import global_state

from ann2neo.recording.keras.calls import Call, has_inside, is_operation, list_tensors
from ann2neo.recording.keras.inputs import list_leaves, map_leaves, run

_NAMES = "object_name_uids"
_NOTHING = object()

Paths = Mapping[int, tuple[str, Any]]


def join_operations(
    network: Any, inputs: Any, paths: Paths, calls: Sequence[Call], returned: Sequence[Any]
) -> tuple[list[Call], list[Any]]:
    """The calls of a run, and between them those of operations that are none of the model's own.

    As they are where there is no such code, or Keras' symbolic tensors cannot follow it.
    """
    if not holds_own_code(network, paths) or not _finds_between(inputs, calls, returned):
        return list(calls), list(returned)
    trace = _Trace(network, paths)
    try:
        with trace.follow():
            symbolic = list_tensors(run(network, map_leaves(inputs, _make_symbolic)))
    except Exception:  # whatever code of the user's own does with tensors that have no values
        return list(calls), list(returned)
    return _Joined(trace, calls).join(symbolic, returned) or (list(calls), list(returned))


def _finds_between(inputs: Any, calls: Sequence[Call], returned: Sequence[Any]) -> bool:
    """Whether layers were given, or the network returned, what is no sample and no layer made."""
    samples = [np.asarray(leaf) for leaf in list_leaves(inputs)]
    known: set[int] = set()
    for tensors, made in [*((call.given, call.made) for call in calls), (returned, [])]:
        for tensor in tensors:
            if id(tensor) not in known and not _is_sample(tensor, samples):
                return True
        known |= {id(tensor) for tensor in [*tensors, *made]}
    return False


def _is_sample(tensor: Any, samples: Sequence[npt.NDArray[Any]]) -> bool:
    alike = [sample for sample in samples if sample.shape == tuple(tensor.shape)]
    if not alike:
        return False
    try:
        values = np.asarray(keras.ops.convert_to_numpy(tensor))
    except Exception:  # inside a compiled function, where it has none
        return False
    return any(np.allclose(values, sample, rtol=1e-2) for sample in alike)


def holds_own_code(network: Any, paths: Paths) -> bool:
    """Whether code of the user's own joins layers, so that Keras does not know what is inside."""
    composites = [network, *(layer for _, layer in paths.values() if has_inside(layer))]
    return not all(
        hasattr(layer, "operations") or getattr(layer, "_functional", None) is not None
        for layer in composites
    )


def _make_symbolic(leaf: Any) -> Any:
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    return keras.Input(batch_shape=tuple(leaf.shape), dtype=dtype)


class _Trace:
    """The calls of layers on symbolic tensors, and which operation made each of these first."""

    def __init__(self, network: Any, paths: Paths) -> None:
        self._network = network
        self._layers = [network, *(layer for _, layer in paths.values())]
        self.calls: list[Call] = []
        self.makers: dict[int, Any] = {}

    @contextmanager
    def follow(self) -> Iterator[None]:
        """While inside, the code of composite layers runs as if it were the model's own."""
        names = dict(global_state.get_global_attribute(_NAMES) or {})
        nodes = [
            (layer, len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in self._layers
        ]
        before = [layer.__dict__.get("symbolic_call", _NOTHING) for layer in self._layers]
        try:
            for layer in self._layers:
                layer.__dict__["symbolic_call"] = self._note(layer, layer.symbolic_call)
            yield
        finally:
            for layer, own in zip(self._layers, before, strict=True):
                if own is _NOTHING:
                    layer.__dict__.pop("symbolic_call", None)
                else:
                    layer.__dict__["symbolic_call"] = own
            for layer, n_in, n_out in nodes:
                del layer._inbound_nodes[n_in:], layer._outbound_nodes[n_out:]
            _put_back_names(names)

    def _note(self, layer: Any, own: Callable[..., Any]) -> Callable[..., Any]:
        inside = layer is self._network or has_inside(layer)

        def call(*args: Any, **kwargs: Any) -> Any:
            given = list_tensors([args, kwargs])
            self._meet(given)
            returned = layer.call(*args, **kwargs) if inside else own(*args, **kwargs)
            made = list_tensors(returned)
            self._meet(made)
            if layer is not self._network:
                self.calls.append(Call(layer, given, made))
            return returned

        return call

    def _meet(self, tensors: Sequence[Any]) -> None:
        """Before a layer around it claims a tensor for itself, note which node made it."""
        for tensor in tensors:
            history = getattr(tensor, "_keras_history", None)
            if history is not None and history.operation is not None:
                self.makers.setdefault(id(tensor), history.operation._inbound_nodes[history.node_index])


def _put_back_names(names: dict[str, int]) -> None:
    now = global_state.get_global_attribute(_NAMES)
    if now is not None:
        now.clear()
        now.update(names)


class _Joined:
    """Symbolic calls beside those of the run, in which tensors of the run stand for symbolic ones."""

    def __init__(self, trace: _Trace, calls: Sequence[Call]) -> None:
        self._trace, self._run = trace, calls
        self._known = {id(call.layer) for call in calls}
        self._values: dict[int, Any] = {}
        self._joined: list[Call] = []
        self._noted: set[int] = set()

    def join(
        self, symbolic: Sequence[Any], returned: Sequence[Any]
    ) -> tuple[list[Call], list[Any]] | None:
        if not _is_alike([call.layer for call in self._trace.calls], [c.layer for c in self._run]):
            return None
        pairs = list(zip(self._trace.calls, self._run, strict=True))
        if any(len(s.given) != len(c.given) or len(s.made) != len(c.made) for s, c in pairs):
            return None
        for noted, call in pairs:
            for side in ("made", "given"):
                for tensor, value in zip(getattr(noted, side), getattr(call, side), strict=True):
                    self._values.setdefault(id(tensor), value)
        if len(symbolic) == len(returned):
            for tensor, value in zip(symbolic, returned, strict=True):
                self._values.setdefault(id(tensor), value)
        for noted, call in pairs:
            self._add_operations(noted.given)
            if has_inside(call.layer):
                self._add_operations(noted.made)
            given = [self._values[id(tensor)] for tensor in noted.given]
            made = [self._values[id(tensor)] for tensor in noted.made]
            self._joined.append(Call(call.layer, given, made))
        self._add_operations(symbolic)
        ends = [self._values.get(id(tensor), tensor) for tensor in symbolic]
        return self._bring_forward(self._joined), ends

    def _bring_forward(self, calls: Sequence[Call]) -> list[Call]:
        """Operations right behind what they are made of, where the network may have come to them."""
        when: dict[int, float] = {}
        places: list[tuple[float, int]] = []
        for index, call in enumerate(calls):
            place = float(index)
            if id(call.layer) not in self._known:
                place = max((when.get(id(t), -1.0) for t in call.given), default=-1.0)
            places.append((place, index))
            for tensor in call.made:
                when.setdefault(id(tensor), place)
        return [calls[index] for _, index in sorted(places)]

    def _add_operations(self, tensors: Sequence[Any]) -> None:
        """The operations by which these were made of what layers returned, in their order."""
        pending = [(tensor, False) for tensor in reversed(tensors)]
        while pending:
            tensor, is_ready = pending.pop()
            node = self._find_node(tensor)
            if node is None or id(node) in self._noted:
                continue
            parents = list_tensors([node.arguments.args, node.arguments.kwargs])
            if is_ready:
                self._noted.add(id(node))
                self._joined.append(
                    Call(node.operation, [self._take(t) for t in parents], self._take_all(node))
                )
            else:
                pending.append((tensor, True))
                pending += [(parent, False) for parent in reversed(parents)]

    def _find_node(self, tensor: Any) -> Any:
        """The node of an operation between layers that made a tensor; None for layers."""
        node = self._trace.makers.get(id(tensor))
        history: Any = getattr(tensor, "_keras_history", None)
        if node is None and history is not None:
            with contextlib.suppress(AttributeError, IndexError):
                node = history.operation._inbound_nodes[history.node_index]
        if node is None or id(node.operation) in self._known or not is_operation(node.operation):
            return None
        return node

    def _take(self, tensor: Any) -> Any:
        return self._values.get(id(tensor), tensor)

    def _take_all(self, node: Any) -> list[Any]:
        return [self._take(tensor) for tensor in list_tensors(node.outputs)]


def _is_alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))
