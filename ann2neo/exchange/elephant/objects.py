"""Elephant's own holders of spikes → SpikeRaster: binned trains, and trials."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from elephant.conversion import BinnedSpikeTrain
from elephant.trials import Trials

from ann2neo.exchange.configuration import find_period
from ann2neo.exchange.errors import MismatchError
from ann2neo.exchange.neo.block import raster_from_neo
from ann2neo.exchange.neo.trains import Binning, warn_of_lost
from ann2neo.spikes.argument_checks import as_seconds
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.concat import concat
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START, same

TRIAL = "trial"
"""Column of the sample table, counted from 0."""


def raster_from_elephant(
    source: Any, *, sampling_period: float | None = None, **options: Any
) -> SpikeRaster:
    """What `as_raster` calls for a BinnedSpikeTrain or Trials."""
    if isinstance(source, BinnedSpikeTrain):
        return from_binned(source, sampling_period, Binning(**options))
    if isinstance(source, Trials):
        return from_trials(source, sampling_period=sampling_period, **options)
    raise TypeError(
        "expected a SpikeRaster, what as_raster takes, or Elephant's BinnedSpikeTrain or Trials; got "
        f"{source!r:.80} ({type(source).__name__})"
    )


def from_binned(
    binned: BinnedSpikeTrain, sampling_period: float | None, binning: Binning
) -> SpikeRaster:
    """The raster of the bins of a BinnedSpikeTrain.

    Raises
    ------
    ValueError
        If a bin holds several spikes and ``binary`` is not ``"clip"``, or the period is another one.
    """
    period = find_period(
        binning.bin_size if sampling_period is None else sampling_period,
        as_seconds(binned.bin_size, "bin_size"),
        "BinnedSpikeTrain",
    )
    counts = binned.sparse_matrix.tocoo()
    shared = int(np.sum(counts.data - 1, where=counts.data > 1))
    if shared and binning.binary != "clip":
        unit = int(counts.row[np.argmax(counts.data > 1)])
        raise MismatchError(
            f"train {unit} has up to {int(counts.data.max())} spikes in a bin of {period:g} s; a raster "
            "holds one: pass binary='clip', or bin more finely"
        )
    warn_of_lost(np.array([shared, 0]), int(counts.data.sum()), period)
    active = np.zeros((binned.n_bins, binned.shape[0]), bool)
    spikes = counts.data > 0
    active[counts.col[spikes], counts.row[spikes]] = True
    start = as_seconds(binned.t_start, "t_start")
    annotations = {"n_spikes_clipped": shared, **({T_START: start} if start else {})}
    return SpikeRaster.from_dense(active, sampling_period=period, annotations=annotations)


def from_trials(trials: Trials, **options: Any) -> SpikeRaster:
    """One trial after the other, with a column ``trial``; ``sample_index`` counts within the trial.

    The annotation ``trial_t_starts`` says when each began, in seconds. Columns of the unit table that
    differ between trials are left out, with a warning.

    Raises
    ------
    ValueError
        If there is no trial, or they differ in their number of trains.
    """
    parts = [
        raster_from_neo(trials.get_trial_as_segment(number), **options)
        for number in range(trials.n_trials)
    ]
    if not parts:
        raise ValueError("trials must hold at least one trial, got none")
    numbers = [part.n_units for part in parts]
    if len(set(numbers)) > 1:
        raise MismatchError(f"trials must have the same trains each, got {numbers} trains")
    units = _common_units([part.units for part in parts])
    starts = [part.annotations.get(T_START, 0.0) for part in parts]
    stretches = [
        SpikeRaster(
            part.words,
            part.n_samples,
            units,
            part.samples.assign(**{TRIAL: number}),
            sampling_period=part.sampling_period,
        )
        for number, part in enumerate(parts)
    ]
    said = _common_annotations(parts)
    return concat(stretches, over="samples", annotations={**said, "trial_t_starts": starts})


def _common_units(tables: list[pd.DataFrame]) -> pd.DataFrame:
    first = tables[0]
    kept = [
        str(column)
        for column in first
        if all(column in table and same(table[[column]], first[[column]]) for table in tables)
    ]
    dropped = sorted({str(column) for table in tables for column in table} - set(kept))
    if not {"layer", "unit_index"} <= set(kept):
        raise MismatchError("trials must have trains of the same layers and unit_index in each")
    if dropped:
        warnings.warn(
            f"trials differ in what their trains say as {', '.join(map(repr, dropped))}: it is left out",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return first[kept]


def _common_annotations(parts: list[SpikeRaster]) -> dict[str, Any]:
    """Those in which all trials agree, and the sum of what was clipped."""
    first = parts[0].annotations
    said = {
        key: value
        for key, value in first.items()
        if all(key in part.annotations and part.annotations[key] == value for part in parts)
    }
    if "n_spikes_clipped" in first:
        said["n_spikes_clipped"] = sum(part.annotations["n_spikes_clipped"] for part in parts)
    return {key: value for key, value in said.items() if key not in (T_START, "segment_name")}
