"""Accumulators that have seen the same samples of different units, put on top of one another."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from ann2neo.spikes.raster_tables import LazyTable


def stack_units(parts: Sequence[Any], units: LazyTable) -> Any:
    """One accumulator, or what is held by it, of all units.

    Rows of arrays belong to units; all else is the same in all parts, but for the number of units.

    Parameters
    ----------
    parts : sequence
        Alike, and each of the units behind those before.
    units : LazyTable
        All units.
    """
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, LazyTable):
        return units
    if isinstance(first, (list, tuple)):
        items = zip(*parts, strict=True)
        return type(first)(stack_units(each, units) for each in items)
    held = first if isinstance(first, dict) else getattr(first, "__dict__", None)
    if held is None:
        return first
    states = [part if isinstance(part, dict) else vars(part) for part in parts]
    found = {name: stack_units([state[name] for state in states], units) for name in held}
    for name in ("n_units", "_n_units"):
        if name in found:
            found[name] = sum(state[name] for state in states)
    if isinstance(first, dict):
        return found
    stacked = copy.copy(first)
    vars(stacked).update(found)
    return stacked
