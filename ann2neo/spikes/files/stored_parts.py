"""The stores that a recording on disk lies in, and whether they are parts of one."""

from __future__ import annotations

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

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "said": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


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
    """Read what has to be known of a store."""
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
