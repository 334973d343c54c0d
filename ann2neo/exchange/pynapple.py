"""SpikeRaster ↔ pynapple: a TsGroup of units, an IntervalSet of samples, a Tsd of labels."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ann2neo.exchange.columns import sample_table, unit_table
from ann2neo.exchange.grid import OFF_GRID, SampleGrid
from ann2neo.exchange.neo.trains import bin_times
from ann2neo.extras import require
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import T_START
from ann2neo.spikes.typing import RasterLike, TimeLike
from ann2neo.spikes.words import freeze, n_words

_IF_OUTSIDE = (
    "if the span was never said, pynapple takes that from first to last spike: "
    "use TsGroup(…, time_support=IntervalSet(0, duration))"
)


class PynappleRecording(NamedTuple):
    """What pynapple holds of a raster; all times in seconds.

    Parameters
    ----------
    units : pynapple.TsGroup
        A `Ts` per unit, keys 0, 1, …; the unit table as metadata.
    samples : pynapple.IntervalSet
        An interval per sample, the sample table as metadata.
    labels : pynapple.Tsd or None
        The label shown, at the start of each sample; None for recordings without labels.
    """

    units: Any
    samples: Any
    labels: Any


def to_pynapple(raster: RasterLike) -> PynappleRecording:
    """A raster for pynapple.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    PynappleRecording
        Sample ``k`` spikes at ``k * sampling_period`` seconds; the time support is from 0 to
        ``n_samples * sampling_period``; if the raster has the annotation ``t_start``, from there on. The
        interval of a sample ends with the last float64 before the next one, since pynapple shortens
        intervals that touch by a microsecond. Labels that are text become their places in
        ``np.unique`` of them; the text is in the metadata ``label``. The unit
        column ``rate``, a name that pynapple keeps for itself, becomes ``rate_``.

    Raises
    ------
    ImportError
        If pynapple is not installed.

    Notes
    -----
    The sampling period and the annotations have no place in pynapple.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ann2neo as a2n
    >>> samples = pd.DataFrame({"sample_index": range(4), "label": [0, 1, 0, 1]})
    >>> active = np.array([[1, 0], [1, 1], [1, 0], [0, 1]])
    >>> units, shown, labels = a2n.to_pynapple(a2n.SpikeRaster.from_dense(active, samples=samples))
    >>> [len(train) for train in units.restrict(shown[shown["label"] == 0]).values()]
    [2, 0]
    """
    nap = require("pynapple", extra="pynapple")
    raster = as_raster(raster)
    period = raster.sampling_period
    start = raster.annotations.get(T_START, 0.0)
    start = start if isinstance(start, float) else 0.0
    edges = start + np.arange(raster.n_samples + 1) * period
    span = nap.IntervalSet(edges[0], edges[-1])
    trains = {
        unit: nap.Ts(t=start + raster.spike_indices(unit) * period, time_support=span)
        for unit in range(raster.n_units)
    }
    table = raster.samples
    samples = nap.IntervalSet(edges[:-1], np.nextafter(edges[1:], -np.inf), metadata=_metadata(table))
    units = nap.TsGroup(
        trains,
        time_support=span,
        bypass_check=True,
        metadata=_metadata(raster.units.rename(columns=_escape)),
    )
    labels = None
    if "label" in table:
        shown = table["label"]
        values = shown if shown.dtype.kind in "bif" else np.unique(shown, return_inverse=True)[1]
        labels = nap.Tsd(t=edges[:-1], d=np.asarray(values), time_support=span)
    return PynappleRecording(units, samples, labels)


def from_pynapple(
    units: Any, samples: Any = None, *, sampling_period: TimeLike, annotations: Any = None
) -> SpikeRaster:
    """The raster of a TsGroup.

    Parameters
    ----------
    units : pynapple.TsGroup
        Its time support is one interval, a whole number of samples long.
    samples : pynapple.IntervalSet, optional
        An interval per sample, whose metadata become the sample table.
    sampling_period : float or quantities.Quantity
        Seconds per sample.
    annotations : mapping, optional
        Of the raster. Default: where the time support begins, as ``t_start``, unless at 0.

    Returns
    -------
    SpikeRaster
        For what `to_pynapple` made, with the raster's sampling period and annotations, an equal one.
        Metadata that a table cannot hold, such as missing or mixed values, are left out, with a warning
        that names them. Keys of units that are not 0, 1, … become the column ``id``.

    Raises
    ------
    TypeError
        If `units` is no TsGroup, or `samples` no IntervalSet.
    ValueError
        If a spike lies off the sample grid, outside the time support or not alone in its sample (the
        message names unit and time), or the time support or `samples` do not fit the grid.

    Warns
    -----
    UserWarning
        If metadata are left out.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.array([[1, 0], [1, 1], [0, 0]]))
    >>> made = a2n.to_pynapple(raster)
    >>> a2n.from_pynapple(made.units, made.samples, sampling_period=0.001) == raster
    True
    """
    nap = require("pynapple", extra="pynapple")
    if not isinstance(units, nap.TsGroup):
        raise TypeError(f"units must be a pynapple.TsGroup, got a {type(units).__name__}")
    period = check_period(sampling_period)
    grid = _grid(units.time_support, period)
    said = {T_START: grid.start} if grid.start else None
    words = np.zeros((len(units), n_words(grid.n_samples)), np.uint64)
    for row, key in zip(words, units.keys(), strict=True):
        times = np.asarray(units[key].index, np.float64)
        kernels.set_bits(row, grid.samples(times, repr(int(key)), if_outside=_IF_OUTSIDE))
    return SpikeRaster(
        freeze(words),
        grid.n_samples,
        _unit_table(units),
        None if samples is None else _sample_table(samples, grid, nap),
        sampling_period=period,
        annotations=said if annotations is None else annotations,
    )


def raster_from_pynapple(
    source: Any, *, sampling_period: float | None = None, **options: Any
) -> SpikeRaster:
    """What `as_raster` calls for a TsGroup or what `to_pynapple` returns."""
    units, samples = source, None
    if isinstance(source, PynappleRecording):
        units, samples = source.units, source.samples
    if options.get("bin_size") is not None:
        if samples is not None:
            raise ValueError(
                "bin_size must be left out for a recording in samples, which bins would lose"
            )
        return _bin(units, **options)
    if sampling_period is None:
        raise ValueError(
            "pynapple does not know a sampling period: use as_raster(…, sampling_period=…), in seconds, "
            "or bin_size=…"
        )
    if options:
        raise ValueError(f"{next(iter(options))} needs bin_size for what pynapple holds")
    return from_pynapple(units, samples, sampling_period=sampling_period)


def _bin(units: Any, **options: Any) -> SpikeRaster:
    """The raster of a TsGroup in bins, by way of Neo."""
    nap = require("pynapple", extra="pynapple")
    if not isinstance(units, nap.TsGroup):
        raise TypeError(f"units must be a pynapple.TsGroup, got a {type(units).__name__}")
    start, stop = _span(units.time_support)
    times = [np.asarray(units[key].index, np.float64) for key in units.keys()]  # noqa: SIM118
    return bin_times(times, (start, stop), _unit_table(units), {}, **options)


def _unit_table(units: Any) -> pd.DataFrame:
    table = _columns(units, leave_out="rate").rename(columns=_unescape)
    keys = list(units.keys())
    if keys != list(range(len(keys))) and "id" not in table:
        table.insert(0, "id", keys)
    return unit_table(table, "units")


def _escape(column: str) -> str:
    return column + "_" if re.fullmatch("rate_*", column) else column


def _unescape(column: str) -> str:
    return column[:-1] if re.fullmatch("rate_+", column) else column


def _metadata(table: pd.DataFrame) -> dict[str, np.ndarray]:
    # As objects: NumPy's own text drops NUL at the end.
    return {
        str(name): column.to_numpy(None if column.dtype.kind in "bif" else object)
        for name, column in table.items()
    }


def _columns(holder: Any, leave_out: str = "") -> pd.DataFrame:
    """Metadata of a TsGroup or IntervalSet, a row an entry."""
    names = [name for name in holder.metadata_columns if name != leave_out]
    columns = {name: np.asarray(holder.get_info(name)) for name in names}
    return pd.DataFrame(columns, index=range(len(holder)))


def _grid(support: Any, period: float) -> SampleGrid:
    return SampleGrid.span(*_span(support), period, "s")


def _span(support: Any) -> tuple[float, float]:
    if len(support) != 1:
        raise ValueError(
            f"units must have a time support of one interval, got {len(support)}; join what was "
            "restricted by SpikeRaster.select(samples=…)"
        )
    return float(support.start[0]), float(support.end[0])


def _sample_table(samples: Any, grid: SampleGrid, nap: Any) -> pd.DataFrame:
    if not isinstance(samples, nap.IntervalSet):
        raise TypeError(f"samples must be a pynapple.IntervalSet, got a {type(samples).__name__}")
    places = (np.asarray(samples.start) - grid.start) / grid.period
    numbers = np.arange(grid.n_samples)
    if len(places) != grid.n_samples or np.any(np.abs(places - numbers) > OFF_GRID):
        raise ValueError(
            f"samples must be {grid.n_samples} intervals that start every {grid.period} s from "
            f"{grid.start} s on, as the time support of units has it; got {len(places)}"
        )
    return sample_table(_columns(samples), "samples")
