"""What a network's units do while it trains, whatever trains it: probe samples shown again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.monitoring.indicators import IndicatorTable, Statistic
from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.probes import Probes
from ann2neo.monitoring.table_files import write_table
from ann2neo.recording.observation import ConvUnits, NonFiniteWeightError, Site
from ann2neo.recording.repeated_observation import watch
from ann2neo.recording.thresholds import thresholds
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.statistics.windows import check_window


class ActivityMonitor:
    """Firing rates and Fano factors of probe samples at chosen moments of a network's training.

    `observe` takes any network that `ann2neo.record` takes, so any training loop can call it; Keras'
    ``fit`` does through `SpikeMonitor`. A look runs the network in inference mode on all probes at once,
    keeps one bit a unit and sample, and leaves the network as it was; numbers are computed from
    the bits some thousand looks at a time, or when asked.

    Parameters
    ----------
    probes : mapping of str to samples
        Sets of samples by name, for example ``{"train": x_train[:100], "test": x_test[:100]}``; each as
        `ann2neo.record` takes them, and all alike. In shuffled order: the Fano factor depends on it.
    layers : "last_hidden", "all", str, layer, or list of str and layers
        As for `ann2neo.record`.
    threshold : float, array of shape (n_units,), dict a layer, or callable
        As for `ann2neo.record`.
    window : int
        Samples a window of the Fano factor; each probe must hold two windows.
    statistics : mapping of str to callable, optional
        Further columns: functions of one layer's `SpikeRaster`, of one probe at one step, that return a
        number. They are tried at the first look.
    conv_units : {"all", "channels"}
        As for `ann2neo.record`; with ``"channels"`` layers may differ in their positions, and `window`
        counts positions of samples.
    batch_size : int
        Samples a call of the network, at most.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Notes
    -----
    The Fano factor of a unit that fires independently with probability p at each sample is, in
    expectation, about (1 − 1/W)(1 − p) over W windows: with probes of 100 samples and windows of 10 it
    lies a tenth below that of a long recording. Indicators and their use during training: Lehmler et al.
    (2024).

    Examples
    --------
    A loop of one's own:

    >>> import keras, numpy as np
    >>> from ann2neo import monitoring, training
    >>> hidden = keras.layers.Dense(4, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    >>> monitor = monitoring.ActivityMonitor({"probe": np.ones((20, 3), "float32")}, window=5)
    >>> for step in range(3):
    ...     monitor.observe(model, step)
    >>> monitor.to_frame()[["step", "probe", "layer"]].values.tolist()
    [[0, 'probe', 'hidden'], [1, 'probe', 'hidden'], [2, 'probe', 'hidden']]
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        layers: Any = "last_hidden",
        threshold: Any = 0.0,
        window: int = 10,
        statistics: Mapping[str, Statistic] | None = None,
        conv_units: ConvUnits = "all",
        batch_size: int = 1024,
    ) -> None:
        check_choice(conv_units, "conv_units", ("all", "channels"))
        self._probes = Probes(probes, check_count(batch_size, "batch_size"))
        self._layers = layers
        self._threshold = threshold
        self._window = check_count(window, "window")
        self._table = IndicatorTable(self._probes.ranges, self._window, statistics)
        self._by_channel = conv_units == "channels"
        if not self._by_channel:
            self._check_windows(1)
        self._network: Any = None
        self._look: Callable[[], list[list[np.ndarray]]]
        self._traces: list[LayerTrace] = []
        self._n_slots = 0
        self._times: list[tuple[int, int | None]] = []
        self._last_step = -1
        self._latest: int | None = None

    @property
    def last_step(self) -> int:
        """The last step looked at; −1 before the first."""
        return self._last_step

    @property
    def layers(self) -> list[str]:
        """Names of the layers that are looked at; empty before the first look."""
        return [trace.site.name for trace in self._traces]

    @property
    def probes(self) -> list[str]:
        """Names of the probes."""
        return list(self._probes.ranges)

    def attach(self, network: Any) -> None:
        """Get ready to look at `network`; `observe` does so itself when the network is a new one.

        Call it when a network has been changed otherwise than in its weights, compiled anew for example.

        Raises
        ------
        TypeError, ValueError
            If the network cannot be observed, or has other layers than the one watched so far.
        """
        found = watch(network, self._probes.batches, self._layers)
        if not self._traces:
            self._traces = self._new_traces(found.sites, found.look()[0])
            self._n_slots = min(len(trace.words) for trace in self._traces)
        elif [trace.site for trace in self._traces] != list(found.sites):
            raise ValueError(
                f"network must have the layers watched so far, {[t.site for t in self._traces]}, got "
                f"{list(found.sites)}: take another monitor"
            )
        self._network, self._look = network, found.look

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look at a network and keep what its units do.

        Parameters
        ----------
        network : keras.Model or another network that `ann2neo.record` takes
        step : int
            Batches trained so far, 0 before training; larger at every look.
        training_epoch : int, optional
            Number of the pass over the training data, from 1; 0 before training.

        Raises
        ------
        FloatingPointError
            If weights or activations are NaN or infinite: the training diverged. What was seen before is
            kept.
        TypeError, ValueError
            If an argument does not fit.
        """
        step = check_count(step, "step", self._last_step + 1)
        if training_epoch is not None:
            training_epoch = check_count(training_epoch, "training_epoch", 0)
        try:
            if network is not self._network:
                self.attach(network)
            slot = self._pack(self._look())
        except NonFiniteWeightError as error:
            raise FloatingPointError(f"training diverged by step {step}: {error}") from error
        except _NonFiniteLayerError as error:
            raise FloatingPointError(
                f"training diverged by step {step}: layer {error} has NaN or infinite activations"
            ) from None
        self._times.append((step, training_epoch))
        self._latest, self._last_step = slot, step
        # The first look is evaluated at once, so that a statistic that fails does so before training.
        if self._table.empty() or slot + 1 == self._n_slots:
            self._evaluate()

    def latest_rate(self, probe: str, layer: str | None = None) -> float:
        """Mean firing rate of a layer (None: the first) for one probe, at the last look.

        Raises
        ------
        ValueError
            If there is no such layer or probe, or was no look yet.
        """
        if self._latest is None:
            raise ValueError("nothing was observed yet")
        layer = self.layers[0] if layer is None else layer
        check_choice(layer, "layer", self.layers)
        check_choice(probe, "probe", self.probes)
        trace, latest = self._traces[self.layers.index(layer)], self._latest
        start, stop = self._probes.ranges[probe]
        return float(trace.firing_rates(slice(latest, latest + 1), start, stop).mean())

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far.

        Returns
        -------
        pandas.DataFrame
            A row a step, probe and layer, in this order. Columns:

            ``step``
                Batches trained; 0 is the network before training.
            ``training_epoch``
                Pass over the training data, from 1, 0 before training; missing where `observe` was not
                told.
            ``probe``, ``layer``
                Names.
            ``firing_rate``, ``cv_firing_rate_percent``, ``fanofactor``
                Mean firing rate over units, its coefficient of variation and the mean Fano factor over
                the units that fire, as `ann2neo.summarize` defines them.
            further columns
                A column for each of the user's statistics.
        """
        if self._times:
            self._evaluate()
        return self._table.to_frame()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write `to_frame` as ``.csv`` or ``.parquet``.

        Raises
        ------
        ValueError
            If `path` has another ending.
        FileExistsError
            If it exists and `overwrite` is False.
        """
        return write_table(self.to_frame(), path, overwrite=overwrite)

    def _check_windows(self, per_sample: int) -> None:
        for name, (start, stop) in self._probes.ranges.items():
            try:
                # With one window alone every count is its own mean, and every Fano factor 0.
                check_window((stop - start) * per_sample, self._window, at_least=2)
            except ValueError as error:
                raise ValueError(f"probes[{name!r}]: {error}") from None

    def _new_traces(self, sites: Sequence[Site], batch: list[np.ndarray]) -> list[LayerTrace]:
        n_units = [len(site.channels() if self._by_channel else site.units()) for site in sites]
        levels = thresholds(self._threshold, sites, n_units)
        traces = [
            LayerTrace(site, level, self._by_channel, activations, self._probes.n_samples)
            for site, level, activations in zip(sites, levels, batch, strict=True)
        ]
        for per_sample in sorted({trace.per_sample for trace in traces}) if self._by_channel else ():
            self._check_windows(per_sample)
        return traces

    def _pack(self, found: list[list[np.ndarray]]) -> int:
        """Put a look into the next free slot; which one that is."""
        slot, start = len(self._times), 0
        for n_samples, activations in zip(self._probes.n_batch, found, strict=True):
            for trace, values in zip(self._traces, activations, strict=True):
                if not trace.pack(slot, start, values, n_samples, check=self._latest is None):
                    raise _NonFiniteLayerError(repr(trace.site.name))
            start += n_samples
        return slot

    def _evaluate(self) -> None:
        """Turn the looks in the slots into rows, and free the slots."""
        steps, training_epochs = zip(*self._times, strict=True)
        self._table.append(self._traces, steps, training_epochs)
        self._times = []


class _NonFiniteLayerError(ValueError):
    """Activations of a layer are NaN or infinite."""
