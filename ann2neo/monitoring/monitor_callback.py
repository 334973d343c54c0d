"""A Keras callback that lets a monitor look at the network `fit` trains."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from ann2neo.monitoring.batch_norm import batch_norm_statistics
from ann2neo.monitoring.scalars import ScalarLog
from ann2neo.monitoring.schedules import checked_schedule


class MonitorCallback(keras.callbacks.Callback):
    """Has a monitor look at the network that ``fit`` trains: before training and then on a schedule.

    Training goes on exactly as without it: the weights come out the same, bit for bit.

    Parameters
    ----------
    monitor : PatternMonitor or ActivityMonitor
        Or what has the methods ``attach``, ``observe``, ``to_frame``, ``save`` and the attribute
        ``last_step`` of these.
    every : int, "training_epoch" or iterable of int
        Look each so many batches; after each pass over the training data; or at these steps, for
        example `log_spaced`. Where Keras runs several batches at once (``steps_per_execution``) a
        look comes behind those that hold the step.
    batch_norm_statistics : array of shape (n_samples, ...), optional
        Samples, those of the probe for example, by whose averages batch normalization goes at a look,
        instead of by moving averages, which lag behind; see `batch_norm_statistics`.
    tensorboard : str or Path, optional
        Directory for TensorBoard: each column of `to_frame`, layer and probe become a curve, written
        after each pass. Needs TensorFlow.

    Attributes
    ----------
    step : int
        Batches trained so far, also over several calls of ``fit``.
    training_epoch : int
        Number of the pass at hand, from 1: that of ``fit`` with its ``initial_epoch``, or one more
        than the last one seen where a further ``fit`` starts to count anew.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    FloatingPointError
        From ``fit``, if training diverged; what was seen before is kept.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import monitoring, training
    >>> x, y = np.random.default_rng(0).random((96, 5), dtype="float32"), np.arange(96) % 2
    >>> hidden = keras.layers.Dense(8, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((5,)), hidden, keras.layers.Dense(2, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> patterns = monitoring.MonitorCallback(monitoring.PatternMonitor({"train": x[:40]}), every=2)
    >>> history = model.fit(x, y, batch_size=24, epochs=2, verbose=0, callbacks=[patterns])
    >>> patterns.to_frame()[["step", "training_epoch", "probe", "layer"]].iloc[[0, -1]]
       step  training_epoch  probe   layer
    0     0               0  train  hidden
    4     8               2  train  hidden
    """

    def __init__(
        self,
        monitor: Any,
        *,
        every: Any = 1,
        batch_norm_statistics: Any = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        super().__init__()
        if not callable(getattr(monitor, "observe", None)):
            raise TypeError(f"monitor must be a PatternMonitor or its like, got {monitor!r:.60}")
        self._schedule = checked_schedule(every)
        self._averaged = batch_norm_statistics
        self.monitor = monitor
        self.step = 0
        self.training_epoch = 0
        self._pass_start = 0
        self._log = None if tensorboard is None else ScalarLog(tensorboard)

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at the untrained network."""
        network = self.model
        self.monitor.attach(network)
        if self.monitor.last_step < 0:
            self.look(network)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count passes."""
        self.training_epoch = max(self.training_epoch, epoch) + 1
        self._pass_start = self.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look, if it is time."""
        # `batch` is the last of those that ran since the last call. Where Keras runs several at once
        # it may lie beyond the end of the pass.
        done = min(batch + 1, (self.params or {}).get("steps") or batch + 1)
        before, self.step = self.step, self._pass_start + done
        if self._schedule.due(before, self.step):
            # On JAX, asking for the model brings its weights up to date: only when needed.
            self.look(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look, if it is time, and report."""
        if self._schedule.training_epochs and self.step > self.monitor.last_step:
            self.look(self.model)
        if self._log is not None:
            self._log.write(self.to_frame())

    def look(self, network: Any) -> None:
        """Look at the network now."""
        averaged = (
            nullcontext() if self._averaged is None else batch_norm_statistics(network, self._averaged)
        )
        with averaged:
            self.monitor.observe(network, self.step, self.training_epoch)

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far; see the monitor's `to_frame`."""
        return self.monitor.to_frame()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write `to_frame` as ``.csv`` or ``.parquet``; see the monitor's `save`."""
        return self.monitor.save(path, overwrite=overwrite)
