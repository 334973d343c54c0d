"""A Keras callback that lets a monitor look at the network `fit` trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from ann2neo.monitoring.callbacks.looks import Looks, MonitorLike


class MonitorCallback(Looks, keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Has a monitor look at the network that ``fit`` trains: before training and then on a schedule.

    Training goes on exactly as without it: the weights come out the same, bit for bit.

    Parameters
    ----------
    monitor : ActivityMonitor, PatternMonitor or an alarm
        Or what has the methods ``attach``, ``observe``, ``to_frame``, ``save`` and the attribute
        ``last_step`` of these. An alarm that is to stop the training does.
    every : int, "training_epoch" or iterable of int
        Look each so many batches; after each pass over the training data; or at these steps, for
        example `log_spaced`. Where Keras runs several batches at once (``steps_per_execution``) a
        look comes behind those that hold the step.
    batch_norm_samples : array of shape (n_samples, ...), optional
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
    >>> from ann2neo import monitoring
    >>> x, y = np.random.default_rng(0).random((96, 5), dtype="float32"), np.arange(96) % 2
    >>> hidden = keras.layers.Dense(8, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((5,)), hidden, keras.layers.Dense(2, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> monitor = monitoring.ActivityMonitor({"train": x[:40], "test": x[-20:]})
    >>> callback = monitoring.MonitorCallback(monitor, every=2)
    >>> history = model.fit(x, y, batch_size=24, epochs=2, verbose=0, callbacks=[callback])
    >>> monitor.to_frame()[["step", "training_epoch", "probe", "layer"]].iloc[[0, 1, -1]]
       step  training_epoch  probe   layer
    0     0               0  train  hidden
    1     0               0   test  hidden
    9     8               2   test  hidden
    """

    def __init__(
        self,
        monitor: MonitorLike,
        *,
        every: Any = 1,
        batch_norm_samples: Any = None,
        tensorboard: str | Path | None = None,
    ) -> None:
        keras.callbacks.Callback.__init__(self)
        Looks.__init__(
            self,
            monitor,
            every=every,
            batch_norm_samples=batch_norm_samples,
            tensorboard=tensorboard,
        )
        self._pass_start = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at the untrained network."""
        self._stop_if(self._start(self.model))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count passes."""
        self._begin_pass(epoch)
        self._pass_start = self.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look, if it is time."""
        # `batch` is the last of those that ran since the last call. Where Keras runs several at once
        # it may lie beyond the end of the pass.
        done = min(batch + 1, (self.params or {}).get("steps") or batch + 1)
        # On JAX, asking for the model brings its weights up to date: only when needed.
        self._stop_if(self._advance(self._pass_start + done, lambda: self.model))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look, if it is time, and report."""
        self._stop_if(self._end_pass(lambda: self.model))

    def _stop_if(self, over: bool) -> None:
        if over:
            self.model.stop_training = True
