"""Firing rates and Fano factors over resampled samples, from sums: no raster is put together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ann2neo.significance.resampling.sources import Source
from ann2neo.spikes.lagged import unpack_samples
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats
from ann2neo.statistics.fano import fano_from_sums, fanofactor
from ann2neo.statistics.windows import count_in_windows

_AT_ONCE, _UNITS = 2**24, 64
"""Weights held at a time (four bytes each), and units whose bits are unpacked for them."""


class Rates(Source):
    """Firing rates of resampled samples: how often each is drawn, times its bits."""

    def __init__(self, raster: SpikeRaster) -> None:
        self._raster, self.n_items = raster, raster.n_samples
        self.value = raster.spike_counts / raster.n_samples
        self.rows = raster.units

    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        n = self.n_items
        at_once = max(1, _AT_ONCE // n)
        for start in range(0, n_resamples, at_once):
            size = min(at_once, n_resamples - start)
            # Sums of float32 are exact below 2**24 samples drawn.
            weights = np.empty((size, n), np.float32 if n < 2**24 else np.float64)
            for row in weights:
                row[:] = np.bincount(rng.integers(n, size=n), minlength=n)
            rates = np.empty((size, self._raster.n_units))
            for first in range(0, self._raster.n_units, _UNITS):
                words = self._raster.words[first : first + _UNITS]
                bits = unpack_samples(words, 0, n).astype(weights.dtype)
                rates[:, first : first + _UNITS] = weights @ bits.T
            yield rates / n

    def leave_out(self) -> Floats:
        # Without a spike, and without a pause: as often as there are of each, in a group of them.
        n, k = self.n_items, self._raster.spike_counts
        edges = np.unique(np.linspace(0, n, min(200, n) + 1).astype(int))
        left = np.diff(edges)
        counts = np.array(
            [
                unpack_samples(self._raster.words, int(start), int(stop)).sum(axis=1)
                for start, stop in itertools.pairwise(edges)
            ]
        )
        rates: Floats = (k - counts) / (n - left[:, np.newaxis])
        return rates


class WindowedCounts(Source):
    """Fano factors of resampled windows of the recording."""

    def __init__(self, raster: SpikeRaster, window: int, ddof: int) -> None:
        self._ddof = ddof
        self.n_items = raster.n_samples // window
        self._counts = count_in_windows(raster, window, self.n_items)
        self.value = fanofactor(raster, window, ddof=ddof)
        self.rows = raster.units

    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        m = self.n_items
        at_once = max(1, _AT_ONCE // (m + self._counts.size // 8))
        # Whole numbers below 2**53: sums are exact.
        counts = self._counts.T.astype(np.float64)
        squares = counts**2
        for start in range(0, n_resamples, at_once):
            size = min(at_once, n_resamples - start)
            weights = np.empty((size, m))
            for row in weights:
                row[:] = np.bincount(rng.integers(m, size=m), minlength=m)
            sums, of_squares = weights @ counts, weights @ squares
            yield fano_from_sums(sums.astype(np.int64), of_squares.astype(np.int64), m, self._ddof)

    def leave_out(self) -> Floats:
        counts, m = self._counts, self.n_items
        total = counts.sum(axis=1) - counts.T
        squares = (counts**2).sum(axis=1) - counts.T**2
        return fano_from_sums(total, squares, m - 1, self._ddof)
