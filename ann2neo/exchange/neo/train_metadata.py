"""What Neo's SpikeTrains say of themselves ↔ the unit table: both ways, or a warning that names it.

Names, descriptions and origins are columns of these names; a quantity is a column whose name ends in its
unit, ``depth (um)``.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import neo
import numpy as np
import pandas as pd
import quantities as pq

from ann2neo.spikes.callers import find_stacklevel

ATTRIBUTES = ("name", "description", "file_origin")
"""Of a train, beside its annotations."""

# Neo takes annotations as keyword arguments: one named like an argument would set that instead, or keep
# the object from being unpickled.
TRAIN_ARGUMENTS = {*inspect.signature(neo.SpikeTrain.__new__).parameters, "self"}

# Of names that come from files: quantities evaluates the text, so no more than a unit gets there.
_POWER = r"[A-Za-zµμΩ%]+(?:\*\*-?\d{1,2}(?:\.\d{1,4})?)?"
_PRODUCT = rf"{_POWER}(?:\*{_POWER}){{0,7}}"
_UNIT = rf"(?:1|{_PRODUCT})(?:/(?:{_POWER}|\({_PRODUCT}\)))?"
_QUANTITY = re.compile(rf"(.+) \(({_UNIT})\)")

_OF_NIX = {"nix_name", "neo_name", "neo_parent"}
"""Annotations by which NixIO knows what it read; those of one file mean nothing in another."""


def neo_keys(names: Iterable[Any], arguments: set[str]) -> dict[str, str]:
    """Name → name of the annotation in Neo, another one where Neo has an argument of that name."""
    names = list(names)
    keys = {}
    for name in names:
        key = name
        while key in arguments or (key != name and key in names):
            key += "_"
        keys[name] = key
    return keys


def read_units(trains: list[neo.SpikeTrain], known: Sequence[str] = ()) -> pd.DataFrame:
    """The unit table of trains: what each of them says, of one plain type, beside layer and unit_index.

    Parameters
    ----------
    trains : list of neo.SpikeTrain
    known : sequence of str
        Columns that are there: ``name`` also where it says no more than layer and unit_index, and names
        that NIX uses for itself.

    Warns
    -----
    UserWarning
        If some of them say what a table cannot hold; the message names it.
    """
    columns, dropped = _annotation_columns(trains, known)
    layer, index = columns.pop("layer", [None]), columns.pop("unit_index", [None])
    # Elsewhere "layer" may be a cortical layer's number: only what can be a unit's place is taken.
    if not (isinstance(layer[0], str) and type(index[0]) is int):
        for key, found in (("layer", layer), ("unit_index", index)):
            while found != [None] and key in ("layer", "unit_index", *columns):
                key += "_"
            columns |= {} if found == [None] else {key: found}
        layer, index = ["units"] * len(trains), list(range(len(trains)))
    own_names = [f"{a}/{b}" for a, b in zip(layer, index, strict=True)]
    for attribute in ATTRIBUTES:
        values = [getattr(train, attribute) for train in trains]
        texts = [value if isinstance(value, str) else "" for value in values]
        implied = texts == own_names and attribute == "name" and "name" not in known
        if any(texts) and not implied and attribute not in columns:
            columns[attribute] = texts
    of_spikes = {key for train in trains for key in train.array_annotations}
    dropped += [f"array annotation {key!r}" for key in sorted(of_spikes)]
    dropped += ["waveforms"] if any(train.waveforms is not None for train in trains) else []
    if dropped:
        warnings.warn(
            f"a unit table cannot hold what the trains say as {', '.join(map(str, dropped))}: it is "
            "left out",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return pd.DataFrame({"layer": layer, "unit_index": index, **columns})


def _annotation_columns(
    trains: list[neo.SpikeTrain], known: Sequence[str]
) -> tuple[dict[str, list[Any]], list[str]]:
    """Columns, and names of the annotations that cannot be one."""
    columns: dict[str, list[Any]] = {}
    dropped = []
    keys = dict.fromkeys(key for train in trains for key in train.annotations)
    for key in keys:
        if key in _OF_NIX and key not in known:
            continue
        values = [_plain(train.annotations.get(key)) for train in trains]
        name, found = _as_column(str(key), values)
        if found is None or name in columns:
            dropped.append(repr(key))
        else:
            columns[name] = found
    return columns, dropped


def _plain(value: Any) -> Any:
    if isinstance(value, pq.Quantity):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return value.item() if isinstance(value, np.generic) else value


def _as_column(key: str, values: list[Any]) -> tuple[str, list[Any] | None]:
    types = {type(value) for value in values}
    if all(isinstance(value, pq.Quantity) and value.ndim == 0 for value in values):
        said = values[0].dimensionality.string
        column, unit = f"{key} ({said})", _unit(said)
        if unit is None or not _QUANTITY.fullmatch(column):
            return key, None
        try:
            return column, [float(value.rescale(unit).magnitude) for value in values]
        except ValueError:
            return key, None
    if types == {int, float}:
        return key, [float(value) for value in values]
    plain = len(types) == 1 and isinstance(values[0], (bool, int, float, str))
    if plain and type(values[0]) is int and not all(-(2**63) <= value < 2**63 for value in values):
        return key, None
    return key, values if plain else None


def read_stored_units(trains: list[neo.SpikeTrain], columns: list[str], where: str) -> pd.DataFrame:
    """The columns that a recording had, from the trains that were made of it, and those added since.

    Raises
    ------
    ValueError
        If a column is not there any more; `where` names the recording.
    """
    with warnings.catch_warnings():
        # They have been told.
        warnings.simplefilter("ignore", UserWarning)
        table = read_units(trains, columns)
    for place in ("layer", "unit_index"):
        if any(place not in train.annotations for train in trains):
            del table[place]
    keys = neo_keys(columns, TRAIN_ARGUMENTS)
    chosen = {}
    for column in columns:
        chosen[column] = keys[column] if keys[column] in table else column
        if chosen[column] not in table:
            if column in ATTRIBUTES:
                table[column] = ""
                continue
            raise ValueError(
                f"{where} was recorded with the unit column {keys[column]!r}, its trains do not all "
                "have this annotation; for these trains alone use as_raster(list(segment.spiketrains))"
            )
    # Texts that a format could not hold say less than what is known of them.
    added = [
        column
        for column in table
        if column not in (*chosen, *chosen.values())
        and not (column in ATTRIBUTES and table[column].str.contains("\N{REPLACEMENT CHARACTER}").any())
    ]
    return table[[*chosen.values(), *added]].set_axis([*chosen, *added], axis=1)


def name_units(units: pd.DataFrame) -> list[str]:
    """Names of their trains: the column ``name``, if it is text, else layer and place in it."""
    if "name" in units and units["name"].dtype.kind not in "bif":
        return [str(name) for name in units["name"]]
    places = zip(units["layer"], units["unit_index"], strict=True)
    return [f"{layer}/{index}" for layer, index in places]


def write_units(units: pd.DataFrame) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """For each unit, attributes of its train and its annotations, as `read_units` reads them."""
    attributes: dict[str, list[Any]] = {
        column: units[column].tolist()
        for column in ATTRIBUTES
        if column in units and units[column].dtype.kind not in "bif"
    }
    rest = [str(column) for column in units if column not in attributes]
    attributes["name"] = name_units(units)
    named = units[rest].rename(columns=neo_keys(rest, TRAIN_ARGUMENTS))
    records: list[dict[Any, Any]] = named.to_dict("records")
    taken = {*units, *TRAIN_ARGUMENTS}
    for column in rest:
        found = _QUANTITY.fullmatch(column) if units[column].dtype.kind == "f" else None
        unit = None if found is None else _unit(found[2])
        if found is None or unit is None or found[1] in taken:
            continue
        taken.add(found[1])
        for record in records:
            record[found[1]] = pq.Quantity(record.pop(column), unit)
    names = [str(name) for name in attributes]
    said = [dict(zip(names, one, strict=True)) for one in zip(*attributes.values(), strict=True)]
    return said, records


@functools.cache
def _unit(text: str) -> pq.Quantity | None:
    """A unit of that name, if there is one that says the same of itself."""
    try:
        unit = pq.Quantity(1.0, text)
    except (LookupError, SyntaxError, ValueError, TypeError):
        return None
    return unit.units if unit.dimensionality.string == text else None
