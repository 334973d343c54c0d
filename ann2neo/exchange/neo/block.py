"""SpikeRaster ↔ Neo: from here on Elephant, viziphant and Neo's file formats work unchanged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import neo
import numpy as np
import numpy.typing as npt
import pandas as pd
import quantities as pq

from ann2neo.exchange.columns import plain_array
from ann2neo.exchange.configuration import CONFIGURATION, configuration_of_all, description
from ann2neo.exchange.neo.segment_metadata import ABOUT, write_about
from ann2neo.exchange.neo.segments import (
    SAMPLE_ARGUMENTS,
    SAMPLES,
    SEGMENT_ARGUMENTS,
    configuration_of,
    from_segment,
)
from ann2neo.exchange.neo.train_metadata import neo_keys, write_units
from ann2neo.exchange.neo.trains import Binning, from_trains
from ann2neo.exchange.neo.trials import join_trials, split_trials
from ann2neo.spikes import kernels
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START
from ann2neo.spikes.typing import RasterLike

_BLOCK = 2**20
"""Spikes that share one array: a single train that is kept keeps no more than some 8 MB with it."""


def to_spiketrains(raster: RasterLike) -> list[neo.SpikeTrain]:
    """Spike trains of a raster, a plain list as Elephant takes it.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    list of neo.SpikeTrain
        One per unit, annotated with the row of the unit table. Its columns ``name``, ``description`` and
        ``file_origin`` are the trains' own; without such a column the name is ``layer/unit_index``. A
        column of real numbers whose name ends in a physical unit, ``depth (um)``, becomes a quantity.
        Times are float64 milliseconds: sample ``k`` spikes at ``k * sampling_period``, the train runs
        from 0 to ``n_samples * sampling_period`` and has ``sampling_rate = 1 / sampling_period``; if the
        raster has the annotation ``t_start``, in seconds, from there on. Any other column named like an
        argument of `neo.SpikeTrain` (``units``, …) gets an underscore: ``units_``.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> trains = a2n.to_spiketrains(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> trains[1]
    <SpikeTrain(array([0., 1., 2.]) * ms, [0.0 ms, 3.0 ms])>
    """
    raster = as_raster(raster)
    dt = raster.sampling_period * 1000
    attributes, records = write_units(raster.units)
    trains: list[neo.SpikeTrain] = []
    counts = raster.spike_counts
    for block in _blocks(counts):
        trains += _train_block(raster, block, counts, dt, attributes, records)
    return trains


def start_of(raster: SpikeRaster) -> float:
    """When the recording began, in ms: what `as_raster` kept of the trains it was made of."""
    said = raster.annotations.get(T_START)
    return 1000.0 * said if isinstance(said, float) else 0.0


def _blocks(counts: np.ndarray) -> Iterator[range]:
    """Consecutive units of about `_BLOCK` spikes together."""
    ends = np.cumsum(counts) // _BLOCK
    edges = [0, *(np.flatnonzero(np.diff(ends)) + 1), len(counts)]
    return (range(first, last) for first, last in itertools.pairwise(edges))


def _train_block(
    raster: SpikeRaster,
    units: range,
    counts: npt.NDArray[np.int64],
    dt: float,
    attributes: list[dict[str, Any]],
    records: list[dict[str, Any]],
) -> list[neo.SpikeTrain]:
    """Trains of some units as slices of one: Neo checks units and range once, not once a train, which
    is ten times as fast. What slices share is made each train's own."""
    edges = np.concatenate([[0], np.cumsum(counts[units.start : units.stop])])
    times = np.empty(edges[-1])
    for unit, first, last in zip(units, edges[:-1], edges[1:], strict=True):
        kernels.spike_indices(raster.words[unit], times[first:last])
    start = start_of(raster)
    times = times * dt if dt != 1.0 else times
    whole = neo.SpikeTrain(
        times + start if start else times,
        t_start=start,
        t_stop=start + raster.n_samples * dt,
        units=pq.ms,
        sampling_rate=pq.Quantity(1000 / dt, pq.Hz),
    )
    trains = []
    for unit, first, last in zip(units, edges[:-1], edges[1:], strict=True):
        train = whole[first:last]
        train.annotations = records[unit]
        for attribute, text in attributes[unit].items():
            setattr(train, attribute, text)
        train.t_start, train.t_stop = whole.t_start.copy(), whole.t_stop.copy()
        train.sampling_rate = whole.sampling_rate.copy()
        trains.append(train)
    return trains


def to_block(rasters: RasterLike | Mapping[Any, RasterLike]) -> neo.Block:
    """A network's recordings as a `neo.Block`.

    Parameters
    ----------
    rasters : SpikeRaster, what `as_raster` takes, or a mapping of name to raster
        A mapping gives a Segment per raster, named by its key, for example one per data split. Without
        one the Segment is named by the data split, if the sample table says just one, or "recording". A
        raster that shows its samples in several trials (column ``trial`` of its sample table), one after
        another, gives a Segment per trial, named ``"trial 0"``, ``"trial 1"``, …, each from time 0, as
        Elephant's functions over trials take them; the recording's ``t_start`` is their annotation
        ``trials_t_start``.

    Returns
    -------
    neo.Block
        A Segment per recording with its spike trains and an Epoch ``"samples"``: one interval per
        sample, labeled where labels are known, the sample table in ``array_annotations``. A Group per
        layer.
        The raster's annotations are the Segment's, with an underscore where they are named like an
        argument of `neo.Segment` (``name_``, ``index_``, …). The Block's annotation ``"ann2neo"`` holds
        the configuration as JSON, from which `from_block` gives back an equal raster.

    Raises
    ------
    ValueError
        If a mapping is empty or two of its keys are the same text, or a text in the sample table ends in
        NUL, which Neo's arrays drop.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> block = a2n.to_block(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> [train.name for train in block.segments[0].spiketrains]
    ['units/0', 'units/1']
    """
    recordings = name_rasters(rasters)
    if not isinstance(rasters, Mapping):
        recordings = split_trials(recordings)
    first = next(iter(recordings.values())).annotations
    block = neo.Block(
        name=str(first.get("block_name", first.get("network", "network"))),
        **write_about(first, "block"),
    )
    groups: dict[str, neo.Group] = {}
    for name, raster in recordings.items():
        keys = neo_keys(raster.annotations, SEGMENT_ARGUMENTS)
        # None says nothing in Neo, and NIX refuses it.
        said = {
            keys[key]: value
            for key, value in raster.annotations.items()
            if value is not None and key not in ABOUT
        }
        segment = neo.Segment(name=name, **write_about(raster.annotations, "segment"), **said)
        trains = to_spiketrains(raster)
        segment.spiketrains.extend(trains)
        segment.epochs.append(_samples_epoch(raster))
        block.segments.append(segment)
        for layer, members in _by_layer(raster, trains).items():
            if layer not in groups:
                groups[layer] = neo.Group(name=layer)
                block.groups.append(groups[layer])
            groups[layer].spiketrains.extend(members)
    described = [_description(name, raster) for name, raster in recordings.items()]
    block.annotate(**{CONFIGURATION: configuration_of_all(described)})
    return block


def from_block(block: neo.Block, segment: int | str | None = None) -> SpikeRaster:
    """The raster in a Block; ``from_block(to_block(raster)) == raster``.

    Parameters
    ----------
    block : neo.Block
    segment : int or str, optional
        Which Segment, by index or name; needed if there are several, unless these are the trials of
        one recording.

    Returns
    -------
    SpikeRaster
        Sample 0 begins at the ``t_start`` of the trains, in seconds the annotation ``t_start`` unless
        it is 0.

    Raises
    ------
    TypeError
        If `block` is not a Block, or `segment` is neither an index nor a name.
    ValueError
        If the Block has no or several Segments and `segment` does not choose one, its trains do not
        lie on a common sample grid, or they are not those that its configuration describes.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> block = a2n.to_block(np.eye(4, dtype=bool))
    >>> a2n.from_block(block).spike_counts
    array([1, 1, 1, 1])
    """
    if not isinstance(block, neo.Block):
        raise TypeError(f"block must be a neo.Block, got a {type(block).__name__}; see as_raster")
    joined = join_trials(block) if segment is None else None
    if joined is not None:
        return joined
    chosen = choose_segment(block, segment)
    return from_segment(chosen, configuration_of(chosen, block), None, Binning())


def raster_from_neo(source: Any, *, sampling_period: float | None = None, **options: Any) -> SpikeRaster:
    """What `as_raster` calls for Blocks, Segments, SpikeTrains and lists of these."""
    binning = Binning(**options)
    if isinstance(source, neo.Block):
        joined = join_trials(source) if sampling_period is None else None
        if joined is not None:
            return joined
        segment = choose_segment(source, None)
        return from_segment(segment, configuration_of(segment, source), sampling_period, binning)
    if isinstance(source, neo.Segment):
        known = configuration_of(source, source.block)
        return from_segment(source, known, sampling_period, binning)
    if isinstance(source, neo.SpikeTrain):
        return from_trains([source], sampling_period, binning)
    if not isinstance(source, Iterable):
        raise TypeError(
            f"expected a Block, Segment, SpikeTrain or list of SpikeTrain, got a {type(source).__name__}"
        )
    return from_trains(list(source), sampling_period, binning)


def name_rasters(rasters: Any) -> dict[str, SpikeRaster]:
    """Segment name → raster, of what `to_block` takes."""
    if not isinstance(rasters, Mapping):
        if isinstance(rasters, (list, tuple)) and any(isinstance(r, SpikeRaster) for r in rasters):
            raise TypeError("several rasters must come as a mapping of segment name to raster")
        raster = as_raster(rasters)
        samples = raster.samples
        splits = set(samples["dataset_split"]) if "dataset_split" in samples else set()
        otherwise = str(raster.annotations.get("segment_name", "recording"))
        return {str(splits.pop()) if len(splits) == 1 else otherwise: raster}
    if not rasters:
        raise ValueError("rasters must hold at least one raster, got an empty mapping")
    found = {str(name): as_raster(raster) for name, raster in rasters.items()}
    if len(found) < len(rasters):
        raise ValueError(f"rasters must have keys that differ as text, got {list(rasters)!r:.200}")
    return found


def _samples_epoch(raster: SpikeRaster) -> neo.Epoch:
    samples = raster.samples
    dt = raster.sampling_period * 1000
    labels = samples["label"] if "label" in samples else pd.Series([""] * len(samples))
    keys: dict[Any, str] = neo_keys(samples, SAMPLE_ARGUMENTS)
    return neo.Epoch(
        times=start_of(raster) + np.arange(raster.n_samples) * dt,
        durations=np.full(raster.n_samples, dt),
        labels=labels.astype(str).to_numpy(dtype="U"),
        units=pq.ms,
        name=SAMPLES,
        array_annotations={keys[name]: plain_array(samples[name], "samples") for name in samples},
    )


def _by_layer(raster: SpikeRaster, trains: list[neo.SpikeTrain]) -> dict[str, list[neo.SpikeTrain]]:
    members: dict[str, list[neo.SpikeTrain]] = {layer: [] for layer in raster.layers}
    for layer, train in zip(raster.units["layer"], trains, strict=True):
        members[layer].append(train)
    return members


def _description(name: str, raster: SpikeRaster) -> dict[str, Any]:
    return description(
        raster,
        segment=name,
        n_samples=raster.n_samples,
        unit_columns=list(raster.units.columns),
        sample_columns=list(raster.samples.columns),
    )


def choose_segment(block: neo.Block, segment: int | str | None) -> neo.Segment:
    """The Segment of that index or name; for None the only one."""
    names = [one.name for one in block.segments]
    if not names:
        raise ValueError("block has no segments")
    if segment is None:
        if len(names) != 1:
            raise ValueError(f"block has {len(names)} segments {names}; pass segment=… to choose one")
        return block.segments[0]
    if isinstance(segment, str):
        if names.count(segment) != 1:
            raise ValueError(f"segment must be the name of one segment among {names}, got {segment!r}")
        return block.segments[names.index(segment)]
    if isinstance(segment, bool) or not hasattr(segment, "__index__"):
        raise TypeError(f"segment must be an index or a name, got {segment!r}")
    if not -len(names) <= segment < len(names):
        raise ValueError(f"segment must be an index below {len(names)}, got {segment}")
    return block.segments[segment]
