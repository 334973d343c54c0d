"""What is compared: two recordings or two sequences of them, of one length, and their units' values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ann2neo.significance.comparison.equal_length import cut_to_equal_length
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.statistic_arguments import describe_function, evaluate_statistic
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, RasterLike

Side: TypeAlias = "RasterLike | Sequence[RasterLike]"

ALL = pd.DataFrame({"layer": ["all"], "unit_index": [-1]})
"""The one row of a comparison's result."""


@dataclass(frozen=True)
class Sides:
    """Values of the units of each recording on either side.

    Parameters
    ----------
    a, b : list of array of float
        An array for each recording.
    networks : bool
        Whether there are several recordings on a side, and the network is what was drawn.
    paired : bool
    n_samples : int
        Of each recording, once cut to one length.
    """

    a: list[Floats]
    b: list[Floats]
    networks: bool
    paired: bool
    n_samples: int

    @property
    def numbers(self) -> tuple[Floats, Floats]:
        """What is compared: the units' values, or the networks' means over units that have one."""
        if not self.networks:
            return self.a[0], self.b[0]
        means = [
            np.array([v[~np.isnan(v)].mean() if not np.isnan(v).all() else np.nan for v in side])
            for side in (self.a, self.b)
        ]
        return means[0], means[1]


def read_sides(
    a: Any, b: Any, indicator: Statistic, paired: bool | None, rng: np.random.Generator | None
) -> Sides:
    """Recordings cut to one length, and the indicator of their units."""
    if paired not in (None, True, False):
        raise TypeError(f"paired must be True, False or None, got {paired!r:.80}")
    given = [_recordings(side) for side in (a, b)]
    several = [side is not None for side in given]
    if several[0] != several[1]:
        raise TypeError("a and b must both be one recording, or both sequences of them")
    rasters = [side or [as_raster(one)] for side, one in zip(given, (a, b), strict=True)]
    if several[0] and min(map(len, rasters)) < 2:
        raise ValueError(
            f"a and b must hold at least 2 networks each, got {len(rasters[0])} and {len(rasters[1])}"
        )
    if paired is None:
        paired = not several[0] and _same_network(rasters[0][0], rasters[1][0])
    if paired:
        _check_pairs(*rasters)
    cut = cut_to_equal_length([*rasters[0], *rasters[1]], indicator, rng)
    values = [_values(raster, indicator) for raster in cut]
    n = len(rasters[0])
    return Sides(values[:n], values[n:], several[0], paired, cut[0].n_samples)


def _recordings(side: Any) -> list[SpikeRaster] | None:
    """Those of a list or tuple of recordings; None for one recording."""
    if not isinstance(side, (list, tuple)) or not side:
        return None
    # A list of spike trains, or of numbers, is one recording.
    if hasattr(side[0], "t_stop") or (np.ndim(side[0]) < 2 and not hasattr(side[0], "n_samples")):
        return None
    return [as_raster(one) for one in side]


def _same_network(a: SpikeRaster, b: SpikeRaster) -> bool:
    """Whether both recordings say that they are of the same weights, and have the same units."""
    weights = [raster.annotations.get("weights_hash") for raster in (a, b)]
    return weights[0] is not None and weights[0] == weights[1] and _same_units(a, b)


def _same_units(a: SpikeRaster, b: SpikeRaster) -> bool:
    columns = ["layer", "unit_index"]
    return a.n_units == b.n_units and bool(a.units[columns].equals(b.units[columns]))


def _check_pairs(a: list[SpikeRaster], b: list[SpikeRaster]) -> None:
    if len(a) != len(b):
        raise ValueError(f"paired networks must be as many in a and b, got {len(a)} and {len(b)}")
    if len(a) == 1 and not _same_units(a[0], b[0]):
        raise ValueError(
            f"paired recordings must have the same units, got {a[0].n_units} and {b[0].n_units}, or "
            "other layers and indices"
        )


def _values(raster: SpikeRaster, indicator: Statistic) -> Floats:
    found = evaluate_statistic(indicator, raster, "indicator")
    if found.ndim == 0:
        raise ValueError(
            f"indicator must return a number per unit, shape ({raster.n_units},); "
            f"{describe_function(indicator)} returned one number"
        )
    return found
