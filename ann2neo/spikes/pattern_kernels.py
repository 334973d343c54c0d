# mypy: disable-error-code="no-untyped-def"
"""The compiled loops over patterns: the bits of one sample across units, packed into words.

Unit ``u`` is bit ``u % 64`` of word ``u // 64`` of a pattern, so that patterns are a raster's words
transposed. Every kernel releases the GIL and runs on one thread, as those of `kernels`.
"""

from __future__ import annotations

import functools

import numba
import numpy as np

from ann2neo.spikes.kernels import _popcount

# Increment and multipliers of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@numba.njit(nogil=True, cache=True)
def transpose(words, first_word, patterns):
    """Write the patterns of ``len(patterns)`` samples, from bit 0 of word `first_word` on.

    ``patterns`` (n_samples, ceil(n_units / 64)), uint64.
    """
    n_units, n_samples = words.shape[0], patterns.shape[0]
    block = np.empty(64, np.uint64)
    for start in range(0, n_samples, 64):
        stop = min(start + 64, n_samples)
        for w in range(patterns.shape[1]):
            size = min(64, n_units - 64 * w)
            block[size:] = 0
            for u in range(size):
                block[u] = words[64 * w + u, first_word + (start >> 6)]
            _transpose_block(block)
            for t in range(start, stop):
                patterns[t, w] = block[t - start]


@numba.njit(nogil=True, cache=True)
def _transpose_block(block):
    """Transpose 64 × 64 bits: swap ever smaller off-diagonal squares (Warren, Hacker's Delight, 7-3)."""
    width = 32
    mask = _LOW
    while width:
        shift = np.uint64(width)
        for first in range(0, 64, 2 * width):
            for k in range(first, first + width):
                swapped = ((block[k] >> shift) ^ block[k + width]) & mask
                block[k] ^= swapped << shift
                block[k + width] ^= swapped
        width >>= 1
        mask ^= mask << np.uint64(width)


@functools.lru_cache(maxsize=64)
def hash_keys(n_words: int, lane: int) -> np.ndarray:
    """Keys of the hash of patterns of `n_words` words: outputs of SplitMix64 seeded with `lane`."""
    count = np.arange(1, 4 * n_words + 3, dtype=np.uint64)
    keys: np.ndarray = (np.uint64(lane) << np.uint64(60)) + count * _INCREMENT
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    keys ^= keys >> np.uint64(31)
    keys.flags.writeable = False
    return keys


@numba.njit(nogil=True, cache=True, inline="always")
def _hash(pattern, keys):
    """64 bits from a pattern: two multilinear hashes of 32 bits, then a bijection.

    Over random keys the hashes of two different patterns are independent and uniform: they agree with
    probability 2^-64 (Lemire and Kaser, The Computer Journal 57 (2014) 1624).
    """
    a, b = keys[0], keys[1]
    for w in range(pattern.size):
        low, high = pattern[w] & _LOW, pattern[w] >> _HALF
        a += keys[4 * w + 2] * low + keys[4 * w + 3] * high
        b += keys[4 * w + 4] * low + keys[4 * w + 5] * high
    mixed = (a & ~_LOW) | (b >> _HALF)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


@numba.njit(nogil=True, cache=True)
def hashes(patterns, keys, out):
    """Write the hash of each pattern into ``out``."""
    for i in range(patterns.shape[0]):
        out[i] = _hash(patterns[i], keys)


@numba.njit(nogil=True, cache=True, inline="always")
def _compare(a, b):
    """−1, 0 or 1 as pattern `a` comes before, is, or comes after pattern `b`."""
    for w in range(a.size):
        if a[w] != b[w]:
            return -1 if a[w] < b[w] else 1
    return 0


@numba.njit(nogil=True, cache=True)
def count(patterns, weights, keys, index):
    """Distinct patterns and the sum of their weights, by a hash table with open addressing.

    Patterns of one hash are compared in full. Returns the distinct patterns in order of their hash, ties
    in order of their words, and their total weights; ``index[i]`` becomes the place of pattern i among
    them. Fewer than 2^31 patterns.
    """
    n = patterns.shape[0]
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    mask = np.uint64((1 << bits) - 1)
    slots = np.full(1 << bits, -1, np.int32)
    rows, totals = np.empty(n, np.int64), np.empty(n, np.int64)
    hashed = np.empty(n, np.uint64)
    n_distinct = 0
    for i in range(n):
        own = _hash(patterns[i], keys)
        slot = own & mask
        j = np.int64(slots[slot])
        while j >= 0 and (hashed[j] != own or _compare(patterns[rows[j]], patterns[i]) != 0):
            slot = (slot + np.uint64(1)) & mask
            j = np.int64(slots[slot])
        if j < 0:
            j = np.int64(n_distinct)
            slots[slot], rows[j], totals[j], hashed[j] = j, i, 0, own
            n_distinct += 1
        totals[j] += weights[i]
        index[i] = j
    order = _order(patterns, rows, hashed[:n_distinct])
    place = np.empty(n_distinct, np.int64)
    distinct, sums = np.empty((n_distinct, patterns.shape[1]), np.uint64), totals[order]
    for k in range(n_distinct):
        place[order[k]] = k
        row = rows[order[k]]
        for w in range(patterns.shape[1]):
            distinct[k, w] = patterns[row, w]
    for i in range(n):
        index[i] = place[index[i]]
    return distinct, sums


@numba.njit(nogil=True, cache=True)
def _order(patterns, rows, hashed):
    """Indices that sort by hash, then by pattern: buckets by leading bits, which fill evenly."""
    n = hashed.size
    highest = hashed.max()
    shift = np.uint64(0)
    while (highest >> shift) > np.uint64(2 * n):
        shift += np.uint64(1)
    ends = np.zeros(np.int64(highest >> shift) + 2, np.int64)
    for h in hashed:
        ends[(h >> shift) + np.uint64(1)] += 1
    for i in range(1, ends.size):
        ends[i] += ends[i - 1]
    order = np.empty(n, np.int64)
    starts = ends[:-1].copy()
    for j in range(n):
        bucket = hashed[j] >> shift
        place = ends[bucket]
        ends[bucket] += 1
        while place > starts[bucket]:
            other = order[place - 1]
            if hashed[other] < hashed[j]:
                break
            if hashed[other] == hashed[j] and _compare(patterns[rows[other]], patterns[rows[j]]) < 0:
                break
            order[place] = other
            place -= 1
        order[place] = j
    return order


@numba.njit(nogil=True, cache=True)
def overlap(a, a_counts, b, b_counts, keys):
    """Number of patterns in both of two histograms in the order of `count`, and their Σ min(counts)."""
    n_common, smaller = 0, np.int64(0)
    i = j = 0
    if a.shape[0] == 0 or b.shape[0] == 0:
        return n_common, smaller
    first, second = _hash(a[0], keys), _hash(b[0], keys)
    while True:
        order = _compare(a[i], b[j]) if first == second else (-1 if first < second else 1)
        if order == 0:
            n_common += 1
            smaller += min(a_counts[i], b_counts[j])
        if order <= 0:
            i += 1
            if i == a.shape[0]:
                return n_common, smaller
            first = _hash(a[i], keys)
        if order >= 0:
            j += 1
            if j == b.shape[0]:
                return n_common, smaller
            second = _hash(b[j], keys)


@numba.njit(nogil=True, cache=True)
def spikes_in_both(a, b, both, either):
    """Count, per unit, the samples at which it is active in both of two rasters, and in either."""
    for u in range(a.shape[0]):
        first, second = a[u], b[u]
        n_both, n_either = np.uint64(0), np.uint64(0)
        for w in range(first.size):
            n_both += _popcount(first[w] & second[w])
            n_either += _popcount(first[w] | second[w])
        both[u], either[u] = np.int64(n_both), np.int64(n_either)


@numba.njit(nogil=True, cache=True)
def cap_distances(patterns, cap):
    """Sum over all pairs of patterns of the number of bits in which they differ, but at most `cap`."""
    total = np.int64(0)
    n = patterns.shape[0]
    for i in range(n):
        one = patterns[i]
        for j in range(i):
            other = patterns[j]
            distance = np.uint64(0)
            for w in range(one.size):
                distance += _popcount(one[w] ^ other[w])
            total += min(np.int64(distance), cap)
    return total
