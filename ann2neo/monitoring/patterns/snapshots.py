"""The bits of every look of a `PatternMonitor`, and what can be measured on them afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.patterns.measures import Moment, measure, pattern_table
from ann2neo.monitoring.patterns.snapshot_files import LABELS, load_arrays, read_description, step_file
from ann2neo.recording.observation import Site
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.spikes.progress import track
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.words import n_words
from ann2neo.statistics.patterns.counts import encode

_STEP = re.compile(r"step_(\d{12,})\.npz")
_REFERENCES = ("initial", "previous", "final")


class Snapshots:
    """What a `PatternMonitor` kept of every look; read when asked for.

    Parameters
    ----------
    path : str or Path
        The folder that the monitor was given; it may still be writing there.

    Attributes
    ----------
    steps : list of int
        Steps of the looks that are there, ascending.
    probes : list of str
    layers : list of str
        In the order in which the network calls them.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If they were written by a later version, or are damaged.

    Examples
    --------
    >>> import tempfile, keras, numpy as np
    >>> from ann2neo import monitoring
    >>> hidden = keras.layers.Dense(4, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    >>> folder = tempfile.TemporaryDirectory()
    >>> monitor = monitoring.PatternMonitor({"probe": np.eye(3)}, snapshots=folder.name)
    >>> monitor.observe(model, 0)
    >>> kept = monitoring.Snapshots(folder.name)
    >>> kept.steps, kept.raster(0, "hidden", "probe").n_units
    ([0], 4)
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        about = read_description(self._path)
        self._shapes = [tuple(site["shape"]) for site in about["sites"]]
        self._sites = [
            Site(**{**site, "shape": shape})
            for site, shape in zip(about["sites"], self._shapes, strict=True)
        ]
        self._n_samples: dict[str, int] = about["n_samples"]
        self._by_channel: bool = about["by_channel"]
        found = [_STEP.fullmatch(file.name) for file in self._path.iterdir()]
        self.steps = sorted(int(match[1]) for match in found if match)
        self.probes = list(self._n_samples)
        self.layers = [site.name for site in self._sites]
        # Folders from before monitors took labels do not say that they have none.
        self._labels = self._load_labels() if about.get("labeled", False) else {}
        self._coded = {probe: encode(labels) for probe, labels in self._labels.items()}

    def raster(self, step: int, layer: str, probe: str) -> SpikeRaster:
        """The raster of one layer and probe at one step, as `ann2neo.record` would have made it.

        Labels that the monitor was given are its samples' column ``"label"``.

        Raises
        ------
        ValueError
            If there is no such step, layer or probe, or its file is damaged.
        """
        check_choice(layer, "layer", self.layers)
        check_choice(probe, "probe", self.probes)
        trace = self._traces()[probe, layer]
        with self._open(step) as stored:
            trace.words[0] = self._moment(stored, probe, layer, trace).words
        found = trace.raster(0, 0, self._n_samples[probe])
        if not self._labels:
            return found
        samples = found.samples
        samples.insert(1, "label", np.repeat(self._labels[probe], trace.per_sample))
        return SpikeRaster(found.words, found.n_samples, found.units, samples)

    def replay(
        self,
        references: Iterable[str | int] = _REFERENCES,
        *,
        min_count: int = 1,
        progress: bool = True,
    ) -> pd.DataFrame:
        """The monitor's table anew, against other references.

        Parameters
        ----------
        references : iterable of "initial", "previous", "final" or int
            What each step is compared with: the first step there is, the one before, the last one, or
            the step of that number.
        min_count : int
            As for `PatternMonitor`.
        progress : bool
            Show a progress bar.

        Returns
        -------
        pandas.DataFrame
            As `PatternMonitor.to_frame`, with the columns of `ann2neo.patterns.compare_patterns`
            once for each reference, which their names end in: ``weighted_jaccard_final``,
            ``flip_rate_100``.

        Raises
        ------
        ValueError
            If there is no snapshot, no such step, or a file is damaged.
        """
        min_count = check_count(min_count, "min_count")
        chosen = list(references)
        fixed = self._resolve(chosen)
        traces = self._traces()
        moments = {step: self._moments(step, traces)[1] for step in sorted(set(fixed.values()))}
        previous: dict[tuple[str, str], Moment] = {}
        rows: list[tuple[Any, ...]] = []
        for step in track(self.steps, "replay", unit="step", progress=progress):
            training_epoch, now = self._moments(step, traces)
            for key, moment in now.items():
                against = {
                    str(name): moments[fixed[name]][key] if name in fixed else previous.get(key)
                    for name in chosen
                }
                values = measure(moment, against, min_count=min_count)
                rows.append((step, training_epoch, *key, *values))
            previous = now
        return pattern_table(rows, map(str, chosen), labeled=bool(self._labels))

    def _resolve(self, references: list[str | int]) -> dict[str | int, int]:
        """The step of each reference, but for the previous one."""
        if not self.steps:
            raise ValueError(f"{self._path} holds no snapshot yet")
        steps: dict[str | int, int] = {step: step for step in self.steps}
        steps |= {"initial": self.steps[0], "final": self.steps[-1]}
        for reference in references:
            if reference != "previous" and reference not in steps:
                raise ValueError(
                    f"references must be among {_REFERENCES} or steps that are there, {self.steps}, got "
                    f"{reference!r:.60}"
                )
        if len(set(references)) < len(references):
            raise ValueError(f"references must differ, got {references}")
        return {name: steps[name] for name in references if name != "previous"}

    def _traces(self) -> dict[tuple[str, str], LayerTrace]:
        """The layout of each probe and layer."""
        shown = [np.broadcast_to(np.float32(0), (1, *shape)) for shape in self._shapes]
        return {
            (probe, site.name): LayerTrace(site, 0.0, self._by_channel, batch, n_samples, n_slots=1)
            for probe, n_samples in self._n_samples.items()
            for site, batch in zip(self._sites, shown, strict=True)
        }

    def _moments(
        self, step: int, traces: Mapping[tuple[str, str], LayerTrace]
    ) -> tuple[int | None, dict[tuple[str, str], Moment]]:
        with self._open(step) as stored:
            training_epoch = int(stored["training_epoch"])
            moments = {key: self._moment(stored, *key, trace) for key, trace in traces.items()}
        return None if training_epoch < 0 else training_epoch, moments

    def _open(self, step: int) -> AbstractContextManager[Any]:
        if step not in self.steps:
            raise ValueError(f"step must be one of {self.steps}, got {step!r:.60}")
        return load_arrays(step_file(self._path, step))

    def _load_labels(self) -> dict[str, np.ndarray]:
        with load_arrays(self._path / LABELS) as stored:
            labels = {probe: stored[f"labels_{number}"] for number, probe in enumerate(self.probes)}
            for probe, values in labels.items():
                if values.shape != (self._n_samples[probe],):
                    raise ValueError(
                        f"{probe!r} has {self._n_samples[probe]} samples, labels {values.shape}"
                    )
        return labels

    def _moment(self, stored: Any, probe: str, layer: str, trace: LayerTrace) -> Moment:
        n_samples = self._n_samples[probe] * trace.per_sample
        name = f"words_{self.probes.index(probe)}_{self.layers.index(layer)}"
        words = stored[name]
        expected = (trace.words.shape[1], n_words(n_samples))
        if words.shape != expected or words.dtype != np.uint64:
            raise ValueError(f"{name} must be uint64 {expected}, is {words.dtype} {words.shape}")
        words.flags.writeable = False
        return Moment(words, n_samples, self._coded.get(probe))
