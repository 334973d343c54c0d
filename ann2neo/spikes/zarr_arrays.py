"""Plain arrays in a Zarr store of format 2, written and read alike under zarr 2 and zarr 3.

Every array carries the CRC-32 of its chunks, since Zarr reads a lost chunk as zeros. Chunks lie along
the last axis only.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numcodecs import Zlib

_ZARR_3 = int(zarr.__version__.split(".")[0]) >= 3
_FORMAT_2 = {"zarr_format": 2} if _ZARR_3 else {"zarr_version": 2}
_PLAIN_DTYPES = {"|b1", "<i8", "<f8", "<u8"}
_CHUNK_ROWS = 2**20


def new_group(path: Path) -> Any:
    """A new store in a directory."""
    return zarr.open_group(str(path), mode="w-", **_FORMAT_2)


def new_array(group: Any, name: str, shape: tuple, chunks: tuple, dtype: str) -> Any:
    """A new array; `checksum` of each of its chunks belongs into its attribute ``crc32``."""
    options = {"name": name, "shape": shape, "chunks": chunks, "dtype": dtype, "fill_value": 0}
    # Left out as empty, a chunk of -0.0 would come back as 0.0.
    if _ZARR_3:
        config = {"write_empty_chunks": True}
        return group.create_array(**options, compressors=Zlib(level=1), config=config)
    return group.create_dataset(**options, compressor=Zlib(level=1), write_empty_chunks=True)


def checksum(values: np.ndarray) -> int:
    """CRC-32 of the values as little-endian bytes."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return zlib.crc32(little.data)


def write_table(group: Any, name: str, table: pd.DataFrame) -> None:
    """A group with an array a column; text as indices into the distinct values, kept as an attribute."""
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


class PlainStore:
    """A store opened for reading, a directory or a zip archive; see `open_store`.

    Attributes are read here and arrays are opened one by one, each after a look at its metadata: Zarr
    would decode an array with whatever codec the metadata name, pickle among them.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile | None, store: Any) -> None:
        self._path, self._archive, self._store = path, archive, store

    def attributes(self, name: str = "") -> dict[str, Any]:
        """Attributes of the array or group of this name, by default of the whole store."""
        return self._json(f"{name}/.zattrs".lstrip("/"))

    def read(self, name: str, size: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Part of an array along its last axis, of length `size`; checks the chunks it reads.

        Raises
        ------
        KeyError, OSError, ValueError
            If the array is missing, not a plain array of numbers, of another size, or damaged.
        """
        self._check_plain(name)
        array = zarr.open_array(self._store, path=name, mode="r", **_FORMAT_2)
        checksums = self.attributes(name)["crc32"]
        chunk = array.chunks[-1]
        if array.shape[-1] != size or len(checksums) != -(-size // chunk):
            raise ValueError(f"array {name!r} has another size than it should have")
        stop = size if stop is None else stop
        values = np.empty((*array.shape[:-1], stop - start), array.dtype.newbyteorder("="))
        for number in range(start // chunk, -(-stop // chunk)):
            first, last = number * chunk, min(size, (number + 1) * chunk)
            block = np.asarray(array[..., first:last])
            if checksum(block) != checksums[number]:
                raise ValueError(f"the checksum of chunk {number} of array {name!r} does not match")
            low, high = max(first, start), min(last, stop)
            values[..., low - start : high - start] = block[..., low - first : high - first]
        return values

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

    def _check_plain(self, name: str) -> None:
        metadata = self._json(f"{name}/.zarray")
        if (
            metadata["dtype"] not in _PLAIN_DTYPES
            or metadata["filters"]
            or metadata["compressor"]["id"] != "zlib"
        ):
            raise ValueError(f"array {name!r} is refused: it is not a plain array of numbers")

    def _json(self, file: str) -> dict[str, Any]:
        data = self._archive.read(file) if self._archive else (self._path / file).read_bytes()
        found = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError(f"{file} does not hold a mapping")
        return found


@contextmanager
def open_store(path: Path) -> Iterator[PlainStore]:
    """Open a store for reading.

    Raises
    ------
    zipfile.BadZipFile
        If `path` is a file and not a whole zip archive.
    """
    # Named by class: from a name alone, zarr guesses by its ending.
    if path.is_dir():
        directory = zarr.storage.LocalStore if _ZARR_3 else zarr.storage.DirectoryStore
        yield PlainStore(path, None, directory(str(path)))
        return
    with zipfile.ZipFile(path) as archive:
        store = zarr.storage.ZipStore(str(path), mode="r")
        try:
            yield PlainStore(path, archive, store)
        finally:
            # zarr 3 opens the file at the first read and cannot close what it has not opened.
            with suppress(AttributeError):
                store.close()
