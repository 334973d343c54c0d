"""The compiled loops over packed bits.

A unit's spikes lie in a row of ``uint64`` words, sample ``t`` in bit ``t % 64`` of word ``t // 64``.
Every kernel releases the GIL and runs on one thread: on shared cores a parallel loop stalls.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

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
    column = np.empty(64, np.uint64)
    for first in range(0, n_units, 64):
        size = min(64, n_units - first)
        for word in range((n_samples + 63) >> 6):
            # Copied together, the units' words shift and store as vectors.
            for u in range(size):
                column[u] = words[first + u, word]
            for t in range(word << 6, min(n_samples, (word + 1) << 6)):
                shift = np.uint64(t & 63)
                row = dense[t, first : first + size]
                for u in range(size):
                    row[u] = (column[u] >> shift) & np.uint64(1)


@numba.njit(nogil=True, cache=True)
def spike_indices(row, indices):
    """Write the positions of the set bits of one unit's words into ``indices``, ascending."""
    k = 0
    for w in range(row.size):
        word = row[w]
        base = w << 6
        while word != 0:
            indices[k] = base + _trailing_zeros(word)
            k += 1
            word &= word - np.uint64(1)


@intrinsic
def _trailing_zeros(context, word):
    """Position of the lowest set bit of a word that is not 0: one instruction of the processor."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], cgutils.true_bit)

    return numba.int64(numba.uint64), generate


@numba.njit(nogil=True, cache=True)
def set_bits(row, indices):
    """Set the bits of one unit's words at ``indices``."""
    for i in range(indices.size):
        t = indices[i]
        row[t >> 6] |= np.uint64(1) << np.uint64(t & 63)


@numba.njit(nogil=True, cache=True)
def gather(words, order, out):
    """Bit ``i`` of ``out`` becomes bit ``order[i]`` of ``words``, for every unit."""
    in_row = _find_words_in_a_row(order)
    for u in range(words.shape[0]):
        row = words[u]
        target = out[u]
        for first in range(0, order.size, 64):
            size = min(64, order.size - first)
            word = np.uint64(0)
            if in_row[first >> 6]:
                place, shift = order[first] >> 6, np.uint64(order[first] & 63)
                word = row[place] >> shift
                if np.int64(shift) + size > 64:
                    word |= row[place + 1] << (np.uint64(64) - shift)
                if size < 64:
                    word &= (np.uint64(1) << np.uint64(size)) - np.uint64(1)
            else:
                for i in range(first, first + size):
                    t = order[i]
                    bit = (row[t >> 6] >> np.uint64(t & 63)) & np.uint64(1)
                    word |= bit << np.uint64(i - first)
            target[first >> 6] = word


@numba.njit(nogil=True, cache=True)
def _find_words_in_a_row(order):
    """Whether the bits of each word gathered lie one behind the other."""
    in_row = np.ones((order.size + 63) >> 6, np.bool_)
    for i in range(1, order.size):
        if i & 63 and order[i] != order[i - 1] + 1:
            in_row[i >> 6] = False
    return in_row


@numba.njit(nogil=True, cache=True)
def drop(words, n_bits):
    """Shift every unit's bits towards sample 0, in place, so that the first ``n_bits < 64`` fall out."""
    down, up = np.uint64(n_bits), np.uint64(64 - n_bits)
    n_units, n_words = words.shape
    for u in range(n_units if n_bits else 0):
        for w in range(n_words - 1):
            words[u, w] = (words[u, w] >> down) | (words[u, w + 1] << up)
        words[u, n_words - 1] >>= down


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


@numba.njit(nogil=True, cache=True, inline="always")
def _popcount(word):
    """Set bits of a word; the compiler turns this pattern into the processor's own instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(nogil=True, cache=True)
def lag_products(words, max_lag):
    """Number of samples at which a unit fires both now and ``k`` later, for ``k`` up to `max_lag`.

    Bits beyond the last sample are zero, so that whole words can be shifted against one another.
    """
    n_units, n_words = words.shape
    products = np.zeros((n_units, max_lag + 1), np.int64)
    for u in range(n_units):
        row = words[u]
        for lag in range(min(max_lag, 64 * n_words - 1) + 1):
            skip = lag >> 6
            down = np.uint64(lag & 63)
            count = np.uint64(0)
            if down == 0:
                for w in range(n_words - skip):
                    count += _popcount(row[w] & row[w + skip])
            else:
                up = np.uint64(64) - down
                for w in range(n_words - skip - 1):
                    later = (row[w + skip] >> down) | (row[w + skip + 1] << up)
                    count += _popcount(row[w] & later)
                count += _popcount(row[n_words - skip - 1] & (row[n_words - 1] >> down))
            products[u, lag] = np.int64(count)
    return products


@numba.njit(nogil=True, cache=True)
def add_products_across(before, after, products):
    """Add pairs of a bit of ``before`` and one of ``after`` a lag later to ``products[u, lag]``.

    ``after`` may have more words than ``before``; lags from 1 on.
    """
    n_words = after.shape[1]
    for u in range(products.shape[0]):
        row = after[u]
        for lag in range(1, products.shape[1]):
            skip, down, count = lag >> 6, np.uint64(lag & 63), np.uint64(0)
            for w in range(min(before.shape[1], n_words - skip)):
                later = row[w + skip] >> down
                if down and w + skip + 1 < n_words:
                    later |= row[w + skip + 1] << (np.uint64(64) - down)
                count += _popcount(before[u, w] & later)
            products[u, lag] += np.int64(count)


# Terms of CV2, LV and LvR lie in [0, 2]. As whole multiples of 2^-61 in two int64 they add up exactly,
# so that no sum depends on how a recording was cut: low 32 bits and the rest, room for 2^31 terms.
@numba.njit(nogil=True, cache=True, inline="always")
def _add_exactly(sums, first, term, times):
    fixed = np.int64(np.rint(term * 2305843009213693952.0))
    sums[first] += (fixed >> 32) * times
    sums[first + 1] += (fixed & 0xFFFFFFFF) * times


@numba.njit(nogil=True, cache=True)
def _add_interval_pair(sums, before, after, times):
    total = float(before + after)
    relative = abs(float(after - before)) / total
    _add_exactly(sums, 2, 2.0 * relative, times)
    _add_exactly(sums, 4, relative * relative, times)
    _add_exactly(sums, 6, relative * relative / total, times)


# Pairs of neighboring intervals shorter than this are counted in a table and evaluated once per kind:
# nearly all of them, but for units that hardly fire.
_SHORT = 32
_NONE = np.uint64(2**63)


@numba.njit(nogil=True, cache=True)
def interval_sums(words, start, ends, sums):
    """Go through the inter-spike intervals of every unit and add up what their statistics need.

    Goes on where an earlier call stopped. `ends` (n_units, 5), int64: number of spikes, first spike,
    first interval, last spike, last interval; `start` is the first sample's place. `sums` (n_units, 8),
    int64: Σd, Σd², and exact sums, two numbers each, of 2|d'−d|/(d'+d), ((d'−d)/(d'+d))² and
    ((d'−d)/(d'+d))²/(d'+d) over neighboring intervals d, d'.

    It steps from run to run of spikes, not from spike to spike: within a run all intervals are 1, and
    two neighbors of 1 add nothing but a square, so that units which nearly always fire are quick.
    """
    # Pairs of an interval that ends a pause and the one before it; and of such a one and 1, after it.
    pairs, left = np.zeros(_SHORT * _SHORT, np.int64), np.zeros(_SHORT, np.int64)
    one = np.uint64(1)
    for u in range(words.shape[0]):
        row, end, total = words[u], ends[u], sums[u]
        pairs[:] = 0
        left[:] = 0
        last = np.uint64(end[3]) if end[0] > 0 else _NONE
        interval = np.uint64(end[4]) if end[0] > 1 else _NONE
        n_spikes, n_runs = np.uint64(0), np.uint64(0)
        for w in range(row.size):
            word = row[w]
            base = np.uint64(start + (w << 6))
            n_spikes += _popcount(word)
            while word != np.uint64(0):
                first = base + np.uint64(_trailing_zeros(word))
                # Adding the lowest bit carries through the run: what it leaves is behind the run.
                beyond = word + (word & (~word + one))
                word &= beyond
                stop = base + (np.uint64(_trailing_zeros(beyond)) if beyond else np.uint64(64))
                now, more = first - last, stop - first > one
                n_runs += one
                if (now | interval) < np.uint64(_SHORT):
                    pairs[interval * np.uint64(_SHORT) + now] += 1
                    left[now] += more
                    interval = one if more else now
                else:
                    interval = _add_long_interval(end, total, first, last, interval, more)
                last = stop - one
        end[0] += np.int64(n_spikes)
        total[1] += np.int64(n_spikes - n_runs)
        if last != _NONE:
            total[0] = np.int64(last) - end[1]
            end[3] = np.int64(last)
            end[4] = 0 if interval == _NONE else np.int64(interval)
        _add_short_intervals(total, pairs, left)


@numba.njit(nogil=True, cache=True)
def _add_long_interval(end, sums, spike, last, interval, more):
    """A run after a long interval, or a unit's first two; the last interval up to the run's end."""
    one = np.uint64(1)
    if last == _NONE:
        end[1] = np.int64(spike)
        end[2] = more
        return one if more else _NONE
    now = np.int64(spike - last)
    sums[1] += now * now
    if interval == _NONE:
        end[2] = now
    else:
        _add_interval_pair(sums, np.int64(interval), now, 1)
    if more:
        _add_interval_pair(sums, now, 1, 1)
        return one
    return spike - last


@numba.njit(nogil=True, cache=True)
def _add_short_intervals(sums, pairs, left):
    for after in range(1, _SHORT):
        if left[after]:
            _add_interval_pair(sums, after, 1, left[after])
        for before in range(1, _SHORT):
            times = pairs[before * _SHORT + after]
            if times:
                sums[1] += after * after * times
                _add_interval_pair(sums, before, after, times)


@numba.njit(nogil=True, cache=True)
def join_intervals(ends, sums, later_ends, later_sums):
    """Put the sums of a later stretch of the same recording behind those of an earlier one."""
    for u in range(ends.shape[0]):
        end, total, later, later_total = ends[u], sums[u], later_ends[u], later_sums[u]
        if later[0] == 0:
            continue
        if end[0] == 0:
            end[:] = later
            total[:] = later_total
            continue
        total += later_total
        between = later[1] - end[3]
        total[0] += between
        total[1] += between * between
        if end[0] > 1:
            _add_interval_pair(total, end[4], between, 1)
        else:
            end[2] = between
        if later[0] > 1:
            _add_interval_pair(total, between, later[2], 1)
            end[4] = later[4]
        else:
            end[4] = between
        end[0] += later[0]
        end[3] = later[3]


@numba.njit(nogil=True, cache=True)
def window_counts(words, start, window, counts):
    """Spikes in each of ``counts.shape[1]`` consecutive windows of `window` samples from `start` on."""
    for u in range(words.shape[0]):
        row = words[u]
        for i in range(counts.shape[1]):
            first = start + i * window
            counts[u, i] = _count_between(row, first, first + window)


@numba.njit(nogil=True, cache=True, inline="always")
def _count_between(row, start, stop):
    """Set bits from `start` up to `stop`, which is larger."""
    first, last = start >> 6, (stop - 1) >> 6
    ones = ~np.uint64(0)
    head = ones << np.uint64(start & 63)
    tail = ones >> np.uint64(63 - ((stop - 1) & 63))
    if first == last:
        return np.int64(_popcount(row[first] & head & tail))
    count = _popcount(row[first] & head) + _popcount(row[last] & tail)
    for w in range(first + 1, last):
        count += _popcount(row[w])
    return np.int64(count)
