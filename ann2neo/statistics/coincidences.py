# mypy: disable-error-code="no-untyped-def"
"""The compiled loop that counts samples at which two units fire together."""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import intrinsic

# Words of each unit gone through at a time: those of some hundred units fit in the second-level cache.
_STRETCH = 128


@numba.njit(nogil=True, cache=True)
def coincidences(words, products):
    """Add the number of samples at which units i and j both fire to ``products[i, j]``, int64."""
    n_units, n_words = words.shape
    for start in range(0, n_words, _STRETCH):
        stop = min(start + _STRETCH, n_words)
        for i in range(n_units):
            first = words[i, start:stop]
            for j in range(i, n_units):
                second = words[j, start:stop]
                count = np.uint64(0)
                for w in range(first.size):
                    count += _popcount(first[w] & second[w])
                products[i, j] += np.int64(count)
    for i in range(n_units):
        for j in range(i):
            products[i, j] = products[j, i]


@intrinsic
def _popcount(context, word):
    """Set bits of a word: one instruction of the processor."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return numba.uint64(numba.uint64), generate
