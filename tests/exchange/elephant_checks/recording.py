"""One recording for all checks, and the table of Elephant's callables with what each must give on it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import neo
import numpy as np
import quantities as pq

import ann2neo as a2n

N_SAMPLES, N_TRIALS = 1000, 10
SILENT, ALWAYS_ON, TWINS, SPARSE = 0, 1, (2, 3), (2, 3, 4, 5)
MS = pq.ms


@dataclass(frozen=True)
class Recording:
    """A ReLU layer shown random input, as it comes out of `record` and `to_block`.

    Unit 0 is silent, unit 1 always on, units 2 and 3 have the same weights, 2 to 5 are sparse.
    """

    activations: np.ndarray
    block: neo.Block

    @cached_property
    def active(self) -> np.ndarray:
        """What NumPy says: bool, (n_units, n_samples)."""
        return (self.activations > 0).T

    @property
    def trains(self) -> list[neo.SpikeTrain]:
        return list(self.block.segments[0].spiketrains)

    @property
    def varied(self) -> list[int]:
        """Units that are neither silent nor always on."""
        return list(range(2, len(self.active)))

    def times(self, unit: int) -> np.ndarray:
        return np.flatnonzero(self.active[unit]).astype(float)

    @cached_property
    def trials(self) -> neo.Block:
        """The same recording as trials of 100 samples, a Segment each."""
        raster = a2n.from_block(self.block)
        parts = np.arange(N_SAMPLES).reshape(N_TRIALS, -1)
        return a2n.to_block({f"trial {i}": raster.select(samples=part) for i, part in enumerate(parts)})

    @cached_property
    def active_trials(self) -> np.ndarray:
        """bool, (n_trials, n_units, n_samples of a trial)."""
        return self.active.reshape(len(self.active), N_TRIALS, -1).swapaxes(0, 1)

    @property
    def trial_lists(self) -> list[list[neo.SpikeTrain]]:
        return [list(segment.spiketrains) for segment in self.trials.segments]


def record_spikes() -> Recording:
    rng = np.random.default_rng(20)
    labels = rng.integers(0, 4, N_SAMPLES)
    inputs = rng.normal(size=(N_SAMPLES, 8)) + rng.normal(size=(4, 8))[labels]
    weights, bias = rng.normal(size=(8, 12)), rng.normal(size=12)
    bias[SILENT], bias[ALWAYS_ON] = -100, 100
    weights[:, TWINS[1]], bias[list(SPARSE)] = weights[:, TWINS[0]], -2.5
    activations = np.maximum(inputs @ weights + bias, 0)
    return Recording(activations, a2n.to_block(a2n.record(activations, labels=labels, progress=False)))


CHECKS: dict[str, tuple[Callable[..., Any], Callable[[Any, Recording], None]]] = {}
"""Name → (Elephant's callable, check of what it gives)."""


def check_of(called: Callable[..., Any], name: str = "") -> Callable[[Callable], Callable]:
    """Enter a check of this callable into the table; `name` it where Elephant has it from elsewhere."""
    name = name or f"{called.__module__}.{called.__qualname__}"

    def enter(check: Callable[[Any, Recording], None]) -> Callable[[Any, Recording], None]:
        assert name not in CHECKS, f"{name} is checked twice"
        CHECKS[name] = (called, check)
        return check

    return enter
