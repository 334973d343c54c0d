# mypy: disable-error-code="no-untyped-def, assignment"
"""The compiled loop of the intervals' CV over a whole recording.

From run to run of spikes, as `ann2neo.spikes.kernels.interval_sums`, whose sums it finds; the pairs of
intervals that `cv2` and `lv` need are not looked at, which saves a sixth of the time or more.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.kernels import _popcount, _trailing_zeros

_ONE = np.uint64(1)


@numba.njit(nogil=True, cache=True)
def square_sums(words, counts, sums):
    """Write each unit's number of spikes, and Σd and Σd² of its intervals d."""
    for u in range(words.shape[0]):
        row = words[u]
        n_spikes, n_runs = np.int64(0), 0
        first, last, squares = np.int64(0), np.int64(0), np.int64(0)
        for w in range(row.size):
            word, base = row[w], np.int64(w << 6)
            n_spikes += np.int64(_popcount(word))
            while word != np.uint64(0):
                spike = base + _trailing_zeros(word)
                beyond = word + (word & (~word + _ONE))
                word &= beyond
                d = spike - last
                squares += d * d
                if n_runs == 0:
                    first, squares = spike, np.int64(0)
                n_runs += 1
                last = base + (_trailing_zeros(beyond) if beyond else 64) - 1
        counts[u] = n_spikes
        sums[u, 0] = last - first
        sums[u, 1] = squares + n_spikes - n_runs
