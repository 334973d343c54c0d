"""Spike counts in consecutive bins of which the last may be shorter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.windows import count_in_windows


def count_in_bins(raster: SpikeRaster, bin_size: int) -> npt.NDArray[np.int64]:
    """Spikes in consecutive bins, shape (n_units, n_bins); the last bin may be shorter."""
    n_bins, rest = divmod(raster.n_samples, bin_size)
    counts: npt.NDArray[np.int64] = count_in_windows(raster, bin_size, n_bins)
    if rest == 0:
        return counts
    return np.hstack([counts, raster.spike_counts[:, None] - counts.sum(axis=1, keepdims=True)])
