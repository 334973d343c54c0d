"""Learning rates that rise and fall, as Keras' optimizers take them.

One that falls at given steps is ``keras.optimizers.schedules.PiecewiseConstantDecay``.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import keras
from keras import ops

from ann2neo.spikes.argument_checks import check_count


@keras.saving.register_keras_serializable("ann2neo")
class TriangularRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that goes up and down between two bounds in straight lines.

    Parameters
    ----------
    lowest, highest : float
        The bounds, ``0 < lowest <= highest``; it starts at the lower one.
    half_cycle : int
        Steps (batches) from one bound to the other; two to ten passes over the training data in the
        reference.

    Raises
    ------
    TypeError, ValueError
        If an argument is not in its domain.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks" (WACV 2017), policy ``triangular``.

    Examples
    --------
    >>> from ann2neo import training
    >>> rate = training.TriangularRate(0.1, 0.5, half_cycle=2)
    >>> [round(float(rate(step)), 2) for step in range(6)]
    [0.1, 0.3, 0.5, 0.3, 0.1, 0.3]

    ``training.train(…, optimizer=keras.optimizers.SGD(rate))`` takes it.
    """

    def __init__(self, lowest: float, highest: float, *, half_cycle: int) -> None:
        self.lowest = _check_rate(lowest, "lowest")
        self.highest = _check_rate(highest, "highest", at_least=self.lowest)
        self.half_cycle = check_count(half_cycle, "half_cycle")

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0."""
        # Integers as long as possible: float32 has 24 bits, and steps may be more.
        place = ops.mod(step, 2 * self.half_cycle)
        up = 1 - ops.abs(ops.cast(place, "float32") / self.half_cycle - 1)
        return self.lowest + (self.highest - self.lowest) * up

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {"lowest": self.lowest, "highest": self.highest, "half_cycle": self.half_cycle}


@keras.saving.register_keras_serializable("ann2neo")
class OneCycleRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises once, falls as far, and ends far below where it started.

    Parameters
    ----------
    highest : float
        The peak, positive. It starts at a tenth of it.
    n_steps : int
        Steps (batches) of the whole training, at least 10: nine tenths are the cycle, in straight lines
        up and down; over the rest the rate falls to a thousandth of the peak and stays there.

    Raises
    ------
    TypeError, ValueError
        If an argument is not in its domain.

    Notes
    -----
    The reference lets a momentum, if there is one, fall and rise against it; this is the rate alone.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates" (2018), arXiv:1708.07120.

    Examples
    --------
    >>> from ann2neo import training
    >>> rate = training.OneCycleRate(1.0, n_steps=20)
    >>> [round(float(rate(step)), 3) for step in (0, 9, 18, 20, 21)]
    [0.1, 1.0, 0.1, 0.001, 0.001]
    """

    def __init__(self, highest: float, *, n_steps: int) -> None:
        self.highest = _check_rate(highest, "highest")
        self.n_steps = check_count(n_steps, "n_steps")
        if self.n_steps < 10:
            raise ValueError(f"n_steps must be at least 10, got {n_steps}")

    def __call__(self, step: Any) -> Any:
        """The rate at a step, counted from 0."""
        half_cycle = 0.45 * self.n_steps
        place = ops.cast(step, "float32") / half_cycle
        cycle = 0.1 + 0.9 * (1 - ops.abs(place - 1))
        # From 2 half cycles on: the last tenth of the steps, from 0 to 1.
        end = ops.clip((place - 2) * half_cycle / (0.1 * self.n_steps), 0, 1)
        return self.highest * ops.where(place < 2, cycle, 0.1 + (0.001 - 0.1) * end)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {"highest": self.highest, "n_steps": self.n_steps}


def _check_rate(value: Any, name: str, at_least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r:.60}")
    rate = float(value)
    if not math.isfinite(rate) or rate <= 0 or rate < at_least:
        raise ValueError(f"{name} must be positive, finite and at least {at_least}, got {value!r:.60}")
    return rate
