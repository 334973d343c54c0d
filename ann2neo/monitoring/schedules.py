"""When to look at a network while it trains."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.spikes.argument_checks import check_count


@dataclass(frozen=True)
class Schedule:
    """Steps at which to look: multiples of `every`, or those in `steps`, or the ends of passes.

    Step 0, before training, belongs to every schedule and is not asked for here.
    """

    every: int | None = None
    steps: tuple[int, ...] = ()
    training_epochs: bool = False

    def is_due(self, before: int, step: int) -> bool:
        """Whether a step after `before`, up to `step`, is on the schedule.

        Keras may run several steps between two calls of a callback.
        """
        if self.every is not None:
            return step // self.every > before // self.every
        return bisect.bisect(self.steps, step) > bisect.bisect(self.steps, before)


def as_schedule(every: Any) -> Schedule:
    """`every` of a monitor as a `Schedule`.

    Parameters
    ----------
    every : int, "training_epoch" or iterable of int
        Each so many steps; after each pass over the training data; at these steps, in any order.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.

    Examples
    --------
    >>> from ann2neo.monitoring.schedules import as_schedule
    >>> [step for step in range(1, 10) if as_schedule(4).is_due(step - 1, step)]
    [4, 8]
    >>> [step for step in range(1, 10) if as_schedule([7, 2]).is_due(step - 1, step)]
    [2, 7]
    """
    if isinstance(every, str):
        if every != "training_epoch":
            raise ValueError(f"every must be an int, 'training_epoch' or steps, got {every!r:.60}")
        return Schedule(training_epochs=True)
    if not isinstance(every, Iterable):
        return Schedule(every=check_count(every, "every"))
    steps = np.asarray(list(every))
    if steps.ndim != 1 or steps.size == 0 or steps.dtype.kind not in "iu":
        raise TypeError(f"every must be an int, 'training_epoch' or steps as int, got {every!r:.60}")
    if steps.min() < 0:
        raise ValueError(f"every must hold steps of 0 or more, got {steps.min()}")
    return Schedule(steps=tuple(sorted({int(step) for step in steps if step})))


def log_spaced(last: int, n_steps: int = 100) -> np.ndarray:
    """Steps that lie dense at the start of training and thin out, evenly in their logarithm.

    Parameters
    ----------
    last : int
        The last step, at least 1.
    n_steps : int
        How many at most: small steps that round to the same number count once.

    Returns
    -------
    array of int64
        Ascending, from 1 to `last`.

    Examples
    --------
    >>> from ann2neo import monitoring
    >>> monitoring.log_spaced(1000, 7)
    array([   1,    3,   10,   32,  100,  316, 1000])
    """
    last, n_steps = check_count(last, "last"), check_count(n_steps, "n_steps")
    if n_steps == 1:
        return np.array([last])
    return np.unique(np.geomspace(1, last, n_steps).round().astype(np.int64))
