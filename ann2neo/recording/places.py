"""The places at which a network can be observed, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

Side = Literal["output", "input"]


@dataclass(frozen=True)
class Place:
    """One tensor that one call of a layer returned, or was given, in a trial run.

    What it is called: `label` tells the place from all others, `path` is the layer's from the outermost
    network on, `name` its own; `call` counts the calls of the layer, of which there are `n_calls`,
    `position` the tensors of one call, `side` says whether they went out or in. `layer` is the object
    that can be asked for, None for a function.

    What it is: `kind` is the class or function, `activation` the name of the function that made the
    values ("linear" for none), `weights` are the paths of the layers whose weights feed it. `shape` is
    that of one sample as recorded, None where that is not known, and `channel_axis` the axis in it that
    holds the channels, None if not known. `tensor` is what was seen, in the framework's own form.

    What becomes of it: `is_node` says whether its values are those of nodes, so that ``"all"`` takes
    it; else `reason` says why not. `is_hidden` says whether weights lie between it and the network's
    output. `fault` says why it cannot be recorded, "" if it can: ``"all"`` names it in a warning,
    otherwise it is refused. `is_unsteady`: its values are others each time, and nothing says why.
    `axes_moved`: axes were moved since a layer last said where its channels are.
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
    kind: str = ""
    shape: tuple[int, ...] | None = None
    channel_axis: int | None = None
    side: Side = "output"
    is_hidden: bool = True
    weights: tuple[str, ...] = ()
    reason: str = ""
    fault: str = ""
    is_unsteady: bool = False
    axes_moved: bool = False

    @property
    def is_active(self) -> bool:
        """Whether an activation function made the values."""
        return self.activation != "linear"

    @property
    def module(self) -> str:
        """Path of the layer that computes it; "" for the network itself."""
        return self.path if self.layer is not None else self.path.rpartition(".")[0]


class LayerRow(NamedTuple):
    """A row of `list_layers`; what a predicate given as `layers` is asked about."""

    layer: str
    kind: str
    activation: str
    module: str
    weights: str
    shape: tuple[int, ...] | None
    n_units: int | None
    n_channels: int | None
    n_positions: int | None
    in_all: bool
    in_last_hidden: bool
    reason: str


def describe_place(place: Place, *, is_last_hidden: bool) -> LayerRow:
    """What is said of a place in the table."""
    n_units = n_channels = n_positions = None
    if place.shape is not None:
        n_units = int(np.prod(place.shape, dtype=np.int64))
        if len(place.shape) < 2:
            n_channels, n_positions = n_units, 1
        elif place.channel_axis is not None:
            n_channels = place.shape[place.channel_axis]
            n_positions = n_units // n_channels if n_channels else 0
    return LayerRow(
        layer=place.label,
        kind=place.kind,
        activation=place.activation,
        module=place.module,
        weights=", ".join(place.weights),
        shape=place.shape,
        n_units=n_units,
        n_channels=n_channels,
        n_positions=n_positions,
        in_all=place.is_node and not place.fault,
        in_last_hidden=is_last_hidden,
        reason=place.fault or place.reason,
    )


def tabulate_places(rows: Sequence[LayerRow]) -> pd.DataFrame:
    """The rows as a table; numbers that are not known are missing."""
    table = pd.DataFrame(list(rows), columns=list(LayerRow._fields))
    for column in ("n_units", "n_channels", "n_positions"):
        table[column] = table[column].astype("Int64")
    return table
