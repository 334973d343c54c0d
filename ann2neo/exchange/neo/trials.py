"""Trials of one recording: a Segment for each, as Elephant takes them, and one raster again."""

from __future__ import annotations

import itertools
from typing import Any

import neo
import numpy as np

from ann2neo.exchange.neo.segments import configuration_of, from_segment
from ann2neo.exchange.neo.trains import Binning
from ann2neo.spikes.concat import concat
from ann2neo.spikes.raster import SpikeRaster

TRIAL = "trial"
"""Column of the sample table that counts how often the samples were shown before."""


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
        _name_trial(trials[first]): raster.select(samples=np.arange(first, stop))
        for first, stop in parts
    }


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
    return concat(parts, over="samples")
