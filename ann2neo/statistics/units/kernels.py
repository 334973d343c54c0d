# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that count spikes class by class."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.statistics.coincidences import _popcount


@numba.njit(nogil=True, cache=True)
def fill_masks(codes, masks):
    """Set bit t of row ``codes[t]`` of masks that are zero."""
    for t in range(codes.size):
        masks[codes[t], t >> 6] |= np.uint64(1) << np.uint64(t & 63)


@numba.njit(nogil=True, cache=True)
def count_in_masks(words, masks, counts):
    """Number of samples at which unit u fires and mask c is set, into ``counts[u, c]``."""
    for u in range(words.shape[0]):
        row = words[u]
        for c in range(masks.shape[0]):
            mask = masks[c]
            count = np.uint64(0)
            for w in range(row.size):
                count += _popcount(row[w] & mask[w])
            counts[u, c] = np.int64(count)


@numba.njit(nogil=True, cache=True)
def count_by_code(words, codes, counts):
    """As `count_in_masks`, spike by spike: for more classes than a pass for each is worth."""
    for u in range(words.shape[0]):
        row = words[u]
        for w in range(row.size):
            word = row[w]
            t = w << 6
            while word != np.uint64(0):
                # The lowest set bit, as the number of bits below it.
                counts[u, codes[t + np.int64(_popcount(~word & (word - np.uint64(1))))]] += 1
                word &= word - np.uint64(1)
