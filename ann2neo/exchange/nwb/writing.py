"""SpikeRaster → the tables of an NWB file, as columns; spike times block by block."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.exchange.checksums import CHECKSUM, checksum_raster
from ann2neo.exchange.configuration import CONFIGURATION, configuration
from ann2neo.exchange.hdf5_sink import HDF5Sink
from ann2neo.exchange.neo.train_metadata import name_units
from ann2neo.exchange.nwb.metadata import network_of
from ann2neo.exchange.recordings import printable, storable
from ann2neo.extras import require
from ann2neo.spikes import kernels
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.words import WORD

BLOCK = 2**20
"""Spikes written or read at a time: 8 MB of times."""

_CHUNK = 2**16
"""Values in a chunk of HDF5: two fit into its cache, so that none is compressed twice."""

_DESCRIPTIONS = {
    "layer": "layer of the network that the unit is a node of",
    "unit_index": "place of the unit in the layer's flattened output",
    "channel": "channel of the layer's output; -1 where it has none",
    "row": "row in the layer's output; -1 where it has none",
    "column": "column in the layer's output; -1 where it has none",
    "threshold": "activation above which the unit spikes",
    "sample_index": "place of the sample in the data set",
    "label": "label of the sample in the data set",
    "dataset_split": "part of the data set that the sample is from",
}

# Names that pynapple's types refuse, beside those of NWB's tables and of the columns added here.
_PYNAPPLE = {"rate", "start", "end"}
_ADDED = {"_name", "segment", "block"}


def write_recording(
    path: Path,
    nwbfile: Any,
    raster: SpikeRaster,
    *,
    name: str,
    position: int,
    compression: int,
    progress: bool,
) -> None:
    """Write the raster as `nwbfile` to `path`: the tables by pynwb, spike times straight after them."""
    h5py, pynwb = require("h5py", extra="nwb"), require("pynwb", extra="nwb")
    units, samples = raster.units, raster.samples
    unit_keys = _nwb_keys(units, pynwb.misc.Units, _PYNAPPLE | _ADDED)
    sample_keys = _nwb_keys(samples, pynwb.epoch.TimeIntervals, _PYNAPPLE)
    nwbfile.units = _units(raster, name, unit_keys, compression)
    nwbfile.trials = _trials(raster, sample_keys, compression)
    if "label" in samples:
        nwbfile.add_stimulus(_class_label(raster, name, compression))
    text = configuration(
        raster,
        name=name,
        position=position,
        n_samples=raster.n_samples,
        units=_locate(units, unit_keys),
        samples=_locate(samples, sample_keys),
        **{CHECKSUM: checksum_raster(raster)},
    )
    about = "What ann2neo.read_nwb needs beside the tables to give back an equal recording, as JSON."
    nwbfile.add_scratch(text, name=CONFIGURATION, description=about)
    with (
        HDF5Sink(path) as sink,
        h5py.File(sink, "w") as file,
        pynwb.NWBHDF5IO(file=file, mode="w") as io,
    ):
        io.write(nwbfile)
        _fill(file["units/spike_times"], raster, sink, progress)


def _fill(times: Any, raster: SpikeRaster, sink: HDF5Sink, progress: bool) -> None:
    with ProgressBar(times.size, "write", unit="spike", unit_scale=True, progress=progress) as bar:
        written = 0
        for block in _spike_times(raster):
            sink.check()
            times[written : written + block.size] = block
            written += block.size
            bar.update(block.size)


def _units(raster: SpikeRaster, name: str, keys: dict[str, str], compression: int) -> Any:
    misc, common = require("pynwb.misc", extra="nwb"), require("hdmf.common", extra="nwb")
    units, n_units = raster.units, raster.n_units
    names = name_units(units)
    # With these three Neo's own NWBIO gives back the Block, its Segment and the trains' names.
    added = [
        _column("_name", "name of the spike train in Neo", names, compression),
        _column("segment", "name of the Segment in Neo", [name] * n_units, compression),
        _column("block", "name of the Block in Neo", [network_of(raster)] * n_units, compression),
    ]
    spans = np.tile([0.0, raster.n_samples * raster.sampling_period], (n_units, 1))
    columns = [
        *_columns(units, keys, compression),
        *added,
        *_make_ragged("obs_intervals", "span of the recording, in s", spans, np.arange(1, n_units + 1)),
        *_make_ragged(
            "spike_times",
            f"times at which the unit is active, in s: sample k is k times {raster.sampling_period!r}",
            _reserve(int(raster.spike_counts.sum()), compression),
            np.cumsum(raster.spike_counts),
        ),
    ]
    return misc.Units(
        name="units",
        description="units (nodes) of an artificial neural network",
        id=common.ElementIdentifiers(name="id", data=np.arange(n_units)),
        columns=columns,
        colnames=[c.name for c in columns if not isinstance(c, common.VectorIndex)],
        resolution=raster.sampling_period,
    )


def _trials(raster: SpikeRaster, keys: dict[str, str], compression: int) -> Any:
    epoch, common = require("pynwb.epoch", extra="nwb"), require("hdmf.common", extra="nwb")
    edges = np.arange(raster.n_samples + 1) * raster.sampling_period
    columns = [
        _column("start_time", "time at which the sample is shown, in s", edges[:-1], compression),
        _column("stop_time", "time at which the next sample is shown, in s", edges[1:], compression),
        *_columns(raster.samples, keys, compression),
    ]
    return epoch.TimeIntervals(
        name="trials",
        description="samples of the data set, a row each, in the order in which the network saw them",
        id=common.ElementIdentifiers(name="id", data=np.arange(raster.n_samples)),
        columns=columns,
        colnames=[column.name for column in columns],
    )


def _class_label(raster: SpikeRaster, name: str, compression: int) -> Any:
    """Labels as a time series, from which pynapple computes tuning curves."""
    labels = raster.samples["label"]
    about = "label of the sample that is shown"
    if labels.dtype.kind not in "bif":
        labels = pd.Series(np.unique(labels.to_numpy(dtype=object), return_inverse=True)[1])
        about += ", as its place among the distinct labels in sorted order; the labels are in 'trials'"
    hierarchy = {"block": printable(network_of(raster)), "segment": printable(name)}
    return require("pynwb", extra="nwb").TimeSeries(
        name="class_label",
        description=about,
        data=_compress(labels.to_numpy(dtype=float if labels.dtype.kind == "f" else int), compression),
        unit="dimensionless",
        rate=1 / raster.sampling_period,
        starting_time=0.0,
        # Where Neo's NWBIO looks for the Segment that a series belongs to.
        comments=json.dumps(hierarchy),
    )


def _spike_times(raster: SpikeRaster) -> Iterator[np.ndarray]:
    """Spike times of all units, one after another, in blocks of at most `BLOCK`."""
    block, filled = np.empty(BLOCK), 0
    step = BLOCK // WORD
    for row in raster.words:
        for first in range(0, row.size, step):
            words = row[first : first + step]
            count = int(np.bitwise_count(words).sum())
            if filled + count > BLOCK:
                yield block[:filled] * raster.sampling_period
                filled = 0
            places = block[filled : filled + count]
            kernels.spike_indices(words, places)
            places += first * WORD
            filled += count
    if filled:
        yield block[:filled] * raster.sampling_period


def _nwb_keys(table: pd.DataFrame, owner: type, taken: set[str]) -> dict[str, str]:
    """Column → its name in NWB, another one where NWB or a reader of it has something of that name.

    Columns whose texts HDF5 cannot hold are left out.
    """
    own = [column["name"] for column in owner.__columns__]  # type: ignore[attr-defined]
    taken = {*taken, "id", *(f"{name}{suffix}" for name in own for suffix in ("", "_index"))}
    keys: dict[str, str] = {}
    for name in map(str, table):
        if table[name].dtype.kind not in "bif" and not all(map(storable, table[name])):
            continue
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)
        key = key if key[0].isalpha() else f"column_{key}"
        while key in taken or hasattr(owner, key) or (key != name and key in table):
            key += "_"
        taken.add(key)
        keys[name] = key
    return keys


def _locate(table: pd.DataFrame, keys: dict[str, str]) -> list[dict[str, Any]]:
    """Where each column of a table is: in a column of NWB, or in the configuration itself."""
    return [
        {"name": name, "key": keys[name]}
        if name in keys
        else {"name": name, "values": table[name].tolist()}
        for name in map(str, table)
    ]


def _columns(table: pd.DataFrame, keys: dict[str, str], compression: int) -> list[Any]:
    return [
        _column(
            key,
            printable(_DESCRIPTIONS.get(name, f"{name!r}, a column of the recording")),
            table[name],
            compression,
        )
        for name, key in keys.items()
    ]


def _column(name: str, description: str, values: Iterable[Any], compression: int) -> Any:
    values = (
        values.to_numpy() if isinstance(values, pd.Series) and values.dtype.kind in "bif" else values
    )
    if not isinstance(values, np.ndarray):
        values = [printable(text) for text in values]
    data = _compress(values, compression)
    return require("hdmf.common", extra="nwb").VectorData(name=name, description=description, data=data)


def _make_ragged(name: str, description: str, data: Any, ends: np.ndarray) -> list[Any]:
    """A column of several values a row; HDF5's readers need the index before its target."""
    common = require("hdmf.common", extra="nwb")
    target = common.VectorData(name=name, description=description, data=data)
    index = common.VectorIndex(name=f"{name}_index", target=target, data=ends.astype(np.uint64))
    return [index, target]


def _compress(values: Any, compression: int) -> Any:
    # Chunks and their index take more than a short column does.
    if len(values) < _CHUNK // 16 or not compression:
        return values
    h5_data = require("hdmf.backends.hdf5", extra="nwb").H5DataIO
    return h5_data(
        values, chunks=(min(len(values), _CHUNK),), compression="gzip", compression_opts=compression
    )


def _reserve(size: int, compression: int) -> Any:
    """Room for `size` values of float64, which are written when the file is there."""
    if not size:
        return np.empty(0)
    options: dict[str, Any] = {"chunks": (min(size, _CHUNK),)} if compression else {}
    if compression:
        options |= {"compression": "gzip", "compression_opts": compression}
    h5_data = require("hdmf.backends.hdf5", extra="nwb").H5DataIO
    return h5_data(shape=(size,), dtype=np.dtype(np.float64), **options)
