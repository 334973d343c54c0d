"""What a network's units do while it trains, whatever trains it: probe samples shown again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.monitoring.indicators import IndicatorTable, Statistic
from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.monitor import Activations, Monitor
from ann2neo.recording.observation import ConvUnits, Site
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.statistics.windows import check_window


class ActivityMonitor(Monitor):
    """Firing rates and Fano factors of probe samples at chosen moments of a network's training.

    `observe` takes any network that `ann2neo.record` takes, so any training loop can call it; Keras'
    ``fit`` does through `MonitorCallback`. A look runs the network in
    inference mode on all probes, keeps one bit per unit and sample, and leaves the network as it was;
    numbers are computed from the bits some thousand looks at a time, or when asked.

    Parameters
    ----------
    probes : mapping of str to samples
        Sets of samples by name, for example ``{"train": x_train[:100], "test": x_test[:100]}``; each as
        `ann2neo.record` takes them, and all alike. In shuffled order: the Fano factor depends on it.
    layers : "last_hidden", "all", str, layer, or list of str and layers
        As for `ann2neo.record`.
    threshold : float, array of shape (n_units,), dict per layer, or callable
        As for `ann2neo.record`.
    window : int
        Samples per window of the Fano factor; each probe must hold two windows.
    statistics : mapping of str to callable, optional
        Further columns: functions of one layer's `SpikeRaster`, of one probe at one step, that return a
        number. They are tried at the first look.
    conv_units : {"all", "channels"}
        As for `ann2neo.record`; with ``"channels"`` layers may differ in their positions, and `window`
        counts positions of samples.
    batch_size : int
        Samples per call of the network, at most.

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
    >>> from ann2neo import monitoring
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
        batch_size: int = 256,
    ) -> None:
        super().__init__(
            probes, layers=layers, threshold=threshold, conv_units=conv_units, batch_size=batch_size
        )
        self._window = check_count(window, "window")
        self._table = IndicatorTable(self._probes.ranges, self._window, statistics)
        if not self._by_channel:
            self._check_windows(1)
        self._traces: list[LayerTrace] = []
        self._n_slots = 0
        self._times: list[tuple[int, int | None]] = []
        self._latest: int | None = None

    def latest_rates(self, probe: str, layer: str | None = None) -> npt.NDArray[np.float64]:
        """Firing rates of a layer's units (None: of the first layer) for one probe, at the last look.

        Returns
        -------
        array of float, shape (n_units,)

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
        rates: npt.NDArray[np.float64] = trace.firing_rates(slice(latest, latest + 1), start, stop)[0]
        return rates

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far.

        Returns
        -------
        pandas.DataFrame
            A row per step, probe and layer, in this order. Columns:

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

    def _check_windows(self, per_sample: int) -> None:
        for name, (start, stop) in self._probes.ranges.items():
            try:
                # With one window alone every count is its own mean, and every Fano factor 0.
                check_window((stop - start) * per_sample, self._window, at_least=2)
            except ValueError as error:
                raise ValueError(f"probes[{name!r}]: {error}") from None

    def _begin(self, sites: Sequence[Site], batch: Activations) -> None:
        traces = [
            LayerTrace(site, level, self._by_channel, activations, self._probes.n_samples)
            for site, level, activations in zip(sites, self._levels(sites), batch, strict=True)
        ]
        for per_sample in sorted({trace.per_sample for trace in traces}) if self._by_channel else ():
            self._check_windows(per_sample)
        self._traces, self._n_slots = traces, min(len(trace.words) for trace in traces)

    def _pack(self, first: int, n_samples: int, activations: Activations) -> None:
        self._pack_traces(self._traces, len(self._times), first, n_samples, activations)

    def _keep(self, step: int, training_epoch: int | None) -> None:
        slot = len(self._times)
        self._times.append((step, training_epoch))
        self._latest = slot
        # The first look is evaluated at once, so that a statistic that fails does so before training.
        if self._table.is_empty() or slot + 1 == self._n_slots:
            self._evaluate()

    def _evaluate(self) -> None:
        """Turn the looks in the slots into rows, and free the slots."""
        steps, training_epochs = zip(*self._times, strict=True)
        self._table.append(self._traces, steps, training_epochs)
        self._times = []
