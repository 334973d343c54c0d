"""Activations in files that other extractors leave, opened for `record` to read batch by batch."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.recording.files import readers as readers
from ann2neo.recording.files.readers import Arrays
from ann2neo.recording.files.thingsvision import thingsvision
from ann2neo.spikes.argument_checks import check_choice

FORMS: dict[str, tuple[tuple[str, ...], Callable[[Path, ExitStack], Arrays]]] = {
    "npy": ((".npy",), readers.open_npy),
    "npz": ((".npz",), readers.open_npz),
    "hdf5": ((".h5", ".hdf5"), readers.open_hdf5),
    "zarr": ((".zarr", ".zarr.zip"), readers.open_zarr),
    "pt": ((".pt",), readers.open_tensor),
    "mat": ((".mat",), readers.open_mat),
    "txt": ((".txt",), readers.open_txt),
    "thingsvision": ((), thingsvision),
}
"""Form → endings of the names of files, and what opens one."""

_READING = (OSError, EOFError, zipfile.BadZipFile, zlib.error)


@contextmanager
def open_activations(
    path: str | Path, *, keys: Sequence[str] = (), form: str | None = None
) -> Iterator[Arrays]:
    """Activations in a file or folder, for `record`; what is on disk stays there until it is recorded.

    Parameters
    ----------
    path : str or Path
        - ``.npy``: an array of shape (n_samples, ...), the layer ``"activations"``;
        - ``.npz``, HDF5 (``.h5``, ``.hdf5``), a Zarr array or group (``.zarr``, ``.zarr.zip``): an array
          a layer, called by its key, the path inside the file;
        - ``.pt``, a tensor; ``.mat``, a matrix ``features`` or a variable a sample; ``.txt``, a matrix:
          the layer ``"activations"``, the last two read whole;
        - a folder that thingsvision wrote, with features of one module or a folder a module: a layer a
          module, in parts or not.
    keys : sequence of str
        Which arrays or modules. Needed where there are several of more than one axis.
    form : str, optional
        A key of `FORMS`. Default: told by the name, or for a folder by what is in it.

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
        If the file is damaged, of another form or holds no activations, or `keys` do not choose among
        them.

    Notes
    -----
    Nothing is unpickled; tensors are loaded with ``weights_only=True``. Zarr reads a chunk that was lost
    as zeros, which cannot be noticed here.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(folder + "/a.npz", fc1=np.eye(3), fc2=np.ones((3, 2)), labels=np.arange(3))
    ...     with a2n.open_activations(folder + "/a.npz", keys=["fc1", "fc2"]) as layers:
    ...         print(a2n.record(layers).layers)
    ['fc1', 'fc2']
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file {path}")
    if form is None:
        form = form_of(path)
    check_choice(form, "form", FORMS)
    with ExitStack() as files:
        try:
            found = FORMS[form][1](path, files)
        except (MemoryError, PermissionError, ImportError):
            raise
        except Exception as error:
            raise ValueError(f"{path} cannot be read as {form}: {error}") from error
        chosen = _chosen(path, found, keys)
        yield {key: _Read(array, path) for key, array in chosen.items()}


class _Read:
    """An array of a file; what fails while it is read is told as the file's fault.

    Told here, since what else fails while the file is open is no fault of its.
    """

    def __init__(self, array: Any, path: Path) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._path = array, path

    def __getitem__(self, rows: Any) -> np.ndarray:
        try:
            return np.asarray(self._array[rows])
        except _READING as error:
            raise ValueError(f"{self._path} is damaged: {error}") from error


def form_of(path: Path) -> str:
    """The form that the name of a file says, or what is in a folder."""
    name = path.name.lower()
    for form, (suffixes, _) in FORMS.items():
        if suffixes and name.endswith(suffixes):
            return form
    if path.is_dir():
        inside = {file.name for file in path.iterdir()}
        return "zarr" if inside & {".zarray", ".zgroup", "zarr.json"} else "thingsvision"
    known = [suffix for suffixes, _ in FORMS.values() for suffix in suffixes]
    raise ValueError(f"{path} must end in one of {known}, or its form be said")


def _chosen(path: Path, found: Mapping[str, Any], keys: Sequence[str]) -> Arrays:
    if isinstance(keys, str):
        raise TypeError(f"keys must be a sequence of str, such as [{keys!r}], got {keys!r}")
    numbers = {key: array for key, array in found.items() if array.dtype.kind in "biuf" and array.shape}
    unknown = [key for key in keys if key not in numbers]
    if unknown:
        raise ValueError(f"{path} has no key {unknown[0]!r}: it holds {_listed(numbers)}")
    if keys:
        return {key: numbers[key] for key in keys}
    # An array of one axis beside them is labels or names.
    layers = {key: array for key, array in numbers.items() if len(array.shape) > 1}
    if not layers:
        raise ValueError(f"{path} has no array of samples × units: it holds {_listed(found)}")
    if len(layers) > 1:
        raise ValueError(f"{path} has several arrays, choose one or more by key: {_listed(layers)}")
    return layers


def _listed(arrays: Mapping[str, Any]) -> str:
    said = [f"{key!r} {array.dtype} {tuple(array.shape)}" for key, array in arrays.items()]
    return ", ".join(said) or "nothing"
