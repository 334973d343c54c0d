"""What a sample's probability of a spike depends on: a cell, by the sample and the train's history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ann2neo.processes.kernels import count_cells
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Ints
from ann2neo.statistics.units.class_counts import count_classes

LONGEST = 4096
"""Age in samples from which on a renewal model's hazard is one number."""


@dataclass(frozen=True, eq=False)
class History:
    """What is kept of a train's past: the state of an automaton, and the group a state belongs to.

    Parameters
    ----------
    transitions : array of int32, shape (n_states, 2)
        The next state, after a pause and after a spike.
    groups : array of int32, shape (n_states,)
    n_groups : int
    """

    transitions: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    n_groups: int


def forget() -> History:
    """No history."""
    return History(np.zeros((1, 2), np.int32), np.zeros(1, np.int32), 1)


def remember_bits(order: int) -> History:
    """The last `order` samples; group g has the bit ``g >> (k − 1) & 1`` for k samples ago."""
    state = np.arange(2**order)
    after = (state << 1) & (2**order - 1)
    ones = after | (1 if order else 0)
    return History(np.stack([after, ones], axis=1).astype(np.int32), state.astype(np.int32), 2**order)


def remember_age(edges: Ints) -> History:
    """Samples since the last spike, in groups of ages ``edges[g] + 1`` to ``edges[g + 1]``.

    The last group goes on without end. State s is age s + 1.
    """
    age = np.arange(1, LONGEST + 1)
    groups = np.clip(np.searchsorted(edges, age, "left") - 1, 0, len(edges) - 2)
    later = np.minimum(np.arange(1, LONGEST + 1), LONGEST - 1)
    return History(
        np.stack([later, np.zeros(LONGEST)], axis=1).astype(np.int32),
        groups.astype(np.int32),
        len(edges) - 1,
    )


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the samples of a recording: what was shown and when, times the train's history.

    Cell ``code * n_groups + group``. A train's history before its first sample is taken to be all pauses
    (bits), or a spike right before (age).

    Parameters
    ----------
    codes : array of int64, shape (n_samples,)
        By the sample, the same for all units.
    n_codes : int
    history : History
    """

    codes: Ints
    n_codes: int
    history: History

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.n_codes * self.history.n_groups

    def count(self, raster: SpikeRaster, folds: Ints | None = None, n_folds: int = 1) -> Ints:
        """Samples per unit, fold, cell and outcome: int64, (n_units, n_folds, n_cells, 2)."""
        codes = self.codes if folds is None else folds * self.n_codes + self.codes
        n_units, groups = raster.n_units, self.history.n_groups
        counts = np.zeros((n_units, n_folds * self.n_cells, 2), np.int64)
        if groups == 1:
            sizes, spikes = count_classes(raster, codes, n_folds * self.n_codes)
            counts[..., 1] = spikes.T
            counts[..., 0] = sizes - spikes.T
        else:
            states = np.zeros(n_units, np.int64)
            history = self.history
            count_cells(raster.words, codes, history.groups, history.transitions, groups, states, counts)
        return counts.reshape(n_units, n_folds, self.n_cells, 2)
