"""The folders that thingsvision writes: features of one module, or a folder a module.

Layouts as in thingsvision 2 (``save_features`` and ``extract_features(output_dir=…)``): a file
``features.EXT``; parts ``features_01.EXT``, … or ``features_FIRST-END.EXT`` in samples; each with a
suffix of the user's between, ``features_train_0-640.npy``; HDF5 files with the parts as data sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ann2neo.recording.files import readers as readers
from ann2neo.recording.files.readers import ACTIVATIONS, Arrays, Parts
from ann2neo.recording.files.tensor_files import open_tensor

_READERS: dict[str, Callable[[Path, ExitStack], Arrays]] = {
    ".npy": readers.open_npy,
    ".pt": open_tensor,
    ".hdf5": readers.open_hdf5,
    ".mat": readers.open_mat,
    ".txt": readers.open_txt,
}

_PART = re.compile(r"(?P<stem>features.*?)(_(?P<first>\d+)-(?P<end>\d+)|_(?P<number>\d{2,}))?")


def thingsvision(path: Path, files: ExitStack) -> Arrays:
    """Module → its features; the module of features in the folder itself is called as the folder."""
    found: Arrays = {}
    for folder in (path, *sorted(child for child in path.iterdir() if child.is_dir())):
        sets = _sets(folder, files)
        for stem, array in sets.items():
            found[folder.name if len(sets) == 1 else f"{folder.name}/{stem}"] = array
    if not found:
        raise ValueError(f"it holds no files features*{'|'.join(_READERS)}, nor do its folders")
    return found


def _sets(folder: Path, files: ExitStack) -> Arrays:
    """Sets of features in a folder, by the name that is left without the number of a part."""
    arrays: Arrays = {}
    for file in sorted(folder.glob("features*")):
        if file.suffix not in _READERS:
            continue
        for name, array in _READERS[file.suffix](file, files).items():
            key = file.stem if name == ACTIVATIONS else name
            if key in arrays:
                raise ValueError(f"{folder.name} holds {key!r} in several formats; keep one of them")
            arrays[key] = array
    parts: dict[str, list[tuple[re.Match[str], Any]]] = {}
    for key, array in arrays.items():
        match = _PART.fullmatch(key)
        if match:
            parts.setdefault(match["stem"], []).append((match, array))
    return {stem: _join(f"{folder.name}/{stem}", members) for stem, members in parts.items()}


def _join(name: str, members: list[tuple[re.Match[str], Any]]) -> Any:
    """One array of the parts, in their order, none of them missing."""
    kinds = {"range" if m["first"] else "number" if m["number"] else "whole" for m, _ in members}
    if kinds == {"whole"}:
        return members[0][1]
    if len(kinds) > 1:
        raise ValueError(f"{name} is there as {' and as '.join(sorted(kinds))}; keep one of them")
    if kinds == {"number"}:
        members.sort(key=lambda member: int(member[0]["number"]))
        _check_joins(name, ((int(m["number"]) - 1, int(m["number"])) for m, _ in members))
    else:
        members.sort(key=lambda member: int(member[0]["first"]))
        _check_joins(name, ((int(m["first"]), int(m["end"])) for m, _ in members))
        for match, array in members:
            if array.shape[0] != int(match["end"]) - int(match["first"]):
                raise ValueError(f"{match[0]} of {name} holds {array.shape[0]} samples")
    return Parts([array for _, array in members], name)


def _check_joins(name: str, ranges: Iterable[tuple[int, int]]) -> None:
    reached = 0
    for first, end in ranges:
        if first != reached:
            raise ValueError(f"{name} lacks the part that begins with {reached}: the next is {first}")
        reached = end
