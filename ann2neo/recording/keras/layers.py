"""The places of a Keras model: what they are called, which hold nodes, where their channels lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ann2neo.recording.keras.activations import (
    computes_itself,
    is_own,
    is_selecting,
    list_keras_kinds,
    name_activation,
    name_between,
    name_by_values,
)
from ann2neo.recording.keras.between import (
    Outlets,
    Role,
    find_between,
    find_outlets,
    find_tied_end,
    holds_own,
)
from ann2neo.recording.keras.calls import Call, has_inside, is_operation
from ann2neo.recording.keras.dataflow import Dataflow
from ann2neo.recording.keras.steps import Steps, takes_weights
from ann2neo.recording.keras.tracing import holds_own_code
from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place, Side

_COMPOSITE = "a composite: the layers inside stand for it"
_READ = "what a layer reads"
_EMBEDDING = "an embedding"
_UNSEEN = (
    "it is computed between layers, and no layer reads it, so that nothing can be noted: put it into a "
    "layer of its own"
)
_MOVING = frozenset(["Permute", "Transpose", "Swapaxes", "Moveaxis", "Rot90"])


def find_places(
    paths: Mapping[int, tuple[str, Any]],
    calls: Sequence[Call],
    returned: Sequence[Any] = (),
    network: Any = None,
) -> list[Place]:
    """What the noted calls returned and were given, in the order of the calls.

    Parameters
    ----------
    paths : mapping
        id → (path, layer), from `find_paths`.
    calls : sequence of Call
        All calls of one run; among them perhaps those of operations that are not in `paths`.
    returned : sequence of tensors
        What the network itself returned.
    network : keras.Model, optional
        The network; with it, what it computes between its layers is looked for.
    """
    n_calls = Counter(id(call.layer) for call in calls)
    seen: Counter[int] = Counter()
    roles = _find_roles(calls, paths)
    weighted = [_is_weighted(call) for call in calls]
    between, tied = _look_between(paths, calls, roles, weighted, returned, network)
    activations = [role.activation for role in roles]
    flow = Dataflow(calls, activations, weighted, returned, ends_in_weights=tied is not None)
    # Number of axes → whether axes were moved since a layer last said where its channels are.
    moved: dict[int, bool] = {}
    found: list[Place] = []
    for index, (call, role) in enumerate(zip(calls, roles, strict=True)):
        layer, number = call.layer, seen[id(call.layer)]
        seen[id(layer)] += 1
        if id(layer) not in paths:
            if index in between.unseen and network is not None:
                hidden = flow.is_hidden(index)
                found.append(_make_unseen(layer, call.made[0], role.activation, is_hidden=hidden))
            continue
        path = paths[id(layer)][0]
        label = f"{path}:{number}" if n_calls[id(layer)] > 1 else path
        sides: list[tuple[Side, list[Any]]] = [("input", call.given), ("output", call.made)]
        for side, tensors in sides:
            end = ":input" if side == "input" else ""
            for position, tensor in enumerate(tensors):
                if side == "output":
                    _note_moves(moved, layer, len(tensor.shape))
                own = between.read.get((index, position), "") if side == "input" else ""
                reason = _find_output_reason(role, layer, position) if side == "output" else _READ
                activation = role.activation if side == "output" else own or flow.find_maker(tensor)
                found.append(
                    Place(
                        layer=layer,
                        name=f"{layer.name}{end}",
                        path=f"{path}{end}",
                        call=number,
                        n_calls=n_calls[id(layer)],
                        position=position,
                        label=f"{label}{end}[{position}]" if len(tensors) > 1 else f"{label}{end}",
                        tensor=tensor,
                        activation=activation,
                        is_node=not reason or bool(own),
                        kind=type(layer).__name__,
                        shape=_shape(tensor),
                        channel_axis=-1,
                        side=side,
                        is_hidden=_is_hidden(flow, call, index, tensor, position)
                        if side == "output"
                        else flow.is_input_hidden(index),
                        weights=tuple(_name_fed(fed, paths) for fed in flow.find_weights(index)),
                        reason="" if own else reason,
                        axes_moved=moved.get(len(tensor.shape), False),
                    )
                )
    if tied is not None:
        found.append(_make_unseen(None, tied, "linear", is_hidden=False))
    return found


def _look_between(
    paths: Mapping[int, tuple[str, Any]],
    calls: Sequence[Call],
    roles: list[Role],
    weighted: Sequence[bool],
    returned: Sequence[Any],
    network: Any,
) -> tuple[Outlets, Any]:
    """Where what is computed between layers can be noted, and what weights made of them at the end."""
    if _is_followed(calls, paths):
        found = find_outlets(calls, roles, weighted, paths)
        for index, activation in found.returned.items():
            roles[index] = Role(activation, True, "")
        return found, None
    if network is None or not holds_own_code(network, paths):
        return Outlets(), None
    read = find_between(paths, calls, network, _is_weighted)
    return Outlets(read), find_tied_end(calls, returned, network)


def _is_followed(calls: Sequence[Call], paths: Mapping[int, tuple[str, Any]]) -> bool:
    """Whether operations between layers are among the calls."""
    return any(id(call.layer) not in paths for call in calls)


def _name_fed(call: Call, paths: Mapping[int, tuple[str, Any]]) -> str:
    path, _ = paths.get(id(call.layer), (type(call.layer).__name__.lower(), None))
    return path


def _make_unseen(layer: Any, tensor: Any, activation: str, *, is_hidden: bool) -> Place:
    """A place that nothing can be recorded from, so that it is not passed over in silence."""
    name = "output" if layer is None else type(layer).__name__.lower()
    return Place(
        layer=layer,
        name=name,
        path=name,
        call=0,
        n_calls=1,
        position=0,
        label=name,
        tensor=tensor,
        activation=activation,
        is_node=True,
        kind="function" if layer is None else type(layer).__name__,
        is_hidden=is_hidden,
        fault=_UNSEEN,
    )


def make_site(place: Place, paths: Mapping[int, tuple[str, Any]]) -> Site:
    """A place as the recorder sees it."""
    shape = _shape(place.tensor) or ()
    axis: int | None = -1
    if len(shape) > 1 and place.axes_moved:
        axis = None
    elif len(shape) > 1 and _has_channels_first(place.layer, paths):
        axis = 0
    # Further outputs are states, which another function may have made.
    activation = place.activation if place.position == 0 and place.side == "output" else None
    return Site(place.label, shape, axis, activation)


def _shape(tensor: Any) -> tuple[int, ...] | None:
    sizes = tuple(tensor.shape[1:])
    return None if None in sizes else tuple(int(size) for size in sizes)


def _is_hidden(flow: Dataflow, call: Call, index: int, tensor: Any, position: int) -> bool:
    # A recurrent layer's sequence stands for its last state, too, which is the last step of it.
    whole = len(call.made) == 1 or (position == 0 and "RNN" in list_keras_kinds(call.layer))
    return flow.is_hidden(index) if whole else flow.is_tensor_hidden(tensor)


def _find_output_reason(role: Role, layer: Any, position: int) -> str:
    if position and role.is_node:
        kinds = list_keras_kinds(layer)
        if "RNN" in kinds or "Bidirectional" in kinds:
            return "a state"
        if "MultiHeadAttention" in kinds or "Attention" in kinds:
            return "how much attention is paid, not what is made of it"
    return "" if role.is_node else role.reason


def _find_roles(calls: Sequence[Call], paths: Mapping[int, tuple[str, Any]]) -> list[Role]:
    roles: list[Role] = []
    inner: dict[int, Any] = {}
    for number, call in enumerate(calls):
        role = _find_role(call, inner)
        if role.reason == _COMPOSITE and _stands_for_weights(call, calls[:number], roles):
            role = Role(name_by_values(call, "linear", call.given), True, "")
        if role.reason == _COMPOSITE and _is_linear_sum(call, calls[:number], roles, set(inner)):
            role = Role("linear", True, "")
        roles.append(role)
        if id(call.layer) in paths:
            # Held by the calls, so that no other tensor has its id.
            inner.update({id(tensor): tensor for tensor in call.made})
    steps = Steps(calls, [role.is_active for role in roles], [_is_weighted(call) for call in calls])
    for number, call in enumerate(calls):
        if roles[number].reason == _EMBEDDING and steps.comes_of_weights(call.given):
            roles[number] = Role("linear", True, "")
    for number in steps.find_shaped():
        call = calls[number]
        name = type(call.layer).__name__.lower()
        said = name_between(call.made[0], call.given[:1]) if call.given else ""
        roles[number] = Role(said or f"keras {name}", True, "")
    return roles


def _find_role(call: Call, inner: Mapping[int, Any]) -> Role:
    """Whether a layer computes nodes of its own: with weights or an activation function."""
    layer = call.layer
    composite = has_inside(layer)
    if composite and not computes_itself(call, set(inner)):
        return Role("linear", False, _COMPOSITE)
    given = list(inner.values())[-1:] if composite else call.given
    activation = name_by_values(call, name_activation(layer), given)
    if activation != "linear":
        return Role(activation, True, "")
    if composite:
        own = bool(layer._trainable_variables)
        return Role("linear", own, "" if own else _COMPOSITE)
    reason = _find_reason(call)
    return Role("linear", not reason, reason)


def _stands_for_weights(call: Call, before: Sequence[Call], roles: Sequence[Role]) -> bool:
    """Whether a layer with weights of its own and layers inside returned what one of these handed on
    that computes nothing, such as dropout: what the weights made is seen nowhere else."""
    if not holds_own(call.layer):
        return False
    made = {id(tensor) for tensor in call.made}
    makers = [r for c, r in zip(before, roles, strict=False) if any(id(t) in made for t in c.made)]
    return bool(makers) and not any(role.is_node for role in makers)


def _is_linear_sum(call: Call, before: Sequence[Call], roles: Sequence[Role], inner: set[int]) -> bool:
    """Whether a composite layer makes something of its own from layers with weights and no activation
    functions, as a low-rank adapter and what it adapts: then it is one layer, too."""
    if isinstance(call.layer, keras.Model) or not computes_itself(call, inner):
        return False
    members = {id(layer) for layer in call.layer._flatten_layers(include_self=False)}
    own = [(c, role) for c, role in zip(before, roles, strict=False) if id(c.layer) in members]
    weighted = [c for c, _ in own if c.layer.weights]
    linear = all(role.activation == "linear" for _, role in own)
    return linear and bool(weighted) and all(map(_is_weighted, weighted))


def _find_reason(call: Call) -> str:
    """Why a layer without an activation function has no nodes; "" if it has."""
    layer = call.layer
    if is_operation(layer):
        weighted = takes_weights(layer)
        return "" if weighted else "an operation without weights or an activation function"
    for kind in type(layer).__mro__:
        if kind.__module__.startswith("keras.src.layers.normalization."):
            return "" if kind.__name__ == "SpectralNormalization" else "a normalization"
        if kind.__module__.startswith("keras.src.layers.preprocessing."):
            return "preprocessing"
        if kind.__name__ == "Embedding" and kind.__module__.startswith("keras."):
            return _EMBEDDING
    if layer.weights or (is_own(layer) and not is_selecting(call)):
        return ""
    return "it has neither weights nor an activation function"


def _is_weighted(call: Call) -> bool:
    """Whether weights of a layer's own combine what it is given."""
    layer = call.layer
    if is_operation(layer):
        return takes_weights(layer)
    if has_inside(layer):
        return bool(layer._trainable_variables)
    return bool(layer.weights) and not _find_reason(call)


def _note_moves(moved: dict[int, bool], layer: Any, n_axes: int) -> None:
    moves = not _MOVING.isdisjoint(list_keras_kinds(layer))
    if moves or not _keeps_channels(layer):
        moved[n_axes] = moves


def _keeps_channels(layer: Any) -> bool:
    """Whether a layer's channels lie where those of its input do."""
    if is_operation(layer):
        return True
    inner = getattr(layer, "layer", layer)
    if getattr(inner, "data_format", None) is not None:
        return False
    weightless = not inner.weights or type(inner).__name__ in ("BatchNormalization", "PReLU")
    return weightless or has_inside(inner)


def _has_channels_first(layer: Any, paths: Mapping[int, tuple[str, Any]]) -> bool:
    """Whether a layer's channels come before its spatial axes."""
    own = getattr(getattr(layer, "layer", layer), "data_format", None)
    if own is not None:
        return bool(own == "channels_first")
    composite = isinstance(layer, keras.Layer) and has_inside(layer) and layer.weights
    if not _keeps_channels(layer) or composite:
        return False
    formats = {getattr(other, "data_format", None) for _, other in paths.values()} - {None}
    if len(formats) > 1:
        raise ValueError(
            f"network has both channels_first and channels_last layers, and {layer.name!r} does not say "
            "which it is; record another layer"
        )
    return "channels_first" in formats
