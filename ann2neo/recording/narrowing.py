"""Quantiles of columns that come in blocks of rows, again and again: exact, in bounded memory.

A sample of the rows brackets each column's quantile. Each further pass counts rows in bins between the
two ends, and keeps of each bin its smallest and largest value: those of the bin that holds the quantile
are the next ends, until they are one.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

MOST_BINS = 1024
LEAST_ROWS = 256
"""Rows that a sample holds at least, whatever the memory."""
_BYTES_PER_BIN = 24
_SPREAD = 5
"""Standard deviations of a quantile of the sample on either side of it."""


def find_rank(n_rows: int, q: float) -> int:
    """Which of the sorted rows is the quantile: the first with a fraction of at least q up to it."""
    # As NumPy's inverted_cdf, with its product of floats.
    return min(n_rows, max(1, int(np.ceil(n_rows * q)))) - 1


class Sample:
    """All rows while they fit in `memory` bytes; else some drawn at random, beside the extremes."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._kept: list[Values] = []
        self._n_kept = 0
        self._step = 1
        # Which rows are kept must not depend on any order in them; what is found does not depend on it.
        self._rng = np.random.default_rng(0)
        self.n_rows = 0
        self._lowest = self._highest = np.empty(0)

    def add(self, rows: Values) -> None:
        """Take in a block of rows, which it keeps."""
        if not len(rows):
            return
        low, high = rows.min(axis=0), rows.max(axis=0)
        first = not self.n_rows
        self._lowest = low if first else np.minimum(self._lowest, low)
        self._highest = high if first else np.maximum(self._highest, high)
        self.n_rows += len(rows)
        self._keep(self._thin(rows, self._step))
        while self._n_kept > LEAST_ROWS and self._n_kept * low.nbytes > self._memory:
            self._step *= 2
            whole, self._kept, self._n_kept = np.concatenate(self._kept), [], 0
            self._keep(self._thin(whole, 2))

    @property
    def is_whole(self) -> bool:
        """Whether no row was left out."""
        return self._step == 1

    @property
    def extremes(self) -> tuple[Values, Values]:
        """Smallest and largest value of each column, over all rows."""
        return self._lowest, self._highest

    def take_quantile(self, q: float) -> Values:
        """The quantile of the rows that were kept."""
        rows = np.concatenate(self._kept)
        rank = find_rank(len(rows), q)
        found: Values = np.partition(rows, rank, axis=0)[rank]
        return found

    def bracket(self, q: float) -> tuple[Values, Values]:
        """Values between which the quantile of all rows nearly always lies."""
        if self._n_kept < LEAST_ROWS // 4:
            return self.extremes
        rows = np.concatenate(self._kept)
        spread = _SPREAD * np.sqrt(q * (1 - q) / len(rows))
        ends = [find_rank(len(rows), part) for part in (max(q - spread, 0), min(q + spread, 1))]
        rows.partition(ends, axis=0)
        low, high = self.extremes
        return (
            low if ends[0] == 0 else rows[ends[0]].copy(),
            high if ends[1] == len(rows) - 1 else rows[ends[1]].copy(),
        )

    def _thin(self, rows: Values, step: int) -> Values:
        return rows if step == 1 else rows[self._rng.random(len(rows)) * step < 1]

    def _keep(self, rows: Values) -> None:
        self._kept.append(rows)
        self._n_kept += len(rows)


class Bins:
    """Counts rows between `low` and `high`, per column, in as many bins as fit in `memory` bytes."""

    def __init__(self, low: Values, high: Values, memory: int) -> None:
        self._low, self._high = low, high
        n_bins = int(np.clip(memory // (_BYTES_PER_BIN * max(1, len(low))), 4, MOST_BINS))
        self._counts = np.zeros((len(low), n_bins), np.int64)
        self._smallest = np.full((len(low), n_bins), np.inf)
        self._largest = np.full((len(low), n_bins), -np.inf)
        self._n_below = np.zeros(len(low), np.int64)
        self.n_rows = 0

    def add(self, rows: Values) -> None:
        """Count a block of rows."""
        self.n_rows += len(rows)
        _count(
            np.ascontiguousarray(rows),
            *(self._low, self._high, self._counts, self._smallest, self._largest, self._n_below),
        )

    def find_ends(self, rank: int) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
        """The ends of the bin that holds the row of this rank, and where no bin does."""
        reached = self._n_below[:, None] + np.cumsum(self._counts, axis=1) > rank
        outside = (self._n_below > rank) | ~reached[:, -1]
        chosen = np.arange(len(reached)), reached.argmax(axis=1)
        return self._smallest[chosen], self._largest[chosen], outside


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _count(
    rows: Values,
    low: Values,
    high: Values,
    counts: npt.NDArray[np.int64],
    smallest: Values,
    largest: Values,
    n_below: npt.NDArray[np.int64],
) -> None:
    n_bins = counts.shape[1]
    for u in range(rows.shape[1]):
        # Halves: the difference of two doubles may be beyond the largest one.
        start, width = low[u] / 2, high[u] / 2 - low[u] / 2
        for t in range(rows.shape[0]):
            value = rows[t, u]
            if value < low[u]:
                n_below[u] += 1
            elif value <= high[u]:
                place = 0
                if width > 0:
                    place = min(int((value / 2 - start) / width * n_bins), n_bins - 1)
                counts[u, place] += 1
                smallest[u, place] = min(smallest[u, place], value)
                largest[u, place] = max(largest[u, place], value)
