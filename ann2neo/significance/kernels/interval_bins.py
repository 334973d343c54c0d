# mypy: disable-error-code="no-untyped-def"
"""The compiled loops that sort intervals between spikes into bins, chunk after chunk of a recording."""

from __future__ import annotations

import numba
import numpy as np

from ann2neo.spikes.kernels import _trailing_zeros

_ONE = np.uint64(1)


@numba.njit(nogil=True, cache=True)
def note_ends(words, start, ends):
    """Carry on each unit's first and last spike, −1 before any; ``words`` begin at sample ``start``."""
    for u in range(words.shape[0]):
        row = words[u]
        for w in range(row.size):
            if row[w] != np.uint64(0):
                if ends[u, 0] < 0:
                    ends[u, 0] = start + np.int64(w << 6) + _trailing_zeros(row[w])
                break
        for w in range(row.size - 1, -1, -1):
            word = row[w]
            if word != np.uint64(0):
                while word & (word - _ONE) != np.uint64(0):
                    word &= word - _ONE
                ends[u, 1] = start + np.int64(w << 6) + _trailing_zeros(word)
                break


@numba.njit(nogil=True, cache=True)
def bin_intervals(words, start, last, widths, offsets, counts):
    """Count intervals in (0, width], (width, 2 width] …, the last bin of each unit open.

    Unit u has the bins ``offsets[u]`` to ``offsets[u + 1]`` of ``counts``; ``last`` is its latest spike,
    −1 before there is one, and is carried on. Units without bins are passed over.
    """
    for u in range(words.shape[0]):
        n_bins = offsets[u + 1] - offsets[u]
        if n_bins == 0:
            continue
        row, before, width = words[u], last[u], widths[u]
        for w in range(row.size):
            word, base = row[w], start + np.int64(w << 6)
            while word != np.uint64(0):
                spike = base + _trailing_zeros(word)
                word &= word - _ONE
                if before >= 0:
                    place = (spike - before - 1) // width
                    counts[offsets[u] + min(place, n_bins - 1)] += 1
                before = spike
        last[u] = before
