"""NWB files, ours or foreign → SpikeRaster: every spike on the grid, or an error that says which not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ann2neo.exchange.checksums import CHECKSUM, check_checksum
from ann2neo.exchange.configuration import CONFIGURATION, find_period, read_configuration
from ann2neo.exchange.errors import MismatchError
from ann2neo.exchange.grid import OFF_GRID, SampleGrid, check_n_samples, precision_of
from ann2neo.exchange.neo.trains import Binning, warn_of_lost
from ann2neo.exchange.nwb.foreign_metadata import (
    read_annotations,
    read_unit_columns,
    read_values,
    warn_of_the_rest,
)
from ann2neo.exchange.nwb.observed import Ranges, find_observed, select_observed, warn_of_gaps
from ann2neo.exchange.nwb.writing import BLOCK
from ann2neo.exchange.seal import check_seal
from ann2neo.extras import require
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.files.file_kinds import name_kind
from ann2neo.spikes.files.hdf5_checks import find_dataset
from ann2neo.spikes.files.paths import find_path
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import default_samples
from ann2neo.spikes.words import freeze, n_words

_IF_OUTSIDE = "the file was changed since, or its times do not start at 0 s"


class Recording(NamedTuple):
    """What one file holds: a raster, the session's name, and its place among those written together."""

    position: int
    name: str
    raster: SpikeRaster


def read_recording(path: Path, sampling_period: float | None, binning: Binning) -> Recording:
    """The recording in one file.

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is not an NWB file with spike times, is damaged, reads from other files, does not say its
        sampling period, or a spike is off the grid, outside the recording or not alone in its sample.
    """
    h5py = require("h5py", extra="nwb")
    find_path(path, "NWB file")
    check_seal(path)
    try:
        with h5py.File(path, "r") as file:
            if "nwb_version" not in file.attrs:
                raise ValueError(f"{path} is not an NWB file: it says no nwb_version{name_kind(path)}")
            configuration = _configuration(path, file)
            if configuration is None:
                return _foreign(path, file, sampling_period, binning)
            if binning.bin_size is not None:
                raise MismatchError("bin_size must be left out: it is a recording in samples")
            return _own(path, file, configuration, sampling_period)
    except (PermissionError, BlockingIOError, MemoryError):
        raise
    except Exception as error:
        text = str(error) or repr(error)
        if isinstance(error, ValueError) and str(path) in text:
            raise
        if isinstance(error, MismatchError):
            raise ValueError(f"{path}: {text}") from error
        kind = name_kind(path) or ", or is truncated"
        is_hdf5 = h5py.is_hdf5(path)
        problem = "is damaged, or was changed since" if is_hdf5 else f"is not an NWB file in HDF5{kind}"
        raise ValueError(f"{path} {problem}: {text}") from error


def _configuration(path: Path, file: Any) -> dict[str, Any] | None:
    """What `write_nwb` said beside the tables; None where it did not write the file."""
    place = f"scratch/{CONFIGURATION}"
    if place not in file:
        return None
    keys = ("name", "position", "n_samples", "units", "samples", CHECKSUM)
    return read_configuration(find_dataset(file, place).asstr()[()], f"{path}: {place}", *keys)


def _own(
    path: Path, file: Any, configuration: Mapping[str, Any], sampling_period: float | None
) -> Recording:
    period = find_period(sampling_period, configuration["sampling_period"], "recording")
    n_samples = configuration["n_samples"]
    ends = find_dataset(file, "units/spike_times_index")[:]
    units = _read_table(find_dataset(file, "units"), configuration["units"], len(ends))
    raster = SpikeRaster(
        _words(find_dataset(file, "units/spike_times"), ends, units, period, n_samples),
        n_samples,
        units,
        _read_table(find_dataset(file, "intervals/trials"), configuration["samples"], n_samples),
        sampling_period=period,
        annotations=configuration["annotations"],
    )
    check_checksum(raster, configuration[CHECKSUM], str(path))
    return Recording(configuration["position"], configuration["name"], raster)


def _read_table(group: Any, located: list[dict[str, Any]], n_rows: int) -> pd.DataFrame:
    columns = {
        one["name"]: one["values"] if "values" in one else read_values(find_dataset(group, one["key"]))
        for one in located
    }
    for name, values in columns.items():
        if len(values) != n_rows:
            raise ValueError(f"{group.name} has {len(values)} rows in {name!r}, expected {n_rows}")
    return pd.DataFrame(columns)


def _foreign(path: Path, file: Any, sampling_period: float | None, binning: Binning) -> Recording:
    """Units of a file that others wrote, on the grid that its resolution or an argument names."""
    if "units/spike_times" not in file or "units/spike_times_index" not in file:
        raise ValueError(f"{path} has no units with spike times{name_kind(path)}")
    units = find_dataset(file, "units")
    times, ends = find_dataset(units, "spike_times"), find_dataset(units, "spike_times_index")[:]
    if binning.bin_size is not None:
        sampling_period = binning.bin_size
    resolution = float(times.attrs.get("resolution", np.nan))
    if sampling_period is None and not resolution > 0:
        raise ValueError(
            f"{path} does not say on which sample grid its spikes lie (its units have no resolution): "
            "pass sampling_period=…, in seconds, or pass bin_size=… to bin times on no grid"
        )
    period = check_period(resolution if sampling_period is None else sampling_period)
    observed = find_observed(path, units, period, len(ends))
    n_samples = _n_samples(path, times, observed, period, binned=binning.bin_size is not None)
    table = read_unit_columns(path, units, len(ends))
    said = read_annotations(path, file)
    if binning.bin_size is None:
        words = _words(times, ends, table, period, n_samples)
    else:
        words, clipped = _bin(times, ends, table, period, n_samples, binning)
        said |= {"bin_size": period, "n_spikes_clipped": clipped}
    raster = SpikeRaster(
        words,
        n_samples,
        table,
        default_samples(n_samples),
        sampling_period=period,
        annotations=said,
    )
    warn_of_the_rest(path, file)
    if observed is not None:
        whole, all_spikes = raster, raster.spike_counts.sum()
        if observed != [(0, n_samples)]:
            raster = whole.select(samples=select_observed(observed))
        warn_of_gaps(path, observed, n_samples, int(all_spikes - raster.spike_counts.sum()))
    session = file["general/session_id"].asstr()[()] if "general/session_id" in file else "recording"
    return Recording(0, str(session), raster)


def _n_samples(path: Path, times: Any, observed: Ranges | None, period: float, *, binned: bool) -> int:
    """Samples up to the end of the observed intervals, or at least the last spike."""
    last = -1.0
    for first in range(0, times.size, BLOCK):
        block = np.asarray(times[first : first + BLOCK], np.float64)
        last = max(last, float(np.max(block, initial=-1.0, where=~np.isnan(block))))
    place = np.floor(last / period + OFF_GRID) if binned else np.rint(last / period)
    n_samples = place + 1 if last >= 0 else 0
    if observed is not None:
        n_samples = max(n_samples, observed[-1][1])
    if n_samples < 1:
        raise ValueError(f"{path} has neither spikes nor observed intervals after 0 s")
    return check_n_samples(float(n_samples), period, "s")


def _words(
    times: Any, ends: np.ndarray, units: pd.DataFrame, period: float, n_samples: int
) -> np.ndarray:
    edges = _edges(times, ends)
    words = np.zeros((len(ends), n_words(n_samples)), np.uint64)
    grid = SampleGrid(0.0, period, n_samples, "s")
    names = _names(units)
    for row, name, (first, last) in zip(words, names, itertools.pairwise(edges), strict=True):
        for start in range(first, last, BLOCK):
            block = times[start : min(start + BLOCK, last)]
            kernels.set_bits(row, grid.samples(block, repr(name), if_outside=_IF_OUTSIDE))
        if np.bitwise_count(row).sum() < last - first:
            # Two spikes in a sample, each in another block: here they come together.
            grid.samples(times[first:last], repr(name), if_outside=_IF_OUTSIDE)
    return freeze(words)


def _bin(
    times: Any, ends: np.ndarray, units: pd.DataFrame, period: float, n_samples: int, binning: Binning
) -> tuple[np.ndarray, int]:
    """Words of bins, and how many spikes shared one with an earlier one."""
    edges, names = _edges(times, ends), _names(units)
    words = np.zeros((len(ends), n_words(n_samples)), np.uint64)
    grid = SampleGrid(0.0, period, n_samples, "s")
    counts = np.zeros(2, np.int64)
    for row, name, (first, last) in zip(words, names, itertools.pairwise(edges), strict=True):
        unit = times[first:last]
        clip = binning.binary == "clip"
        bins, lost = grid.bins(np.asarray(unit, np.float64), repr(name), precision_of(unit), clip=clip)
        counts += lost
        kernels.set_bits(row, bins)
    warn_of_lost(counts, edges[-1], period)
    return freeze(words), int(counts[0])


def _names(units: pd.DataFrame) -> list[str]:
    return [f"{layer}/{i}" for layer, i in zip(units["layer"], units["unit_index"], strict=True)]


def _edges(times: Any, ends: np.ndarray) -> list[int]:
    edges = [0, *(int(end) for end in ends)]
    if sorted(edges) != edges or edges[-1] != times.size:
        raise ValueError(f"{times.size} spike times do not fit their index, which ends at {edges[-1]}")
    return edges
