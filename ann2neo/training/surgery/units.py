"""Which units are to be removed: checked as far as that can be done without the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.statistics.uses.removable_units import RemovableUnits

Units = Mapping[str, npt.NDArray[np.int64]]


def read_units(units: Any) -> Units:
    """Indices by layer, checked as far as that can be done without the network."""
    if isinstance(units, RemovableUnits):
        units = units.silent
    if not isinstance(units, Mapping):
        raise TypeError(
            "units must be what removable_units returns or a dict of layer to indices, got "
            f"{units!r:.60}"
        )
    found = {}
    for layer, indices in units.items():
        array = np.asarray(indices)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise TypeError(f"units[{layer!r}] must be int of shape (n,), got {indices!r:.60}")
        found[str(layer)] = np.unique(array.astype(np.int64))
    return found


def find_kept(indices: npt.NDArray[np.int64], n_units: int, layer: str) -> npt.NDArray[np.int64]:
    """The units that stay."""
    if indices.size and (indices[0] < 0 or indices[-1] >= n_units):
        raise ValueError(
            f"units[{layer!r}] must lie in [0, {n_units}), the layer's units, got "
            f"{indices[0] if indices[0] < 0 else indices[-1]}"
        )
    kept = np.setdiff1d(np.arange(n_units), indices)
    if not kept.size:
        raise ValueError(f"units[{layer!r}] must leave at least one of the layer's {n_units} units")
    return kept


def check_layers(units: Units, makers: list[str]) -> None:
    """Refuse names of layers that cannot lose units."""
    for layer in units:
        if layer not in makers:
            raise ValueError(
                f"units names layer {layer!r}, and no layer with weights is known to make its units; "
                f"those of {makers} can be removed"
            )
