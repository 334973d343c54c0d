"""What the writers of files share: recordings by name, and texts that HDF5 can hold."""

from __future__ import annotations

import re
import warnings
from typing import Any

import neo

from ann2neo.exchange.neo.block import from_block, named
from ann2neo.exchange.neo.segments import SAMPLES
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster

_REFUSED = re.compile("[\0\ud800-\udfff]")


def named_recordings(source: Any) -> dict[str, SpikeRaster]:
    """Name of the recording → raster: Segments of a Block, items of a mapping, or the only raster.

    Warns of what else a Block has, in the name of whoever called the caller.
    """
    if not isinstance(source, neo.Block):
        return named(source)
    names = [segment.name or f"segment-{i}" for i, segment in enumerate(source.segments)]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"source must have Segments of different names, got {names}")
    for name, segment in zip(names, source.segments, strict=True):
        _warn_of_the_rest(name, segment)
    return {name: from_block(source, i) for i, name in enumerate(names)}


def _warn_of_the_rest(name: str, segment: neo.Segment) -> None:
    rest = [
        *segment.analogsignals,
        *segment.irregularlysampledsignals,
        *segment.imagesequences,
        *segment.events,
        *(epoch for epoch in segment.epochs if epoch.name != SAMPLES),
    ]
    if rest:
        kinds = sorted({type(item).__name__ for item in rest})
        warnings.warn(
            f"segment {name!r} has {', '.join(kinds)} beside its spike trains, which is not written",
            UserWarning,
            stacklevel=find_stacklevel(),
        )


def storable(text: str) -> bool:
    """Whether HDF5 can hold the text: not NUL, nor half of a surrogate pair."""
    return not _REFUSED.search(text)


def printable(text: str) -> str:
    """The text without what HDF5 cannot hold, for fields that are read by people only."""
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)
