"""How far a unit's rate drifts: the second half of a recording against the first."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.windows import count_in_windows


class Halves(Accumulator):
    """Accumulator of the spikes in either half of a recording, of which the middle sample is in none.

    Parameters
    ----------
    total : int
        Samples of the recording.
    start : int
        Place in the recording of the first sample that will be seen.
    """

    _by_unit = True
    _settings = ("total",)

    def __init__(self, total: int, *, start: int = 0) -> None:
        super().__init__(start=start)
        self.total = total
        self._difference: np.ndarray | int = 0

    def result(self) -> Floats:
        """Second half's firing rate less the first's, without sign; NaN for one sample."""
        if self.total < 2:
            return np.full(self.n_units or 0, np.nan)
        drift: Floats = np.abs(self._difference) / (self.total // 2)
        return drift

    def _update(self, chunk: SpikeRaster) -> None:
        size, half = chunk.n_samples, self.total // 2
        first = min(max(half - self.stop, 0), size)
        last = min(max(self.stop + size - (self.total - half), 0), size)
        if first:
            self._difference = self._difference - count_in_windows(chunk, first, 1)[:, 0]
        if last:
            self._difference = self._difference + count_in_windows(chunk, last, 1, size - last)[:, 0]

    def _merge(self, later: Halves) -> None:
        self._difference = self._difference + later._difference
