"""`record`: show a network samples and keep which units were active."""

from __future__ import annotations

import importlib
import itertools
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ann2neo.recording.batches import Batch, Batches, batches
from ann2neo.recording.sites import ConvUnits, Observation, Observe, Site
from ann2neo.recording.thresholds import described, evaluated, thresholds
from ann2neo.spikes.arguments import checked_count, checked_period
from ann2neo.spikes.packing import NonFiniteActivation, Packer
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.store import StoreWriter
from ann2neo.spikes.tables import checked_annotations, stacked

ADAPTERS = {
    "keras": ("Model", "ann2neo.recording.keras"),
}
"""Framework → (class of its networks, module with `observe`); only frameworks already imported are asked,
in this order."""

_OWN_ANNOTATIONS = ("framework", "backend", "weights_hash", "threshold", "order", "conv_units")


@overload
def record(network: Any, samples: Any = ..., *, store: None = ..., **options: Any) -> SpikeRaster: ...
@overload
def record(network: Any, samples: Any = ..., *, store: str | Path, **options: Any) -> Path: ...
def record(
    network: Any,
    samples: Any = None,
    *,
    layers: Any = "last_hidden",
    labels: Any = None,
    threshold: Any = 0.0,
    batch_size: int = 256,
    rng: np.random.Generator | None = None,
    conv_units: ConvUnits = "all",
    sampling_period: float = 0.001,
    dataset_split: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    progress: bool = True,
    store: str | Path | None = None,
    overwrite: bool = False,
) -> SpikeRaster | Path:
    """Record which units of a network are active at which sample.

    The network runs in inference mode and is left as it was found. Float activations of one batch at a
    time are held; what is kept is one bit a unit and sample.

    Parameters
    ----------
    network : keras.Model, or activations
        Activations instead of a network: an array or memmap of shape (n_samples, ...), a dict of one
        such array a layer, or an iterable of batches of these; leave `samples` out then.
    samples : array, dict or tuple of arrays, tf.data.Dataset, PyDataset or iterable of batches
        Several inputs come as a tuple or dict. Batches are ``inputs`` or ``(inputs, labels)``.
    layers : "last_hidden", "all", str, layer, or list of str and layers
        ``"last_hidden"``: the last layer with an activation function before the network's output.
        ``"all"``: every layer with weights or an activation function. Inner layers of nested models
        are called ``"outer.inner"``; the uses of a shared layer ``"shared:0"``, ``"shared:1"``; several
        outputs of one layer ``"lstm[0]"``, ``"lstm[1]"``.
    labels : array, shape (n_samples,), or False, optional
        A label a sample. Default: those inside `samples`, if any. False leaves these out.
    threshold : float, array of shape (n_units,), dict a layer, or callable
        A unit is active where its activation is greater, compared in the network's own precision. A
        callable takes activations (n_samples, n_units) of one layer and returns what broadcasts to them;
        it must look at each sample by itself.
    batch_size : int
        Samples a batch, where `samples` are arrays.
    rng : numpy.random.Generator, optional
        Show the samples in an order drawn from it; default is the order of the data set. The column
        ``sample_index`` of the raster says which sample of the data set came when.
    conv_units : {"all", "channels"}
        For layers with spatial or step axes: each activation a unit, or each channel a unit and each
        position of each sample a sample of the raster.
    sampling_period : float
        Seconds a sample stands for.
    dataset_split : str, optional
        Column ``dataset_split`` of the sample table, for example ``"test"``.
    annotations : mapping, optional
        Further annotations; ``network`` may be given to replace the network's own name.
    progress : bool
        Show a progress bar if it takes more than a second.
    store : str or Path, optional
        Write to this Zarr store batch by batch, for recordings larger than memory, and return its path.
    overwrite : bool
        Replace an existing `store`.

    Returns
    -------
    SpikeRaster, or pathlib.Path with `store`

    Raises
    ------
    TypeError, ValueError, KeyError
        If an argument does not fit; among them activations that are NaN or infinite, by layer, unit and
        sample, and layers whose numbers of samples differ under ``conv_units="channels"``.

    Warns
    -----
    UserWarning
        If a layer cannot be silent at this threshold, as a sigmoid at 0.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> activations = np.array([[0.0, 1.2], [-0.3, 0.4], [0.7, 0.0]])
    >>> a2n.record(activations, labels=[5, 0, 4]).to_dense().astype(int)
    array([[0, 1],
           [0, 1],
           [1, 0]])
    """
    _check_options(rng, conv_units, annotations)
    checked_period(sampling_period)
    observe, samples = _adapter(network, samples)
    source = batches(samples, labels=labels, batch_size=checked_count(batch_size, "batch_size"), rng=rng)
    if rng is not None and source.order is None and store is not None:
        raise ValueError("rng with store needs samples in arrays: others can only be read as they come")
    batch_stream = iter(source)
    first = next(batch_stream, None)
    if first is None:
        raise ValueError("samples must hold at least one sample, got none")
    batch_stream = itertools.chain([first], batch_stream)

    with observe(network, first.inputs, layers) as observation:
        recording = _Recording(observation, threshold, conv_units)

        def description() -> dict[str, Any]:
            return {
                "units": recording.units,
                "samples": recording.samples_table(source.order, dataset_split),
                "sampling_period": sampling_period,
                "annotations": {
                    **observation.annotations,
                    "threshold": described(recording.levels, observation.sites),
                    "order": "data set" if rng is None else "permutation",
                    "conv_units": conv_units,
                    **dict(annotations or {}),
                },
            }

        if store is not None:
            with StoreWriter(store, len(recording.units), overwrite=overwrite) as writer:
                packer = Packer(len(recording.units), flush=writer.write)
                recording.run(batch_stream, source, packer, progress)
                packer.finish()
                writer.finish(packer.n_samples, **description())
            return writer.path
        n_samples = source.n_samples if conv_units == "all" else None
        packer = Packer(len(recording.units), n_samples)
        recording.run(batch_stream, source, packer, progress)
    words = packer.finish()
    assert words is not None
    raster = SpikeRaster(words, packer.n_samples, **description())
    if rng is not None and source.order is None:
        raster = raster.select(samples=recording.rows_of(rng.permutation(recording.n_shown)))
    return raster


class _Recording:
    """One pass of samples through an observed network."""

    def __init__(self, observation: Observation, threshold: Any, conv_units: ConvUnits) -> None:
        self.observation = observation
        self.by_channel = conv_units == "channels"
        tables = [site.channels() if self.by_channel else site.units() for site in observation.sites]
        self.levels = thresholds(threshold, observation.sites, [len(table) for table in tables])
        if any(not isinstance(level, float) or level != self.levels[0] for level in self.levels):
            for table, level in zip(tables, self.levels, strict=True):
                table["threshold"] = np.nan if callable(level) else level
        self.units = stacked(tables, name="units")
        self.n_shown = 0
        self._labels: list[np.ndarray] = []
        self._positions: list[pd.DataFrame] = []
        self._n_positions: list[np.ndarray] = []
        for site, level in zip(observation.sites, self.levels, strict=True):
            _warn_if_never_silent(site, level)

    def run(self, stream: Iterator[Batch], source: Batches, packer: Packer, progress: bool) -> None:
        """Pack the activations of every batch."""
        with tqdm(
            total=source.n_samples, desc="record", unit="sample", unit_scale=True, delay=1, disable=not progress
        ) as bar:
            for batch in stream:
                activations = self.observation(batch.inputs)
                blocks = self._blocks(activations, batch)
                levels = [
                    evaluated(level, block, site, check=self.n_shown == 0)
                    for level, block, site in zip(self.levels, blocks, self.observation.sites, strict=True)
                ]
                try:
                    packer.append(blocks, levels)
                except NonFiniteActivation as error:
                    raise self._named(error, batch, source) from None
                if batch.labels is not None:
                    self._labels.append(batch.labels)
                self.n_shown += batch.n_samples
                bar.update(batch.n_samples)

    def _blocks(self, activations: list[np.ndarray], batch: Batch) -> list[np.ndarray]:
        sites = self.observation.sites
        for site, values in zip(sites, activations, strict=True):
            if len(values) != batch.n_samples:
                raise ValueError(
                    f"layer {site.name!r} gave {len(values)} rows for {batch.n_samples} samples: its first "
                    "axis is not the samples; record another layer"
                )
        if not self.by_channel:
            return [site.by_unit(values) for site, values in zip(sites, activations, strict=True)]
        positions = [site.positions(values) for site, values in zip(sites, activations, strict=True)]
        for site, places in zip(sites, positions, strict=True):
            if not places.equals(positions[0]):
                raise ValueError(
                    "conv_units='channels' makes a sample of each position, and the layers differ in "
                    f"positions: {sites[0].name!r} has {len(positions[0])}, {site.name!r} {len(places)}; "
                    "record them one at a time"
                )
        self._positions.append(positions[0])
        self._n_positions.append(np.full(batch.n_samples, len(positions[0])))
        return [site.by_channel(values) for site, values in zip(sites, activations, strict=True)]

    def _named(self, error: NonFiniteActivation, batch: Batch, source: Batches) -> ValueError:
        per_sample = len(self._positions[-1]) if self.by_channel else 1
        shown = self.n_shown + error.row // per_sample
        sample = shown if source.order is None else int(source.order[shown])
        name = self.observation.sites[error.block].name
        return ValueError(
            f"activation of layer {name!r}, unit {error.column}, is {error.value} at sample {sample}; "
            "a spike train needs finite activations"
        )

    def samples_table(self, order: np.ndarray | None, dataset_split: str | None) -> pd.DataFrame:
        """A row a sample of the raster."""
        columns: dict[str, Any] = {"sample_index": np.arange(self.n_shown) if order is None else order}
        if self._labels:
            columns["label"] = np.concatenate(self._labels)
        if dataset_split is not None:
            columns["dataset_split"] = [dataset_split] * self.n_shown
        table = pd.DataFrame(columns)
        if not self.by_channel:
            return table
        table = table.loc[np.repeat(np.arange(self.n_shown), np.concatenate(self._n_positions))]
        table = table.reset_index(drop=True)
        batches_shown = zip(self._positions, self._n_positions, strict=True)
        places = pd.concat([p for p, counts in batches_shown for _ in counts], ignore_index=True)
        return pd.concat([table, places], axis=1)

    def rows_of(self, shown: np.ndarray) -> np.ndarray:
        """Rows of the raster that belong to the samples shown at these places, in this order."""
        if not self.by_channel:
            return shown
        counts = np.concatenate(self._n_positions)
        starts = np.cumsum(counts) - counts
        sizes = counts[shown]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(starts[shown], sizes) + within


def _adapter(network: Any, samples: Any) -> tuple[Observe, Any]:
    """The adapter for a network, and the samples to read; activations are their own samples."""
    for framework, (kind, module) in ADAPTERS.items():
        loaded = sys.modules.get(framework)
        if loaded is not None and isinstance(network, getattr(loaded, kind)):
            if samples is None:
                raise TypeError("samples must be given with a network")
            return importlib.import_module(module).observe, samples
    if samples is not None:
        raise TypeError(
            f"network must be a {' or '.join(f'{f}.{c}' for f, (c, _) in ADAPTERS.items())}, "
            f"got {network!r:.80} ({type(network).__name__}); for activations leave samples out"
        )
    return importlib.import_module("ann2neo.recording.arrays").observe, network


def _check_options(
    rng: Any, conv_units: Any, annotations: Mapping[str, Any] | None
) -> None:
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r:.60}; use default_rng(seed)")
    if conv_units not in ("all", "channels"):
        raise ValueError(f"conv_units must be 'all' or 'channels', got {conv_units!r}")
    for key in checked_annotations(annotations):
        if key in _OWN_ANNOTATIONS:
            raise ValueError(f"annotations must not set {key!r}: the recording says it itself")


def _warn_if_never_silent(site: Site, level: Any) -> None:
    if not callable(level) and site.cannot_be_silent(level):
        warnings.warn(
            f"layer {site.name!r} ({site.activation}) is always above the threshold {level!r:.40}: its units "
            "are never silent; give a higher threshold",
            stacklevel=4,
        )
