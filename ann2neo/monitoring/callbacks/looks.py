"""When a monitor looks at a network in training: one base of all frameworks' callbacks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ann2neo.monitoring.batch_norm import batch_norm_statistics
from ann2neo.monitoring.callbacks.tensorboard import ScalarLog
from ann2neo.monitoring.schedules import as_schedule


class MonitorLike(Protocol):
    """What a callback asks of a monitor."""

    @property
    def last_step(self) -> int:
        """The last step looked at; −1 before the first."""

    @property
    def should_stop(self) -> bool:
        """Whether the training is to end."""

    def attach(self, network: Any) -> None:
        """Get ready to look."""

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look."""

    def to_frame(self) -> pd.DataFrame:
        """What was seen."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write what was seen."""


class Looks:
    """Counts steps and passes, and has the monitor look when it is time.

    A framework's callback inherits from it and says what happened: `_start`, `_begin_pass`, `_advance`
    and `_end_pass`; it ends the training where `_advance` or the others return True.
    """

    def __init__(
        self,
        monitor: MonitorLike,
        *,
        every: Any = 1,
        batch_norm_samples: Any = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        if isinstance(monitor, type) or not callable(getattr(monitor, "observe", None)):
            raise TypeError(f"monitor must be a PatternMonitor or its like, got {monitor!r:.60}")
        self._schedule = as_schedule(every)
        self._batch_norm_samples = batch_norm_samples
        self.monitor = monitor
        self.step = 0
        self.training_epoch = 0
        self._log = None if tensorboard is None else ScalarLog(tensorboard)

    def look(self, network: Any) -> None:
        """Look at the network now."""
        samples = self._batch_norm_samples
        with nullcontext() if samples is None else batch_norm_statistics(network, samples):
            self.monitor.observe(network, self.step, self.training_epoch)

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far; see the monitor's `to_frame`."""
        return self.monitor.to_frame()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write `to_frame` as ``.csv`` or ``.parquet``; see the monitor's `save`."""
        return self.monitor.save(path, overwrite=overwrite)

    def _start(self, network: Any) -> bool:
        self.monitor.attach(network)
        if self.monitor.last_step < 0:
            self.look(network)
        return self._should_stop()

    def _begin_pass(self, number: int) -> None:
        """Pass `number`, from 0; a further training that starts to count anew goes on."""
        self.training_epoch = max(self.training_epoch, number) + 1

    def _advance(self, step: int, network: Callable[[], Any]) -> bool:
        """So many steps are done; the network is asked for only if it is looked at."""
        before, self.step = self.step, step
        if self._schedule.is_due(before, step):
            self.look(network())
        return self._should_stop()

    def _end_pass(self, network: Callable[[], Any]) -> bool:
        if self._schedule.training_epochs and self.step > self.monitor.last_step:
            self.look(network())
        if self._log is not None:
            self._log.write(self.to_frame())
        return self._should_stop()

    def _should_stop(self) -> bool:
        return bool(getattr(self.monitor, "should_stop", False))
