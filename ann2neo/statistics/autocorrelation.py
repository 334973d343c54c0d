"""How a unit's spikes go with its own spikes some samples later."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.lagged import LaggedCounts, check_lag
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.accumulators.accumulator import Accumulator


def autocorrelation(raster: RasterLike, max_lag: int) -> np.ndarray:
    """Autocorrelation of each unit at lags 0, 1, … `max_lag`, in samples.

    r_k = Σ_{t < n − k} (x_t − m)(x_{t+k} − m) / Σ_t (x_t − m)², with m the unit's firing rate: the
    usual, biased estimator (Box and Jenkins 1976).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    max_lag : int
        From 0 to ``n_samples - 1``.

    Returns
    -------
    array of float, shape (n_units, max_lag + 1)
        As ``statsmodels.tsa.stattools.acf(x, adjusted=False)``. NaN for a unit that is silent or
        always on.

    Raises
    ------
    ValueError
        If `max_lag` is out of range.

    Notes
    -----
    For a unit that fires independently at each sample r_k is about −1/n on average, with standard
    deviation 1/√n.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.autocorrelation(np.array([[1], [1], [0], [0]]), max_lag=2)
    array([[ 1.  ,  0.25, -0.5 ]])
    """
    raster = as_recording(raster)
    _check_room(check_lag(max_lag), raster.n_samples)
    return Autocorrelation(max_lag).update(raster).result()


class Autocorrelation(Accumulator):
    """Accumulator of `autocorrelation`.

    Parameters
    ----------
    max_lag : int
        As of `autocorrelation`.
    start : int
        Place in the recording of the first sample that will be seen.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.statistics.autocorrelation import Autocorrelation
    >>> seen = Autocorrelation(max_lag=2)
    >>> for chunk in np.array_split(np.array([[1], [1], [0], [0]]), 2):
    ...     seen = seen.update(chunk)
    >>> seen.result()
    array([[ 1.  ,  0.25, -0.5 ]])
    """

    _by_unit = True
    _settings = ("max_lag",)
    _kept = (LaggedCounts,)

    def __init__(self, max_lag: int, *, start: int = 0) -> None:
        super().__init__(start=start)
        self.max_lag = check_lag(max_lag)
        self.table: LaggedCounts | None = None

    def result(self) -> np.ndarray:
        """The autocorrelations, shape (n_units, max_lag + 1)."""
        if self.table is None:
            raise ValueError("no samples yet: call update first")
        _check_room(self.max_lag, self.table.n_samples)
        return autocorrelation_from_counts(self.table)

    def _update(self, chunk: SpikeRaster) -> None:
        self._add(LaggedCounts.of(chunk, self.max_lag))

    def _merge(self, later: Autocorrelation) -> None:
        if later.table is not None:
            self._add(later.table)

    def _add(self, table: LaggedCounts) -> None:
        self.table = table if self.table is None else self.table.merge(table)


def autocorrelation_from_counts(table: LaggedCounts) -> np.ndarray:
    """`autocorrelation` from the counts it needs, of more samples than lags."""
    n, lags = table.n_samples, np.arange(table.max_lag + 1)
    counts, spikes, ends = table.counts, table.counts[:, :1], table.ends
    # Terms reach 2 n³, which passes 2^63 from 1.6·10⁶ samples on.
    if 4 * n**3 >= 2**63:
        counts, spikes, ends, lags = (part.astype(object) for part in (counts, spikes, ends, lags))
    # n² Σ (x_t − m)(x_{t+k} − m), as both factors' sums are spikes less those at one end.
    numerator = n * n * counts - n * spikes * (2 * spikes - ends) + (n - lags) * spikes * spikes
    denominator = n * spikes * (n - spikes)
    with np.errstate(invalid="ignore"):
        result: np.ndarray = numerator.astype(float) / denominator.astype(float)
        return result


def _check_room(max_lag: int, n_samples: int) -> None:
    if max_lag >= n_samples:
        raise ValueError(f"max_lag must be less than n_samples = {n_samples}, got {max_lag}")
