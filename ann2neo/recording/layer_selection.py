"""What the layers of a network returned in a trial run, and which of it is to be recorded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Output:
    """One tensor that one call of one layer returned.

    `name` is the layer's own and `path` the one from the outermost network on; `label` tells the output
    from all others. `activation` names the function that made it, "linear" for none. `is_node` says
    whether its values are those of nodes: made by weights or an activation function, and not by a layer
    inside that is observed instead. `channel_axis` is the axis of the tensor that holds the channels,
    where the adapter follows it and it is known; `axes_moved` says, where it does not, that axes were
    moved since a layer last said where its channels are.
    """

    layer: Any
    name: str
    path: str
    call: int
    n_calls: int
    position: int
    label: str
    tensor: Any
    activation: str
    is_node: bool
    channel_axis: int | None = None
    axes_moved: bool = False


def choose(found: list[Output], layers: Any, final: Collection[int]) -> list[Output]:
    """The outputs that `layers` asks for; `final` are the ids of the tensors the network returned."""
    if isinstance(layers, str) and layers in ("all", "last_hidden"):
        return _nodes(found) if layers == "all" else [_last_hidden(found, final)]
    asked = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not asked:
        raise ValueError(f"layers must name at least one of {labels(found)}, got {layers!r}")
    chosen = [output for layer in asked for output in _asked(layer, found)]
    _check_distinct(chosen)
    return chosen


def labels(outputs: list[Output]) -> list[str]:
    return [output.label for output in outputs]


def _nodes(found: list[Output]) -> list[Output]:
    nodes = [output for output in found if output.is_node]
    if not nodes:
        raise ValueError(
            "network calls no layer with weights or an activation function; name the layers to record "
            f"among {labels(found)}"
        )
    _check_distinct(nodes)
    return nodes


def _last_hidden(found: list[Output], final: Collection[int]) -> Output:
    hidden = [output for output in _nodes(found) if id(output.tensor) not in final]
    active = [output for output in hidden if output.activation != "linear"]
    if not hidden:
        raise ValueError(f"network has no hidden layer; name the layers to record among {labels(found)}")
    return (active or hidden)[-1]


def _asked(layer: Any, found: list[Output]) -> list[Output]:
    if not isinstance(layer, str):
        matching = [output for output in found if output.layer is layer]
        if not matching:
            raise ValueError(
                f"layers must be layers that the network calls, got {layer!r:.80}; "
                f"it calls {labels(found)}"
            )
        return matching
    for name in ("label", "path"):
        matching = [output for output in found if getattr(output, name) == layer]
        if matching:
            return matching
    matching = [output for output in found if output.name == layer]
    if len({output.path for output in matching}) > 1:
        raise ValueError(f"layers={layer!r} could be any of {labels(matching)}; give one of these")
    if not matching:
        raise ValueError(f"layers must be 'last_hidden', 'all' or among {labels(found)}, got {layer!r}")
    return matching


def _check_distinct(chosen: list[Output]) -> None:
    first: dict[str, Output] = {}
    for output in chosen:
        other = first.setdefault(output.label, output)
        if other is not output and other.layer is not output.layer:
            raise ValueError(
                f"network has several layers called {output.label!r}: give each a name of its own, or "
                "record them one at a time, as layer objects"
            )
    if len(first) < len(chosen):
        raise ValueError(f"layers must name each layer once, got {labels(chosen)}")
