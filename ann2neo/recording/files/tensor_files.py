"""Activations in files of tensors: safetensors, what torch saves, and caches made of these.

Read by their own headers and NumPy, so that nothing is unpickled and no code of theirs runs.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.extras import require
from ann2neo.recording.files.readers import ACTIVATIONS, Arrays, Parts

_MOST_HEADER = 100_000_000
_TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}
_BFLOAT = "BF16"
_DEPTH = 4


class BrainFloats:
    """An array of bfloat16, which NumPy lacks: read as float32, which holds each of its numbers."""

    dtype = np.dtype(np.float32)

    def __init__(self, codes: np.ndarray) -> None:
        self._codes = codes
        self.shape = codes.shape

    def __getitem__(self, rows: Any) -> np.ndarray:
        codes = np.asarray(self._codes[rows])
        return (codes.astype(np.uint32) << 16).view(np.float32)


def open_safetensors(path: Path, files: ExitStack) -> Arrays:
    """Name → tensor of a safetensors file, left on disk."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER):
            raise ValueError("its header is not as long as it says")
        header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no table of tensors")
    begin = 8 + length
    return {
        name: _map_tensor(path, name, entry, begin, size)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _map_tensor(path: Path, name: str, entry: Any, begin: int, size: int) -> Any:
    try:
        kind, shape = entry["dtype"], tuple(int(length) for length in entry["shape"])
        first, last = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"its header does not describe the tensor {name!r}") from None
    if kind != _BFLOAT and kind not in _TYPES:
        raise ValueError(f"the tensor {name!r} is of {kind!r:.20}, not of {[*_TYPES, _BFLOAT]}")
    dtype = np.dtype("<u2" if kind == _BFLOAT else _TYPES[kind])
    if min(shape, default=0) < 0 or not 0 <= first <= last <= size - begin:
        raise ValueError(f"the tensor {name!r} lies outside of the file")
    if last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"the tensor {name!r} is not as long as its shape {shape} says")
    if first == last:
        found: Any = np.empty(shape, dtype)
    else:
        found = np.memmap(path, dtype, mode="r", offset=begin + first, shape=shape)
    return BrainFloats(found) if kind == _BFLOAT else found


def open_tensor(path: Path, files: ExitStack) -> Arrays:
    """A tensor that torch saved, or tensors in dicts and lists, named by their keys."""
    torch = require("torch", extra="torch")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} does not match")
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    arrays = {
        name: tensor
        for name, tensor in _list_tensors(found, "", _DEPTH).items()
        if tensor.layout == torch.strided and not tensor.is_quantized
    }
    if not arrays:
        raise ValueError(f"it holds a {type(found).__name__}, not a tensor or a dict of them")
    return {name: _as_array(tensor.detach(), torch) for name, tensor in arrays.items()}


def _list_tensors(value: Any, name: str, depth: int) -> dict[str, Any]:
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return {name or ACTIVATIONS: value}
    if isinstance(value, Mapping):
        parts = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(str(place), part) for place, part in enumerate(value)]
    else:
        return {}
    found: dict[str, Any] = {}
    for key, part in parts if depth else []:
        inner = _list_tensors(part, f"{name}/{key}" if name else key, depth - 1)
        for key_inside, tensor in inner.items():
            if key_inside in found:
                raise ValueError(f"it holds several tensors called {key_inside!r}")
            found[key_inside] = tensor
    return found


def _as_array(tensor: Any, torch: Any) -> Any:
    # NumPy has no bfloat16; float32 holds each of its numbers.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def open_torchlens(path: Path, files: ExitStack) -> Arrays:
    """Layer → its output in a bundle that torchlens saved; the pickled rest of it stays closed."""
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    found: Arrays = {}
    for entry in manifest["tensors"]:
        if entry.get("kind") != "out" or entry.get("backend") != "safetensors":
            continue
        blob = (path / entry["relative_path"]).resolve()
        if not blob.is_relative_to(path.resolve()):
            raise ValueError(f"its manifest names a file outside of it: {entry['relative_path']!r}")
        tensors = open_safetensors(blob, files)
        if len(tensors) != 1:
            raise ValueError(f"{entry['relative_path']} holds {len(tensors)} tensors, not one")
        (array,) = tensors.values()
        if list(array.shape) != list(entry["shape"]):
            raise ValueError(f"{entry['label']!r} has shape {array.shape}, not {entry['shape']}")
        # The number of a call, where there is but one, says nothing.
        found[str(entry["label"]).removesuffix(":1")] = array
    if not found:
        raise ValueError("it holds no outputs as safetensors")
    return found


class ArrowColumn:
    """A column of fixed-size lists in a file of Arrow, read slice by slice."""

    def __init__(self, table: Any, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self._column, self.shape, self.dtype = table.column(name), shape, np.dtype(dtype)

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        pieces = []
        for chunk in self._column.slice(start, stop - start).chunks:
            flat = getattr(chunk, "storage", chunk)
            for _ in self.shape[1:]:
                flat = flat.flatten()
            values = flat.to_numpy(zero_copy_only=False)
            pieces.append(values.reshape(len(chunk), *self.shape[1:]))
        return np.concatenate(pieces).astype(self.dtype, copy=False)


def open_dataset(path: Path, files: ExitStack) -> Arrays:
    """Columns of numbers of a data set that Hugging Face's ``datasets`` saved, as SAELens caches."""
    ipc = require("pyarrow.ipc", extra="arrow")
    arrow = require("pyarrow", extra="arrow")
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    info = json.loads((path / "dataset_info.json").read_text(encoding="utf-8"))
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise ValueError("its rows were put in another order or chosen from: save it flattened")
    parts: dict[str, list[Any]] = {}
    for entry in state["_data_files"]:
        source = files.enter_context(arrow.memory_map(str(path / Path(entry["filename"]).name)))
        table = ipc.open_stream(source).read_all()
        for name, feature in info["features"].items():
            shape = _find_shape(feature)
            if shape is not None:
                whole = (table.num_rows, *shape)
                parts.setdefault(name, []).append(ArrowColumn(table, name, whole, _find_dtype(feature)))
    if not parts:
        raise ValueError(f"it holds no columns of numbers: {list(info['features'])}")
    return {name: Parts(members, name) for name, members in parts.items()}


def _find_shape(feature: Any) -> tuple[int, ...] | None:
    """Axes of a row of a column; None where they differ or hold no numbers."""
    if not isinstance(feature, dict):
        return None
    kind = str(feature.get("_type", ""))
    if kind == "Value":
        return () if _find_dtype(feature) is not None else None
    if kind.startswith("Array") and all(isinstance(n, int) for n in feature.get("shape", [None])):
        return tuple(feature["shape"])
    if kind in ("Sequence", "List", "LargeList") and feature.get("length", -1) > 0:
        inner = _find_shape(feature.get("feature"))
        return None if inner is None else (feature["length"], *inner)
    return None


def _find_dtype(feature: dict[str, Any]) -> str | None:
    while isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    name = str(feature.get("dtype", ""))
    known = name.startswith(("float", "int", "uint")) or name == "bool"
    return name if known else None
