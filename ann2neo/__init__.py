"""Spike trains of artificial neural networks, for Neo, Elephant and NWB.

Everything here is loaded when it is first asked for: importing the package imports nothing heavy.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ann2neo.exchange.neo import from_block as from_block
    from ann2neo.exchange.neo import to_block as to_block
    from ann2neo.exchange.neo import to_spiketrains as to_spiketrains
    from ann2neo.recording.record import record as record
    from ann2neo.spikes.concat import concat as concat
    from ann2neo.spikes.raster import SpikeRaster as SpikeRaster
    from ann2neo.spikes.raster import as_raster as as_raster

_HOMES = {
    "SpikeRaster": "ann2neo.spikes.raster",
    "as_raster": "ann2neo.spikes.raster",
    "concat": "ann2neo.spikes.concat",
    "from_block": "ann2neo.exchange.neo",
    "record": "ann2neo.recording.record",
    "to_block": "ann2neo.exchange.neo",
    "to_spiketrains": "ann2neo.exchange.neo",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.metadata.version("ann2neo")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'ann2neo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
