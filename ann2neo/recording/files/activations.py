"""Activations in files that other extractors leave, opened for `record` to read batch by batch."""

from __future__ import annotations

import importlib
import json
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.recording.files import readers as readers
from ann2neo.recording.files.formats import FORMATS
from ann2neo.recording.files.readers import Arrays
from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.files.file_kinds import name_kind
from ann2neo.spikes.files.isolation import run_isolated
from ann2neo.spikes.files.paths import find_path
from ann2neo.spikes.typing import PathLikeStr

ISOLATED = "ann2neo.recording.files.activations:copy_activations"
"""What reads in the other process."""

_WEIGHTS = re.compile(
    r"(.*[/.:])?(kernel|weights?|bias|gamma|beta|(moving|running)_(mean|variance|var))(:0)?"
)
_FOLDERS = {
    "zarr": [{".zarray"}, {".zgroup"}, {"zarr.json"}],
    "torchlens": [{"manifest.json", "blobs"}],
    "arrow": [{"state.json", "dataset_info.json"}],
}
"""Format → what is in a folder of it: all of one of these."""

_OTHERS = ("SONATA", "NWB", "NIX", "folder", "sorter", "Keras")
"""Kinds of files whose arrays are no activations."""

_BY_CHANCE = 10

_SORTER = ("spike_times", "spike_clusters", "spike_templates", "templates_ind", "channel_map")


Shown = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]
"""Name → type and shape of an array."""


@contextmanager
def open_activations(
    path: PathLikeStr,
    *,
    keys: Sequence[str] = (),
    format: str | None = None,
    isolated: bool = False,
) -> Iterator[Arrays]:
    """Activations in a file or folder, for `record`; what is on disk stays there until it is recorded.

    Parameters
    ----------
    path : str or Path
        - ``.npy``: an array of shape (n_samples, ...), the layer ``"activations"``;
        - ``.npz``, HDF5 (``.h5``, ``.hdf5``), a Zarr array or group (``.zarr``, ``.zarr.zip``): an array
          per layer, called by its key, the path inside the file;
        - ``.mat``, a matrix, called by its name, or as thingsvision writes it a matrix ``features`` or a
          variable per sample; read whole but for those of MATLAB 7.3;
        - ``.pt``, a tensor, the layer ``"activations"``, or dicts of tensors: a layer per tensor,
          called by its keys, ``"encoder/mlp"``; and ``.txt``, a matrix, read whole;
        - ``.safetensors``: a layer per tensor, called by its name;
        - a folder that torchlens saved: a layer per output, ``"relu_1_2"``, or ``"relu_1_2:2"`` for a
          second call;
        - a folder that Hugging Face's ``datasets`` saved, as SAELens' caches of activations are: a layer
          per column of numbers. SAELens shuffles them unless it is told not to;
        - a folder that thingsvision wrote, with features of one module or a folder per module: a layer
          per module, in parts or not.
    keys : sequence of str
        Which arrays or modules. Needed where there are several of more than one axis.
    format : str, optional
        ``"npy"``, ``"npz"``, ``"hdf5"``, ``"zarr"``, ``"pt"``, ``"safetensors"``, ``"mat"``, ``"txt"``,
        ``"torchlens"``, ``"arrow"`` or ``"thingsvision"``. Default: told by the name, or for a folder by
        what is in it.
    isolated : bool
        Read the file in another process, with a limit of time and memory, into files of this package:
        for files that one does not trust, since libraries can crash over some.

    Yields
    ------
    dict of str to array-like
        Layer → array, to be read in its order: `record` takes it, without ``rng``.

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ImportError
        If a library for the form is not installed.
    ValueError
        If the file is damaged, of another format or holds no activations, or `keys` do not choose among
        them; if it holds a network's weights or times of spikes instead; or if it is an HDF5 file that
        reads from other files.

    Warns
    -----
    UserWarning
        If chunks of a Zarr array are not stored, which are read as its fill value: whether they were
        empty or were lost cannot be known.

    Notes
    -----
    Nothing is unpickled; torch's files are loaded with ``weights_only=True``.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(folder + "/a.npz", fc1=np.eye(3), fc2=np.ones((3, 2)), labels=np.arange(3))
    ...     with a2n.open_activations(folder + "/a.npz", keys=["fc1", "fc2"]) as layers:
    ...         print(a2n.record(layers).layers)
    ['fc1', 'fc2']
    """
    path = find_path(path, folder=True)
    format = find_format(path) if format is None else format
    check_choice(format, "format", FORMATS)
    if isinstance(keys, str):
        raise TypeError(f"keys must be a sequence of str, such as [{keys!r}], got {keys!r}")
    with ExitStack() as files:
        if isolated:
            yield _open_isolated(path, list(keys), format, files)
            return
        try:
            module, function = FORMATS[format][1].split(":")
            found = getattr(importlib.import_module(module), function)(path, files)
            shown = {key: (array.dtype, tuple(array.shape)) for key, array in found.items()}
        except (MemoryError, PermissionError, ImportError):
            raise
        except Exception as error:
            # Of a folder; a file is one of its format, though damaged.
            why = f"{error or type(error)}{name_kind(path) if path.is_dir() else ''}"
            raise ValueError(f"{path} cannot be read as {format}: {why}") from error
        chosen = {key: _Read(found[key], path) for key in _choose(path, shown, keys)}
        for key, array in chosen.items():
            _refuse_times(path, key, array)
        yield chosen


class _Read:
    """An array of a file; what fails while it is read is told as the file's fault.

    Told here, since what else fails while the file is open is no fault of its.
    """

    def __init__(self, array: Any, path: Path) -> None:
        self.shape, self.dtype = tuple(array.shape), array.dtype
        self._array, self._path = array, path

    def __getitem__(self, rows: Any) -> np.ndarray:
        try:
            read = np.asarray(self._array[rows])
        except (MemoryError, PermissionError, readers.OrderError):
            raise
        except Exception as error:
            raise ValueError(f"{self._path} is damaged: {error or type(error)}") from error
        if isinstance(rows, slice) and len(read) != len(range(*rows.indices(self.shape[0]))):
            raise ValueError(f"{self._path} is damaged: it holds fewer samples than it says")
        return read


def _open_isolated(path: Path, keys: list[str], format: str, files: ExitStack) -> Arrays:
    folder = Path(files.enter_context(tempfile.TemporaryDirectory()))
    run_isolated(ISOLATED, folder, path, keys=keys, format=format)
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    return {
        name: np.load(folder / f"{number}.npy", mmap_mode="r", allow_pickle=False)
        for number, name in enumerate(names)
    }


def copy_activations(folder: Path, path: Path, keys: list[str], format: str) -> None:
    """Copy the activations in a file to ``.npy`` files in a folder; what the isolated process does."""
    with open_activations(path, keys=keys, format=format) as layers:
        for number, array in enumerate(layers.values()):
            target = np.lib.format.open_memmap(
                folder / f"{number}.npy", mode="w+", dtype=array.dtype, shape=array.shape
            )
            step = max(1, 2**24 // max(1, math.prod(array.shape[1:])))
            for first in range(0, array.shape[0], step):
                target[first : first + step] = array[first : first + step]
            target.flush()
        (folder / "names.json").write_text(json.dumps(list(layers)), encoding="utf-8")


def find_format(path: Path) -> str:
    """The format that the name of a file says, or what is in a folder."""
    name = path.name.lower()
    for format, (suffixes, _) in FORMATS.items():
        if suffixes and name.endswith(suffixes):
            return format
    if path.is_dir():
        inside = {file.name for file in path.iterdir()}
        for format, names in _FOLDERS.items():
            if any(some <= inside for some in names):
                return format
        return "thingsvision"
    known = [suffix for suffixes, _ in FORMATS.values() for suffix in suffixes]
    raise ValueError(f"{path} must end in one of {known}, or its format be said{name_kind(path)}")


def _choose(path: Path, found: Shown, keys: Sequence[str]) -> list[str]:
    """Names of the arrays to read."""
    numbers = {key: one for key, one in found.items() if one[0].kind in "biuf" and one[1]}
    unknown = [key for key in keys if key not in numbers]
    if unknown:
        raise ValueError(f"{path} has no key {unknown[0]!r}: it holds {_list_arrays(numbers)}")
    if keys:
        return [_check_size(path, key, found[key][1]) for key in keys]
    # An array of one axis beside them is labels or names.
    layers = {key: one for key, one in numbers.items() if len(one[1]) > 1}
    if not layers:
        kind = name_kind(path)
        said = kind if any(word in kind for word in _OTHERS) else ""
        raise ValueError(f"{path} has no array of samples × units: it holds {_list_arrays(found)}{said}")
    if any(_WEIGHTS.fullmatch(key) for key in numbers):
        raise ValueError(
            f"{path} holds the weights of a network by its names, not activations; choose an array by "
            f"key if it is none: {_list_arrays(found)}"
        )
    if len(layers) > 1:
        raise ValueError(f"{path} has several arrays, choose one or more by key: {_list_arrays(layers)}")
    return [_check_size(path, key, shape) for key, (_, shape) in layers.items()]


def _check_size(path: Path, key: str, shape: tuple[int, ...]) -> str:
    if 0 in shape:
        raise ValueError(
            f"{path}: {key!r} must hold at least one sample and one unit, got shape {shape}"
        )
    return key


def _refuse_times(path: Path, key: str, array: _Read) -> None:
    """Refuse times of spikes, as spike sorters leave them, which would be units that are always on."""
    width = math.prod(array.shape[1:])
    name = path.stem if key == readers.ACTIVATIONS else key.split("/")[-1]
    by_name = name.lower().startswith(_SORTER)
    column = array.shape[0] > 2 and width <= 3
    row = len(array.shape) == 2 and array.shape[0] == 1 and width > 2
    if not (by_name or column or row):
        return
    read = array[:].reshape(1, -1).T if row else array[:].reshape(-1, width)
    # Beside times, in whichever order, there may be numbers of units; of few rows a column may ascend
    # by chance.
    columns = range(width if column and len(read) > _BY_CHANCE else 1)
    if by_name or any(_look_like_times(read[:, place]) for place in columns):
        raise ValueError(
            f"{path}: {key!r}, {array.dtype} {array.shape}, looks like times of spikes or other events, "
            "which ascend, not like activations; read a sorting with SpikeInterface, or give record the "
            "array itself if it is activations"
        )


def _look_like_times(values: np.ndarray) -> bool:
    values = values.astype(np.float64)
    steps = np.diff(values)
    if len(values) < 3 or values[0] < 0 or np.any(steps < 0):
        return False
    whole = bool(np.all(values == np.rint(values)))
    distinct = np.count_nonzero(steps) > max(2, len(steps) // 4)
    return bool(distinct and (values[-1] > 1 or not whole))


def _list_arrays(found: Shown) -> str:
    said = [f"{key!r} {dtype} {shape}" for key, (dtype, shape) in found.items()]
    return ", ".join(said) or "nothing"
