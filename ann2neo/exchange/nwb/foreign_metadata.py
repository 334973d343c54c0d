"""What a foreign NWB file says and holds beside its spikes: columns, annotations, or a warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.exchange.columns import raster_annotations, unit_table
from ann2neo.extras import require
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.hdf5_checks import find_dataset

_SPIKES = {"spike_times", "obs_intervals"}
_FIELDS = ("identifier", "session_description", "session_start_time")
_DESCRIBED = {"general": "", "general/subject": "subject_"}
_HOLDERS = (
    "acquisition",
    "analysis",
    "processing",
    "stimulus/presentation",
    "stimulus/templates",
    "intervals",
    "scratch",
)
_MOST_NAMES = 8


def read_values(dataset: Any) -> np.ndarray:
    """Numbers, or texts as objects."""
    if require("h5py", extra="nwb").check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[:])
    return np.asarray(dataset.asstr()[:], dtype=object)


def read_unit_columns(path: Path, group: Any, n_units: int) -> pd.DataFrame:
    """Columns of one plain value per unit; the row ids too, where they are not just 0, 1, …

    Warns
    -----
    UserWarning
        If there are others, such as of several values per unit or of references; the message names them.
    """
    columns, dropped = {}, []
    for name, dataset in _inner_datasets(group):
        if "target" in dataset.attrs or name in _SPIKES:
            continue
        if dataset.shape == (n_units,) and f"{name}_index" not in group and _is_plain(dataset):
            columns[name] = read_values(dataset)
        else:
            dropped.append(name)
    if np.array_equal(columns.get("id", []), np.arange(n_units)):
        del columns["id"]
    return unit_table(pd.DataFrame(columns, index=range(n_units)), str(path), dropped=dropped)


def read_annotations(path: Path, file: Any) -> dict[str, Any]:
    """The session's own fields and those of ``general`` and its subject, as annotations of a raster.

    Warns
    -----
    UserWarning
        If a raster cannot hold some; the message names them.
    """
    return raster_annotations(_say(file), f"{path} says")


def warn_of_the_rest(path: Path, file: Any) -> None:
    """Say what else than units a file holds: signals, intervals, results.

    Warns
    -----
    UserWarning
        If there is anything.
    """
    rest = [f"{holder}/{name}" for holder in _HOLDERS if holder in file for name in file[holder]]
    if rest:
        more = f" and {len(rest) - _MOST_NAMES} more" if len(rest) > _MOST_NAMES else ""
        warnings.warn(
            f"{path} has {', '.join(rest[:_MOST_NAMES])}{more} beside its units, which a raster does "
            "not hold",
            UserWarning,
            stacklevel=find_stacklevel(),
        )


def _say(file: Any) -> Iterator[tuple[str, Any]]:
    for name in _FIELDS:
        if name in file:
            yield name, _plain(find_dataset(file, name))
    for place, prefix in _DESCRIBED.items():
        if place in file:
            for name, dataset in _inner_datasets(file[place]):
                key = name if name.startswith(prefix) else prefix + name
                if dataset.ndim < 2 and dataset.size < 1000 and _is_plain(dataset):
                    yield key, _plain(dataset)
                else:
                    yield key, dataset


def _plain(dataset: Any) -> Any:
    if dataset.shape:
        return read_values(dataset).tolist()
    is_text = require("h5py", extra="nwb").check_string_dtype(dataset.dtype) is not None
    return dataset.asstr()[()] if is_text else dataset[()].item()


def _is_plain(dataset: Any) -> bool:
    is_text = require("h5py", extra="nwb").check_string_dtype(dataset.dtype) is not None
    return is_text or dataset.dtype.kind in "biuf"


def _inner_datasets(group: Any) -> Iterator[tuple[str, Any]]:
    """Data sets of a group, each checked to lie in its file."""
    h5py = require("h5py", extra="nwb")
    for name in group:
        found = find_dataset(group, name)
        if isinstance(found, h5py.Dataset):
            yield name, found
