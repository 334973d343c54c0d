"""Keras callbacks that watch the spiking activity of the network `fit` trains."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ann2neo.monitoring.activity_monitor import ActivityMonitor
from ann2neo.monitoring.indicators import Statistic
from ann2neo.monitoring.memorization import RateDrop
from ann2neo.monitoring.monitor_callback import MonitorCallback
from ann2neo.recording.observation import ConvUnits


class SpikeMonitor(MonitorCallback):
    """Watches the spiking activity of the network that ``fit`` trains.

    The network is looked at before training and then on a schedule. Training goes on exactly as
    without the monitor: the weights come out the same, bit for bit.

    Parameters
    ----------
    probes : mapping of str to samples
        Sets of samples by name; see `ActivityMonitor`.
    every : int, "training_epoch" or iterable of int
        Look each so many batches; after each pass over the training data; or at these steps, for
        example `log_spaced`. Where Keras runs several batches at once (``steps_per_execution``) a
        look comes behind those that hold the step.
    layers, threshold, window, statistics, conv_units, batch_size
        As for `ActivityMonitor`.
    tensorboard : str or Path, optional
        Directory for TensorBoard: each column of `to_frame`, layer and probe become a curve, written
        after each pass. Needs TensorFlow.

    Attributes
    ----------
    monitor : ActivityMonitor
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

    References
    ----------
    Lehmler et al. (2024), figure 5: 100 training and 100 test samples after every batch.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import monitoring, training
    >>> x, y = np.random.default_rng(0).random((96, 5), dtype="float32"), np.arange(96) % 2
    >>> hidden = keras.layers.Dense(8, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((5,)), hidden, keras.layers.Dense(2, "softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> monitor = monitoring.SpikeMonitor({"train": x[:40], "test": x[-20:]}, every=2)
    >>> history = model.fit(x, y, batch_size=24, epochs=2, verbose=0, callbacks=[monitor])
    >>> monitor.to_frame()[["step", "training_epoch", "probe", "layer"]].iloc[[0, 1, -1]]
       step  training_epoch  probe   layer
    0     0               0  train  hidden
    1     0               0   test  hidden
    9     8               2   test  hidden
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        every: Any = 1,
        layers: Any = "last_hidden",
        threshold: Any = 0.0,
        window: int = 10,
        statistics: Mapping[str, Statistic] | None = None,
        conv_units: ConvUnits = "all",
        batch_size: int = 1024,
        tensorboard: str | Path | None = None,
    ) -> None:
        monitor = ActivityMonitor(
            probes,
            layers=layers,
            threshold=threshold,
            window=window,
            statistics=statistics,
            conv_units=conv_units,
            batch_size=batch_size,
        )
        super().__init__(monitor, every=every, tensorboard=tensorboard)


class RateDropWarning(UserWarning):
    """The mean firing rate of a network in training has dropped."""


class MemorizationAlarm(SpikeMonitor):
    """A `SpikeMonitor` that warns when the firing rate falls as it does when labels turn random.

    Parameters
    ----------
    probes : mapping of str to samples
        As for `SpikeMonitor`; the rule follows the first set. 100 training samples will do.
    rule : object with a method ``update(rate)``, optional
        Takes the mean firing rate of each look in turn and returns whether to warn. Default:
        ``RateDrop()``. An object of its own for each callback: rules have a memory.
    stop : bool
        End the training as well.
    **options
        As for `SpikeMonitor`, with one layer. `RateDrop` is calibrated for ``every=1``.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look that made the rule warn; it warns once.

    Warns
    -----
    RateDropWarning
        When the rule says so.

    Notes
    -----
    How often `RateDrop` is wrong, as ``tests/benchmarks/memorization_warning.py`` measured it on 264
    perceptrons that learnt the digits (16, 64 and 128 hidden units; SGD with and without momentum and
    Adam, eleven settings in all; batches of 32 and 128; test accuracy 0.87 at least, 0.97 in the
    median), followed by 100 training samples after every batch: on true labels it warned in none of 264
    trainings of 1,200 batches, 95 % interval (Clopper–Pearson) 0 to 1.4 %. Where labels turned random
    half way it warned in 263 of 264 within 600 batches: after 24 batches in the median, 151 in nine of
    ten, 190 in 19 of 20.

    A network that trains on random labels from its first batch has no higher rate to fall from: the rule
    sees labels that change.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import monitoring, training
    >>> callback = monitoring.MemorizationAlarm({"train": np.ones((100, 5))}, stop=True)
    >>> callback.flagged_at is None
    True
    """

    def __init__(
        self, probes: Mapping[str, Any], *, rule: Any = None, stop: bool = False, **options: Any
    ) -> None:
        super().__init__(probes, **options)
        # A class has the method too, but nothing to call it on.
        if rule is not None and (isinstance(rule, type) or not callable(getattr(rule, "update", None))):
            raise TypeError(f"rule must be an object with a method update(rate), got {rule!r:.60}")
        if not isinstance(stop, bool):
            raise TypeError(f"stop must be True or False, got {stop!r:.60}")
        self._rule = RateDrop() if rule is None else rule
        self._stop = stop
        self.flagged_at: int | None = None

    def look(self, network: Any) -> None:
        """Look at the network now, and judge."""
        super().look(network)
        if len(self.monitor.layers) > 1:
            raise ValueError(f"layers must be one layer for a rule, got {self.monitor.layers}")
        rate = self.monitor.latest_rate(self.monitor.probes[0])
        if self.flagged_at is None and self._rule.update(rate):
            self.flagged_at = self.step
            if self._stop:
                network.stop_training = True
            warnings.warn(
                f"the mean firing rate of layer {self.monitor.layers[0]!r} has fallen to {rate:.3g} at "
                f"step {self.step}, as it does when a network starts to memorize",
                RateDropWarning,
                stacklevel=2,
            )
