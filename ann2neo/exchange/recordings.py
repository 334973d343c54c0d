"""What the writers of files share: recordings by name, and texts that HDF5 can hold."""

from __future__ import annotations

import re
from typing import Any

import neo

from ann2neo.exchange.neo.block import from_block, name_rasters
from ann2neo.spikes.raster import SpikeRaster

_REFUSED = re.compile("[\0\ud800-\udfff]")


def name_recordings(source: Any) -> dict[str, SpikeRaster]:
    """Name of the recording → raster: Segments of a Block, items of a mapping, or the only raster."""
    if not isinstance(source, neo.Block):
        return name_rasters(source)
    names = [segment.name or f"segment-{i}" for i, segment in enumerate(source.segments)]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"source must have Segments of different names, got {names}")
    return {name: from_block(source, i) for i, name in enumerate(names)}


def storable(text: str) -> bool:
    """Whether HDF5 can hold the text: not NUL, nor half of a surrogate pair."""
    return not _REFUSED.search(text)


def printable(text: str) -> str:
    """The text without what HDF5 cannot hold, for fields that are read by people only."""
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)
