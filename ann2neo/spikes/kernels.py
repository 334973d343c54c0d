"""The compiled loops over packed bits.

A unit's spikes lie in a row of ``uint64`` words, sample ``t`` in bit ``t % 64`` of word ``t // 64``.
Every kernel releases the GIL and runs on one thread: on shared cores a parallel loop stalls.
"""

from __future__ import annotations

import numba
import numpy as np

# Units packed in one go: accumulator, thresholds and check fit together in the first-level cache.
_TILE = 2048


@numba.njit(nogil=True, cache=True)
def pack_above(activations, threshold, words, start):
    """Set bit ``start + t`` of unit ``u`` where ``activations[t, u] > threshold[u]``.

    ``words`` must hold zeros from ``start`` on. Returns whether every value was finite; if not, the
    bits are worthless.
    """
    n_samples, n_units = activations.shape
    finite = True
    for first in range(0, n_units, _TILE):
        last = min(first + _TILE, n_units)
        size = last - first
        bits = np.zeros(size, np.uint32)
        # v - v is 0 for a finite v and NaN otherwise, and NaN stays: one addition a value, no branch.
        check = np.zeros(size, activations.dtype)
        level = threshold[first:last]
        t = 0
        while t < n_samples:
            # Half a word at a time: 32-bit lanes match float32 and double the vector width.
            half = (start + t) >> 5
            stop = min(n_samples, ((half + 1) << 5) - start)
            bits[:] = 0
            for row in range(t, stop):
                shift = np.uint32((start + row) & 31)
                values = activations[row, first:last]
                for u in range(size):
                    bits[u] |= np.uint32(values[u] > level[u]) << shift
                    check[u] += values[u] - values[u]
            word = half >> 1
            up = np.uint64((half & 1) << 5)
            for u in range(size):
                words[first + u, word] |= np.uint64(bits[u]) << up
            t = stop
        for u in range(size):
            if check[u] != 0:
                finite = False
    return finite


@numba.njit(nogil=True, cache=True)
def unpack(words, dense):
    """Write the bits of ``words`` into ``dense`` (n_samples, n_units), uint8."""
    n_samples, n_units = dense.shape
    for first in range(0, n_units, 64):
        last = min(first + 64, n_units)
        for t in range(n_samples):
            word = t >> 6
            shift = np.uint64(t & 63)
            for u in range(first, last):
                dense[t, u] = (words[u, word] >> shift) & np.uint64(1)


@numba.njit(nogil=True, cache=True)
def spike_indices(row, indices):
    """Write the positions of the set bits of one unit's words into ``indices``, ascending."""
    k = 0
    for w in range(row.size):
        word = row[w]
        base = w << 6
        while word != 0:
            low = word & (~word + np.uint64(1))
            indices[k] = base + _bit_position(low)
            k += 1
            word ^= low


@numba.njit(nogil=True, cache=True, inline="always")
def _bit_position(power):
    """Exponent of a power of two: the float's exponent field says it without a loop."""
    position = 0
    if power >> np.uint64(32):
        power >>= np.uint64(32)
        position += 32
    if power >> np.uint64(16):
        power >>= np.uint64(16)
        position += 16
    if power >> np.uint64(8):
        power >>= np.uint64(8)
        position += 8
    if power >> np.uint64(4):
        power >>= np.uint64(4)
        position += 4
    if power >> np.uint64(2):
        power >>= np.uint64(2)
        position += 2
    return position + np.int64(power >> np.uint64(1))


@numba.njit(nogil=True, cache=True)
def set_bits(row, indices):
    """Set the bits of one unit's words at ``indices``."""
    for i in range(indices.size):
        t = indices[i]
        row[t >> 6] |= np.uint64(1) << np.uint64(t & 63)


@numba.njit(nogil=True, cache=True)
def gather(words, order, out):
    """Bit ``i`` of ``out`` becomes bit ``order[i]`` of ``words``, for every unit."""
    for u in range(words.shape[0]):
        row = words[u]
        target = out[u]
        for first in range(0, order.size, 64):
            word = np.uint64(0)
            for i in range(first, min(first + 64, order.size)):
                t = order[i]
                word |= ((row[t >> 6] >> np.uint64(t & 63)) & np.uint64(1)) << np.uint64(i - first)
            target[first >> 6] = word


@numba.njit(nogil=True, cache=True)
def append(words, n_samples, out, start):
    """Copy the first ``n_samples`` bits of ``words`` into ``out`` from bit ``start`` on.

    ``words`` has a zero tail and ``out`` holds zeros from ``start`` on.
    """
    n_words = (n_samples + 63) >> 6
    first = start >> 6
    shift = np.uint64(start & 63)
    for u in range(words.shape[0]):
        for w in range(n_words):
            word = words[u, w]
            out[u, first + w] |= word << shift
            if shift:
                carry = word >> (np.uint64(64) - shift)
                if carry:
                    out[u, first + w + 1] |= carry
