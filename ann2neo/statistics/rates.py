"""How often units fire."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.accumulators.accumulator import Accumulator


def firing_rate(raster: RasterLike) -> np.ndarray:
    """Spikes per sample: the share of samples at which a unit is active (FR of Lehmler et al. 2024).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    array of float, shape (n_units,)
        0 for a silent unit, 1 for one that is always on.

    See Also
    --------
    mean_firing_rate : the same in Hz.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.firing_rate(np.array([[1, 0], [1, 0], [0, 0], [1, 0]]))
    array([0.75, 0.  ])
    """
    return FiringRate().update(raster).result()


def mean_firing_rate(raster: RasterLike) -> np.ndarray:
    """Spikes per second (Hz), as ``elephant.statistics.mean_firing_rate``.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    array of float, shape (n_units,)
        `firing_rate` divided by the sampling period.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.mean_firing_rate(np.array([[1, 0], [1, 0], [0, 0], [1, 0]]))
    array([750.,   0.])
    """
    raster = as_recording(raster)
    return firing_rate(raster) / raster.sampling_period


class FiringRate(Accumulator):
    """Accumulator of `firing_rate`.

    Parameters
    ----------
    start : int
        Place in the recording of the first sample that will be seen.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.statistics.rates import FiringRate
    >>> rate = FiringRate()
    >>> for chunk in np.array_split(np.eye(4, dtype=bool), 2):
    ...     rate = rate.update(chunk)
    >>> rate.result()
    array([0.25, 0.25, 0.25, 0.25])
    """

    _by_unit = True

    def __init__(self, *, start: int = 0) -> None:
        super().__init__(start=start)
        self.n_spikes: Any = 0

    def result(self) -> np.ndarray:
        """Spikes per sample, shape (n_units,)."""
        if self.n_units is None:
            raise ValueError("no samples yet: call update first")
        rate: np.ndarray = self.n_spikes / self.n_samples
        return rate

    def _update(self, chunk: SpikeRaster) -> None:
        self.n_spikes = self.n_spikes + chunk.spike_counts

    def _merge(self, later: FiringRate) -> None:
        self.n_spikes = self.n_spikes + later.n_spikes
