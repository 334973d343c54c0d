# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that permute labels among items and recount the pairs of pattern and label."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.significance.kernels.rng import below


@numba.njit(nogil=True, cache=True)
def permute_sums(codes, items, starts, sizes, n_labels, terms, state, out):
    """Shuffle the labels, ``out.size`` times, and write `label_sum` of each."""
    s = (state[0], state[1], state[2], state[3])
    for draw in range(out.size):
        for i in range(codes.size - 1, 0, -1):
            j, s = below(np.uint64(i + 1), s)
            codes[i], codes[j] = codes[j], codes[i]
        out[draw] = label_sum(codes, items, starts, sizes, n_labels, terms)
    state[:] = s


@numba.njit(nogil=True, cache=True)
def label_sum(codes, items, starts, sizes, n_labels, terms):
    """Σ ``terms[c]`` over pairs of pattern and label of c samples each, less the same sum over labels.

    ``items`` lists the item of each sample, pattern by pattern, those of pattern ``a`` from
    ``starts[a]`` to ``starts[a + 1]``; item ``i`` has label ``codes[i]`` and ``sizes[i]`` samples.
    """
    counts = np.zeros(n_labels, np.int64)
    total = np.int64(0)
    for a in range(starts.size - 1):
        for k in range(starts[a], starts[a + 1]):
            counts[codes[items[k]]] += 1
        for k in range(starts[a], starts[a + 1]):
            label = codes[items[k]]
            total += terms[counts[label]]
            counts[label] = 0
    for i in range(codes.size):
        counts[codes[i]] += sizes[i]
    for label in range(n_labels):
        total -= terms[counts[label]]
    return total
