"""SpikeRaster ↔ SpikeInterface: a NumpySorting whose frames are samples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from ann2neo.exchange.columns import plain_array, raster_annotations, unit_table
from ann2neo.exchange.configuration import CONFIGURATION, configuration, find_period, read_configuration
from ann2neo.exchange.grid import SampleGrid
from ann2neo.exchange.neo.trains import bin_times
from ann2neo.extras import require
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_count, check_period
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike, TimeLike
from ann2neo.spikes.words import freeze, n_words


def to_spikeinterface(raster: RasterLike) -> Any:
    """A raster for SpikeInterface.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    spikeinterface.core.NumpySorting
        Units 0, 1, … of one segment with a frame a sample and ``sampling_frequency = 1 /
        sampling_period``; the columns of the unit table as properties. The annotation ``"ann2neo"``
        holds, as JSON, the number of samples, the sampling period and the annotations.

    Raises
    ------
    ImportError
        If SpikeInterface is not installed.
    ValueError
        If a text in the unit table ends in NUL, which NumPy's text drops.

    Notes
    -----
    The sample table, labels among it, has no place in a sorting.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> sorting = a2n.to_spikeinterface(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> sorting.get_unit_spike_train(1)
    array([0, 1, 2])
    """
    core = require("spikeinterface.core", extra="spikeinterface")
    raster = as_raster(raster)
    # By frame, as SpikeInterface wants them; its from_unit_dict would have to sort.
    frames, numbers = np.nonzero(raster.to_dense())
    spikes = np.zeros(frames.size, core.base.minimum_spike_dtype)
    spikes["sample_index"], spikes["unit_index"] = frames, numbers
    sorting = core.NumpySorting(spikes, 1 / raster.sampling_period, np.arange(raster.n_units))
    units = raster.units
    for column in units:
        sorting.set_property(column, plain_array(units[column], "units"))
    kept = configuration(raster, n_samples=raster.n_samples, unit_columns=list(units))
    sorting.annotate(**{CONFIGURATION: kept})
    return sorting


def from_spikeinterface(
    sorting: Any,
    *,
    n_samples: int | None = None,
    samples: pd.DataFrame | None = None,
    sampling_period: TimeLike | None = None,
    bin_size: TimeLike | None = None,
    binary: Literal["raise", "clip"] = "raise",
) -> SpikeRaster:
    """The raster of a sorting.

    Parameters
    ----------
    sorting : spikeinterface.core.BaseSorting
        Of one segment.
    n_samples : int, optional
        Frames of the segment. Default: those of the recording registered with the sorting, or those that
        `to_spikeinterface` noted down.
    samples : pandas.DataFrame, optional
        The sample table, which a sorting cannot hold.
    sampling_period : float or quantities.Quantity, optional
        Seconds per frame. Default: noted down, or ``1 / sampling_frequency``.
    bin_size : float or quantities.Quantity, optional
        Make bins of so many seconds the raster's samples, of a sorting that others made; without
        `samples` and `sampling_period`.
    binary : {"raise", "clip"}
        As for `as_raster`, with `bin_size`.

    Returns
    -------
    SpikeRaster
        For what `to_spikeinterface` made and with the raster's sample table, an equal one. Of other
        sortings the unit table has those properties that it can hold, and their ids as ``id``, unless
        these are 0, 1, …

    Raises
    ------
    TypeError
        If `sorting` is none.
    ValueError
        If it has several segments or no units, its number of frames is unknown or contradicted, or a
        spike lies outside them or not alone in its frame.

    Warns
    -----
    UserWarning
        If properties are left out, such as those of several values per unit, or annotations of a sorting
        that a raster cannot hold; the message names them.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.array([[0, 1], [1, 1], [0, 1]]))
    >>> a2n.from_spikeinterface(a2n.to_spikeinterface(raster)) == raster
    True
    """
    core = _check(sorting)
    kept = _configuration(sorting)
    if bin_size is None and binary != "raise":
        raise ValueError("binary must be left out where there is no bin_size")
    n_frames = _n_samples(sorting, n_samples, kept, core)
    if bin_size is not None:
        if kept is not None or samples is not None or sampling_period is not None:
            raise ValueError(
                "bin_size must be left out for recordings in samples, or with samples or sampling_period"
            )
        bins = {"bin_size": check_period(bin_size, "bin_size"), "binary": binary}
        return _bin(sorting, n_frames, _units(sorting, kept), _annotations(sorting), **bins)
    grid = SampleGrid(0, 1, n_frames, "frames")
    if kept is None:
        said = 1 / float(sorting.get_sampling_frequency())
        period = check_period(said if sampling_period is None else sampling_period)
    else:
        period = find_period(sampling_period, kept["sampling_period"], "sorting")
    words = np.zeros((len(sorting.unit_ids), n_words(grid.n_samples)), np.uint64)
    for row, unit in zip(words, sorting.unit_ids, strict=True):
        frames = sorting.get_unit_spike_train(unit, segment_index=0)
        kernels.set_bits(row, grid.samples(frames, repr(unit.item()), if_outside="give n_samples"))
    return SpikeRaster(
        freeze(words),
        grid.n_samples,
        _units(sorting, kept),
        samples,
        sampling_period=period,
        annotations=_annotations(sorting) if kept is None else kept["annotations"],
    )


def raster_from_spikeinterface(
    source: Any, *, sampling_period: TimeLike | None = None, **options: Any
) -> SpikeRaster:
    """What `as_raster` calls for a sorting."""
    if "t_stop_spikes" in options:
        raise ValueError("t_stop_spikes must be left out for a sorting: no frame is at its end")
    return from_spikeinterface(source, sampling_period=sampling_period, **options)


def _bin(
    sorting: Any, n_frames: int, units: pd.DataFrame, said: dict[str, Any], **options: Any
) -> SpikeRaster:
    rate = float(sorting.get_sampling_frequency())
    times = []
    for unit in sorting.unit_ids:
        frames = sorting.get_unit_spike_train(unit, segment_index=0)
        if frames.size and not 0 <= frames.min() <= frames.max() < n_frames:
            raise ValueError(
                f"unit {unit.item()!r} has a spike outside the {n_frames} frames: give n_samples"
            )
        times.append(frames / rate)
    return bin_times(times, (0.0, n_frames / rate), units, said, **options)


def _check(sorting: Any) -> Any:
    """SpikeInterface's core, if it is one of its sortings, of one segment."""
    core = require("spikeinterface.core", extra="spikeinterface")
    if not isinstance(sorting, core.BaseSorting):
        raise TypeError(f"sorting must be a spikeinterface sorting, got a {type(sorting).__name__}")
    if sorting.get_num_segments() != 1:
        raise ValueError(
            f"sorting must have one segment, got {sorting.get_num_segments()}; choose one with "
            "spikeinterface.core.select_segment_sorting"
        )
    return core


def _configuration(sorting: Any) -> dict[str, Any] | None:
    text = sorting.get_annotation(CONFIGURATION)
    if text is None:
        return None
    where = f"annotation {CONFIGURATION!r} of the sorting"
    return read_configuration(text, where, "n_samples", "unit_columns")


def _annotations(sorting: Any) -> dict[str, Any]:
    said = {key: sorting.get_annotation(key) for key in sorting.get_annotation_keys()}
    return raster_annotations(
        ((key, value) for key, value in said.items() if value is not None), "the sorting says"
    )


def _n_samples(sorting: Any, given: Any, kept: dict[str, Any] | None, core: Any) -> int:
    known = None
    if sorting.has_recording():
        known = int(sorting.get_num_samples(segment_index=0))
    elif kept is not None and not _slice(sorting, core):
        known = kept["n_samples"]
    if given is None and known is None:
        raise ValueError("n_samples must be given: this sorting does not say how many frames it has")
    if None not in (given, known) and given != known:
        raise ValueError(f"n_samples is {known} in this sorting, got {given!r}")
    return check_count(known if given is None else given, "n_samples")


def _slice(sorting: Any, core: Any) -> bool:
    """Whether it is a part of the frames: slices keep the annotations of the whole."""
    while sorting is not None:
        if isinstance(sorting, core.FrameSliceSorting):
            return True
        sorting = sorting.get_parent()
    return False


def _units(sorting: Any, kept: dict[str, Any] | None) -> pd.DataFrame:
    keys = sorting.get_property_keys()
    if kept is not None:
        missing = [column for column in kept["unit_columns"] if column not in keys]
        if missing:
            raise ValueError(f"sorting was made with the property {missing[0]!r}, which it has lost")
        return pd.DataFrame({column: sorting.get_property(column) for column in kept["unit_columns"]})
    columns = {key: sorting.get_property(key) for key in keys}
    flat = {key: values for key, values in columns.items() if values.ndim == 1}
    dropped = [key for key in columns if key not in flat]
    ids = sorting.unit_ids
    if not np.array_equal(ids, np.arange(len(ids))) and "id" not in flat:
        flat = {"id": ids, **flat}
    return unit_table(pd.DataFrame(flat, index=range(len(ids))), "sorting", dropped=dropped)
