"""Whether each row of a layer depends on one sample alone: looked at, since it cannot be read off.

A mixture of experts that sorts its rows, or a layer that looks at the whole batch, gives rows that are
other samples', or change with the size of the batch. Such a layer is found by showing the same samples
in another order and number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

N_TRIED = 9
"""Samples of the trial run; another number than that of any axis would have to be, were it not that the
run of one has another number of rows."""

_STRICT = 0.05
"""How much less rounding is allowed for a sample that stays in its place among as many others."""

_N_LAST = 4
_N_SUSPECTS = 12

DEPENDS = "its rows depend on which other samples are in the batch, and in which order"
_FEW_FLIPS = 0.02
_NO_ROWS = (
    "it gave {} rows for {} samples: its first axis is not the samples, but steps, frames, experts or "
    "the like"
)


def choose_trials(n_samples: int) -> list[npt.NDArray[np.int64]]:
    """Rows of a batch for the trial run, and for two more: one alone; and as many in other places, of
    which the second stays in its own and is there twice, while the first is missing."""
    first = np.unique(np.linspace(0, n_samples - 1, N_TRIED).astype(np.int64))
    if len(first) < 3:
        first = np.arange(3, dtype=np.int64) % n_samples
    exchanged = np.roll(first, 1)
    exchanged[1] = first[1]
    return [first, first[3 % len(first)][None].copy(), exchanged]


def choose_whole_trials(rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """As `choose_trials`, for a network that takes no other number of samples than there are `rows`."""
    others = np.roll(rows, -1)
    # One sample is there twice and one is missing, as a mean over all would tell.
    others[0] = others[len(others) // 2]
    return [rows, others]


def find_fault(
    whole: npt.NDArray[Any],
    parts: list[npt.NDArray[Any] | None],
    trials: list[npt.NDArray[np.int64]],
    tolerance: float,
) -> str:
    """What is wrong with the rows of a place, "" if they depend on their own samples alone.

    Parameters
    ----------
    whole, parts : array of shape (n_rows, ...)
        Values of the trial run, and of the further ones; None where the place was not come to.
    trials : list of arrays
        Which samples were shown in each run, the first for `whole`.
    tolerance : float
        Relative to the largest value: batches of other sizes are summed up in another order.
    """
    first = trials[0]
    if len(whole) != len(first):
        return _NO_ROWS.format(len(whole), len(first))
    places = {int(row): place for place, row in reversed(list(enumerate(first)))}
    for part, rows in zip(parts, trials[1:], strict=True):
        if part is None:
            return "the network comes to it with some samples and not with others"
        if len(part) != len(rows):
            return _NO_ROWS.format(len(part), len(rows))
        expected = whole[[places[int(row)] for row in rows]]
        if expected.shape != part.shape or not agree(expected, part, tolerance):
            return DEPENDS
        stays = rows == first if len(rows) == len(first) else []
        if np.any(stays) and not agree(expected[stays], part[stays], _STRICT * tolerance):
            return DEPENDS
    return ""


def choose_suspects(sums: Sequence[npt.NDArray[Any]], tried: Sequence[int]) -> list[int]:
    """Rows of a batch that are to be shown apart from the rest, by the sums of what layers made of them:
    the last ones, those with the smallest and largest, and some with the same sum as another. What is
    dropped for want of room, or taken from another sample, is among them."""
    n_samples = len(sums[0])
    rows = dict.fromkeys(range(n_samples - 1, max(n_samples - 1 - _N_LAST, -1), -1))
    for own in sums:
        rows |= dict.fromkeys([int(own.argmin()), int(own.argmax())])
        order = own.argsort()
        alike = (own[order][1:] == own[order][:-1]) & (own[order][1:] > 0)
        rows |= dict.fromkeys(order[1:][alike][:_N_LAST].tolist())
    return [row for row in rows if row not in tried][:_N_SUSPECTS]


def agree(expected: npt.NDArray[Any], found: npt.NDArray[Any], tolerance: float) -> bool:
    """Whether values are the same, up to `tolerance` of the largest."""
    if expected.dtype.kind not in "fc":
        return bool((expected != found).mean() <= _FEW_FLIPS) if expected.size else True
    wanted, got = expected.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(wanted) & np.isfinite(got)
    scale = np.abs(wanted[finite]).max(initial=0)
    with np.errstate(invalid="ignore"):
        off = (np.abs(wanted - got) > tolerance * scale) & finite
    # Spikes and codes may flip where a value lies at the edge; that is no other row.
    steps = np.unique(wanted[finite]).size <= 3
    return bool(off.mean() <= (_FEW_FLIPS if steps else 0)) if off.size else True
