"""Whether each row of a layer depends on one sample alone: looked at, since it cannot be read off.

A mixture of experts that sorts its rows, or a layer that looks at the whole batch, gives rows that are
other samples', or change with the size of the batch. Such a layer is found by showing the same samples
in another order and number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

N_TRIED = 9
"""Samples of the trial run; another number than that of any axis would have to be, were it not that the
further runs have another number of rows."""

DEPENDS = "its rows depend on which other samples are in the batch, and in which order"
_FEW_FLIPS = 0.02
_NO_ROWS = (
    "it gave {} rows for {} samples: its first axis is not the samples, but steps, frames, experts or "
    "the like"
)


def choose_trials(n_samples: int) -> list[npt.NDArray[np.int64]]:
    """Rows of a batch for the trial run, and for two more: fewer and in another order, and one alone."""
    first = np.unique(np.linspace(0, n_samples - 1, N_TRIED).astype(np.int64))
    if len(first) < 3:
        first = np.arange(3, dtype=np.int64) % n_samples
    # Not turned round, which a layer that turns its rows round would pass, and with none in both.
    return [first, np.roll(first, -2)[::2].copy(), first[3 % len(first)][None].copy()]


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
        if expected.shape != part.shape or not _agree(expected, part, tolerance):
            return DEPENDS
    return ""


def _agree(expected: npt.NDArray[Any], found: npt.NDArray[Any], tolerance: float) -> bool:
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
