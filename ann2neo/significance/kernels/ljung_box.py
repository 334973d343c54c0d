# mypy: disable-error-code="no-untyped-def"
"""The compiled loops of Ljung and Box's statistic of few spikes, observed and under permutation."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.significance.kernels.rng import ONE, below
from ann2neo.significance.kernels.surrogates import permute

# Largest lag whose samples on both sides of a place fit into a word.
_NEAR = 31


@numba.njit(nogil=True, cache=True)
def statistic_of(spikes, n_samples, max_lag):
    """Q = n (n + 2) Σ_k r_k² / (n − k) of a train given by its sorted spikes."""
    together = np.zeros(max_lag + 1, np.int64)
    ends = np.zeros(max_lag + 1, np.int64)
    return _statistic(spikes, n_samples, max_lag, together, ends)


@numba.njit(nogil=True, cache=True)
def sequential_counts(observed, n_spikes, n_samples, max_lag, enough, most, state):
    """Draw permutations until `enough` have a statistic of at least `observed`, at most `most`.

    Returns the number of those, and of all that were drawn.
    """
    s = (state[0], state[1], state[2], state[3])
    # A word before and two behind, which stay 0: the samples around any place lie in two words.
    words = np.zeros(((n_samples + 63) >> 6) + 3, np.uint64)
    spikes = np.empty(n_spikes, np.int64)
    n_words = (n_samples + 63) >> 6
    row, wanted = np.zeros((1, n_words + 1), np.uint64), np.array([n_spikes])
    # Spikes looked at one by one, with those around each, or all words shifted against one another.
    dense = n_words * (20 + max_lag) < n_spikes * (7 + n_spikes / n_samples * max_lag)
    together, ends = np.zeros(max_lag + 1, np.int64), np.zeros(max_lag + 1, np.int64)
    # Equal sums differ in rounding.
    threshold = observed * (1 - 1e-9)
    n_reached, drawn = 0, 0
    while drawn < most and n_reached < enough:
        if dense:
            state[:] = s
            row[:] = 0
            permute(wanted, n_samples, state, row[:, :n_words])
            s = (state[0], state[1], state[2], state[3])
            _count_shifted(row[0], n_samples, max_lag, together, ends)
            q = _from_counts(n_spikes, n_samples, max_lag, together, ends)
        elif max_lag <= _NEAR:
            s = _draw_pairs(n_spikes, n_samples, max_lag, words, together, ends, s)
            q = _from_counts(n_spikes, n_samples, max_lag, together, ends)
        else:
            s = _draw(n_spikes, n_samples, words, spikes, s)
            q = _statistic(spikes, n_samples, max_lag, together, ends)
        n_reached += q >= threshold
        drawn += 1
    state[:] = s
    return n_reached, drawn


@numba.njit(nogil=True, cache=True)
def _draw_pairs(n_spikes, n_samples, max_lag, words, together, ends, s):
    """Choose spikes, every choice equally likely, and count pairs by looking around each."""
    together[:] = 0
    ends[:] = 0
    words[:] = 0
    around = (ONE << np.uint64(2 * max_lag + 1)) - ONE
    chosen = 0
    while chosen < n_spikes:
        place, s = below(np.uint64(n_samples), s)
        t = np.int64(place) + 64
        bit = ONE << np.uint64(t & 63)
        if words[t >> 6] & bit:
            continue
        first = t - max_lag
        w, shift = first >> 6, np.uint64(first & 63)
        near = words[w] >> shift
        if shift:
            near |= words[w + 1] << (np.uint64(64) - shift)
        near &= around
        while near:
            lowest = near & (~near + ONE)
            together[abs(_place(lowest) - max_lag)] += 1
            near ^= lowest
        words[t >> 6] |= bit
        chosen += 1
        t -= 64
        if t < max_lag:
            ends[t + 1] += 1
        if n_samples - t <= max_lag:
            ends[n_samples - t] += 1
    return s


@numba.njit(nogil=True, cache=True)
def _draw(n_spikes, n_samples, words, spikes, s):
    """Choose spikes, every choice equally likely, sorted; `words` are zeros before and after."""
    chosen = 0
    while chosen < n_spikes:
        place, s = below(np.uint64(n_samples), s)
        bit = ONE << (place & np.uint64(63))
        if words[place >> np.uint64(6)] & bit == 0:
            words[place >> np.uint64(6)] |= bit
            chosen += 1
    found = 0
    for w in range(words.size):
        word = words[w]
        while word:
            lowest = word & (~word + ONE)
            spikes[found] = (w << 6) + _place(lowest)
            found += 1
            word ^= lowest
        words[w] = np.uint64(0)
    return s


@numba.njit(nogil=True, cache=True)
def _count_shifted(row, n_samples, max_lag, together, ends):
    """Pairs at each lag, and spikes at each distance from either end; the last word is zeros."""
    for lag in range(1, max_lag + 1):
        skip, down, count = lag >> 6, np.uint64(lag & 63), np.uint64(0)
        up = np.uint64(64) - down
        if down == 0:
            for w in range(row.size - 1 - skip):
                count += _popcount(row[w] & row[w + skip])
        else:
            for w in range(row.size - 1 - skip):
                count += _popcount(row[w] & ((row[w + skip] >> down) | (row[w + skip + 1] << up)))
        together[lag] = np.int64(count)
        first, last = lag - 1, n_samples - lag
        ends[lag] = np.int64((row[first >> 6] >> np.uint64(first & 63)) & ONE) + np.int64(
            (row[last >> 6] >> np.uint64(last & 63)) & ONE
        )


@numba.njit(nogil=True, cache=True, inline="always")
def _place(bit):
    """Which of 64 bits is set: the number of those below it."""
    return np.int64(_popcount(bit - ONE))


@numba.njit(nogil=True, cache=True, inline="always")
def _popcount(word):
    word -= (word >> ONE) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(nogil=True, cache=True)
def _statistic(spikes, n_samples, max_lag, together, ends):
    k, n = spikes.size, n_samples
    together[:] = 0
    ends[:] = 0
    for i in range(k):
        t = spikes[i]
        for j in range(i + 1, k):
            lag = spikes[j] - t
            if lag > max_lag:
                break
            together[lag] += 1
        # Spikes among the first and the last `lag` samples.
        if t < max_lag:
            ends[t + 1] += 1
        if n - t <= max_lag:
            ends[n - t] += 1
    return _from_counts(k, n, max_lag, together, ends)


@numba.njit(nogil=True, cache=True)
def _from_counts(k, n, max_lag, together, ends):
    """Q from the pairs at each lag, and the spikes at each distance from either end."""
    total, near_ends = 0.0, 0
    rate = k / n
    variance = k * (1 - rate)
    for lag in range(1, max_lag + 1):
        near_ends += ends[lag]
        # Σ (x_t − m)(x_{t+k} − m), as in `autocorrelation_from_counts`.
        products = together[lag] - rate * (2 * k - near_ends) + (n - lag) * rate * rate
        total += (products / variance) ** 2 / (n - lag)
    return n * (n + 2.0) * total
