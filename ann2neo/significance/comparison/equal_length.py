"""Recordings of one length: what an indicator adds for shortness is then the same in all of them."""

from __future__ import annotations

import numpy as np

from ann2neo.significance.resampling.bootstrap import depends_on_order
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.spikes.raster import SpikeRaster


def cut_to_equal_length(
    rasters: list[SpikeRaster], indicator: Statistic, rng: np.random.Generator | None
) -> list[SpikeRaster]:
    """As many samples of each as the shortest has, by chance.

    Where the indicator depends on the order of samples a stretch is taken that begins anywhere, else
    any samples.
    """
    shortest = min(raster.n_samples for raster in rasters)
    longer = [raster for raster in rasters if raster.n_samples > shortest]
    if not longer:
        return rasters
    if rng is None:
        lengths = sorted({raster.n_samples for raster in rasters})
        raise ValueError(
            f"rng must be given: recordings of {', '.join(map(str, lengths))} samples are cut to "
            f"{shortest} by chance, since indicators of shorter ones spread more"
        )
    ordered = depends_on_order(indicator, longer[0], np.random.default_rng(0))
    return [_cut(raster, shortest, ordered, rng) for raster in rasters]


def _cut(raster: SpikeRaster, size: int, ordered: bool, rng: np.random.Generator) -> SpikeRaster:
    if raster.n_samples == size:
        return raster
    if ordered:
        start = int(rng.integers(raster.n_samples - size + 1))
        return raster.select(samples=np.arange(start, start + size))
    chosen = rng.choice(raster.n_samples, size, replace=False)
    return raster.select(samples=np.sort(chosen))
