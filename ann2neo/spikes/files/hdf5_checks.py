"""HDF5 files from others: what they hold must lie in them, and must not be more than they store.

HDF5 follows links to other files, reads data sets out of any path of the system, and unpacks whatever a
chunk unpacks to. All that can be seen without reading the data, and is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ann2neo.extras import require

_RATIO = 1100
"""More than deflate can pack: so much a data set may hold for each byte stored, beside `_FREE`."""

_FREE = 2**26


def check_hdf5(path: Path) -> None:
    """Refuse a file that reads elsewhere or would unpack to more than it can hold; see `check_objects`.

    Raises
    ------
    ValueError
        If it does, or its structure is damaged.
    """
    h5py = require("h5py", extra="hdf5")
    with h5py.File(path, "r") as file:
        for _ in walk_objects(file):
            pass


def walk_objects(group: Any) -> Iterator[tuple[str, Any]]:
    """Path inside `group` and object of each data set and group below it, each checked, each once.

    Soft links are left out: what they point to is found where it is.
    """
    h5py = require("h5py", extra="hdf5")
    seen, waiting = set(), [("", group)]
    while waiting:
        prefix, parent = waiting.pop()
        for name in parent:
            link = parent.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise ValueError(f"{prefix}{name} is refused: it is a link to another file")
            if isinstance(link, h5py.SoftLink):
                continue
            found = parent[name]
            place = h5py.h5o.get_info(found.id).addr
            if place in seen:
                continue
            seen.add(place)
            if isinstance(found, h5py.Dataset):
                check_dataset(found)
            elif isinstance(found, h5py.Group):
                waiting.append((f"{prefix}{name}/", found))
            yield f"{prefix}{name}", found


def check_dataset(dataset: Any) -> None:
    """Refuse a data set whose values lie in another file, or that holds more than it can have stored.

    Raises
    ------
    ValueError
    """
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} is refused: its values lie in another file")
    size, stored = dataset.nbytes if dataset.shape else 0, dataset.id.get_storage_size()
    if size > _FREE + _RATIO * stored:
        raise ValueError(f"{dataset.name} is refused: of its {size} bytes it stores {stored}")
    if dataset.chunks:
        _check_chunks(dataset)


def _check_chunks(dataset: Any) -> None:
    """No filter lets a chunk grow by much: one that is stored larger would unpack to no end."""
    # Of texts and references it is their places that are stored.
    most = max(16, dataset.dtype.itemsize) if dataset.dtype.hasobject else dataset.dtype.itemsize
    for length in dataset.chunks:
        most *= length
    most += most // 8 + 4096
    sizes: list[int] = []
    dataset.id.chunk_iter(lambda chunk: sizes.append(chunk.size))
    if max(sizes, default=0) > most:
        raise ValueError(f"{dataset.name} is damaged: it stores {max(sizes)} bytes in a chunk of {most}")


def find_dataset(file: Any, place: str) -> Any:
    """The data set at a path of a file, checked; whatever links lead to it.

    Raises
    ------
    KeyError
        If nothing is there.
    ValueError
        If it lies in another file; see `check_dataset`.
    """
    parent = file
    for part in place.split("/"):
        link = parent.get(part, getlink=True)
        if isinstance(link, require("h5py", extra="hdf5").ExternalLink):
            raise ValueError(f"{place} is refused: it is a link to another file")
        parent = parent[part]
    if parent.file.filename != file.file.filename:
        raise ValueError(f"{place} is refused: it lies in another file")
    if hasattr(parent, "chunks"):
        check_dataset(parent)
    return parent
