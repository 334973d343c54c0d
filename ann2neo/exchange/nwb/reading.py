"""NWB files, ours or foreign → SpikeRaster: every spike on the grid, or an error that says which not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ann2neo.exchange.columns import unit_table
from ann2neo.exchange.configuration import CONFIGURATION, known_period, read_configuration
from ann2neo.exchange.grid import OFF_GRID, SampleGrid
from ann2neo.exchange.nwb.writing import BLOCK
from ann2neo.extras import needed
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.raster import SpikeRaster, default_samples
from ann2neo.spikes.words import freeze, n_words

_RAGGED = {"spike_times", "obs_intervals"}
_IF_OUTSIDE = "the file was changed since, or its times do not start at 0 s"


class Recording(NamedTuple):
    """What one file holds: a raster, the session's name, and its place among those written together."""

    position: int
    name: str
    raster: SpikeRaster


def read_recording(path: Path, sampling_period: float | None) -> Recording:
    """The recording in one file.

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is not an NWB file with spike times, is damaged, does not say its sampling period, or a
        spike is off the grid, outside the recording or not alone in its sample.
    """
    with _opened(path) as file:
        try:
            configuration = _configuration(path, file)
            if configuration is None:
                return _foreign(path, file, sampling_period)
            return _own(file, configuration, sampling_period)
        except (KeyError, AttributeError, OSError, RuntimeError, TypeError) as error:
            raise ValueError(f"{path} is damaged, or was changed since: {error!r}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    h5py = needed("h5py", extra="nwb")
    if not path.is_file():
        raise FileNotFoundError(f"no NWB file at {path}")
    try:
        file = h5py.File(path, "r")
    except (PermissionError, BlockingIOError):
        raise
    except OSError as error:
        raise ValueError(f"{path} is not an NWB file in HDF5, or is truncated: {error}") from error
    with file:
        if "nwb_version" not in file.attrs:
            raise ValueError(f"{path} is not an NWB file: it says no nwb_version")
        yield file


def _configuration(path: Path, file: Any) -> dict[str, Any] | None:
    """What `write_nwb` said beside the tables; None where it did not write the file."""
    place = f"scratch/{CONFIGURATION}"
    if place not in file:
        return None
    keys = ("name", "position", "n_samples", "units", "samples")
    return read_configuration(file[place].asstr()[()], f"{path}: {place}", *keys)


def _own(file: Any, configuration: Mapping[str, Any], sampling_period: float | None) -> Recording:
    period = known_period(sampling_period, configuration["sampling_period"], "recording")
    n_samples = configuration["n_samples"]
    ends = file["units/spike_times_index"][:]
    units = _stored_table(file["units"], configuration["units"], len(ends))
    raster = SpikeRaster(
        _words(file["units/spike_times"], ends, units, period, n_samples),
        n_samples,
        units,
        _stored_table(file["intervals/trials"], configuration["samples"], n_samples),
        sampling_period=period,
        annotations=configuration["annotations"],
    )
    return Recording(configuration["position"], configuration["name"], raster)


def _stored_table(group: Any, located: list[dict[str, Any]], n_rows: int) -> pd.DataFrame:
    columns = {
        column["name"]: column["values"] if "values" in column else _values(group[column["key"]])
        for column in located
    }
    for name, values in columns.items():
        if len(values) != n_rows:
            raise ValueError(f"{group.name} has {len(values)} rows in {name!r}, expected {n_rows}")
    return pd.DataFrame(columns)


def _values(dataset: Any) -> np.ndarray:
    if needed("h5py", extra="nwb").check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[:])
    return np.asarray(dataset.asstr()[:], dtype=object)


def _foreign(path: Path, file: Any, sampling_period: float | None) -> Recording:
    """Units of a file that others wrote, on the grid that its resolution or `sampling_period` names."""
    if "units/spike_times" not in file or "units/spike_times_index" not in file:
        raise ValueError(f"{path} has no units with spike times")
    times, ends = file["units/spike_times"], file["units/spike_times_index"][:]
    resolution = float(times.attrs.get("resolution", np.nan))
    if sampling_period is None and not resolution > 0:
        raise ValueError(
            f"{path} does not say on which sample grid its spikes lie (its units have no resolution): "
            "use read_nwb(path, sampling_period=…), in seconds"
        )
    period = check_period(resolution if sampling_period is None else sampling_period)
    n_samples = _n_samples(path, file["units"], period)
    units = _foreign_units(file["units"], len(ends))
    words = _words(times, ends, units, period, n_samples)
    session = file["general/session_id"].asstr()[()] if "general/session_id" in file else "recording"
    raster = SpikeRaster(words, n_samples, units, default_samples(n_samples), sampling_period=period)
    return Recording(0, str(session), raster)


def _n_samples(path: Path, units: Any, period: float) -> int:
    """Samples up to the end of the observed intervals, or at least the last spike."""
    times = units["spike_times"]
    blocks = (times[first : first + BLOCK] for first in range(0, times.size, BLOCK))
    last = max((float(np.nanmax(block)) for block in blocks), default=-1.0)
    n_samples = int(np.rint(last / period)) + 1 if last >= 0 else 0
    if "obs_intervals" in units and units["obs_intervals"].size:
        stop = float(np.max(units["obs_intervals"][:, 1]))
        n_samples = max(n_samples, int(np.ceil(stop / period - OFF_GRID)))
    if n_samples < 1:
        raise ValueError(f"{path} has neither spikes nor observed intervals after 0 s")
    return n_samples


def _foreign_units(group: Any, n_units: int) -> pd.DataFrame:
    """Columns of one plain value a unit; the row ids too, where they are not just 0, 1, …"""
    check_string = needed("h5py", extra="nwb").check_string_dtype
    columns = {
        name: _values(dataset)
        for name, dataset in group.items()
        if name not in _RAGGED
        and dataset.shape == (n_units,)
        and (dataset.dtype.kind in "biuf" or check_string(dataset.dtype) is not None)
        and f"{name}_index" not in group
        and "target" not in dataset.attrs
    }
    if np.array_equal(columns.get("id", []), np.arange(n_units)):
        del columns["id"]
    return unit_table(pd.DataFrame(columns, index=range(n_units)))


def _words(
    times: Any, ends: np.ndarray, units: pd.DataFrame, period: float, n_samples: int
) -> np.ndarray:
    edges = [0, *(int(end) for end in ends)]
    if sorted(edges) != edges or edges[-1] != times.size:
        raise ValueError(f"{times.size} spike times do not fit their index, which ends at {edges[-1]}")
    words = np.zeros((len(ends), n_words(n_samples)), np.uint64)
    grid = SampleGrid(0.0, period, n_samples, "s")
    names = [f"{layer}/{i}" for layer, i in zip(units["layer"], units["unit_index"], strict=True)]
    for row, name, (first, last) in zip(words, names, itertools.pairwise(edges), strict=True):
        for start in range(first, last, BLOCK):
            block = times[start : min(start + BLOCK, last)]
            kernels.set_bits(row, grid.samples(block, repr(name), if_outside=_IF_OUTSIDE))
        if np.bitwise_count(row).sum() < last - first:
            # Two spikes in a sample, each in another block: here they come together.
            grid.samples(times[first:last], repr(name), if_outside=_IF_OUTSIDE)
    return freeze(words)
