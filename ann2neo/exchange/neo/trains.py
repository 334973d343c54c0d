"""Neo's SpikeTrains → SpikeRaster: every spike on the sample grid, or an error that says which not."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import neo
import numpy as np
import numpy.typing as npt
import pandas as pd
import quantities as pq

from ann2neo.exchange.errors import MismatchError
from ann2neo.exchange.grid import OFF_GRID, SampleGrid, check_n_samples, precision_of
from ann2neo.exchange.neo.train_metadata import read_units
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_choice, check_period
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START
from ann2neo.spikes.words import freeze, n_words

# In Hz, what neo fills in where nothing was said: nobody can know whether it is meant.
_UNSAID = 1.0

_IF_OUTSIDE = "for a spike at t_stop pass t_stop_spikes='drop' or 'keep'"


@dataclass(frozen=True)
class Binning:
    """How times that lie on no sample grid become one; see `as_raster`."""

    bin_size: float | None = None
    binary: Literal["raise", "clip"] = "raise"
    t_stop_spikes: Literal["raise", "drop", "keep"] = "raise"


def check_binning(
    sampling_period: Any, bin_size: Any, binary: Any, t_stop_spikes: Any = "raise"
) -> Binning:
    """These options of a reader, if each is one of its own and they go together."""
    check_choice(binary, "binary", ("raise", "clip"))
    check_choice(t_stop_spikes, "t_stop_spikes", ("raise", "drop", "keep"))
    if bin_size is None:
        if binary != "raise":
            raise ValueError("binary must be left out where there is no bin_size")
        return Binning(t_stop_spikes=t_stop_spikes)
    if sampling_period is not None:
        raise ValueError("pass sampling_period, for times on a grid, or bin_size, for others, not both")
    return Binning(check_period(bin_size, "bin_size"), binary, t_stop_spikes)


def from_trains(trains: list[Any], sampling_period: float | None, binning: Binning) -> SpikeRaster:
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
    if binning.bin_size is not None:
        period = binning.bin_size
    else:
        if sampling_period is not None:
            _check_rates(trains, sampling_period)
        period = check_period(_period_of(trains) if sampling_period is None else sampling_period)
    dt = period * 1000
    precision = max(precision_of(np.asarray(train.magnitude)) for train in trains)
    start, stop = _span(trains, dt, precision)
    grid = _grid(trains, (start, stop), dt, precision, binning)
    words = np.zeros((len(trains), n_words(grid.n_samples)), np.uint64)
    counts = np.zeros(2, np.int64)
    for row, train in zip(words, trains, strict=True):
        samples, lost = _samples(train, grid, stop, binning)
        counts += lost
        kernels.set_bits(row, samples)
    annotations: dict[str, Any] = {} if start == 0 else {T_START: start / 1000}
    if binning.bin_size is not None:
        annotations |= {"bin_size": period, "n_spikes_clipped": int(counts[0])}
        warn_of_lost(counts, sum(train.size for train in trains), period)
    return SpikeRaster(
        freeze(words),
        grid.n_samples,
        read_units(trains),
        sampling_period=period,
        annotations=annotations,
    )


def bin_times(
    times: Sequence[npt.NDArray[Any]],
    span: tuple[float, float],
    units: pd.DataFrame,
    said: Mapping[str, Any],
    **options: Any,
) -> SpikeRaster:
    """The raster of times in seconds, a sequence a unit, in bins; `options` are those of `Binning`."""
    start, stop = span
    trains = [
        neo.SpikeTrain(one, units=pq.s, t_start=start, t_stop=stop, name=f"{layer}/{index}")
        for one, layer, index in zip(times, units["layer"], units["unit_index"], strict=True)
    ]
    raster = from_trains(trains, None, Binning(**options))
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        units,
        sampling_period=raster.sampling_period,
        annotations={**said, **raster.annotations},
    )


def _grid(
    trains: list[Any], span: tuple[float, float], dt: float, precision: float, binning: Binning
) -> SampleGrid:
    start, stop = span
    more = 0.0
    if binning.t_stop_spikes == "keep":
        all_times = (milliseconds(train, f"train {_name(train)}") for train in trains)
        more = dt if any(_at(stop, times, precision, dt).any() for times in all_times) else 0.0
    if binning.bin_size is None:
        return SampleGrid.span(start, stop + more, dt, "ms", precision=precision)
    whole = np.floor((stop - start) / dt + OFF_GRID + precision * max(abs(start), abs(stop)) / dt)
    if whole < 1:
        raise ValueError(f"bin_size must be at most the trains' span of {stop - start} ms, got {dt} ms")
    return SampleGrid(start, dt, check_n_samples(float(whole) + (more > 0), dt, "ms"), "ms")


def _samples(
    train: neo.SpikeTrain, grid: SampleGrid, stop: float, binning: Binning
) -> tuple[npt.NDArray[np.int64], tuple[int, int]]:
    """Samples of a train's spikes, and how many were clipped or lie after the last bin."""
    times, name = milliseconds(train, f"train {_name(train)}"), _name(train)
    precision = precision_of(np.asarray(train.magnitude))
    if binning.t_stop_spikes == "drop":
        times = times[~_at(stop, times, precision, grid.period)]
    if binning.bin_size is None:
        return grid.samples(times, name, if_outside=_IF_OUTSIDE, precision=precision), (0, 0)
    if binning.t_stop_spikes == "raise" and _at(stop, times, precision, grid.period).any():
        raise MismatchError(
            f"train {name} has a spike at its t_stop, {stop} ms, where the last bin has ended; "
            f"{_IF_OUTSIDE}"
        )
    return grid.bins(times, name, precision, clip=binning.binary == "clip")


def _at(
    time: float, times: npt.NDArray[np.float64], precision: float, period: float
) -> npt.NDArray[np.bool_]:
    """Which times nobody can tell from another."""
    return np.abs(times - time) <= OFF_GRID * period + precision * abs(time)


def warn_of_lost(counts: npt.NDArray[np.int64], n_spikes: int, period: float) -> None:
    """Say how many spikes were clipped, and how many lie after the last bin."""
    clipped, beyond = counts.tolist()
    said = []
    if clipped:
        said.append(f"{clipped} of {n_spikes} spikes share a bin of {period:g} s with an earlier one")
    if beyond:
        said.append(f"{beyond} of {n_spikes} spikes lie after the last whole bin of {period:g} s")
    if said:
        warnings.warn(
            f"{' and '.join(said)}: they are left out", UserWarning, stacklevel=find_stacklevel()
        )


def milliseconds(quantity: Any, what: str) -> npt.NDArray[np.float64]:
    """Times as plain float64 milliseconds; `what` names them in the error for what is not a time."""
    try:
        # Both rescale and a comparison of dimensionalities cost more than reading a short train.
        units = list(quantity.dimensionality.items())
        if len(units) != 1 or units[0][0] is not pq.ms or units[0][1] != 1:
            # In float64 before it is rescaled, since float32 would be rounded once more.
            quantity = pq.Quantity(np.asarray(quantity.magnitude, np.float64), quantity.units)
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
        hint = "; pass sampling_period=…" if _UNSAID in rates else ""
        raise ValueError(f"trains differ in sampling_rate: {sorted(rates)} Hz{hint}")
    (rate,) = rates
    if rate == _UNSAID:
        raise ValueError(
            "trains do not say their sampling period (sampling_rate is neo's default of 1 Hz): pass "
            "sampling_period=…, in seconds, or pass bin_size=… to bin times on no grid"
        )
    return 1 / rate


def _rate(train: neo.SpikeTrain) -> float:
    """In Hz; neo's default where there is none."""
    rate = train.sampling_rate
    return _UNSAID if rate is None else float(rate.rescale(pq.Hz).magnitude)


def _span(trains: list[neo.SpikeTrain], dt: float, precision: float) -> tuple[float, float]:
    first, span = trains[0], _bounds(trains[0])
    slack = OFF_GRID * dt + precision * max(map(abs, span))
    for train in trains[1:]:
        other = _bounds(train)
        if max(abs(other[0] - span[0]), abs(other[1] - span[1])) > slack:
            raise ValueError(
                f"trains differ in span: {_name(first)} has {span[0]} to {span[1]} ms, "
                f"{_name(train)} has {other[0]} to {other[1]} ms"
            )
    return span


def _bounds(train: neo.SpikeTrain) -> tuple[float, float]:
    start = milliseconds(train.t_start, f"t_start of train {_name(train)}")
    stop = milliseconds(train.t_stop, f"t_stop of train {_name(train)}")
    return float(start), float(stop)
