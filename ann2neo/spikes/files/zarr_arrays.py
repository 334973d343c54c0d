"""Plain arrays in a Zarr store of format 2, written and read alike under zarr 2 and zarr 3.

Every array carries the CRC-32 of its chunks, since Zarr reads a lost chunk as zeros. Chunks lie along
the last axis only.
"""

from __future__ import annotations

import functools
import json
import math
import os
import socket
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import zarr
from numcodecs import Zstd

from ann2neo.spikes.argument_checks import check_count

_ZARR_3 = int(zarr.__version__.split(".")[0]) >= 3
_FORMAT_2 = {"zarr_format": 2} if _ZARR_3 else {"zarr_version": 2}
Identity: TypeAlias = tuple[int, int, int]
"""Inode, time and size of the file that is written last."""

_PLAIN_DTYPES = {"|b1", "<i8", "<f8", "<u8"}
_METADATA = ("shape", "chunks", "dtype", "order", "dimension_separator")
_CHUNK_ROWS = 2**20
_MOST_IN_CHUNK = 2**26
"""Values; this package's chunks hold fewer but for rasters of more units than this."""


def new_group(path: Path) -> Any:
    """A new store in a directory."""
    return zarr.open_group(str(path), mode="w-", **_FORMAT_2)


def new_array(group: Any, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str) -> Any:
    """A new array; `checksum` of each of its chunks belongs into its attribute ``crc32``."""
    options = {"name": name, "shape": shape, "chunks": chunks, "dtype": dtype, "fill_value": 0}
    # Left out as empty, a chunk of -0.0 would come back as 0.0.
    if _ZARR_3:
        config = {"write_empty_chunks": True}
        return group.create_array(**options, compressors=Zstd(level=1), config=config)
    return group.create_dataset(**options, compressor=Zstd(level=1), write_empty_chunks=True)


def checksum(values: np.ndarray) -> int:
    """CRC-32 of the values as little-endian bytes."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return zlib.crc32(little.data)


def write_table(group: Any, name: str, table: pd.DataFrame) -> None:
    """A group with an array per column; text as indices into its values, an attribute."""
    columns = group.create_group(name)
    columns.attrs.put({"columns": list(table.columns)})
    # Arrays are numbered: a column may be called anything, a path of a store may not.
    for number, column in enumerate(table.columns):
        attributes: dict[str, Any] = {}
        if table[column].dtype.kind in "bif":
            data = np.ascontiguousarray(table[column])
        else:
            codes, distinct = pd.factorize(table[column])
            data = codes.astype(np.int64)
            attributes["categories"] = [str(value) for value in distinct]
        dtype = "|b1" if data.dtype == bool else data.dtype.newbyteorder("<").str
        array = new_array(columns, str(number), data.shape, (min(data.size, _CHUNK_ROWS),), dtype)
        array[:] = data
        starts = range(0, data.size, _CHUNK_ROWS)
        attributes["crc32"] = [checksum(data[start : start + _CHUNK_ROWS]) for start in starts]
        array.attrs.put(attributes)


def checksum_metadata(attributes: Mapping[str, Any], stored: PlainStore) -> int:
    """CRC-32 of the attributes of a store and of all that its arrays and tables say of themselves.

    Of what the JSON means, not of how it is written, which differs between versions of zarr.
    """
    said: dict[str, Any] = {".zattrs": dict(attributes), "words": stored.describe("words")}
    for table in ("units", "samples"):
        said[table] = stored.attributes(table)
        for number in range(len(said[table]["columns"])):
            said[f"{table}/{number}"] = stored.describe(f"{table}/{number}")
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())


def _unpack_zlib(packed: bytes, size: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, size + 1)
    return data if len(data) == size and unpacker.eof else None


def _unpack_zstd(packed: bytes, size: int) -> np.ndarray | None:
    if _zstd_size(packed) != size:
        return None
    data = np.empty(size, np.uint8)
    try:
        Zstd().decode(packed, out=data)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return data


def _zstd_size(packed: bytes) -> int | None:
    """How many bytes a Zstandard frame says it holds (RFC 8878, 3.1.1.1); None if it does not say."""
    if len(packed) < 5 or packed[:4] != b"\x28\xb5\x2f\xfd":
        return None
    descriptor = packed[4]
    flag, single, dictionary = descriptor >> 6, descriptor >> 5 & 1, (0, 1, 2, 4)[descriptor & 3]
    width = (single, 2, 4, 8)[flag]
    place = 5 + (not single) + dictionary
    field = packed[place : place + width]
    if not width or len(field) != width:
        return None
    return int.from_bytes(field, "little") + (256 if width == 2 else 0)


UNPACK: dict[str, Callable[[bytes, int], bytes | np.ndarray | None]] = {
    "zlib": _unpack_zlib,
    "zstd": _unpack_zstd,
}
"""Codec → function that unpacks a chunk of so many bytes, and none other; zlib's are older stores."""


class PlainStore:
    """A store to read from, a directory or a zip archive; see `open_store`.

    Chunks are read here, not by zarr: it would decode an array with whatever codec the metadata name,
    pickle among them, and unpack a chunk however large it becomes.
    """

    def __init__(
        self,
        path: Path,
        archive: zipfile.ZipFile | None = None,
        said: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self._path, self._archive = path, archive
        self._said = {} if said is None else said

    def attributes(self, name: str = "") -> dict[str, Any]:
        """Attributes of the array or group of this name, by default of the whole store."""
        return self._json(f"{name}/.zattrs".lstrip("/"))

    def describe(self, name: str) -> list[Any]:
        """What the metadata say of an array: those that its values depend on, and its attributes."""
        metadata = self._json(f"{name}/.zarray")
        return [*(metadata.get(key) for key in _METADATA), self.attributes(name)]

    def read(self, name: str, size: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Part of an array along its last axis, of length `size`; checks the chunks it reads.

        Raises
        ------
        KeyError, OSError, ValueError
            If the array is missing, not a plain array of numbers, of another size, or damaged.
        """
        shape, chunk_shape, dtype = self._check_plain(name)
        checksums = self.attributes(name)["crc32"]
        chunk = chunk_shape[-1]
        if shape[-1] != size or len(checksums) != -(-size // chunk):
            raise ValueError(f"array {name!r} has another size than it should have")
        stop = size if stop is None else stop
        if start % chunk == 0 and stop - start == chunk and dtype.isnative:
            # One whole chunk is handed on as it was unpacked.
            place = "0." * (len(shape) - 1) + str(start // chunk)
            block = self._chunk(f"{name}/{place}", chunk_shape, dtype)
            self._check(name, start // chunk, block, checksums)
            return block if block.flags.writeable else block.copy()
        values = np.empty((*shape[:-1], stop - start), dtype.newbyteorder("="))
        for number in range(start // chunk, -(-stop // chunk)):
            first, last = number * chunk, min(size, (number + 1) * chunk)
            place = "0." * (len(shape) - 1) + str(number)
            block = self._chunk(f"{name}/{place}", chunk_shape, dtype)[..., : last - first]
            low, high = max(first, start), min(last, stop)
            wanted = values[..., low - start : high - start]
            wanted[...] = block[..., low - first : high - first]
            # Of two copies of the chunk, the one whose values lie side by side.
            whole = (low, high) == (first, last) and wanted.flags.c_contiguous
            self._check(name, number, wanted if whole else block, checksums)
        return values

    def _check(self, name: str, number: int, values: np.ndarray, checksums: list[int]) -> None:
        if checksum(values) != checksums[number]:
            raise ValueError(f"the checksum of chunk {number} of array {name!r} does not match")

    def read_table(self, name: str, n_rows: int, start: int, stop: int) -> pd.DataFrame:
        """Rows `start` to `stop` of a table that `write_table` wrote."""
        columns: dict[str, Any] = {}
        for number, column in enumerate(self.attributes(name)["columns"]):
            place = f"{name}/{number}"
            columns[column] = self.read(place, n_rows, start, stop)
            categories = self.attributes(place).get("categories")
            if categories is not None:
                if not all(isinstance(category, str) for category in categories):
                    raise ValueError(f"the categories of column {column!r} are not all text")
                text = np.array(categories, dtype=object)[columns[column]]
                columns[column] = pd.Series(text, dtype="str")
        return pd.DataFrame(columns)

    def _chunk(self, file: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """A chunk, of which no more is unpacked than it should hold."""
        size = math.prod(shape) * dtype.itemsize
        try:
            packed = self._bytes(file, size + size // 64 + 1024)
        except (FileNotFoundError, KeyError):
            raise ValueError(f"chunk {file} is missing") from None
        data = UNPACK[self.codec(file.rsplit("/", 1)[0])](packed, size)
        if data is None:
            raise ValueError(f"chunk {file} has another size than it should have")
        plain = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        return plain.view(dtype).reshape(shape)

    def codec(self, name: str) -> str:
        """Name of the codec of an array's chunks, one of `UNPACK`."""
        found = self._json(f"{name}/.zarray")["compressor"]["id"]
        if found not in UNPACK:
            raise ValueError(f"array {name!r} is refused: its codec is {found!r:.80}")
        return str(found)

    def _check_plain(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...], np.dtype[Any]]:
        """Shape, shape of a chunk, and type of an array of numbers with chunks along its last axis."""
        metadata = self._json(f"{name}/.zarray")
        if (
            metadata["dtype"] not in _PLAIN_DTYPES
            or metadata["filters"]
            or metadata["compressor"]["id"] not in UNPACK
            or metadata["order"] != "C"
            or metadata["zarr_format"] != 2
            or metadata.get("dimension_separator", ".") != "."
        ):
            raise ValueError(f"array {name!r} is refused: it is not a plain array of numbers")
        shape, chunks = (
            tuple(check_count(length, f"{key} of array {name!r}") for length in metadata[key])
            for key in ("shape", "chunks")
        )
        if len(shape) != len(chunks) or shape[:-1] != chunks[:-1] or math.prod(chunks) > _MOST_IN_CHUNK:
            raise ValueError(f"array {name!r} has chunks of shape {chunks}, its own is {shape}")
        return shape, chunks, np.dtype(metadata["dtype"])

    def _json(self, file: str) -> dict[str, Any]:
        """What a file of metadata says, read once; the caller's own copy."""
        if file not in self._said:
            found = json.loads(self._bytes(file, None))
            if not isinstance(found, dict):
                raise ValueError(f"{file} does not hold a mapping")
            self._said[file] = found
        return dict(self._said[file])

    def _bytes(self, file: str, most: int | None) -> bytes:
        """A file of the store, of at most so many bytes."""
        if self._archive is None:
            path = self._path / file
            if path.exists() and not path.is_file():
                raise ValueError(f"{file} is not a file")
            size, read = path.stat().st_size, path.read_bytes
        else:
            member = self._archive.getinfo(file)
            size, read = member.file_size, functools.partial(self._archive.read, file)
            if size > 2**20 + 200 * member.compress_size:
                raise ValueError(f"{file} would become {size} bytes out of {member.compress_size}")
        if most is not None and size > most:
            raise ValueError(f"{file} has {size} bytes, it should have {most} at most")
        return read()


class ReplacedError(ValueError):
    """What is at a path now is another store than the one that was being read."""


@contextmanager
def open_store(
    path: Path, identity: Identity | None = None, said: dict[str, dict[str, Any]] | None = None
) -> Iterator[PlainStore]:
    """Open a store for reading; of the `identity` that it had before, and what it `said` then, if any.

    Raises
    ------
    FileNotFoundError
        If it had an identity and nothing is there now.
    ReplacedError
        If another store takes its place meanwhile, whose arrays might pass for its own.
    zipfile.BadZipFile
        If `path` is a file and not a whole zip archive.
    """
    now = identify_store(path)
    if identity is not None and now is None:
        raise FileNotFoundError(
            f"{path} is not there any more, or {socket.gethostname()} does not see it"
        )
    if identity not in (None, now):
        raise ReplacedError(f"{path} was replaced since it was opened: open it again")
    try:
        if path.is_dir():
            yield PlainStore(path, None, said)
        else:
            with open_archive(path) as archive:
                yield PlainStore(path, archive, said)
    finally:
        if identify_store(path) != now:
            raise ReplacedError(f"{path} was replaced while it was read")


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip archive to read from.

    Raises
    ------
    OSError
        If there is none to be read.
    zipfile.BadZipFile
        If it is damaged, whatever Python stumbles over.
    """
    try:
        return zipfile.ZipFile(path)
    except (OSError, MemoryError, zipfile.BadZipFile):
        raise
    except Exception as error:
        # Names that are no UTF-8, versions to come, lengths of other signs.
        raise zipfile.BadZipFile(str(error)) from error


def identify_store(path: Path) -> Identity | None:
    """What tells a store from another at the same path; None where there is none."""
    try:
        found = os.stat(path / ".zattrs" if path.is_dir() else path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
