"""The activation patterns of a network while it trains, whatever trains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.monitor import Activations, Monitor
from ann2neo.monitoring.patterns.measures import Moment, measure, pattern_table
from ann2neo.monitoring.patterns.snapshot_files import SnapshotWriter
from ann2neo.monitoring.rectifiers import find_rectifiers
from ann2neo.recording.observation import ConvUnits, Site
from ann2neo.spikes.argument_checks import check_count
from ann2neo.statistics.patterns.counts import encode


class PatternMonitor(Monitor):
    """Activation patterns of probe samples at chosen moments of a network's training.

    A pattern is one sample's bits across the units of a layer. `observe` takes any network that
    `ann2neo.record` takes, so any training loop can call it; Keras' ``fit`` does through
    `MonitorCallback`. The network is left as it was.

    Parameters
    ----------
    probes : mapping of str to samples
        Sets of samples by name, for example ``{"train": x_train[:500]}``; each as `ann2neo.record` takes
        them, and all alike.
    layers : "rectifiers", "last_hidden", "all", str, layer, or list of str and layers
        ``"rectifiers"``: every layer whose function is a ReLU or one of its kin (leaky, PReLU, ELU,
        SELU, GELU, SiLU, …), in the order in which the network calls them. Else as for
        `ann2neo.record`.
    threshold : float, array of shape (n_units,), dict per layer, or callable
        As for `ann2neo.record`.
    conv_units : {"all", "channels"}
        As for `ann2neo.record`; layers may differ in their positions. ``"channels"`` is what to take for
        convolutions: a pattern is then one image position's bits across the channels, as in the paper.
        With ``"all"`` it is a sample's bits at all positions, which hardly ever come twice.
    labels : mapping of str to array of shape (n_samples,), optional
        For each probe a label per sample, an int, float, bool or str, which holds at each of the
        sample's positions: what the patterns say of it is then followed, too.
    min_count : int
        For the columns ``jaccard_initial`` and ``jaccard_previous``: only patterns that occur this often
        count, as in `ann2neo.patterns.jaccard`. A pattern that occurs once, of one sample perhaps, comes
        and goes by chance.
    snapshots : str or Path, optional
        A folder to be made, or empty: the bits of every look are kept there for `replay`, which compares
        them with any step, the last one included.
    batch_size : int
        Samples per call of the network, at most. The activations of one batch alone are held, until they
        are packed.

    Raises
    ------
    FileExistsError, FileNotFoundError
        If the folder for snapshots holds something, or the one it is to be made in does not exist.
    TypeError, ValueError
        If an argument does not fit.

    Notes
    -----
    Besides the table, the bits and histograms of two looks are held, the first and the last one. Of a
    residual network of 14 layers (16 to 64 channels) 500 images of 32 × 32 make 3.2 million patterns,
    at all positions; they take some 0.15 s a look, a third of what running the network takes, and with
    labels 0.1 s more.

    References
    ----------
    Hartmann, Franzen and Brodehl, Frontiers in Artificial Intelligence 4 (2021) 642374.

    Examples
    --------
    A loop of one's own:

    >>> import keras, numpy as np
    >>> from ann2neo import monitoring
    >>> hidden = keras.layers.Dense(4, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    >>> monitor = monitoring.PatternMonitor({"probe": np.ones((20, 3), "float32")})
    >>> for step in range(2):
    ...     monitor.observe(model, step)
    >>> monitor.to_frame()[["step", "layer", "entropy", "jaccard_previous"]].values.tolist()
    [[0, 'hidden', 0.0, nan], [1, 'hidden', 0.0, 1.0]]
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        layers: Any = "rectifiers",
        threshold: Any = 0.0,
        conv_units: ConvUnits = "all",
        labels: Mapping[str, Any] | None = None,
        min_count: int = 1,
        snapshots: str | Path | None = None,
        batch_size: int = 256,
    ) -> None:
        super().__init__(
            probes,
            layers=layers,
            threshold=threshold,
            conv_units=conv_units,
            batch_size=batch_size,
            labels=labels,
        )
        self._min_count = check_count(min_count, "min_count")
        self._coded = {probe: encode(values) for probe, values in self._probes.labels.items()}
        self._writer = None if snapshots is None else SnapshotWriter(snapshots)
        self._traces: dict[str, list[LayerTrace]] = {}
        self._initial: list[Moment] = []
        self._previous: list[Moment] = []
        self._rows: list[tuple[Any, ...]] = []

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far.

        Returns
        -------
        pandas.DataFrame
            A row per step, probe and layer, in this order. Columns:

            ``step``, ``training_epoch``
                As `observe` was told; a pass it was not told of is missing.
            ``probe``, ``layer``
                Names.
            ``n_units`` to ``always_on_fraction``
                As `ann2neo.patterns.summarize_patterns` has them.
            ``conditional_entropy``, ``mutual_information``, ``joint_saturated``
                Likewise, with labels only.
            ``class_separation``, ``unit_information``
                `ann2neo.patterns.class_separation` and the mean over units of
                `ann2neo.patterns.unit_information`, with labels only.
            ``flip_rate_initial`` to ``vanished_initial``
                As `ann2neo.patterns.compare_patterns` has them, of the first look and this one.
            ``flip_rate_previous`` to ``vanished_previous``
                Likewise, of the look before and this one; NaN at the first.
        """
        return pattern_table(self._rows, ("initial", "previous"), labeled=bool(self._coded))

    def _choose(self, network: Any) -> Any:
        by_kind = isinstance(self._asked, str) and self._asked == "rectifiers"
        return find_rectifiers(network, self._probes.batches[0]) if by_kind else self._asked

    def _begin(self, sites: Sequence[Site], batch: Activations) -> None:
        levels = self._levels(sites)
        self._traces = {
            probe: [
                LayerTrace(site, level, self._by_channel, activations, n_samples, n_slots=1)
                for site, level, activations in zip(sites, levels, batch, strict=True)
            ]
            for probe, n_samples in self._probes.sizes.items()
        }
        if self._writer is not None:
            shapes = [tuple(activations.shape[1:]) for activations in batch]
            self._writer.begin(sites, shapes, self._probes.sizes, self._by_channel, self._probes.labels)

    def _pack(self, first: int, n_samples: int, activations: Activations) -> None:
        for site, values in zip(self._sites, activations, strict=True):
            if len(values) != n_samples:
                raise ValueError(
                    f"layer {site.name!r} gave {len(values)} rows for {n_samples} samples: its first "
                    "axis is not the samples; watch another layer"
                )
        for probe, (start, stop) in self._probes.ranges.items():
            low, high = max(start, first), min(stop, first + n_samples)
            if low < high:
                parts = [values[low - first : high - first] for values in activations]
                self._pack_traces(self._traces[probe], 0, low - start, high - low, parts)

    def _keep(self, step: int, training_epoch: int | None) -> None:
        moments = [
            Moment(_copy(trace.words[0]), n_samples * trace.per_sample, self._coded.get(probe))
            for probe, n_samples in self._probes.sizes.items()
            for trace in self._traces[probe]
        ]
        initial = self._initial or moments
        previous: Sequence[Moment | None] = self._previous or [None] * len(moments)
        keys = [(step, training_epoch, probe, layer) for probe in self.probes for layer in self.layers]
        rows = [
            (*key, *measure(now, {"initial": first, "previous": last}, min_count=self._min_count))
            for key, now, first, last in zip(keys, moments, initial, previous, strict=True)
        ]
        if self._writer is not None:
            self._writer.write(step, training_epoch, [moment.words for moment in moments])
        self._rows += rows
        self._initial, self._previous = initial, moments


def _copy(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    copy = words.copy()
    copy.flags.writeable = False
    return copy
