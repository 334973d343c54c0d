"""Zarr arrays from others, before they are read: what would be unpickled, cut short, or have no end."""

from __future__ import annotations

import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ann2neo.spikes.callers import find_stacklevel

_RATIO = 1100
"""More than deflate can pack: so much an array may hold for each byte stored, beside `_FREE`."""

_FREE = 2**26

_CHUNK = re.compile(r"(c[./])?\d+([./]\d+)*")
"""Name of a chunk's file within its array, in format 2 or 3."""


class _Chunk(NamedTuple):
    """A chunk's file: its name, its length and its first bytes, where they are asked for."""

    name: str
    size: int
    begin: bytes


def check_array(path: Path, name: str, array: Any) -> None:
    """Refuse an array that no one should read.

    Raises
    ------
    ValueError
        If its chunks would be unpickled, whatever its type says, were cut short, are links to elsewhere
        or would unpack to more than they hold; or if it holds more than it can have stored.

    Warns
    -----
    UserWarning
        If chunks are missing.
    """
    single = getattr(array, "compressor", None) if not hasattr(array, "compressors") else None
    several = [*(getattr(array, "compressors", None) or ()), *(array.filters or ())]
    for codec in (single, *several):
        if "pickle" in f"{type(codec).__name__} {getattr(codec, 'codec_id', '')}".lower():
            raise ValueError(f"array {name!r} is refused: reading it would unpickle what it holds")
    last = [None, single, *(getattr(array, "compressors", None) or ())][-1]
    shards = getattr(array, "shards", None)
    # The chunks inside a shard have an index with a checksum.
    is_blosc = "blosc" in type(last).__name__.lower() and not shards
    stored = 0
    most = 2 * math.prod(shards or array.chunks) * array.dtype.itemsize + 2**16
    for chunk in _find_chunks(path, array.path, read=is_blosc):
        stored += chunk.size
        _check_chunk(chunk, name, None if array.dtype.hasobject else most, is_blosc=is_blosc)
    if array.nbytes > _FREE + _RATIO * stored:
        raise ValueError(f"array {name!r} is refused: of its {array.nbytes} bytes it stores {stored}")
    missing = array.nchunks - array.nchunks_initialized
    if missing:
        warnings.warn(
            f"{missing} of {array.nchunks} chunks of {name!r} are not stored in {path} and are read as "
            f"{array.fill_value!r}, whether they were empty or are lost",
            UserWarning,
            stacklevel=find_stacklevel(),
        )


def _check_chunk(chunk: _Chunk, name: str, most: int | None, *, is_blosc: bool) -> None:
    if not chunk.size:
        raise ValueError(f"array {name!r} is damaged: its chunk {chunk.name} is empty")
    # No codec lets a chunk grow by much: one that is stored larger would unpack to no end.
    if most is not None and chunk.size > most:
        raise ValueError(
            f"array {name!r} is damaged: its chunk {chunk.name} has {chunk.size} bytes, {most} at most"
        )
    # Blosc unpacks a chunk that was cut short to something: its header says how long it was, and how
    # much it becomes.
    if is_blosc:
        says, becomes = (int.from_bytes(chunk.begin[at : at + 4], "little") for at in (12, 4))
        if len(chunk.begin) < 16 or says != chunk.size or (most is not None and becomes > most):
            raise ValueError(
                f"array {name!r} is damaged: its chunk {chunk.name} is not as long as it says"
            )


def _find_chunks(path: Path, inside: str, *, read: bool) -> Iterator[_Chunk]:
    """The chunks of an array in a Zarr folder or zip file."""
    inside = inside.strip("/")
    if path.is_dir():
        root, holder = path.resolve(), path / inside
        for file in sorted(holder.rglob("*")):
            if not _CHUNK.fullmatch(file.relative_to(holder).as_posix()) or file.is_dir():
                continue
            name = file.relative_to(path).as_posix()
            if file.is_symlink() and not file.resolve().is_relative_to(root):
                raise ValueError(f"{name} is refused: it is a link to another file")
            begin = b""
            if read:
                with file.open("rb") as stream:
                    begin = stream.read(16)
            yield _Chunk(name, file.stat().st_size, begin)
        return
    prefix = f"{inside}/" if inside else ""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            within = member.filename.removeprefix(prefix)
            if member.filename.startswith(prefix) and _CHUNK.fullmatch(within):
                begin = b""
                if read:
                    with archive.open(member) as stream:
                        begin = stream.read(16)
                yield _Chunk(member.filename, member.file_size, begin)
