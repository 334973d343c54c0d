"""How often units fire."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.accumulator_checks import check_units


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
    raster = as_raster(raster)
    return firing_rate(raster) / raster.sampling_period


class FiringRate:
    """Accumulator of `firing_rate`.

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

    def __init__(self) -> None:
        self.n_samples = 0
        self.n_spikes: np.ndarray | None = None

    def update(self, chunk: RasterLike) -> FiringRate:
        """Add the next samples, as a `SpikeRaster` or what `as_raster` takes."""
        chunk = as_raster(chunk)
        self._add(chunk.spike_counts, chunk.n_samples, "chunk")
        return self

    def merge(self, later: FiringRate) -> FiringRate:
        """Add what another accumulator has seen."""
        if later.n_spikes is not None:
            self._add(later.n_spikes, later.n_samples, "later")
        return self

    def result(self) -> np.ndarray:
        """Spikes per sample, shape (n_units,)."""
        if self.n_spikes is None:
            raise ValueError("no samples yet: call update first")
        return self.n_spikes / self.n_samples

    def _add(self, n_spikes: np.ndarray, n_samples: int, name: str) -> None:
        if self.n_spikes is not None:
            check_units(self.n_spikes.size, n_spikes.size, name)
            n_spikes = self.n_spikes + n_spikes
        self.n_spikes = n_spikes
        self.n_samples += n_samples
