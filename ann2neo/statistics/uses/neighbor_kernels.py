# mypy: disable-error-code="no-untyped-def"
"""Compiled loops over pairs of patterns: Hamming distances by popcount, and the smallest of them."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.kernels import _popcount

_BLOCK = 2048


@numba.njit(nogil=True, cache=True)
def distances(references, queries, out):
    """Write ``out[q, r]``, the number of bits in which query q and reference r differ.

    References are taken in blocks that stay in the cache while all queries pass over them.
    """
    n_words = references.shape[1]
    for first in range(0, references.shape[0], _BLOCK):
        last = min(first + _BLOCK, references.shape[0])
        for q in range(queries.shape[0]):
            query = queries[q]
            for r in range(first, last):
                differing = np.uint64(0)
                for w in range(n_words):
                    differing += _popcount(references[r, w] ^ query[w])
                out[q, r] = differing


@numba.njit(nogil=True, cache=True)
def smallest(found, n_units, indices, distance):
    """Of each row of distances the smallest, ascending, ties by index; as many as `indices` has room."""
    k = indices.shape[1]
    starts = np.empty(n_units + 2, np.int64)
    for q in range(found.shape[0]):
        starts[:] = 0
        for r in range(found.shape[1]):
            starts[found[q, r] + 1] += 1
        # starts[d]: how many lie nearer than d; beyond k nothing is kept.
        for d in range(1, n_units + 2):
            starts[d] += starts[d - 1]
        for r in range(found.shape[1]):
            d = found[q, r]
            place = starts[d]
            if place < k:
                indices[q, place] = r
                distance[q, place] = d
                starts[d] += 1
