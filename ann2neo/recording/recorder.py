"""One pass of samples through an observed network: activations to packed bits, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from ann2neo.recording.observation import ConvUnits, NonFiniteSampleError, Observation, Site
from ann2neo.recording.samples.batches import Batch
from ann2neo.recording.samples.sample_log import SampleLog
from ann2neo.recording.thresholds import describe_threshold, evaluate, thresholds
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.store import StoreWriter
from ann2neo.spikes.packing import NonFiniteActivation, Packer
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import stack_tables


class Recorder:
    """Thresholds what an observation returns, and keeps what the tables of the raster need.

    Made by `record` itself: its warnings point at whoever called that.
    """

    def __init__(
        self,
        observation: Observation,
        threshold: Any,
        conv_units: ConvUnits,
        about: Mapping[str, Any],
    ) -> None:
        self._observation = observation
        self._by_channel = conv_units == "channels"
        self._about = dict(about)
        sites = observation.sites
        tables = [site.channels() if self._by_channel else site.units() for site in sites]
        self._levels = thresholds(threshold, sites, [len(table) for table in tables])
        for site, level in zip(sites, self._levels, strict=True):
            _warn_if_never_silent(site, level)
        if any(not isinstance(level, float) or level != self._levels[0] for level in self._levels):
            for table, level in zip(tables, self._levels, strict=True):
                table["threshold"] = np.nan if callable(level) else level
        self._units = stack_tables(tables, name="units")
        for note in observation.notes:
            warnings.warn(note, stacklevel=find_stacklevel())
        self._log = SampleLog(
            by_position=self._by_channel, first_sample=int(self._about["first_sample"])
        )
        self._levels_tried = False

    def to_raster(self, stream: Iterator[Batch], n_samples: int | None, progress: bool) -> SpikeRaster:
        """Record in memory."""
        packer = Packer(self.n_units, None if self._by_channel else n_samples)
        self._run(stream, packer, n_samples, progress)
        return self.finish(packer)

    @property
    def n_units(self) -> int:
        """Units of all layers."""
        return len(self._units)

    def finish(self, packer: Packer) -> SpikeRaster:
        """The raster of what was added."""
        # None is for packers that flush.
        words = cast(np.ndarray, packer.finish())
        return SpikeRaster(words, packer.n_samples, **self._description())

    def to_store(
        self,
        stream: Iterator[Batch],
        n_samples: int | None,
        progress: bool,
        path: str | Path,
        overwrite: bool,
    ) -> Path:
        """Record to disk."""
        with StoreWriter(path, len(self._units), overwrite=overwrite) as writer:
            packer = Packer(len(self._units), flush=writer.write)
            self._run(stream, packer, n_samples, progress)
            packer.finish()
            writer.finish(packer.n_samples, **self._description())
        return writer.path

    def shuffle(self, raster: SpikeRaster, rng: np.random.Generator) -> SpikeRaster:
        """The raster as if the samples had been shown in an order drawn from `rng`."""
        return raster.select(samples=self._log.draw_order(rng))

    def _run(
        self, stream: Iterator[Batch], packer: Packer, n_samples: int | None, progress: bool
    ) -> None:
        with ProgressBar(n_samples, "record", unit="sample", unit_scale=True, progress=progress) as bar:
            for batch in stream:
                self.add(batch, packer)
                bar.update(batch.n_samples)
                # Not held while the next one is made.
                del batch

    def add(self, batch: Batch, packer: Packer) -> None:
        """Record one batch."""
        self._log.begin(batch)
        try:
            activations = self._observation(batch.inputs)
        except NonFiniteSampleError as error:
            sample = self._log.place_of_sample(error.row)
            raise ValueError(f"samples must be finite, got {error.value} in sample {sample}") from None
        blocks = self._blocks(activations, batch)
        levels = [
            evaluate(level, block, site, check=not self._levels_tried)
            for level, block, site in zip(self._levels, blocks, self._observation.sites, strict=True)
        ]
        self._levels_tried |= len(blocks[0]) > 1
        try:
            if len(blocks[0]):
                packer.append(blocks, levels)
        except NonFiniteActivation as error:
            raise self._explain(error) from None
        self._log.note_labels(batch.labels)

    def _blocks(self, activations: list[np.ndarray], batch: Batch) -> list[np.ndarray]:
        sites = self._observation.sites
        for site, values in zip(sites, activations, strict=True):
            if len(values) != batch.n_samples:
                raise ValueError(
                    f"layer {site.name!r} gave {len(values)} rows for {batch.n_samples} samples: its "
                    "first axis is not the samples; record another layer"
                )
        if not self._by_channel:
            return [site.by_unit(values) for site, values in zip(sites, activations, strict=True)]
        positions = [site.positions(values) for site, values in zip(sites, activations, strict=True)]
        for site, places in zip(sites, positions, strict=True):
            if not places.equals(positions[0]):
                raise ValueError(
                    "conv_units='channels' makes a sample of each position, and layers differ in these: "
                    f"{sites[0].name!r} has {len(positions[0])}, {site.name!r} {len(places)}; "
                    "record them one at a time"
                )
        kept = self._log.note_positions(positions[0], batch.mask)
        blocks = [site.by_channel(values) for site, values in zip(sites, activations, strict=True)]
        return blocks if kept is None else [block[kept] for block in blocks]

    def _explain(self, error: NonFiniteActivation) -> ValueError:
        sample = self._log.place_of(error.row)
        name = self._observation.sites[error.block].name
        return ValueError(
            f"activation of layer {name!r}, unit {error.column}, is {error.value} at sample {sample}; "
            "a spike train needs finite activations"
        )

    def _description(self) -> dict[str, Any]:
        annotations = {
            **self._observation.annotations,
            "threshold": describe_threshold(self._levels),
            **self._about["annotations"],
        }
        return {
            "units": self._units,
            "samples": self._log.tabulate(self._about["dataset_split"]),
            "sampling_period": self._about["sampling_period"],
            "annotations": annotations,
        }


def _warn_if_never_silent(site: Site, level: Any) -> None:
    if not callable(level) and site.cannot_be_silent(level):
        warnings.warn(
            f"layer {site.name!r} ({site.activation}) is always above the threshold {level!r:.40}: its "
            "units are never silent; give a higher threshold",
            stacklevel=find_stacklevel(),
        )
