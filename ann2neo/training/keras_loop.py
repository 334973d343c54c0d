"""Passes over the training data by Keras' `fit`: any backend, any callback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ann2neo.training.training_loop import Passes, Plan, Score


def train_by_fit(
    network: Any, plan: Plan, passes: Passes, rng: np.random.Generator, callbacks: Sequence[Any]
) -> None:
    """Train the compiled `network` until `passes` or a callback says it is over."""
    batches = _Batches(plan)
    network.fit(
        batches,
        epochs=plan.condition.stop.epochs,
        shuffle=False,
        validation_data=(plan.x[plan.n_train :], plan.y[plan.n_train :]) if plan.validates else None,
        validation_batch_size=plan.batch_size if plan.validates else None,
        callbacks=[_Order(batches, rng), *callbacks, _Report(plan, passes)],
        verbose=0,
    )


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The training samples, in an order that is set before each pass."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        self.order = np.arange(plan.n_train)

    def __len__(self) -> int:
        return -(-self._plan.n_train // self._plan.batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        start = batch * self._plan.batch_size
        chosen = self.order[start : start + self._plan.batch_size]
        return self._plan.x[chosen], self._plan.y[chosen]


class _Order(keras.callbacks.Callback):  # type: ignore[misc]
    """Draws the order of a pass when it begins; the data set's own hooks are called more often."""

    def __init__(self, batches: _Batches, rng: np.random.Generator) -> None:
        super().__init__()
        self._batches = batches
        self._rng = rng

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.order = self._rng.permutation(len(self._batches.order))


class _Report(keras.callbacks.Callback):  # type: ignore[misc]
    """Hands each pass to `Passes`, and stops where it says so."""

    def __init__(self, plan: Plan, passes: Passes) -> None:
        super().__init__()
        self._passes = passes
        self._sizes = plan.n_train, len(plan.x) - plan.n_train

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._passes.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        found = {name: float(logs[name]) for name in Score._fields if name in logs}
        for name, n_samples in zip(("accuracy", "val_accuracy"), self._sizes, strict=True):
            if name in found:
                # A share of samples that was rounded to float32 would miss the accuracy to reach.
                found[name] = round(found[name] * n_samples) / n_samples
        score = Score(**found)
        by_callback = self.model.stop_training
        if self._passes.end(score):
            self.model.stop_training = True
        elif by_callback:
            self._passes.stopped_by = "callback"
