"""Trials of one recording: a Segment for each, as Elephant takes them, and one raster again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import neo
import numpy as np

from ann2neo.exchange.neo.segments import configuration_of, from_segment
from ann2neo.exchange.neo.trains import Binning
from ann2neo.spikes.concat import concat
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START

TRIAL = "trial"
"""Column of the sample table that counts how often the samples were shown before."""

_STARTED = "trials_t_start"
"""Annotation of each trial, which begins at 0: the ``t_start`` of the recording."""


def split_trials(recordings: dict[str, SpikeRaster]) -> dict[str, SpikeRaster]:
    """A recording per trial, where one was shown after another."""
    (raster,) = recordings.values()
    trials = raster.samples[TRIAL].to_numpy() if TRIAL in raster.samples else np.zeros(0)
    if not len(trials) or trials.dtype.kind != "i":
        return recordings
    starts = np.flatnonzero(np.diff(trials, prepend=trials[0])).tolist()
    if not starts or (np.diff(trials) < 0).any():
        return recordings
    parts = itertools.pairwise([0, *starts, len(trials)])
    return {
        _name_trial(trials[first]): _rename_start(
            raster.select(samples=np.arange(first, stop)), raster.annotations
        )
        for first, stop in parts
    }


def _rename_start(trial: SpikeRaster, said: Mapping[str, Any]) -> SpikeRaster:
    """A trial that begins at 0, for functions over trials, and says when the recording began."""
    kept = {key: value for key, value in trial.annotations.items() if key != T_START}
    started = {_STARTED: said[T_START]} if T_START in said else {}
    return _annotate(trial, {**kept, **started})


def _annotate(raster: SpikeRaster, annotations: Mapping[str, Any]) -> SpikeRaster:
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        raster.units,
        raster.samples,
        sampling_period=raster.sampling_period,
        annotations=annotations,
    )


def _name_trial(trial: Any) -> str:
    return f"{TRIAL} {int(trial)}"


def join_trials(block: neo.Block) -> SpikeRaster | None:
    """The raster of which `to_block` made a Segment per trial; None if it made none of these."""
    if len(block.segments) < 2 or not all(
        str(segment.name).startswith(f"{TRIAL} ") for segment in block.segments
    ):
        return None
    parts = [from_segment(one, configuration_of(one, block), None, Binning()) for one in block.segments]
    for part, segment in zip(parts, block.segments, strict=True):
        trials: Any = part.samples[TRIAL].unique() if TRIAL in part.samples else []
        if len(trials) != 1 or _name_trial(trials[0]) != segment.name:
            return None
    joined = concat(parts, over="samples")
    if _STARTED not in joined.annotations:
        return joined
    said = dict(joined.annotations)
    return _annotate(joined, {T_START: said.pop(_STARTED), **said})
