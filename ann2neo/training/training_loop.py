"""How passes over the training data are planned, what is kept of each, and when the last one is over."""

from __future__ import annotations

import math
import numbers
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.progress import ProgressBar
from ann2neo.training.conditions import Condition, StoppingRule
from ann2neo.training.datasets import Dataset, random_labels


class DivergedError(FloatingPointError):
    """The loss is no longer a finite number.

    Attributes
    ----------
    history : pandas.DataFrame
        As of `Trained`, up to and with the pass that went wrong.
    """

    def __init__(self, message: str, history: pd.DataFrame) -> None:
        super().__init__(message)
        self.history = history


class Score(NamedTuple):
    """Loss and accuracy over a pass; the validation's NaN without one."""

    loss: float
    accuracy: float
    val_loss: float = math.nan
    val_accuracy: float = math.nan


@dataclass(frozen=True)
class Plan:
    """How training runs, whichever way it does: checked settings and data split in two."""

    condition: Condition
    x: Any
    y: Any
    n_train: int
    batch_size: int

    @property
    def validates(self) -> bool:
        """Whether samples are held out."""
        return self.n_train < len(self.x)


def plan_training(
    condition: Condition, data: Dataset, batch_size: Any, validation_split: Any, rng: np.random.Generator
) -> Plan:
    """The plan of a condition; random labels are drawn here."""
    labels = data.y_train
    if condition.labels == "random":
        labels = random_labels(labels, rng=rng)
        labels.flags.writeable = False
    n_train = count_trained_on(len(labels), validation_split)
    return Plan(condition, data.x_train, labels, n_train, check_count(batch_size, "batch_size"))


class Passes:
    """Takes the score of each pass, says when to stop and keeps the history."""

    def __init__(self, condition: Condition, progress: bool) -> None:
        self.stopped_by = "epochs"
        self._name = condition.name
        self._stop: StoppingRule = condition.stop
        self._rows: list[tuple[Any, ...]] = []
        self._best = -math.inf
        self._since_best = 0
        self._bar = ProgressBar(
            condition.stop.epochs, condition.name, unit="pass", delay=0, progress=progress
        )
        self._began = time.perf_counter()

    def begin(self) -> None:
        """A pass begins now."""
        self._began = time.perf_counter()

    def end(self, score: Score) -> bool:
        """Note a pass; True if it was the last.

        Raises
        ------
        DivergedError
            If its loss is not finite.
        """
        seconds = time.perf_counter() - self._began
        self._rows.append((len(self._rows) + 1, *score, seconds))
        if not math.isfinite(score.loss):
            raise DivergedError(
                f"{self._name}: loss is {score.loss} in training epoch {len(self._rows)}; "
                "a lower learning_rate may help",
                self.history(),
            )
        self._bar.say(f"accuracy={score.accuracy:.4f}")
        self._bar.update()
        return self._is_over(score.accuracy)

    def history(self) -> pd.DataFrame:
        """A row per pass."""
        columns = ["training_epoch", *Score._fields, "seconds"]
        kinds = {name: "int64" if name == "training_epoch" else "float64" for name in columns}
        return pd.DataFrame(self._rows, columns=columns).astype(kinds)

    def outcome(self) -> dict[str, Any]:
        """What provenance says of the passes; an accuracy that there is none of is None."""
        history = self.history()
        return {
            "epochs_run": len(history),
            "stopped_by": self.stopped_by,
            "training_accuracy": _last(history.accuracy),
            "validation_accuracy": _last(history.val_accuracy),
        }

    def close(self) -> None:
        """Take the progress bar away."""
        self._bar.close()

    def _is_over(self, accuracy: float) -> bool:
        improved = accuracy > self._best
        self._since_best = 0 if improved else self._since_best + 1
        self._best = max(self._best, accuracy)
        if self._stop.accuracy is not None and accuracy >= self._stop.accuracy:
            self.stopped_by = "accuracy"
        elif self._stop.plateau is not None and self._since_best >= self._stop.plateau:
            self.stopped_by = "plateau"
        elif len(self._rows) < self._stop.epochs:
            return False
        return True


def count_trained_on(n_samples: int, split: Any) -> int:
    """Samples not held out: as many as Keras' `validation_split` leaves."""
    if isinstance(split, bool) or not isinstance(split, numbers.Real):
        raise TypeError(f"validation_split must be a number in [0, 1), got {split!r:.60}")
    if not 0 <= float(split) < 1:
        raise ValueError(f"validation_split must lie in [0, 1), got {split!r:.60}")
    left = int(n_samples * (1.0 - float(split)))
    if not left:
        raise ValueError(f"validation_split={split} leaves none of {n_samples} samples to train with")
    return left


def _last(column: pd.Series) -> float | None:
    return float(column.iloc[-1]) if len(column) and np.isfinite(column.iloc[-1]) else None
