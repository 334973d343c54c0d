# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that draw window counts of randomly permuted trains, and never the trains.

Independent bits of one probability, given that k are set, are a random permutation of k spikes. So
window counts under permutation are independent binomials given their sum k: draw these, then put spikes
into (or take them from) uniformly chosen samples until there are k. No step prefers a sample, so in the
end every choice of k samples is equally likely, as in `shuffles`: multivariate hypergeometric counts.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.significance.kernels.rng import ALL, ONE, below, next_bits


@numba.njit(nogil=True, cache=True)
def window_sums(counts, n_samples, window, state, sums, squares):
    """Σc and Σc² over the whole windows of random permutations of each unit's samples.

    ``sums`` and ``squares`` have a row per permutation and a column per unit. Samples beyond the last
    whole window take part in the permutation and not in the sums.
    """
    s = (state[0], state[1], state[2], state[3])
    n_windows = n_samples // window
    rest = n_samples - n_windows * window
    spikes = np.empty(n_windows + 1, np.int64)
    for u in range(counts.size):
        keep, other, bits = _alias_table(window, counts[u] / n_samples)
        rest_keep, rest_other, rest_bits = _alias_table(rest, counts[u] / n_samples)
        for draw in range(sums.shape[0]):
            total = np.int64(0)
            for w in range(n_windows):
                count, s = _from_table(keep, other, bits, s)
                spikes[w] = count
                total += count
            count, s = _from_table(rest_keep, rest_other, rest_bits, s)
            spikes[n_windows] = count
            s = _correct_counts(spikes, window, n_samples, total + count, counts[u], s)
            square = np.int64(0)
            for w in range(n_windows):
                square += spikes[w] * spikes[w]
            sums[draw, u] = counts[u] - spikes[n_windows]
            squares[draw, u] = square
    state[:] = s


@numba.njit(nogil=True, cache=True)
def _correct_counts(spikes, window, n_samples, total, target, s):
    """Put spikes into uniformly chosen free samples, or take uniformly chosen spikes, up to ``target``.

    A window's samples are alike: of its first ``spikes[w]`` all are taken to be active.
    """
    while total != target:
        place, s = below(np.uint64(n_samples), s)
        w = np.int64(place) // window
        free = np.int64(place) - w * window >= spikes[w]
        if free == (total < target):
            step = 1 if free else -1
            spikes[w] += step
            total += step
    return s


@numba.njit(nogil=True, cache=True)
def _alias_table(n, p):
    """Binomial(n, p) as an alias table of 2**bits columns (Walker 1977; Vose 1991)."""
    bits = 1
    while (1 << bits) < n + 1:
        bits += 1
    size = 1 << bits
    scaled = np.zeros(size)
    _binomial_weights(n, p, scaled)
    scaled *= size / scaled.sum()
    keep, other = np.full(size, ALL), np.arange(size)
    small, large = np.empty(size, np.int64), np.empty(size, np.int64)
    n_small = n_large = 0
    for i in range(size):
        if scaled[i] < 1:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small and n_large:
        n_small -= 1
        low, high = small[n_small], large[n_large - 1]
        keep[low] = np.uint64(scaled[low] * 2.0 ** (64 - bits))
        other[low] = high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            n_large -= 1
            small[n_small] = high
            n_small += 1
    return keep, other, np.uint64(bits)


@numba.njit(nogil=True, cache=True)
def _binomial_weights(n, p, weights):
    """Binomial probabilities times a constant, outward from the mode: no power under- or overflows."""
    mode = min(n, int((n + 1) * p))
    weights[mode] = 1.0
    for k in range(mode, n):
        weights[k + 1] = weights[k] * ((n - k) * p) / ((k + 1) * (1 - p)) if p < 1 else 0.0
    for k in range(mode, 0, -1):
        weights[k - 1] = weights[k] * (k * (1 - p)) / ((n - k + 1) * p)


@numba.njit(nogil=True, cache=True, inline="always")
def _from_table(keep, other, bits, s):
    """A draw from an alias table: the low bits choose the column, the rest whether to keep it."""
    random, s = next_bits(s)
    column = np.int64(random & ((ONE << bits) - ONE))
    return column if (random >> bits) < keep[column] else other[column], s
