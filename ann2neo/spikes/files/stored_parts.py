"""The stores that a recording on disk lies in, and whether they are parts of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ann2neo.spikes.files.store import name_damage, open_raster_store, read_attributes
from ann2neo.spikes.files.zarr_arrays import Identity, PlainStore, identify_store
from ann2neo.spikes.words import WORD

PART_NAME = "part-{:05d}.zarr"
"""Name of a part of a recording that was made in parts, see `record_part`."""

PLAN_NAME = "plan.json"
"""Name of the file beside them that says, among other things, how many there are."""


@dataclass(frozen=True)
class StoredPart:
    """A store: where it is, and what has to be known to read from it."""

    path: Path
    n_samples: int
    n_units: int
    chunk: int
    sampling_period: float
    annotations: Mapping[str, Any]
    columns: Sequence[str]
    about_units: Sequence[Any]
    layers: Sequence[str]
    identity: Identity | None
    said: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Metadata of its arrays, read once; they are those of the store of this identity."""

    def open(self) -> AbstractContextManager[PlainStore]:
        """The store, to read from; a ValueError if another one took its place."""
        return open_raster_store(self.path, self.identity, self.said)

    def find_first_sample(self) -> int:
        """Place in the data set of the first sample."""
        with self.open() as stored, name_damage(self.path):
            number = stored.attributes("samples")["columns"].index("sample_index")
            return int(stored.read(f"samples/{number}", self.n_samples, 0, 1)[0])

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "said": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def open_parts(folder: Path) -> list[StoredPart]:
    """The parts of a recording, in order; none if the folder holds no such thing.

    Raises
    ------
    FileNotFoundError
        If one is missing, the last one too where there is a plan.
    ValueError
        If the plan is damaged, or parts are not of one recording or stand in another's place.
    """
    names = {part.name for part in folder.glob("part-*.zarr")}
    plan = folder / PLAN_NAME
    if not names and not plan.is_file():
        return []
    edges = _read_edges(plan) if plan.is_file() else list(range(len(names) + 1))
    wanted = [PART_NAME.format(number) for number in range(len(edges) - 1)]
    for name in wanted:
        if name not in names:
            raise FileNotFoundError(f"{folder} lacks {name}; it has {len(names)} parts of {len(wanted)}")
    if beyond := names - set(wanted):
        raise ValueError(f"{folder} holds {min(beyond)} too, which is none of its {len(wanted)} parts")
    parts = [open_part(folder / name) for name in wanted]
    for number, part in enumerate(parts):
        check_same_recording(parts[0], part)
        first = part.find_first_sample() if plan.is_file() else edges[number]
        if not edges[number] <= first < edges[number + 1]:
            raise ValueError(
                f"{part.path} begins with sample {first}, {plan} wants those from {edges[number]} to "
                f"{edges[number + 1]} there"
            )
    return parts


def _read_edges(plan: Path) -> list[int]:
    try:
        edges = json.loads(plan.read_text("utf-8"))["edges"]
        if len(edges) < 2 or not all(type(edge) is int for edge in edges):
            raise ValueError(f"its edges are {edges!r:.80}")
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{plan} is no plan of a recording, or is damaged: {error}") from error
    return list(edges)


def check_same_recording(first: StoredPart, part: StoredPart) -> None:
    """Refuse parts of different recordings."""
    if (part.about_units, part.n_units) != (first.about_units, first.n_units):
        raise ValueError(f"{part.path} has other units than {first.path}")
    if part.sampling_period != first.sampling_period:
        raise ValueError(f"{part.path} has another sampling_period than {first.path}")
    for key in {**first.annotations, **part.annotations}:
        if first.annotations.get(key) != part.annotations.get(key):
            raise ValueError(
                f"{part.path} and {first.path} differ in annotations[{key!r}]: "
                f"{part.annotations.get(key)!r:.80} and {first.annotations.get(key)!r:.80}"
            )


def open_part(path: Path) -> StoredPart:
    """Read what has to be known of a store; its path will do wherever it is read from."""
    path = path.absolute()
    with open_raster_store(path) as stored:
        attributes = read_attributes(path, stored)
        with name_damage(path):
            shape, chunks, *_ = stored.describe("words")
            columns = stored.attributes("units")["columns"]
            about = [stored.describe(f"units/{number}") for number in range(len(columns))]
            layers = about[columns.index("layer")][-1]["categories"]
            part = StoredPart(
                path,
                attributes["n_samples"],
                int(shape[0]),
                int(chunks[-1]) * WORD,
                attributes["sampling_period"],
                attributes["annotations"],
                columns,
                [columns, *about],
                [str(name) for name in layers],
                identify_store(path),
            )
    return part
