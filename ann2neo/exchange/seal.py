"""A checksum of a whole HDF5 file at its end, so that damage is found before HDF5 comes across it.

HDF5 can crash or hang over a damaged file. It takes no notice of what lies behind its own end of a file,
and cuts that off when it writes: a file that others changed has no seal, and is read without.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"\nann2neo-crc32\n"
_SIZE = len(_MAGIC) + 8 + 4
_BLOCK = 2**22


def seal_file(path: Path) -> None:
    """Append length and CRC-32 of a file to it."""
    with path.open("r+b") as file:
        size = os.path.getsize(path)
        value = _checksum(file, size)
        file.seek(size)
        file.write(_MAGIC + size.to_bytes(8, "little") + value.to_bytes(4, "little"))


def check_seal(path: Path) -> None:
    """Refuse a file that is another one than was sealed; one without a seal passes.

    Raises
    ------
    ValueError
        If the checksum does not match.
    """
    size = os.path.getsize(path) - _SIZE
    if size < 0:
        return
    with path.open("rb") as file:
        file.seek(size)
        end = file.read(_SIZE)
        if end[: len(_MAGIC)] != _MAGIC:
            return
        file.seek(0)
        as_long = end[len(_MAGIC) : -4] == size.to_bytes(8, "little")
        if not as_long or _checksum(file, size) != int.from_bytes(end[-4:], "little"):
            raise ValueError(f"{path} is damaged: its checksum does not match")


def _checksum(file: BinaryIO, size: int) -> int:
    value = 0
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        value = zlib.crc32(block, value)
        size -= len(block)
    return value
