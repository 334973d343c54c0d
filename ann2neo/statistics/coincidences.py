# mypy: disable-error-code="no-untyped-def"
"""The compiled loop that counts samples at which two units fire together."""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import intrinsic

# Words of each unit gone through at a time: those of some hundred units fit in the second-level cache.
_STRETCH = 128

# Rows and columns copied together: in a row and down a column, they stay in the cache.
_TILE = 64


@numba.njit(nogil=True, cache=True)
def coincidences(words, first, last, products):
    """Add the number of samples at which units i and j ≥ i both fire to ``products[i, j]``, int64.

    For units i from `first` up to `last`: others may be at others meanwhile.
    """
    n_units, n_words = words.shape
    for start in range(0, n_words, _STRETCH):
        stop = min(start + _STRETCH, n_words)
        for i in range(first, last):
            here = words[i, start:stop]
            for j in range(i, n_units):
                there = words[j, start:stop]
                count = np.uint64(0)
                for w in range(here.size):
                    count += _popcount(here[w] & there[w])
                products[i, j] += np.int64(count)


@numba.njit(nogil=True, cache=True)
def mirror(products):
    """Copy what is above the diagonal below it."""
    n_units = products.shape[0]
    for top in range(0, n_units, _TILE):
        for left in range(0, top + 1, _TILE):
            for i in range(top, min(top + _TILE, n_units)):
                for j in range(left, min(left + _TILE, i)):
                    products[i, j] = products[j, i]


@intrinsic
def _popcount(context, word):
    """Set bits of a word: one instruction of the processor."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return numba.uint64(numba.uint64), generate
