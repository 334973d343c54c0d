"""The files that the looks of a `PatternMonitor` are kept in.

A folder: ``snapshots.json`` says which layers and probes there are, ``labels.npz`` holds the labels of
the probes, if they have any, and ``step_N.npz`` the words of each layer and probe at step N. Each file
is written to another name and renamed when whole.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from ann2neo.recording.observation import Site
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.typing import PathLikeStr

FORMAT = "ann2neo.Snapshots"
FORMAT_VERSION = 1
LABELS = "labels.npz"
_ABOUT = "snapshots.json"


class SnapshotWriter:
    """Adds a file per step to a folder that must be new or empty."""

    def __init__(self, path: PathLikeStr) -> None:
        self._path = as_path(path)
        if self._path.exists() and not (self._path.is_dir() and not any(self._path.iterdir())):
            raise FileExistsError(f"snapshots must be a new or an empty folder, {self._path} is not")
        if not self._path.parent.is_dir():
            raise FileNotFoundError(f"the directory {self._path.parent} does not exist")
        self._n_probes = 0

    def begin(
        self,
        sites: Sequence[Site],
        shapes: Sequence[tuple[int, ...]],
        n_samples: Mapping[str, int],
        by_channel: bool,
        labels: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Write down what the snapshots are of; `shapes` are those of a sample's activations."""
        about = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "n_samples": dict(n_samples),
            "by_channel": by_channel,
            "labeled": bool(labels),
            "sites": [asdict(replace(s, shape=shape)) for s, shape in zip(sites, shapes, strict=True)],
        }
        self._n_probes = len(n_samples)
        self._path.mkdir(exist_ok=True)
        if labels:
            arrays = {f"labels_{number}": labels[probe] for number, probe in enumerate(n_samples)}
            _write(self._path / LABELS, lambda file: _write_arrays(file, arrays))
        _write(self._path / _ABOUT, lambda file: file.write(json.dumps(about, indent=1).encode()))

    def write(self, step: int, training_epoch: int | None, words: Sequence[np.ndarray]) -> None:
        """Write one look: the words of each layer for the first probe, then for the next."""
        n_layers = len(words) // self._n_probes
        arrays = {f"words_{k // n_layers}_{k % n_layers}": array for k, array in enumerate(words)}
        arrays["training_epoch"] = np.array(-1 if training_epoch is None else training_epoch)
        _write(step_file(self._path, step), lambda file: _write_arrays(file, arrays))


@contextmanager
def load_arrays(path: Path) -> Iterator[Any]:
    """The arrays of a file; whatever is wrong with them inside the block is damage."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    except (EOFError, FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _write_arrays(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """As `numpy.savez_compressed`, at the lowest level, which is several times as fast."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    with write_whole(path, overwrite=True) as whole, open(whole, "wb") as file:
        write(file)


def step_file(folder: Path, step: int) -> Path:
    """Where the words of a step are."""
    return folder / f"step_{step:012d}.npz"


def read_description(folder: Path) -> dict[str, Any]:
    """What the snapshots are of, as `SnapshotWriter.begin` wrote it down."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no snapshots at {folder}") from None
    except ValueError as error:
        raise ValueError(f"{folder / _ABOUT} is damaged: {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{folder} does not hold snapshots: its format is not {FORMAT!r}")
    if about.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{folder} has format version {about.get('format_version')!r}, this ann2neo reads "
            f"{FORMAT_VERSION}; upgrade ann2neo to read it"
        )
    return about
