"""Neo's Segments, from `to_block` or elsewhere → SpikeRaster; and the names that both ways share."""

from __future__ import annotations

import inspect
from typing import Any

import neo
import numpy as np
import pandas as pd

from ann2neo.exchange.configuration import CONFIGURATION, find_period, read_configuration_of_all
from ann2neo.exchange.grid import OFF_GRID
from ann2neo.exchange.neo.segment_metadata import read_about, warn_of_the_rest
from ann2neo.exchange.neo.train_metadata import neo_keys, read_stored_units
from ann2neo.exchange.neo.trains import Binning, from_trains, milliseconds
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START, default_samples

SAMPLES = "samples"
"""Name of the Epoch that holds the sample table."""

_RECORDING = ("segment", "n_samples", "unit_columns", "sample_columns")

SEGMENT_ARGUMENTS = set(inspect.signature(neo.Segment.__init__).parameters)
SAMPLE_ARGUMENTS = set(inspect.signature(neo.Epoch.array_annotate).parameters) - {"array_annotations"}


def configuration_of(segment: neo.Segment, block: neo.Block | None) -> dict[str, Any] | None:
    """What the Block's configuration says about a Segment; None where we did not write it."""
    text = None if block is None else block.annotations.get(CONFIGURATION)
    if block is None or text is None:
        return None
    stored = read_configuration_of_all(text, f"block annotation {CONFIGURATION!r}", *_RECORDING)
    recordings = {recording["segment"]: recording for recording in stored}
    # By name: Segments may have been added, removed or reordered since.
    if segment.name not in recordings:
        return None
    same = [one for one in block.segments if one.name == segment.name]
    if len(same) > 1:
        raise ValueError(
            f"block has {len(same)} segments named {segment.name!r}, its configuration describes one: "
            "rename those that were added"
        )
    return recordings[segment.name]


def from_segment(
    segment: neo.Segment,
    configuration: dict[str, Any] | None,
    sampling_period: float | None,
    binning: Binning,
) -> SpikeRaster:
    """The raster of a Segment, with what its Block's configuration says about it, if anything."""
    trains = list(segment.spiketrains)
    if configuration is None:
        raster = from_trains(trains, sampling_period, binning)
        units, annotations = raster.units, {**read_about(segment), **raster.annotations}
    else:
        if binning.bin_size is not None:
            raise ValueError(
                f"segment {segment.name!r} is a recording in samples of "
                f"{configuration['sampling_period']} s with a table of them, which bins would lose: "
                "bin its trains alone, as_raster(list(segment.spiketrains), bin_size=…)"
            )
        known = find_period(sampling_period, configuration["sampling_period"], "recording")
        raster = from_trains(trains, known, binning)
        name, n_samples = configuration["segment"], configuration["n_samples"]
        if raster.n_samples != n_samples:
            raise ValueError(
                f"segment {name!r} was recorded with {n_samples} samples, its trains span "
                f"{raster.n_samples}; for these trains alone use as_raster(list(segment.spiketrains))"
            )
        units = read_stored_units(trains, configuration["unit_columns"], f"segment {name!r}")
        annotations = _read_annotations(raster, configuration)
    warn_of_the_rest(segment, SAMPLES, set(units["layer"]))
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        units,
        _sample_table(segment, raster, configuration),
        sampling_period=raster.sampling_period,
        annotations=annotations,
    )


def _read_annotations(raster: SpikeRaster, configuration: dict[str, Any]) -> dict[str, Any]:
    """Annotations as they were recorded, but for a ``t_start`` that the trains have another of now."""
    annotations = dict(configuration["annotations"])
    now, then = raster.annotations.get(T_START, 0.0), annotations.get(T_START, 0.0)
    if isinstance(then, float) and abs(now - then) > OFF_GRID * raster.sampling_period:
        annotations[T_START] = now
    return annotations


def _sample_table(
    segment: neo.Segment, raster: SpikeRaster, configuration: dict[str, Any] | None
) -> pd.DataFrame:
    n_samples = raster.n_samples
    for epoch in segment.epochs:
        kept = _epoch_rows(epoch, segment, raster) if epoch.name == SAMPLES else None
        if kept is None:
            continue
        columns = {key: np.asarray(values)[kept] for key, values in epoch.array_annotations.items()}
        table = pd.DataFrame(columns, index=range(n_samples))
        if configuration is not None:
            return _read_samples(table, configuration)
        if "sample_index" not in table:
            table.insert(0, "sample_index", np.arange(n_samples))
        return table
    if configuration is not None:
        raise ValueError(
            f"segment {segment.name!r} lacks the Epoch {SAMPLES!r} of {n_samples} intervals that it was "
            "recorded with; for its trains alone use as_raster(list(segment.spiketrains))"
        )
    return default_samples(n_samples)


def _read_samples(table: pd.DataFrame, configuration: dict[str, Any]) -> pd.DataFrame:
    """The sample table as it was recorded, from the Epoch's array annotations."""
    keys = neo_keys(configuration["sample_columns"], SAMPLE_ARGUMENTS)
    missing = [key for key in keys.values() if key not in table]
    if missing:
        raise ValueError(
            f"segment {configuration['segment']!r} was recorded with the sample column {missing[0]!r}, "
            f"its Epoch {SAMPLES!r} lacks this array annotation"
        )
    return table[list(keys.values())].set_axis(list(keys), axis=1)


def _epoch_rows(epoch: neo.Epoch, segment: neo.Segment, raster: SpikeRaster) -> np.ndarray | None:
    """Which intervals are the raster's samples, in order; None if not every sample has just one."""
    dt = raster.sampling_period * 1000
    start = float(milliseconds(segment.spiketrains[0].t_start, "t_start"))
    places = (milliseconds(epoch, f"epoch {SAMPLES!r}") - start) / dt
    # A Segment's time_slice keeps the interval that begins at t_stop.
    kept = np.flatnonzero((places > -0.5) & (places < raster.n_samples - 0.5))
    on_grid = kept.size == raster.n_samples and np.all(
        np.abs(places[kept] - np.arange(raster.n_samples)) <= OFF_GRID
    )
    return kept if on_grid else None
