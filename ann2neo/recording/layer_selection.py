"""Which of the places of a network are to be recorded."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ann2neo.recording.places import Place, describe_place

RECTIFIERS = frozenset(
    [
        *("celu", "elu", "gelu", "hardsilu", "hardswish", "leakyrelu", "mish", "prelu", "relu"),
        *("relu6", "rrelu", "selu", "silu", "softplus", "spikes", "squareplus", "swish", "threshold"),
    ]
)
"""Activation functions that ``layers="activations"`` takes: a rectifier and its relatives, and spikes,
by the last word of their names and without underscores.
Sigmoid, tanh and softmax, which gate and scale in most networks, are not among them."""

_GROUPS = ("all", "activations", "last_hidden")
_N_LISTED = 40
_NO_NODES = "network calls no {}; name the layers to record among {}"


@dataclass(frozen=True)
class Choice:
    """The places chosen; `notes` say what was left out, `annotations` why it was these."""

    places: list[Place]
    notes: list[str] = field(default_factory=list)
    annotations: dict[str, Any] = field(default_factory=dict)


def choose(found: Sequence[Place], layers: Any) -> Choice:
    """The places that `layers` asks for.

    Parameters
    ----------
    found : sequence of Place
        All places, in the order in which the network came to them.
    layers : "last_hidden", "all", "activations", str, layer, class, predicate, or list of these
        See `ann2neo.record`.

    Raises
    ------
    ValueError
        If something asked for is not there, is ambiguous, cannot be recorded, or is asked for twice.
    """
    if isinstance(layers, str) and layers in _GROUPS:
        return _choose_group(found, layers)
    asked = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not asked:
        raise ValueError(f"layers must name at least one of {list_labels(found)}, got {layers!r}")
    chosen: list[Place] = []
    notes: list[str] = []
    for layer in asked:
        part = _choose_one(layer, found)
        chosen += part.places
        notes += part.notes
    _check_distinct(chosen)
    for place in chosen:
        _check_recordable(place)
    return Choice(chosen, notes)


def find_last_hidden(found: Sequence[Place]) -> Place | None:
    """The last place made by an activation function, else by weights, before the output's weights."""
    hidden = [place for place in _list_nodes(found) if place.is_hidden]
    active = [place for place in hidden if place.is_active]
    return next(reversed(active or hidden), None)


def note_unsteady(places: Sequence[Place]) -> list[str]:
    """What the user is to be told of places that are others each time."""
    labels = [repr(place.label) for place in places if place.is_unsteady]
    if not labels:
        return []
    return [
        f"{', '.join(labels)}: values are others each time the same samples are shown, by random numbers"
        " or by something that the network keeps out of reach, and may depend on batch_size"
    ]


def list_labels(places: Sequence[Place]) -> list[str]:
    """Labels of outputs, as messages show them: inputs have the same ones with ":input" behind."""
    found = [place.label for place in places if place.side == "output"]
    half = _N_LISTED // 2
    return found if len(found) <= _N_LISTED else [*found[:half], "...", *found[-half:]]


def _choose_group(found: Sequence[Place], layers: str) -> Choice:
    if layers == "last_hidden":
        return _choose_last_hidden(found)
    nodes = _list_nodes(found)
    if layers == "activations":
        nodes = [place for place in nodes if _is_rectifier(place)]
    if not nodes:
        what = "layer with weights or an activation function" if layers == "all" else "rectifier"
        raise ValueError(_NO_NODES.format(what, list_labels(found)))
    return _leave_out_faulty(nodes, f"layers={layers!r}")


def _choose_last_hidden(found: Sequence[Place]) -> Choice:
    place = find_last_hidden(found)
    if not _list_nodes(found):
        return _choose_group(found, "all")
    if place is None:
        raise ValueError(
            f"network has no hidden layer; name the layers to record among {list_labels(found)}"
        )
    if place.fault:
        others = [p for p in _list_nodes(found) if p.is_active and not p.fault]
        raise ValueError(
            f"the last hidden layer of the network is {place.label!r}, which cannot be recorded: "
            f"{place.fault}; name a layer to record, of those with an activation function "
            f"{list_labels(others)}"
        )
    function = f"activation function ({place.activation})"
    made = f"the last {function if place.is_active else 'layer with weights'}"
    said = f"{place.label}: {made} before the weights of the output"
    return Choice([place], annotations={"last_hidden": said})


def _leave_out_faulty(places: Sequence[Place], asked: str) -> Choice:
    chosen = [place for place in places if not place.fault]
    faulty = [place for place in places if place.fault]
    if not chosen:
        raise ValueError(f"{asked}: no layer can be recorded: {_list_faults(faulty)}")
    _check_distinct(chosen)
    return Choice(chosen, [f"{asked} leaves out {_list_faults(faulty)}"] if faulty else [])


def _list_faults(places: Sequence[Place]) -> str:
    """Places by what is wrong with them, each named."""
    by_fault: dict[str, list[str]] = {}
    for place in places:
        by_fault.setdefault(place.fault, []).append(repr(place.label))
    return "; ".join(f"{', '.join(names)}: {fault}" for fault, names in by_fault.items())


def _list_nodes(found: Sequence[Place]) -> list[Place]:
    # What a layer reads is one where no layer made it.
    return [place for place in found if place.is_node]


def _is_rectifier(place: Place) -> bool:
    return place.activation.rpartition(" ")[2].replace("_", "") in RECTIFIERS


def _choose_one(layer: Any, found: Sequence[Place]) -> Choice:
    if isinstance(layer, str):
        return _choose_by_name(layer, found)
    outputs = [place for place in found if place.side == "output"]
    matching = [place for place in outputs if place.layer is layer]
    if matching:
        return Choice(matching)
    if isinstance(layer, type):
        matching = [place for place in outputs if isinstance(place.layer, layer)]
        return _choose_matching(matching, found, f"layers={layer.__name__}")
    if callable(layer) and not _is_layer(layer):
        last = find_last_hidden(found)
        rows = [(place, describe_place(place, is_last_hidden=place is last)) for place in outputs]
        matching = [place for place, row in rows if _agrees(layer, row)]
        return _choose_matching(matching, found, f"the predicate {layer!r:.60}")
    raise ValueError(
        f"layers must be layers that the network calls, got {layer!r:.80}; it calls {list_labels(found)}"
    )


def _agrees(predicate: Any, row: Any) -> bool:
    answer = predicate(row)
    try:
        return bool(answer)
    except ValueError:
        raise TypeError(
            f"layers as a predicate must return True or False for a layer, got {answer!r:.60} for "
            f"{row.layer!r}"
        ) from None


def _is_layer(value: Any) -> bool:
    """Whether it is a layer of a framework, which can be called too."""
    return hasattr(value, "forward") or hasattr(value, "call")


def _choose_by_name(name: str, found: Sequence[Place]) -> Choice:
    if name in _GROUPS:
        return _choose_group(found, name)
    side = "input" if name.partition("[")[0].endswith(":input") else "output"
    there = [place for place in found if place.side == side]
    for attribute in ("label", "path"):
        matching = [place for place in there if getattr(place, attribute) == name]
        if matching:
            return Choice(matching)
    matching = [place for place in there if place.name == name]
    if len({place.path for place in matching}) > 1:
        raise ValueError(f"layers={name!r} could be any of {list_labels(matching)}; give one of these")
    if matching:
        return Choice(matching)
    if any(sign in name for sign in "*?["):
        matching = [p for p in there if any(fnmatch.fnmatchcase(n, name) for n in (p.label, p.path))]
        return _choose_matching(matching, found, f"layers={name!r}")
    close = difflib.get_close_matches(name, [place.label for place in there], n=3)
    hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    raise ValueError(
        f"layers must be {', '.join(map(repr, _GROUPS))} or among {list_labels(found)}, got {name!r}"
        f"{hint}"
    )


def _choose_matching(matching: Sequence[Place], found: Sequence[Place], asked: str) -> Choice:
    if not matching:
        raise ValueError(f"{asked} fits no layer of the network; it calls {list_labels(found)}")
    return _leave_out_faulty(matching, asked)


def _check_recordable(place: Place) -> None:
    if place.fault:
        raise ValueError(f"layer {place.label!r} cannot be recorded: {place.fault}")


def _check_distinct(chosen: Sequence[Place]) -> None:
    first: dict[str, Place] = {}
    for place in chosen:
        other = first.setdefault(place.label, place)
        if other is not place and other.layer is not place.layer:
            raise ValueError(
                f"network has several layers called {place.label!r}: give each a name of its own, or "
                "record them one at a time, as layer objects"
            )
    if len(first) < len(chosen):
        raise ValueError(f"layers must name each layer once, got {list_labels(chosen)}")
