"""Neo's SpikeTrains → SpikeRaster: every spike on the sample grid, or an error that says which not."""

from __future__ import annotations

import math
from typing import Any

import neo
import numpy as np
import pandas as pd
import quantities as pq

from ann2neo.exchange.grid import OFF_GRID, SampleGrid
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.words import freeze, n_words

# In Hz, what neo fills in where nothing was said: nobody can know whether it is meant.
_UNSAID = 1.0

_IF_OUTSIDE = "neo's time_slice keeps a spike at t_stop, SpikeRaster.select(samples=…) does not"


def from_trains(trains: list[Any], sampling_period: float | None) -> SpikeRaster:
    """The raster of SpikeTrains on a common sample grid, which begins at their ``t_start``.

    Raises
    ------
    TypeError, ValueError
        If there is none, one is not a SpikeTrain, they differ in span or sampling rate, their sampling
        period is unknown or not the one given, or a spike is off the grid, outside the span or not alone
        in its sample.
    """
    if not trains:
        raise ValueError("expected at least one SpikeTrain, got none")
    for train in trains:
        if not isinstance(train, neo.SpikeTrain):
            raise TypeError(f"expected SpikeTrains, got a {type(train).__name__} among them")
    if sampling_period is not None:
        _check_rates(trains, sampling_period)
    period = check_period(_period_of(trains) if sampling_period is None else sampling_period)
    dt = period * 1000
    start, stop = _span(trains, dt)
    grid = SampleGrid.spanning(start, stop, dt, "ms")
    words = np.zeros((len(trains), n_words(grid.n_samples)), np.uint64)
    for row, train in zip(words, trains, strict=True):
        times = milliseconds(train, f"train {_name(train)}")
        kernels.set_bits(row, grid.samples(times, _name(train), if_outside=_IF_OUTSIDE))
    return SpikeRaster(freeze(words), grid.n_samples, _unit_table(trains), sampling_period=period)


def milliseconds(quantity: Any, what: str) -> np.ndarray:
    """Times as plain float64 milliseconds; `what` names them in the error for what is not a time."""
    try:
        # Both rescale and a comparison of dimensionalities cost more than reading a short train.
        units = list(quantity.dimensionality.items())
        if len(units) != 1 or units[0][0] is not pq.ms or units[0][1] != 1:
            quantity = quantity.rescale(pq.ms)
        return np.asarray(quantity.magnitude, dtype=np.float64)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{what} must be a time, got {quantity!r:.60}") from error


def _name(train: neo.SpikeTrain) -> str:
    return repr(train.name) if train.name else "without a name"


def _check_rates(trains: list[neo.SpikeTrain], sampling_period: float) -> None:
    """Whether the period given is that of every train that says one."""
    for train in trains:
        rate = _rate(train)
        if rate != _UNSAID and not math.isclose(rate * sampling_period, 1.0, rel_tol=1e-6):
            raise ValueError(
                f"sampling_period is {1 / rate:.9g} s in train {_name(train)}, whose sampling_rate is "
                f"{rate:.9g} Hz, got {sampling_period}"
            )


def _period_of(trains: list[neo.SpikeTrain]) -> float:
    rates = {_rate(train) for train in trains}
    if len(rates) > 1:
        hint = "; pass sampling_period" if _UNSAID in rates else ""
        raise ValueError(f"trains differ in sampling_rate: {sorted(rates)} Hz{hint}")
    (rate,) = rates
    if rate == _UNSAID:
        raise ValueError(
            "trains do not say their sampling period (sampling_rate is neo's default of 1 Hz): use "
            "as_raster(trains, sampling_period=…), in seconds"
        )
    return 1 / rate


def _rate(train: neo.SpikeTrain) -> float:
    """In Hz; neo's default where there is none."""
    rate = train.sampling_rate
    return _UNSAID if rate is None else float(rate.rescale(pq.Hz).magnitude)


def _span(trains: list[neo.SpikeTrain], dt: float) -> tuple[float, float]:
    first, span = trains[0], _bounds(trains[0])
    for train in trains[1:]:
        other = _bounds(train)
        if max(abs(other[0] - span[0]), abs(other[1] - span[1])) > OFF_GRID * dt:
            raise ValueError(
                f"trains differ in span: {_name(first)} has {span[0]} to {span[1]} ms, "
                f"{_name(train)} has {other[0]} to {other[1]} ms"
            )
    return span


def _bounds(train: neo.SpikeTrain) -> tuple[float, float]:
    start = milliseconds(train.t_start, f"t_start of train {_name(train)}")
    stop = milliseconds(train.t_stop, f"t_stop of train {_name(train)}")
    return float(start), float(stop)


def _unit_table(trains: list[neo.SpikeTrain]) -> pd.DataFrame:
    """Annotations that every train has, of one plain type, beside layer and unit_index."""
    shared = set.intersection(*(set(train.annotations) for train in trains))
    columns: dict[str, list[Any]] = {}
    for key in trains[0].annotations:
        values = [train.annotations[key] for train in trains] if key in shared else [None]
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
        if len({type(value) for value in values}) == 1 and isinstance(
            values[0], (bool, int, float, str)
        ):
            columns[key] = values
    layer, index = columns.pop("layer", [None]), columns.pop("unit_index", [None])
    # Elsewhere "layer" may be a cortical layer's number: only what can be a unit's place is taken.
    if not (isinstance(layer[0], str) and type(index[0]) is int):
        layer, index = ["units"] * len(trains), list(range(len(trains)))
    return pd.DataFrame({"layer": layer, "unit_index": index, **columns})
