"""SpikeRaster ↔ Neo: from here on Elephant, viziphant and Neo's file formats work unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import neo
import numpy as np
import pandas as pd
import quantities as pq

from ann2neo.spikes import kernels
from ann2neo.spikes.arguments import checked_period
from ann2neo.spikes.raster import SpikeRaster, default_samples, frozen, n_words
from ann2neo.spikes.tables import checked_annotations

CONFIGURATION = "ann2neo"
"""Annotation of a Block that holds, as JSON, what Neo has no place for."""

SAMPLES = "samples"
"""Name of the Epoch that holds the sample table."""

_OFF_GRID = 1e-6  # of a sample: float64 times stay closer than this up to 4·10⁹ samples


def to_spiketrains(raster: Any) -> list[neo.SpikeTrain]:
    """Spike trains of a raster, a plain list as Elephant takes it.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    list of neo.SpikeTrain
        One a unit, named ``layer/unit_index``, annotated with the row of the unit table. Times are
        float64 milliseconds: sample ``k`` spikes at ``k * sampling_period``, the train runs from 0 to
        ``n_samples * sampling_period`` and has ``sampling_rate = 1 / sampling_period``.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> trains = a2n.to_spiketrains(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> trains[1]
    <SpikeTrain(array([0., 1., 2.]) * ms, [0.0 ms, 3.0 ms])>
    """
    raster = _raster(raster)
    dt = raster.sampling_period * 1000
    # Shared, of the trains' own unit and float64: so neo converts nothing, a train takes 20–40 µs.
    bounds = {
        "t_start": pq.Quantity(0.0, pq.ms),
        "t_stop": pq.Quantity(raster.n_samples * dt, pq.ms),
        "sampling_rate": pq.Quantity(1000 / dt, pq.Hz),
        "units": pq.ms,
    }
    records = raster.units.to_dict("records")
    counts = raster.spike_counts
    trains = []
    for row, count, record in zip(raster.words, counts, records, strict=True):
        times = np.empty(count)
        kernels.spike_indices(row, times)
        if dt != 1.0:
            times *= dt
        name = f"{record['layer']}/{record['unit_index']}"
        trains.append(neo.SpikeTrain(times, name=name, **bounds, **record))
    return trains


def to_block(rasters: Any) -> neo.Block:
    """A network's recordings as a `neo.Block`.

    Parameters
    ----------
    rasters : SpikeRaster, what `as_raster` takes, or a mapping of name to raster
        A mapping gives a Segment a raster, named by its key, for example one a data split.

    Returns
    -------
    neo.Block
        A Segment a recording with its spike trains and an Epoch ``"samples"``: one interval a sample,
        labelled where labels are known, the sample table in ``array_annotations``. A Group a layer.
        The raster's annotations are the Segment's; the Block's annotation ``"ann2neo"`` holds the
        configuration as JSON, from which `from_block` gives back an equal raster.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> block = a2n.to_block(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> [train.name for train in block.segments[0].spiketrains]
    ['units/0', 'units/1']
    """
    if isinstance(rasters, Mapping):
        if not rasters:
            raise ValueError("rasters must hold at least one raster, got an empty mapping")
        named = {str(name): _raster(raster) for name, raster in rasters.items()}
    else:
        raster = _raster(rasters)
        named = {str(raster.annotations.get("dataset_split", "recording")): raster}
    first = next(iter(named.values()))
    block = neo.Block(name=str(first.annotations.get("network", "network")))
    groups: dict[str, neo.Group] = {}
    for name, raster in named.items():
        segment = neo.Segment(name=name, **_neo_annotations(raster))
        trains = to_spiketrains(raster)
        segment.spiketrains.extend(trains)
        segment.epochs.append(_samples_epoch(raster))
        block.segments.append(segment)
        for layer, members in _by_layer(raster, trains).items():
            if layer not in groups:
                groups[layer] = neo.Group(name=layer)
                block.groups.append(groups[layer])
            groups[layer].spiketrains.extend(members)
    recordings = [_configuration(raster) for raster in named.values()]
    block.annotate(**{CONFIGURATION: json.dumps({"format": 1, "recordings": recordings})})
    return block


def from_block(block: neo.Block, segment: int | str | None = None) -> SpikeRaster:
    """The raster in a Block; ``from_block(to_block(raster)) == raster``.

    Parameters
    ----------
    block : neo.Block
    segment : int or str, optional
        Which Segment, by index or name; needed if there are several.

    Raises
    ------
    ValueError
        If the Block has no or several Segments and `segment` does not choose one, or its trains do not
        lie on a common sample grid.
    """
    return _from_segment(_chosen_segment(block, segment), _stored(block), None)


def raster_from_neo(source: Any, *, sampling_period: float | None = None) -> SpikeRaster:
    """What `as_raster` calls for Blocks, Segments, SpikeTrains and lists of these."""
    if isinstance(source, neo.Block):
        return _from_segment(_chosen_segment(source, None), _stored(source), sampling_period)
    if isinstance(source, neo.Segment):
        block = getattr(source, "block", None)
        return _from_segment(source, _stored(block), sampling_period)
    trains = [source] if isinstance(source, neo.SpikeTrain) else list(source)
    return _from_trains(trains, sampling_period)


def _raster(source: Any) -> SpikeRaster:
    from ann2neo.spikes.raster import as_raster

    return as_raster(source)


def _neo_annotations(raster: SpikeRaster) -> dict[str, Any]:
    """The annotations that Neo's file formats can hold: no None, which NIX refuses."""
    return {key: value for key, value in raster.annotations.items() if value is not None}


def _samples_epoch(raster: SpikeRaster) -> neo.Epoch:
    samples = raster.samples
    dt = raster.sampling_period * 1000
    labels = samples["label"] if "label" in samples else pd.Series([""] * len(samples))
    columns = {name: _neo_column(samples[name]) for name in samples}
    return neo.Epoch(
        times=np.arange(raster.n_samples) * dt,
        durations=np.full(raster.n_samples, dt),
        labels=labels.astype(str).to_numpy(dtype="U"),
        units=pq.ms,
        name=SAMPLES,
        array_annotations=columns,
    )


def _neo_column(column: pd.Series) -> np.ndarray:
    return column.to_numpy() if column.dtype.kind in "bif" else column.to_numpy(dtype="U")


def _by_layer(raster: SpikeRaster, trains: list[neo.SpikeTrain]) -> dict[str, list[neo.SpikeTrain]]:
    members: dict[str, list[neo.SpikeTrain]] = {layer: [] for layer in raster.layers}
    for layer, train in zip(raster.units["layer"], trains, strict=True):
        members[layer].append(train)
    return members


def _configuration(raster: SpikeRaster) -> dict[str, Any]:
    return {
        "n_samples": raster.n_samples,
        "sampling_period": raster.sampling_period,
        "annotations": dict(raster.annotations),
        "unit_columns": list(raster.units.columns),
        "sample_columns": list(raster.samples.columns),
    }


def _stored(block: neo.Block | None) -> list[tuple[neo.Segment, dict[str, Any]]]:
    """Segments of a Block of ours with their configuration; empty for any other Block."""
    text = None if block is None else block.annotations.get(CONFIGURATION)
    if text is None:
        return []
    try:
        recordings = json.loads(text)["recordings"]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"block annotation {CONFIGURATION!r} cannot be read: {error}") from error
    if len(recordings) != len(block.segments):
        raise ValueError(
            f"block annotation {CONFIGURATION!r} describes {len(recordings)} segments, the block has "
            f"{len(block.segments)}"
        )
    return list(zip(block.segments, recordings, strict=True))


def _chosen_segment(block: neo.Block, segment: int | str | None) -> neo.Segment:
    names = [one.name for one in block.segments]
    if segment is None:
        if len(names) != 1:
            raise ValueError(
                f"block has {len(names)} segments {names}; say which with from_block(block, segment=…)"
            )
        return block.segments[0]
    if isinstance(segment, str):
        if names.count(segment) != 1:
            raise ValueError(f"segment must name one of {names}, got {segment!r}")
        return block.segments[names.index(segment)]
    if not -len(names) <= segment < len(names):
        raise ValueError(f"segment must be an index below {len(names)}, got {segment}")
    return block.segments[segment]


def _from_segment(
    segment: neo.Segment,
    stored: Sequence[tuple[neo.Segment, dict[str, Any]]],
    sampling_period: float | None,
) -> SpikeRaster:
    configuration = next((found for one, found in stored if one is segment), {})
    known = configuration.get("sampling_period")
    if None not in (known, sampling_period) and known != sampling_period:
        raise ValueError(f"sampling_period is {known} s in this recording, got {sampling_period}")
    raster = _from_trains(list(segment.spiketrains), known or sampling_period)
    units = raster.units
    if "unit_columns" in configuration:
        units = units[configuration["unit_columns"]]
    annotations = configuration.get("annotations")
    if annotations is None:
        annotations = _plain_annotations(segment)
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        units,
        _sample_table(segment, raster.n_samples, configuration.get("sample_columns")),
        sampling_period=raster.sampling_period,
        annotations=annotations,
    )


def _plain_annotations(segment: neo.Segment) -> dict[str, Any]:
    """Those annotations of a foreign Segment that a raster can hold."""
    plain = {}
    for key, value in segment.annotations.items():
        try:
            plain |= checked_annotations({key: value})
        except (TypeError, ValueError):
            continue
    return plain


def _sample_table(segment: neo.Segment, n_samples: int, columns: list[str] | None) -> pd.DataFrame:
    epochs = [epoch for epoch in segment.epochs if epoch.name == SAMPLES and len(epoch) == n_samples]
    if not epochs:
        return default_samples(n_samples)
    table = pd.DataFrame({key: np.asarray(v) for key, v in epochs[0].array_annotations.items()})
    if "sample_index" not in table:
        table.insert(0, "sample_index", np.arange(n_samples))
    return table if columns is None else table[columns]


def _from_trains(trains: list[Any], sampling_period: float | None) -> SpikeRaster:
    if not trains:
        raise ValueError("expected at least one SpikeTrain, got none")
    for train in trains:
        if not isinstance(train, neo.SpikeTrain):
            raise TypeError(f"expected SpikeTrains, got a {type(train).__name__} among them")
    period = checked_period(sampling_period or _period_of(trains))
    dt = period * 1000
    start, stop = _span(trains)
    n_samples = round((stop - start) / dt)
    if n_samples < 1 or abs((stop - start) / dt - n_samples) > _OFF_GRID:
        raise ValueError(
            f"trains span {stop - start} ms, which is not a whole number of samples of {dt} ms; "
            "check sampling_period"
        )
    words = np.zeros((len(trains), n_words(n_samples)), np.uint64)
    for row, train in zip(words, trains, strict=True):
        kernels.set_bits(row, _samples_of(train, start, dt, n_samples))
    return SpikeRaster(frozen(words), n_samples, _unit_table(trains), sampling_period=period)


def _milliseconds(quantity: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(quantity.rescale(pq.ms).magnitude, dtype=np.float64)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{what} must be a time, got {quantity!r:.60}") from error


def _name(train: neo.SpikeTrain) -> str:
    return repr(train.name) if train.name else "without a name"


def _period_of(trains: list[neo.SpikeTrain]) -> float:
    rates = {float(train.sampling_rate.rescale(pq.Hz).magnitude) for train in trains}
    if len(rates) > 1:
        raise ValueError(f"trains differ in sampling_rate: {sorted(rates)} Hz; pass sampling_period")
    (rate,) = rates
    # neo fills in 1 Hz where nothing was said: nobody can know whether it is meant.
    if rate == 1.0:
        raise ValueError(
            "trains do not say their sampling period (sampling_rate is neo's default of 1 Hz): use "
            "as_raster(trains, sampling_period=…), in seconds"
        )
    return 1 / rate


def _span(trains: list[neo.SpikeTrain]) -> tuple[float, float]:
    first = trains[0]
    start = float(_milliseconds(first.t_start, f"t_start of train {_name(first)}"))
    stop = float(_milliseconds(first.t_stop, f"t_stop of train {_name(first)}"))
    for train in trains[1:]:
        other = (float(_milliseconds(t, "t_start, t_stop")) for t in (train.t_start, train.t_stop))
        if tuple(other) != (start, stop):
            raise ValueError(
                f"trains differ in span: {_name(first)} has {start} to {stop} ms, {_name(train)} has "
                f"{train.t_start} to {train.t_stop}"
            )
    return start, stop


def _samples_of(train: neo.SpikeTrain, start: float, dt: float, n_samples: int) -> np.ndarray:
    times = _milliseconds(train, f"train {_name(train)}")
    places = (times - start) / dt
    samples = np.rint(places)
    off = np.abs(places - samples) > _OFF_GRID
    if off.any():
        raise ValueError(
            f"train {_name(train)} has a spike at {times[off][0]} ms, off the sample grid of {dt} ms; "
            "give the right sampling_period, or bin the trains first"
        )
    samples = samples.astype(np.int64)
    outside = (samples < 0) | (samples >= n_samples)
    if outside.any():
        raise ValueError(
            f"train {_name(train)} has a spike at {times[outside][0]} ms, outside the "
            f"{n_samples} samples from {start} ms on"
        )
    if np.unique(samples).size < samples.size:
        values, counts = np.unique(samples, return_counts=True)
        raise ValueError(
            f"train {_name(train)} has {counts.max()} spikes in the sample at "
            f"{start + dt * values[counts.argmax()]} ms; a raster holds one"
        )
    return samples


def _unit_table(trains: list[neo.SpikeTrain]) -> pd.DataFrame:
    """Annotations that every train has, of one plain type, beside layer and unit_index."""
    shared = set.intersection(*(set(train.annotations) for train in trains))
    columns: dict[str, list[Any]] = {}
    for key in trains[0].annotations:
        values = [train.annotations[key] for train in trains] if key in shared else [None]
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        if len({type(value) for value in values}) == 1 and isinstance(values[0], (bool, int, float, str)):
            columns[key] = values
    if {"layer", "unit_index"} <= set(columns):
        return pd.DataFrame(columns)
    for key in ("layer", "unit_index"):
        columns.pop(key, None)
    place = {"layer": ["units"] * len(trains), "unit_index": list(range(len(trains)))}
    return pd.DataFrame({**place, **columns})
