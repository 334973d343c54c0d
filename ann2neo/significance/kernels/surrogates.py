# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that shuffle packed bits, or draw them anew.

Choosing k of n bits: start from any exchangeable random bits, then set or clear uniformly chosen bits
until k are set. No step prefers a place, so in the end every set of k places is equally likely. Bits of
probability k/n need few corrections, and cost about eight random words for 64 of them.
"""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.significance.kernels.rng import ALL, ONE, below, bernoulli_word, next_bits
from ann2neo.spikes.kernels import spike_indices


@numba.njit(nogil=True, cache=True)
def permute(counts, n_samples, state, out):
    """Set ``counts[u]`` of the bits of each row of zeros in ``out``, every choice equally likely."""
    s = (state[0], state[1], state[2], state[3])
    for u in range(counts.size):
        row, target = out[u], counts[u]
        # Few spikes (or few gaps) are quicker chosen one by one.
        if min(target, n_samples - target) <= row.size:
            s = _choose(row, 0, n_samples, target, s)
            continue
        total = 0
        for w in range(row.size):
            row[w], s = bernoulli_word(np.uint64(target), np.uint64(n_samples), s)
            if w == row.size - 1 and n_samples & 63:
                row[w] &= ALL >> np.uint64(64 - (n_samples & 63))
            total += _popcount(row[w])
        s = _correct(row, 0, n_samples, total, target, s)
    state[:] = s


# As in spikes/kernels.py: numba's cache of this file would not notice a change in that one.
@numba.njit(nogil=True, cache=True, inline="always")
def _popcount(word):
    word -= (word >> ONE) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(nogil=True, cache=True)
def _choose(row, start, size, target, s):
    """Set ``target`` of the ``size`` zero bits from ``start`` on, every choice equally likely."""
    total = 0
    if 2 * target > size:
        total = size
        for t in range(start, start + size):
            row[t >> 6] |= ONE << np.uint64(t & 63)
    return _correct(row, start, size, total, target, s)


@numba.njit(nogil=True, cache=True)
def _correct(row, start, size, total, target, s):
    """Set or clear uniformly chosen bits among ``size`` from ``start`` on until ``target`` are set."""
    while total != target:
        place, s = below(np.uint64(size), s)
        t = start + np.int64(place)
        bit = ONE << np.uint64(t & 63)
        if (row[t >> 6] & bit == 0) == (total < target):
            row[t >> 6] ^= bit
            total += 1 if total < target else -1
    return s


@numba.njit(nogil=True, cache=True)
def permute_in_bins(counts, bin_size, n_samples, state, out):
    """Set ``counts[u, b]`` bits of bin ``b`` of each row of zeros; the last bin may be shorter."""
    s = (state[0], state[1], state[2], state[3])
    for u in range(counts.shape[0]):
        for b in range(counts.shape[1]):
            start = b * bin_size
            s = _choose(out[u], start, min(bin_size, n_samples - start), counts[u, b], s)
    state[:] = s


@numba.njit(nogil=True, cache=True)
def shuffle_intervals(words, counts, state, out):
    """Write each unit's spikes into ``out`` with the intervals between them in random order."""
    s = (state[0], state[1], state[2], state[3])
    for u in range(counts.size):
        if counts[u] == 0:
            continue
        spikes = np.empty(counts[u], np.int64)
        spike_indices(words[u], spikes)
        for i in range(counts[u] - 1, 0, -1):
            spikes[i] -= spikes[i - 1]
        # spikes[0] is the first spike and stays, the rest are intervals.
        for i in range(counts[u] - 1, 1, -1):
            chosen, s = below(np.uint64(i), s)
            j = np.int64(chosen) + 1
            spikes[i], spikes[j] = spikes[j], spikes[i]
        t = 0
        for i in range(counts[u]):
            t += spikes[i]
            out[u, t >> 6] |= ONE << np.uint64(t & 63)
    state[:] = s


@numba.njit(nogil=True, cache=True)
def random_order(state, order):
    """Fill ``order`` with 0, 1, … in random order (Fisher and Yates, inside out)."""
    s = (state[0], state[1], state[2], state[3])
    for i in range(order.size):
        chosen, s = below(np.uint64(i + 1), s)
        order[i] = order[np.int64(chosen)]
        order[np.int64(chosen)] = i
    state[:] = s


@numba.njit(nogil=True, cache=True)
def rotate(words, n_samples, state, out):
    """Turn each unit's samples round by its own uniformly chosen number of places, 0 included."""
    s = (state[0], state[1], state[2], state[3])
    for u in range(words.shape[0]):
        shift, s = below(np.uint64(n_samples), s)
        row = words[u]
        for w in range(row.size):
            source = ((w << 6) - np.int64(shift)) % n_samples
            word = _read(row, source)
            filled = n_samples - source
            while filled < 64:
                word |= row[0] << np.uint64(filled)
                filled += n_samples
            out[u, w] = word
        if n_samples & 63:
            out[u, -1] &= ALL >> np.uint64(64 - (n_samples & 63))
    state[:] = s


@numba.njit(nogil=True, cache=True, inline="always")
def _read(row, start):
    """64 bits from bit ``start`` on; zeros beyond the end."""
    w, shift = start >> 6, np.uint64(start & 63)
    word = row[w] >> shift
    if shift and w + 1 < row.size:
        word |= row[w + 1] << (np.uint64(64) - shift)
    return word


@numba.njit(nogil=True, cache=True)
def bernoulli(numerators, denominators, block, n_samples, state, out):
    """Independent bits into rows of zeros, of probability ``numerators[u, b] / denominators[b]``."""
    s = (state[0], state[1], state[2], state[3])
    for u in range(numerators.shape[0]):
        for b in range(numerators.shape[1]):
            stop = min((b + 1) * block, n_samples)
            for t in range(b * block, stop, 64):
                word, s = bernoulli_word(numerators[u, b], denominators[b], s)
                if stop - t < 64:
                    word &= ALL >> np.uint64(64 - (stop - t))
                w, shift = t >> 6, np.uint64(t & 63)
                out[u, w] |= word << shift
                if shift and word >> (np.uint64(64) - shift):
                    out[u, w + 1] |= word >> (np.uint64(64) - shift)
    state[:] = s


@numba.njit(nogil=True, cache=True)
def bernoulli_profile(profile, state, out):
    """Independent bits, bit t of unit u with probability ``profile[u, t]``."""
    s = (state[0], state[1], state[2], state[3])
    n_samples = profile.shape[1]
    for u in range(profile.shape[0]):
        for w in range(out.shape[1]):
            word = np.uint64(0)
            for t in range(w << 6, min((w + 1) << 6, n_samples)):
                bits, s = next_bits(s)
                # Compared in double precision: a probability of 1 lies above every fraction.
                fraction = np.float64(bits >> np.uint64(11)) * 2.0**-53
                word |= np.uint64(fraction < np.float64(profile[u, t])) << np.uint64(t & 63)
            out[u, w] = word
    state[:] = s
