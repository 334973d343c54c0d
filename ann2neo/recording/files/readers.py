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

from ann2neo.extras import require
from ann2neo.recording.files.zarr_checks import check_array
from ann2neo.spikes.files.hdf5_checks import walk_objects
from ann2neo.spikes.files.store import FORMAT

Arrays = dict[str, Any]
"""Name → array-like with dtype, shape and slices, samples first."""

ACTIVATIONS = "activations"
"""Name of an array that has none."""


class OrderError(TypeError):
    """Activations that can only be read from the first to the last are asked for in another order."""


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
        raise OrderError("these activations can only be read in their order: leave rng out")
    start, stop, _ = rows.indices(length)
    return start, stop


def open_npy(path: Path, files: ExitStack) -> Arrays:
    return {ACTIVATIONS: np.lib.format.open_memmap(path, mode="r")}


def open_npz(path: Path, files: ExitStack) -> Arrays:
    archive = files.enter_context(zipfile.ZipFile(path))
    members = [name for name in archive.namelist() if name.endswith(".npy")]
    return {name.removesuffix(".npy"): NpzArray(archive, name, files) for name in members}


class Transposed:
    """A matrix whose axes are stored in the other order, as MATLAB's in HDF5; samples first."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.shape, self.dtype = tuple(dataset.shape[::-1]), dataset.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.asarray(self._dataset[..., rows]).T


def open_hdf5(path: Path, files: ExitStack) -> Arrays:
    h5py = require("h5py", extra="hdf5")
    file = files.enter_context(h5py.File(path, "r"))
    _refuse_weights(file)
    found = {
        name: item
        for name, item in walk_objects(file)
        if isinstance(item, h5py.Dataset) and item.shape is not None
    }
    return _from_matlab(found) if _is_matlab(path) else found


def _is_matlab(path: Path) -> bool:
    """Whether MATLAB wrote a file as HDF5, since its version 7.3."""
    with path.open("rb") as stream:
        return stream.read(10) == b"MATLAB 7.3"


def _from_matlab(found: Arrays) -> Arrays:
    kinds = (b"char", b"cell", b"function_handle")
    arrays: Arrays = {
        name: Transposed(item)
        for name, item in found.items()
        if not name.startswith("#") and item.attrs.get("MATLAB_class") not in kinds and item.shape
    }
    # A vector beside a matrix is labels or names, which MATLAB makes a matrix of one row or column.
    return {
        name: array[:].ravel()
        if len(array.shape) == 2 and 1 in array.shape and len(arrays) > 1
        else array
        for name, array in arrays.items()
    }


def _refuse_weights(file: Any) -> None:
    """What Keras and NIR keep in HDF5 are networks: their kernels would look like samples × units."""
    if {"keras_version", "layer_names", "model_config"} & set(file.attrs) or "model_weights" in file:
        raise ValueError("it holds the weights of a Keras model, not activations: use ann2neo.record")
    if {"layers", "_layer_checkpoint_dependencies"} & set(file) and _has_vars(file):
        raise ValueError("it holds the weights of a Keras model, not activations: use ann2neo.record")
    if {"node", "version"} <= set(file) and ("edges" in file["node"] or "type" in file["node"]):
        raise ValueError("it holds a network as a NIR graph, not activations")


def _has_vars(file: Any) -> bool:
    names: list[str] = []
    file.visit(names.append)
    return any(name.split("/")[-1] == "vars" for name in names)


def open_zarr(path: Path, files: ExitStack) -> Arrays:
    # By class: from a name alone, zarr 3 takes a zip file for a directory.
    store: Any = str(path)
    if path.is_file():
        store = zarr.storage.ZipStore(store, mode="r")
        files.callback(store.close)
    opened = zarr.open(store, mode="r")
    if opened.attrs.get("format") == FORMAT:
        raise ValueError("it holds spikes of this package, not activations: use ann2neo.load")
    found = _zarr_arrays(opened) if hasattr(opened, "groups") else {ACTIVATIONS: opened}
    for name, array in found.items():
        check_array(path, name, array)
    return found


def _zarr_arrays(group: Any, prefix: str = "") -> Arrays:
    found = {prefix + name: array for name, array in group.arrays()}
    for name, inner in group.groups():
        found |= _zarr_arrays(inner, f"{prefix}{name}/")
    return found


def open_mat(path: Path, files: ExitStack) -> Arrays:
    if _is_matlab(path):
        return open_hdf5(path, files)
    loaded = scipy.io.loadmat(path)
    found = {name: array for name, array in loaded.items() if not name.startswith("__")}
    arrays = {name: a.toarray() if hasattr(a, "toarray") else a for name, a in found.items()}
    if list(arrays) == ["features"]:
        return {ACTIVATIONS: arrays["features"]}
    # thingsvision writes a variable per image where it knows their names; MATLAB makes rows of vectors.
    rows = [array for array in arrays.values() if array.ndim == 2 and len(array) == 1]
    widths = {array.shape[1] for array in rows}
    named = {name.lower() for name in arrays} & _LABELS
    if len(rows) == len(arrays) > 1 and len(widths) == 1 and widths != {1} and not named:
        return {ACTIVATIONS: np.concatenate(rows)}
    # A vector beside a matrix is labels or names, which MATLAB makes a matrix of one row or column.
    return {
        name: array.ravel() if array.ndim == 2 and 1 in array.shape and len(arrays) > 1 else array
        for name, array in arrays.items()
    }


_LABELS = {"x", "y", "t", "label", "labels", "target", "targets", "class", "classes", "time", "times"}


def open_txt(path: Path, files: ExitStack) -> Arrays:
    return {ACTIVATIONS: np.loadtxt(path, ndmin=2)}
