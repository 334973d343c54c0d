"""Layers of different positions in one pass: a raster for each, since a position is a sample there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.recording.observation import ConvUnits, Observation, Site
from ann2neo.recording.recorder import Recorder
from ann2neo.recording.samples.batches import Batch
from ann2neo.spikes.packing import Packer
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster


class LayerRecorders:
    """A `Recorder` per layer, for an observation whose layers differ in their positions."""

    def __init__(
        self, observation: Observation, threshold: Any, conv_units: ConvUnits, about: Mapping[str, Any]
    ) -> None:
        shared = _Shared(observation)
        self._names = [site.name for site in observation.sites]
        levels = threshold if isinstance(threshold, Mapping) else dict.fromkeys(self._names, threshold)
        if set(levels) != set(self._names):
            raise ValueError(
                f"threshold must name each recorded layer {self._names}, got {list(levels)}"
            )
        self._recorders = [
            Recorder(_OfLayer(shared, place), {name: levels[name]}, conv_units, about)
            for place, name in enumerate(self._names)
        ]

    def to_raster(
        self, stream: Iterator[Batch], n_samples: int | None, progress: bool
    ) -> dict[str, SpikeRaster]:
        """Record in memory: a raster by the name of each layer."""
        packers = [Packer(recorder.n_units) for recorder in self._recorders]
        with ProgressBar(n_samples, "record", unit="sample", unit_scale=True, progress=progress) as bar:
            for batch in stream:
                for recorder, packer in zip(self._recorders, packers, strict=True):
                    recorder.add(batch, packer)
                bar.update(batch.n_samples)
                # Not held while the next one is made.
                del batch
        return {
            name: recorder.finish(packer)
            for name, recorder, packer in zip(self._names, self._recorders, packers, strict=True)
        }

    def to_store(self, *_: Any) -> Path:
        """Refused: a store holds one raster."""
        raise ValueError(
            "store takes layers that share their positions, and those of "
            f"{self._names} differ under conv_units='channels': record them one at a time"
        )

    def shuffle(
        self, rasters: dict[str, SpikeRaster], rng: np.random.Generator
    ) -> dict[str, SpikeRaster]:
        """The rasters as if the samples had been shown in an order drawn from `rng`, one for all."""
        state = rng.bit_generator.state
        found = {}
        for (name, raster), recorder in zip(rasters.items(), self._recorders, strict=True):
            rng.bit_generator.state = state
            found[name] = recorder.shuffle(raster, rng)
        return found


def make_recorder(
    observation: Observation, threshold: Any, conv_units: ConvUnits, about: Mapping[str, Any]
) -> Recorder | LayerRecorders:
    """A recorder of all layers together, if they can be in one raster."""
    positions = {_count_positions(site) for site in observation.sites}
    if conv_units == "channels" and len(positions) > 1:
        return LayerRecorders(observation, threshold, conv_units, about)
    return Recorder(observation, threshold, conv_units, about)


def _count_positions(site: Site) -> tuple[int | None, ...]:
    if len(site.shape) < 2 or site.channel_axis is None:
        return ()
    axis = site.channel_axis % len(site.shape)
    return tuple(size for place, size in enumerate(site.shape) if place != axis)


class _Shared:
    """Runs the network once for each batch, for all its layers."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self._found: list[Any] = []

    def take(self, inputs: Any, place: int) -> Any:
        if place == 0:
            self._found = list(self.observation(inputs))
        found, self._found[place] = self._found[place], None
        return found


class _OfLayer:
    """One layer of a shared observation."""

    def __init__(self, shared: _Shared, place: int) -> None:
        self.sites: Sequence[Site] = [shared.observation.sites[place]]
        self.annotations = shared.observation.annotations
        self.notes: Sequence[str] = shared.observation.notes if place == 0 else []
        self._shared, self._place = shared, place

    def __call__(self, inputs: Any) -> list[Any]:
        return [self._shared.take(inputs, self._place)]
