"""LaggedCounts, the integer table behind every autocorrelation statistic."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.spikes import kernels
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Bits, Words
from ann2neo.spikes.words import n_words


@dataclass(frozen=True, eq=False)
class LaggedCounts:
    """How often each unit fires both now and ``k`` samples later.

    With the bits at the two ends this is all that autocorrelation, the Ljung–Box and the Dickey–Fuller
    test need, in integers. Mergeable: the counts of two consecutive stretches give those of both.

    Attributes
    ----------
    n_samples : int
    counts : array of int64, shape (n_units, max_lag + 1)
        ``counts[u, k] = Σ_t x[t] x[t + k]``; lag 0 is the spike count; lags ≥ `n_samples` are 0.
    head, tail : array of bool, shape (n_units, min(max_lag, n_samples))
        The first and the last samples.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import SpikeRaster
    >>> from ann2neo.spikes.lagged import LaggedCounts
    >>> raster = SpikeRaster.from_dense(np.array([[1], [1], [0], [1]]))
    >>> LaggedCounts.of(raster, max_lag=3).counts
    array([[3, 1, 1, 1]])
    """

    n_samples: int
    counts: np.ndarray
    head: np.ndarray
    tail: np.ndarray

    @classmethod
    def of(cls, raster: SpikeRaster | StoredRaster, max_lag: int) -> LaggedCounts:
        """Count a raster, one on disk chunk by chunk; `max_lag` at least 0."""
        max_lag = check_lag(max_lag)
        parts = (cls._of_chunk(chunk, max_lag) for chunk in raster.chunks())
        return functools.reduce(cls.merge, parts)

    @classmethod
    def _of_chunk(cls, raster: SpikeRaster, max_lag: int) -> LaggedCounts:
        counts = kernels.lag_products(raster.words, max_lag)
        edge = min(max_lag, raster.n_samples)
        head = unpack_samples(raster.words, 0, edge)
        tail = unpack_samples(raster.words, raster.n_samples - edge, raster.n_samples)
        return cls(raster.n_samples, counts, head, tail)

    @property
    def max_lag(self) -> int:
        """Largest lag counted."""
        return int(self.counts.shape[1]) - 1

    def merge(self, later: LaggedCounts) -> LaggedCounts:
        """The counts of this stretch with another one right behind it."""
        if later.counts.shape != self.counts.shape:
            raise ValueError(
                f"later must have counts of shape {self.counts.shape} (n_units, max_lag + 1), "
                f"got {later.counts.shape}"
            )
        counts = self.counts + later.counts
        edge = self.max_lag
        if edge:
            before, after = self.tail, np.pad(later.head, ((0, 0), (self.tail.shape[1], 0)))
            kernels.add_products_across(pack_samples(before), pack_samples(after), counts)
        head = np.concatenate([self.head, later.head], axis=1)[:, :edge]
        both = np.concatenate([self.tail, later.tail], axis=1)
        return LaggedCounts(
            self.n_samples + later.n_samples,
            counts,
            head,
            both[:, both.shape[1] - min(edge, both.shape[1]) :],
        )

    @property
    def ends(self) -> np.ndarray:
        """Spikes among the first k and the last k samples together, int64, shape as `counts`."""
        ends = np.zeros(self.counts.shape, np.int64)
        size = self.head.shape[1]
        ends[:, 1 : size + 1] = self.head.cumsum(axis=1) + self.tail[:, ::-1].cumsum(axis=1)
        ends[:, size + 1 :] = ends[:, size, None]
        return ends

    def up_to(self, max_lag: int) -> LaggedCounts:
        """The counts of the first lags alone, up to `max_lag`, at most this table's."""
        edge = min(max_lag, self.head.shape[1])
        tail = self.tail[:, self.tail.shape[1] - edge :]
        return LaggedCounts(self.n_samples, self.counts[:, : max_lag + 1], self.head[:, :edge], tail)


def check_lag(value: Any) -> int:
    """`value` as an int of at least 0."""
    try:
        lag = operator.index(value)
    except TypeError:
        raise TypeError(f"max_lag must be an int of at least 0, got {value!r:.80}") from None
    if lag < 0:
        raise ValueError(f"max_lag must be at least 0, got {lag}")
    return lag


def unpack_samples(words: Words, start: int, stop: int) -> Bits:
    """Samples `start` to `stop` of every unit as booleans."""
    first = start >> 6
    part = np.ascontiguousarray(words[:, first : (stop + 63) >> 6])
    little = part.astype(part.dtype.newbyteorder("<"), copy=False).view(np.uint8)
    unpacked = np.unpackbits(little, axis=1, bitorder="little")
    active: Bits = unpacked[:, start - 64 * first : stop - 64 * first].astype(bool)
    return active


def pack_samples(active: Bits) -> Words:
    """Words of booleans, shape (n_units, n_samples): the inverse of `unpack_samples`."""
    packed = np.packbits(active, axis=1, bitorder="little")
    padded = np.zeros((len(active), 8 * n_words(active.shape[1])), np.uint8)
    padded[:, : packed.shape[1]] = packed
    words: Words = padded.view(np.dtype(np.uint64).newbyteorder("<")).astype(np.uint64, copy=False)
    return words
