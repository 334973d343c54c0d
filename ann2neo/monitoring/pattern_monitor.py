"""The activation patterns of a network while it trains, whatever trains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.pattern_measures import Moment, measures, table
from ann2neo.monitoring.probes import Probes
from ann2neo.monitoring.rectifiers import rectifiers
from ann2neo.monitoring.snapshot_files import SnapshotWriter
from ann2neo.monitoring.table_files import write_table
from ann2neo.recording.observation import ConvUnits, NonFiniteWeightError, Site
from ann2neo.recording.repeated_observation import watch
from ann2neo.recording.thresholds import thresholds
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.statistics.patterns.counts import encode


class PatternMonitor:
    """Activation patterns of probe samples at chosen moments of a network's training.

    A pattern is one sample's bits across the units of a layer: of a convolution, one image position's
    bits across its channels. `observe` takes any network that `ann2neo.record` takes, so any training
    loop can call it; Keras' ``fit`` does through `MonitorCallback`. The network is left as it was.

    Parameters
    ----------
    probes : mapping of str to samples
        Sets of samples by name, for example ``{"train": x_train[:500]}``; each as `ann2neo.record` takes
        them, and all alike.
    layers : "rectifiers", "last_hidden", "all", str, layer, or list of str and layers
        ``"rectifiers"``: every layer whose function is a ReLU or one of its kin (leaky, PReLU, ELU,
        SELU, GELU, SiLU, …), in the order in which the network calls them. Else as for
        `ann2neo.record`.
    threshold : float, array of shape (n_units,), dict a layer, or callable
        As for `ann2neo.record`.
    conv_units : {"channels", "all"}
        As for `ann2neo.record`; layers may differ in their positions.
    labels : mapping of str to array of shape (n_samples,), optional
        For each probe a label a sample, an int, float, bool or str, which holds at each of the sample's
        positions: what the patterns say of it is then followed, too.
    snapshots : str or Path, optional
        A folder to be made, or empty: the bits of every look are kept there for `replay`, which compares
        them with any step, the last one included.
    batch_size : int
        Samples a call of the network, at most. The activations of a look are held until they are packed.

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
    >>> from ann2neo import monitoring, training
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
        conv_units: ConvUnits = "channels",
        labels: Mapping[str, Any] | None = None,
        snapshots: str | Path | None = None,
        batch_size: int = 250,
    ) -> None:
        check_choice(conv_units, "conv_units", ("all", "channels"))
        self._probes = Probes(probes, check_count(batch_size, "batch_size"), labels)
        self._coded = {probe: encode(values) for probe, values in self._probes.labels.items()}
        self._layers = layers
        self._threshold = threshold
        self._by_channel = conv_units == "channels"
        self._writer = None if snapshots is None else SnapshotWriter(snapshots)
        self._network: Any = None
        self._look: Callable[[], list[list[np.ndarray]]]
        self._traces: dict[str, list[LayerTrace]] = {}
        self._initial: list[Moment] = []
        self._previous: list[Moment] = []
        self._last_step = -1
        self._rows: list[tuple] = []

    @property
    def last_step(self) -> int:
        """The last step looked at; −1 before the first."""
        return self._last_step

    @property
    def layers(self) -> list[str]:
        """Names of the layers that are looked at; empty before the first look."""
        return [site.name for site in self._sites]

    @property
    def probes(self) -> list[str]:
        """Names of the probes."""
        return list(self._probes.ranges)

    @property
    def _sites(self) -> list[Site]:
        return [trace.site for trace in self._traces.get(self.probes[0], [])]

    def attach(self, network: Any) -> None:
        """Get ready to look at `network`; `observe` does so itself when the network is a new one.

        Call it when a network has been changed otherwise than in its weights, compiled anew for example.

        Raises
        ------
        TypeError, ValueError
            If the network cannot be observed, or has other layers than the one watched so far.
        """
        batches = self._probes.batches
        by_kind = isinstance(self._layers, str) and self._layers == "rectifiers"
        found = watch(network, batches, rectifiers(network, batches[0]) if by_kind else self._layers)
        if not self._traces:
            self._traces = self._new_traces(found.sites, found.look()[0])
        elif self._sites != list(found.sites):
            raise ValueError(
                f"network must have the layers watched so far, {self._sites}, got {list(found.sites)}: "
                "take another monitor"
            )
        self._network, self._look = network, found.look

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look at a network and keep what its patterns are.

        Parameters
        ----------
        network : keras.Model or another network that `ann2neo.record` takes
        step : int
            Batches trained so far, 0 before training; larger at every look. What the first look sees is
            the initial state.
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
            self._pack(self._look())
        except (NonFiniteWeightError, _NonFiniteLayerError) as error:
            raise FloatingPointError(f"training diverged by step {step}: {error}") from error
        self._keep(step, training_epoch)
        self._last_step = step

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far.

        Returns
        -------
        pandas.DataFrame
            A row a step, probe and layer, in this order. Columns:

            ``step``, ``training_epoch``
                As `observe` was told; a pass it was not told of is missing.
            ``probe``, ``layer``
                Names.
            ``n_units`` to ``always_on_fraction``
                As `ann2neo.patterns.summarize_patterns` has them.
            ``conditional_entropy``, ``mutual_information``, ``joint_saturated``
                Likewise, with labels only.
            ``flip_rate_initial`` to ``vanished_initial``
                As `ann2neo.patterns.compare_patterns` has them, of the first look and this one.
            ``flip_rate_previous`` to ``vanished_previous``
                Likewise, of the look before and this one; NaN at the first.
        """
        return table(self._rows, ("initial", "previous"), labelled=bool(self._coded))

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

    def _new_traces(self, sites: Sequence[Site], batch: list[np.ndarray]) -> dict[str, list[LayerTrace]]:
        n_units = [len(site.channels() if self._by_channel else site.units()) for site in sites]
        levels = thresholds(self._threshold, sites, n_units)
        traces = {
            probe: [
                LayerTrace(site, level, self._by_channel, activations, n_samples)
                for site, level, activations in zip(sites, levels, batch, strict=True)
            ]
            for probe, n_samples in self._probes.sizes.items()
        }
        if self._writer is not None:
            shapes = [tuple(activations.shape[1:]) for activations in batch]
            self._writer.begin(sites, shapes, self._probes.sizes, self._by_channel, self._probes.labels)
        return traces

    def _pack(self, found: list[list[np.ndarray]]) -> None:
        """Put what each layer gave for each probe into the traces' first slot."""
        first = 0
        for n_samples, activations in zip(self._probes.n_batch, found, strict=True):
            self._check_rows(activations, n_samples)
            for probe, (start, stop) in self._probes.ranges.items():
                low, high = max(start, first), min(stop, first + n_samples)
                if low < high:
                    parts = [values[low - first : high - first] for values in activations]
                    self._pack_probe(probe, low - start, parts)
            first += n_samples

    def _pack_probe(self, probe: str, start: int, parts: list[np.ndarray]) -> None:
        for trace, part in zip(self._traces[probe], parts, strict=True):
            if not trace.pack(0, start, part, len(part), check=self._last_step < 0):
                raise _NonFiniteLayerError(f"layer {trace.site.name!r} has NaN or infinite activations")

    def _check_rows(self, activations: list[np.ndarray], n_samples: int) -> None:
        for site, values in zip(self._sites, activations, strict=True):
            if len(values) != n_samples:
                raise ValueError(
                    f"layer {site.name!r} gave {len(values)} rows for {n_samples} samples: its first "
                    "axis is not the samples; watch another layer"
                )

    def _keep(self, step: int, training_epoch: int | None) -> None:
        """Turn the bits in the slots into rows."""
        moments = [
            Moment(_kept(trace.words[0]), n_samples * trace.per_sample, self._coded.get(probe))
            for probe, n_samples in self._probes.sizes.items()
            for trace in self._traces[probe]
        ]
        initial = self._initial or moments
        previous: Sequence[Moment | None] = self._previous or [None] * len(moments)
        keys = [(step, training_epoch, probe, layer) for probe in self.probes for layer in self.layers]
        rows = [
            (*key, *measures(now, {"initial": first, "previous": last}))
            for key, now, first, last in zip(keys, moments, initial, previous, strict=True)
        ]
        if self._writer is not None:
            self._writer.write(step, training_epoch, [moment.words for moment in moments])
        self._rows += rows
        self._initial, self._previous = initial, moments


class _NonFiniteLayerError(ValueError):
    """Activations of a layer are NaN or infinite."""


def _kept(words: np.ndarray) -> np.ndarray:
    copy = words.copy()
    copy.flags.writeable = False
    return copy
