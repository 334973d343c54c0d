"""A PyTorch Lightning callback that lets a monitor look at the network a `Trainer` trains."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from ann2neo.extras import require
from ann2neo.monitoring.callbacks.looks import Looks, MonitorLike

_Callback: Any = require("lightning.pytorch", extra="lightning").Callback
_KEYS = ["step", "training_epoch", "probe", "layer"]


class LightningMonitorCallback(Looks, _Callback):  # type: ignore[misc]
    """Has a monitor look at the network that Lightning trains: before training and on a schedule.

    Training goes on exactly as without it: the weights come out the same, bit for bit.

    Parameters
    ----------
    monitor : ActivityMonitor, PatternMonitor or an alarm
        As for `MonitorCallback`. An alarm that is to stop the training does.
    every : int, "training_epoch" or iterable of int
        As for `MonitorCallback`; a step is an update of the weights, so that with accumulated gradients
        it is several batches.
    network : str, optional
        Attribute of the LightningModule that holds the network, such as ``"model"`` or
        ``"model.encoder"``; by default the module itself, which then needs a ``forward`` that takes the
        probes.
    log : bool
        Hand each look's numbers to the loop's own loggers (TensorBoard, Weights & Biases, CSV), under
        ``layer/probe/column``.
    batch_norm_samples, tensorboard
        As for `MonitorCallback`.

    Attributes
    ----------
    step, training_epoch : int
        As of `MonitorCallback`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    FloatingPointError
        From ``fit``, if training diverged; what was seen before is kept.
    """

    def __init__(
        self,
        monitor: MonitorLike,
        *,
        every: Any = 1,
        network: str | None = None,
        log: bool = False,
        batch_norm_samples: Any = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        _Callback.__init__(self)
        Looks.__init__(
            self,
            monitor,
            every=every,
            batch_norm_samples=batch_norm_samples,
            tensorboard=tensorboard,
        )
        if network is not None and not isinstance(network, str):
            raise TypeError(f"network must be the name of an attribute, got {network!r:.60}")
        self._attribute = network
        self._logs = log
        self._n_logged = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Look at the untrained network."""
        self.step = trainer.global_step
        self._finish(trainer, self._start(self._find(pl_module)))

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Count passes."""
        self._begin_pass(trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look, if it is time."""
        if trainer.global_step > self.step:
            over = self._advance(trainer.global_step, lambda: self._find(pl_module))
            self._finish(trainer, over)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Look, if it is time, and report."""
        self._finish(trainer, self._end_pass(lambda: self._find(pl_module)))

    def _find(self, module: Any) -> Any:
        return module if self._attribute is None else attrgetter(self._attribute)(module)

    def _finish(self, trainer: Any, over: bool) -> None:
        if self._logs:
            table = self.to_frame()
            for step, rows in table.iloc[self._n_logged :].groupby("step", sort=False):
                for logger in trainer.loggers:
                    logger.log_metrics(_list_values(rows), step=step)
            self._n_logged = len(table)
        if over:
            trainer.should_stop = True


def _list_values(rows: pd.DataFrame) -> dict[str, float]:
    values = rows.drop(columns=_KEYS)
    return {
        f"{layer}/{probe}/{column}": float(value)
        for (layer, probe), row in zip(
            rows[["layer", "probe"]].itertuples(index=False), values.itertuples(index=False), strict=True
        )
        for column, value in zip(values.columns, row, strict=True)
    }
