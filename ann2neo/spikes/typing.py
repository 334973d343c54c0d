"""What arguments may be, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ann2neo.spikes.files.stored_raster import StoredRaster
    from ann2neo.spikes.raster import SpikeRaster


class BlockLike(Protocol):
    """A ``neo.Block``."""

    @property
    def segments(self) -> Any:
        """Its Segments."""


class SegmentLike(Protocol):
    """A ``neo.Segment``."""

    @property
    def spiketrains(self) -> Any:
        """Its SpikeTrains."""


class SpikeTrainLike(Protocol):
    """A ``neo.SpikeTrain``."""

    @property
    def t_start(self) -> Any:
        """When it begins."""

    @property
    def t_stop(self) -> Any:
        """When it ends."""


class QuantityLike(Protocol):
    """A time of the package quantities."""

    def rescale(self, units: Any) -> Any:
        """The same time in another unit."""


TimeLike: TypeAlias = float | QuantityLike
"""A number of seconds, or a time with its unit."""

Bits: TypeAlias = npt.NDArray[np.bool_]
Words: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
PathLikeStr: TypeAlias = str | PathLike[str]

RasterLike: TypeAlias = (
    "SpikeRaster | StoredRaster | PathLike[str] | npt.ArrayLike | BlockLike | SegmentLike"
    "| SpikeTrainLike | Sequence[SpikeTrainLike]"
)
"""What `as_raster` takes."""
