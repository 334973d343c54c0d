"""A Hugging Face callback that lets a monitor look at the network a `Trainer` trains."""

from __future__ import annotations

import math
from operator import attrgetter
from pathlib import Path
from typing import Any

from ann2neo.extras import require
from ann2neo.monitoring.callbacks.looks import Looks, MonitorLike

_Callback: Any = require("transformers", extra="transformers").TrainerCallback


class TransformersMonitorCallback(Looks, _Callback):  # type: ignore[misc]
    """Has a monitor look at the network that ``transformers.Trainer`` trains.

    Before training and then on a schedule. Training goes on exactly as without it: the weights come out
    the same, bit for bit.

    Parameters
    ----------
    monitor : ActivityMonitor, PatternMonitor or an alarm
        As for `MonitorCallback`; its probes are what the network takes, such as
        ``{"probe": {"input_ids": ..., "attention_mask": ...}}``. An alarm that is to stop the training
        does.
    every : int, "training_epoch" or iterable of int
        As for `MonitorCallback`; a step is an update of the weights, as the Trainer counts them.
    network : str, optional
        Attribute of the model that is looked at instead of the model, such as ``"bert"``.
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
        From ``train``, if training diverged; what was seen before is kept.
    """

    def __init__(
        self,
        monitor: MonitorLike,
        *,
        every: Any = 1,
        network: str | None = None,
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

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Look at the untrained network."""
        self.step = state.global_step
        self._finish(control, self._start(self._find(given["model"])))

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Count passes."""
        self._begin_pass(math.floor(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Look, if it is time."""
        self._finish(control, self._advance(state.global_step, lambda: self._find(given["model"])))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Look, if it is time, and report."""
        self._finish(control, self._end_pass(lambda: self._find(given["model"])))

    def _find(self, model: Any) -> Any:
        return model if self._attribute is None else attrgetter(self._attribute)(model)

    def _finish(self, control: Any, over: bool) -> None:
        if over:
            control.should_training_stop = True
