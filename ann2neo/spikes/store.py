"""A raster on disk: a Zarr store (format 2), a directory or one ``.zip`` file.

Layout: an array ``words`` (uint64, one chunk a block of samples) and groups ``units`` and ``samples``
with an array a column; text columns hold indices into a list of distinct values kept in the attributes.
Every array carries the CRC-32 of its chunks, since Zarr itself reads a lost chunk as zeros.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numcodecs import Zlib

from ann2neo.spikes import tables
from ann2neo.spikes.arguments import checked_period
from ann2neo.spikes.packing import buffer_words
from ann2neo.spikes.raster import SpikeRaster

FORMAT = "ann2neo.SpikeRaster"
FORMAT_VERSION = 1

_ZARR_3 = int(zarr.__version__.split(".")[0]) >= 3
_PLAIN_DTYPES = {"|b1", "<i8", "<f8", "<u8"}


def save(raster: SpikeRaster, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write `raster` to `path`, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Zarr directory to make, or a single file if the name ends in ``.zip``.
    overwrite : bool
        Replace what is there.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.eye(4, dtype=bool))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = raster.save(folder + "/four.zarr")
    ...     a2n.SpikeRaster.load(path) == raster
    True
    """
    with StoreWriter(path, raster.n_units, overwrite=overwrite) as writer:
        step = buffer_words(raster.n_units)
        for start in range(0, raster.words.shape[1], step):
            writer.write(raster.words[:, start : start + step])
        writer.finish(
            raster.n_samples, raster.units, raster.samples, raster.sampling_period, raster.annotations
        )
    return Path(path)


def load(path: str | Path) -> SpikeRaster:
    """Read the raster at `path`.

    Nothing is unpickled: a store with other than plain numeric arrays is refused before it is read.

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is not a raster's store, was written by a later version, or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no raster at {path}")
    with _files(path) as files:
        attributes = _checked_attributes(path, files)
        _refuse_unplain_arrays(path, files)
        try:
            with _opened(path) as group:
                words = _read_array(group, "words")
                units = _read_table(group["units"])
                samples = _read_table(group["samples"])
            return SpikeRaster(
                words,
                attributes["n_samples"],
                units,
                samples,
                sampling_period=attributes["sampling_period"],
                annotations=attributes["annotations"],
            )
        except Exception as error:
            raise ValueError(f"{path} is damaged: {error}") from error


class StoreWriter:
    """Writes a raster block by block into a temporary store beside `path` and renames it when whole.

    A context manager: leaving it without `finish`, or by an exception, leaves nothing behind.
    """

    def __init__(self, path: str | Path, n_units: int, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        if self.path.exists() and not overwrite:
            raise FileExistsError(f"{self.path} exists; pass overwrite=True to replace it")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"the directory {self.path.parent} does not exist")
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
        self._root = self._folder / "store"
        self._group = _new_group(self._root)
        self._n_units = n_units
        self._chunk = buffer_words(n_units)
        self._checksums: list[int] = []
        self._words = _new_array(self._group, "words", (n_units, 0), (n_units, self._chunk), "<u8")

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, words: np.ndarray) -> None:
        """Append a block of words, shape (n_units, at most `buffer_words(n_units)`).

        Only the last block may be shorter than the others.
        """
        start = len(self._checksums) * self._chunk
        self._words.resize((self._n_units, start + words.shape[1]))
        self._words[:, start : start + words.shape[1]] = words
        self._checksums.append(_checksum(words))

    def finish(
        self,
        n_samples: int,
        units: pd.DataFrame,
        samples: pd.DataFrame,
        sampling_period: float,
        annotations: Mapping[str, Any],
    ) -> None:
        """Write the tables and put the store in its place; arguments as for `SpikeRaster`."""
        units = tables.normalized(
            units, name="units", n_rows=self._n_units, required=("layer", "unit_index")
        )
        samples = tables.normalized(
            samples, name="samples", n_rows=n_samples, required=("sample_index",)
        )
        self._words.attrs["crc32"] = self._checksums
        _write_table(self._group, "units", units)
        _write_table(self._group, "samples", samples)
        attributes = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "n_samples": n_samples,
            "sampling_period": checked_period(sampling_period),
            "annotations": dict(tables.checked_annotations(annotations)),
        }
        for key, value in attributes.items():
            self._group.attrs[key] = value
        whole = self._root
        if self.path.suffix == ".zip":
            whole = _zipped(self._root, self._folder / "store.zip")
        if self.path.is_dir():
            os.replace(self.path, self._folder / "replaced")
        os.replace(whole, self.path)


def _zipped(root: Path, target: Path) -> Path:
    # Chunks are compressed already, and Zarr reads stored members in place.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root).as_posix())
    return target


def _new_group(path: Path) -> Any:
    if _ZARR_3:
        return zarr.open_group(str(path), mode="w-", zarr_format=2)
    return zarr.open_group(str(path), mode="w-")


def _new_array(group: Any, name: str, shape: tuple, chunks: tuple, dtype: str) -> Any:
    if _ZARR_3:
        return group.create_array(
            name, shape=shape, chunks=chunks, dtype=dtype, compressors=Zlib(level=1), fill_value=0
        )
    return group.create_dataset(
        name, shape=shape, chunks=chunks, dtype=dtype, compressor=Zlib(level=1), fill_value=0
    )


def _write_table(group: Any, name: str, table: pd.DataFrame) -> None:
    columns = group.create_group(name)
    columns.attrs["columns"] = list(table.columns)
    # Arrays are numbered: a column may be called anything, a path of a store may not.
    for number, column in enumerate(table.columns):
        values, categories = table[column], None
        if values.dtype.kind not in "bif":
            codes, distinct = pd.factorize(values)
            values, categories = codes.astype(np.int64), [str(value) for value in distinct]
        data = np.ascontiguousarray(values)
        dtype = "|b1" if data.dtype == bool else data.dtype.newbyteorder("<").str
        array = _new_array(columns, str(number), data.shape, (max(1, data.size),), dtype)
        array[:] = data
        array.attrs["crc32"] = [_checksum(data)]
        if categories is not None:
            array.attrs["categories"] = categories


def _read_table(group: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for number, column in enumerate(group.attrs["columns"]):
        values = _read_array(group, str(number))
        categories = group[str(number)].attrs.get("categories")
        if categories is not None:
            values = pd.Series(np.array(categories, dtype=object)[values], dtype="str")
        columns[column] = values
    return pd.DataFrame(columns)


def _read_array(group: Any, name: str) -> np.ndarray:
    array = group[name]
    values = np.asarray(array[...])
    chunk = array.chunks[-1]
    blocks = [values[..., start : start + chunk] for start in range(0, values.shape[-1], chunk)]
    if [_checksum(block) for block in blocks] != list(array.attrs["crc32"]):
        raise ValueError(f"the checksum of {array.path!r} does not match")
    return values


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False))


class _Files:
    """The files of a directory or of a zip archive, by name."""

    def __init__(self, path: Path, archive: zipfile.ZipFile | None) -> None:
        self._path, self._archive = path, archive

    def named(self, name: str) -> list[str]:
        """Files of that name at any depth."""
        if self._archive is not None:
            found = self._archive.namelist()
        else:
            found = [file.relative_to(self._path).as_posix() for file in self._path.rglob(name)]
        return [file for file in found if file.split("/")[-1] == name]

    def json(self, name: str) -> Any:
        data = self._archive.read(name) if self._archive else (self._path / name).read_bytes()
        return json.load(io.BytesIO(data))


@contextmanager
def _files(path: Path) -> Iterator[_Files]:
    if path.is_dir():
        yield _Files(path, None)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is not a raster's Zarr store, or is damaged: {error}") from error
    with archive:
        yield _Files(path, archive)


def _checked_attributes(path: Path, files: _Files) -> dict[str, Any]:
    try:
        attributes = files.json(".zattrs")
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise ValueError(f"{path} is not a raster's Zarr store, or is damaged: no .zattrs") from error
    if not isinstance(attributes, dict) or attributes.get("format") != FORMAT:
        raise ValueError(f"{path} is not a raster's Zarr store: its format is not {FORMAT!r}")
    version = attributes.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {version!r}, this ann2neo reads {FORMAT_VERSION}; "
            "upgrade ann2neo to read it"
        )
    return attributes


def _refuse_unplain_arrays(path: Path, files: _Files) -> None:
    """Zarr would decode object arrays with whatever codec they name, pickle among them."""
    for name in files.named(".zarray"):
        try:
            metadata = files.json(name)
            plain = (
                metadata["dtype"] in _PLAIN_DTYPES
                and not metadata["filters"]
                and metadata["compressor"]["id"] == "zlib"
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {name} cannot be read ({error})") from error
        if not plain:
            raise ValueError(f"{path} is refused: {name} is not a plain array of numbers")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.is_dir():
        yield zarr.open_group(str(path), mode="r")
        return
    store = zarr.storage.ZipStore(str(path), mode="r")
    try:
        yield zarr.open_group(store, mode="r")
    finally:
        store.close()


