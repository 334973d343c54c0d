# mypy: disable-error-code="no-untyped-def, assignment"
"""The compiled loops of one statistic of the intervals of a whole recording.

Sums are those of `ann2neo.spikes.kernels.interval_sums`, to the last bit; what is not asked for is not
added up, which saves a third to two thirds of the time.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.kernels import _add_interval_pair, _trailing_zeros

_ONE = np.uint64(1)
_SHORT = 32
"""Pairs of intervals below have their terms in a table."""


@numba.njit(nogil=True, cache=True)
def square_sums(words, counts, sums):
    """Write each unit's number of spikes, and Σd and Σd² of its intervals d."""
    for u in range(words.shape[0]):
        row = words[u]
        n, first, last, squares = 0, np.int64(0), np.int64(0), np.int64(0)
        for w in range(row.size):
            word, base = row[w], np.int64(w << 6)
            while word != np.uint64(0):
                spike = base + _trailing_zeros(word)
                word &= word - _ONE
                d = spike - last
                squares += d * d
                last = spike
                if n == 0:
                    first, squares = spike, np.int64(0)
                n += 1
        counts[u] = n
        sums[u, 0] = last - first
        sums[u, 1] = squares


@numba.njit(nogil=True, cache=True)
def pair_sums(words, place, counts, sums):
    """Write each unit's number of spikes, and the exact sum at `place` of those of `interval_sums`."""
    high, low = np.zeros(_SHORT * _SHORT, np.int64), np.zeros(_SHORT * _SHORT, np.int64)
    total = np.zeros(8, np.int64)
    for before in range(1, _SHORT):
        for after in range(1, _SHORT):
            total[:] = 0
            _add_interval_pair(total, before, after, 1)
            high[before * _SHORT + after] = total[place]
            low[before * _SHORT + after] = total[place + 1]
    for u in range(words.shape[0]):
        row = words[u]
        total[:] = 0
        n, last, before, up, down = 0, np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for w in range(row.size):
            word, base = row[w], np.int64(w << 6)
            while word != np.uint64(0):
                spike = base + _trailing_zeros(word)
                word &= word - _ONE
                d = spike - last
                last = spike
                if n >= 2:
                    if (d | before) < _SHORT:
                        up += high[before * _SHORT + d]
                        down += low[before * _SHORT + d]
                    else:
                        _add_interval_pair(total, before, d, 1)
                before = d
                n += 1
        counts[u] = n
        sums[u, 0] = up + total[place]
        sums[u, 1] = down + total[place + 1]
