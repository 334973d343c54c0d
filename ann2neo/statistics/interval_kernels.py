# mypy: disable-error-code="no-untyped-def, assignment"
"""The compiled loop of the intervals' CV over a whole recording.

Its sums are those of `ann2neo.spikes.kernels.interval_sums`; the pairs of intervals that `cv2` and `lv`
need are not looked at, which saves a third of the time.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.kernels import _trailing_zeros

_ONE = np.uint64(1)


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
