"""Array files → arrays that are read slice by slice; see `activation_files`.

Readers take a path and an ExitStack, which closes what they open, and give name → array.
"""

from __future__ import annotations

import functools
import itertools
import math
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import zarr

from ann2neo.extras import needed

Arrays = dict[str, Any]
"""Name → array-like with dtype, shape and slices, samples first."""

ACTIVATIONS = "activations"
"""Name of an array that has none."""


class Parts:
    """Arrays under one another, as one; nothing is read before it is asked for.

    Parameters
    ----------
    parts : sequence of array-like
        With the same axes but for the first.
    name : str
        Of the whole, for errors.
    """

    def __init__(self, parts: Sequence[Any], name: str) -> None:
        axes = {tuple(part.shape[1:]) for part in parts}
        if len(axes) > 1:
            raise ValueError(f"the parts of {name!r} differ in their units: {sorted(axes)}")
        lengths = [int(part.shape[0]) for part in parts]
        self._parts = list(parts)
        self._edges = [0, *itertools.accumulate(lengths)]
        self.shape = (self._edges[-1], *axes.pop())
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop = _in_order(rows, self.shape[0])
        pieces = [
            np.asarray(part[max(start - first, 0) : stop - first])
            for part, first, last in zip(self._parts, self._edges, self._edges[1:], strict=False)
            if first < stop and start < last
        ]
        return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]


class NpzArray:
    """An array inside an ``.npz`` file, compressed or not; reads on from where it last was."""

    def __init__(self, archive: zipfile.ZipFile, member: str, files: ExitStack) -> None:
        self._stream = files.enter_context(archive.open(member))
        version = np.lib.format.read_magic(self._stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(self._stream)
        else:
            header = np.lib.format.read_array_header_2_0(self._stream)
        self.shape, self._by_column, self.dtype = header
        self._begin = self._stream.tell()
        self._name = member.removesuffix(".npy")

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop = _in_order(rows, self.shape[0])
        if self._by_column:
            return self._whole[start:stop]
        row_size = math.prod(self.shape[1:])
        return self._read(start * row_size, (stop - start) * row_size).reshape(-1, *self.shape[1:])

    @functools.cached_property
    def _whole(self) -> np.ndarray:
        """All of an array that is stored column by column."""
        return self._read(0, math.prod(self.shape)).reshape(self.shape[::-1]).T

    def _read(self, first: int, size: int) -> np.ndarray:
        self._stream.seek(self._begin + first * self.dtype.itemsize)
        data = self._stream.read(size * self.dtype.itemsize)
        if len(data) < size * self.dtype.itemsize:
            raise EOFError(f"array {self._name!r} ends early")
        return np.frombuffer(data, self.dtype)


def _in_order(rows: Any, length: int) -> tuple[int, int]:
    if not isinstance(rows, slice):
        raise TypeError("these activations can only be read in their order: leave rng out")
    start, stop, _ = rows.indices(length)
    return start, stop


def open_npy(path: Path, files: ExitStack) -> Arrays:
    return {ACTIVATIONS: np.lib.format.open_memmap(path, mode="r")}


def open_npz(path: Path, files: ExitStack) -> Arrays:
    archive = files.enter_context(zipfile.ZipFile(path))
    members = [name for name in archive.namelist() if name.endswith(".npy")]
    return {name.removesuffix(".npy"): NpzArray(archive, name, files) for name in members}


def open_hdf5(path: Path, files: ExitStack) -> Arrays:
    h5py = needed("h5py", extra="hdf5")
    found: Arrays = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    files.enter_context(h5py.File(path, "r")).visititems(visit)
    return found


def open_zarr(path: Path, files: ExitStack) -> Arrays:
    # By class: from a name alone, zarr 3 takes a zip file for a directory.
    store: Any = str(path)
    if path.is_file():
        store = zarr.storage.ZipStore(store, mode="r")
        files.callback(store.close)
    opened = zarr.open(store, mode="r")
    found = _zarr_arrays(opened) if hasattr(opened, "groups") else {ACTIVATIONS: opened}
    for name, array in found.items():
        _check_codecs(name, array)
    return found


def _zarr_arrays(group: Any, prefix: str = "") -> Arrays:
    found = {prefix + name: array for name, array in group.arrays()}
    for name, inner in group.groups():
        found |= _zarr_arrays(inner, f"{prefix}{name}/")
    return found


def _check_codecs(name: str, array: Any) -> None:
    """Refuse an array whose chunks would be unpickled, whatever its type says."""
    single = getattr(array, "compressor", None) if not hasattr(array, "compressors") else None
    several = [*(getattr(array, "compressors", None) or ()), *(array.filters or ())]
    for codec in (single, *several):
        if "pickle" in f"{type(codec).__name__} {getattr(codec, 'codec_id', '')}".lower():
            raise ValueError(f"array {name!r} is refused: reading it would unpickle what it holds")


def open_tensor(path: Path, files: ExitStack) -> Arrays:
    torch = needed("torch", extra="torch")
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(found, torch.Tensor):
        raise ValueError(f"it holds a {type(found).__name__}, not a tensor")
    # NumPy has no bfloat16; float32 holds each of its numbers.
    found = found.detach()
    return {ACTIVATIONS: (found.float() if found.dtype == torch.bfloat16 else found).numpy()}


def open_mat(path: Path, files: ExitStack) -> Arrays:
    found = scipy.io.loadmat(path)
    arrays = {name: array for name, array in found.items() if not name.startswith("__")}
    if "features" in arrays:
        return {ACTIVATIONS: arrays["features"]}
    # thingsvision writes a variable an image where it knows their names; MATLAB makes rows of vectors.
    rows = [array[0] if array.ndim == 2 and len(array) == 1 else array for array in arrays.values()]
    return {ACTIVATIONS: np.stack(rows)} if rows else {}


def open_txt(path: Path, files: ExitStack) -> Arrays:
    return {ACTIVATIONS: np.loadtxt(path, ndmin=2)}
