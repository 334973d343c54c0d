# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that go through a train sample by sample, by a small automaton of its history."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.significance.kernels.rng import next_bits


@numba.njit(nogil=True, cache=True)
def count_cells(words, codes, groups, transitions, n_groups, states, counts):
    """Add the samples of each cell without and with a spike to ``counts[u, cell]``, (…, 2), int64.

    A sample's cell is ``codes[t] * n_groups + groups[state]``. The state of unit u's history goes from
    ``states[u]``, where it is left for the samples behind, along ``transitions[state, spike]``.
    """
    n_samples = codes.size
    for u in range(words.shape[0]):
        row, count, state = words[u], counts[u], states[u]
        for w in range((n_samples + 63) >> 6):
            word = row[w]
            for t in range(w << 6, min((w + 1) << 6, n_samples)):
                spike = np.int64(word & np.uint64(1))
                word >>= np.uint64(1)
                count[codes[t] * n_groups + groups[state], spike] += 1
                state = transitions[state, spike]
        states[u] = state


@numba.njit(nogil=True, cache=True)
def draw_trains(probability, codes, groups, transitions, n_groups, states, rng, out):
    """Draw trains by the probability of a spike in each cell, ``probability[u, cell]``."""
    s = (rng[0], rng[1], rng[2], rng[3])
    n_samples = codes.size
    for u in range(out.shape[0]):
        chance, state = probability[u], states[u]
        for w in range((n_samples + 63) >> 6):
            word = np.uint64(0)
            for t in range(w << 6, min((w + 1) << 6, n_samples)):
                bits, s = next_bits(s)
                fraction = np.float64(bits >> np.uint64(11)) * 2.0**-53
                spike = np.int64(fraction < chance[codes[t] * n_groups + groups[state]])
                word |= np.uint64(spike) << np.uint64(t & 63)
                state = transitions[state, spike]
            out[u, w] = word
    rng[:] = s


@numba.njit(nogil=True, cache=True)
def rescale_intervals(row, probability, codes, groups, transitions, n_groups, state, rng, out):
    """Rescaled intervals of one train (Haslinger, Pipa and Brown 2010), in ``out``; their number.

    The first ends with the second spike: when the one before began is not known.
    """
    s = (rng[0], rng[1], rng[2], rng[3])
    passed, n, seen = 0.0, 0, False
    for t in range(codes.size):
        spike = np.int64((row[t >> 6] >> np.uint64(t & 63)) & np.uint64(1))
        p = probability[codes[t] * n_groups + groups[state]]
        if spike:
            bits, s = next_bits(s)
            if seen:
                fraction = np.float64(bits >> np.uint64(11)) * 2.0**-53
                out[n] = passed - np.log1p(-fraction * p)
                n += 1
            seen, passed = True, 0.0
        else:
            passed -= np.log1p(-p)
        state = transitions[state, spike]
    rng[:] = s
    return n
