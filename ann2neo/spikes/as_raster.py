"""`as_raster`, the door of every public function: whatever holds spike trains, as a SpikeRaster."""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import warnings
from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, cast

from ann2neo.spikes.argument_checks import check_choice, check_period
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.dense_sources import as_dense
from ann2neo.spikes.files.stored_raster import StoredRaster, open_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike, TimeLike

_LARGE = 10**9

CONVERTERS = {
    "elephant": "ann2neo.exchange.elephant.objects:raster_from_elephant",
    "neo": "ann2neo.exchange.neo.block:raster_from_neo",
    "pandas": "ann2neo.spikes.dense_sources:raster_from_frame",
    "pynapple": "ann2neo.exchange.pynapple:raster_from_pynapple",
    "spikeinterface": "ann2neo.exchange.spikeinterface:raster_from_spikeinterface",
    "xarray": "ann2neo.exchange.xarray:raster_from_xarray",
}
"""Top-level module of a foreign object's class → "module:function" that turns it into a raster."""

GROUP = "ann2neo.converters"
"""Entry points by which other packages add lines to this table: named by the module, called as
``function(source, sampling_period=None or seconds)``."""

_BINNED = ("elephant", "neo", "pynapple", "spikeinterface")
"""Of these modules are trains of spike times, which `bin_size`, `binary` and `t_stop_spikes` are for."""


def as_recording(source: RasterLike) -> SpikeRaster | StoredRaster:
    """The door of what goes through a recording chunk by chunk: what is on disk stays there.

    As `as_raster`, but a `StoredRaster` is taken as it is and a path is opened. Both kinds have
    ``n_units``, ``n_samples``, ``units``, ``samples``, ``spike_counts`` and ``chunks()``.
    """
    if isinstance(source, StoredRaster):
        return source
    if isinstance(source, (str, PathLike)):
        return open_raster(source)
    return as_raster(source)


def as_raster(
    source: RasterLike,
    *,
    sampling_period: TimeLike | None = None,
    bin_size: TimeLike | None = None,
    binary: Literal["raise", "clip"] = "raise",
    t_stop_spikes: Literal["raise", "drop", "keep"] = "raise",
) -> SpikeRaster:
    """Anything that holds spike trains on a sample grid, as a `SpikeRaster`.

    Parameters
    ----------
    source : SpikeRaster, StoredRaster, path, neo.Block, neo.Segment, list of neo.SpikeTrain, or array
        A StoredRaster, or a path that `open_raster` takes, is loaded whole, with a warning if that takes
        more than a gigabyte. An array is boolean or of 0 and 1, shape (n_samples, n_units); so are a
        tensor of torch, TensorFlow or JAX and a pandas DataFrame, whose column labels become a column of
        the unit table. Also Elephant's ``BinnedSpikeTrain`` and ``Trials`` (one trial after the other,
        with a column ``trial`` in the sample table), what `to_pynapple`, `to_spikeinterface` and
        `to_xarray` return, and objects of these kinds that others made: see `from_pynapple`,
        `from_spikeinterface` and `from_xarray`.
    sampling_period : float or quantities.Quantity, optional
        Seconds per sample. A raster, and a Block or Segment that this package made, know it; other
        trains say it by their ``sampling_rate``, unless that is neo's default of 1 Hz. Arrays default to
        0.001.
    bin_size : float or quantities.Quantity, optional
        For trains of Neo, Elephant, pynapple and SpikeInterface whose times lie on no grid: make bins of
        so many seconds, from ``t_start`` on, the raster's samples. A spike on the edge of two bins
        belongs to the later one. Spikes after the last whole bin are left out, with a warning that says
        how many.
    binary : {"raise", "clip"}
        Whether several spikes of a unit in one bin are an error or become one; how many did is the
        raster's annotation ``n_spikes_clipped``, and a warning.
    t_stop_spikes : {"raise", "drop", "keep"}
        What to do with spikes at ``t_stop``, which lies one sample beyond the last: refuse them, leave
        them out, or add a sample for them.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    TypeError
        If nothing here knows how to read the object.
    ValueError
        If a spike lies off the sample grid (the message names unit and time), the trains differ in
        span, the sampling period is unknown or contradicts the source's own, or an option is given to a
        source that it is not for.

    Warns
    -----
    UserWarning
        If something that comes with the trains has no place in a raster; the message names it.

    Notes
    -----
    Samples count from the start of the trains: sample 0 begins at their ``t_start``, which is the
    annotation ``t_start``, in seconds, unless it is 0. Names, descriptions and annotations of trains are
    columns of the unit table; an annotation with a physical unit is a column whose name ends in it,
    ``depth (um)``. `to_block` turns them back.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> a2n.as_raster(np.eye(4, dtype=bool)).n_units
    4
    """
    period = None if sampling_period is None else check_period(sampling_period)
    options = _check_options(bin_size, binary, t_stop_spikes)
    if "bin_size" in options and period is not None:
        raise ValueError("pass sampling_period, for times on a grid, or bin_size, for others, not both")
    if isinstance(source, (StoredRaster, str, PathLike)):
        source = _load(as_recording(source))
    roots = _module_roots(source)
    if options and not set(roots) & set(_BINNED):
        raise ValueError(
            f"{', '.join(options)} must be left out but for spike times of Neo, Elephant, pynapple or "
            f"SpikeInterface, got a {type(source).__name__}"
        )
    if isinstance(source, SpikeRaster):
        if period is not None and not math.isclose(period, source.sampling_period, rel_tol=1e-9):
            raise ValueError(
                f"sampling_period is {source.sampling_period} s in this raster, got {sampling_period}"
            )
        return source
    if convert := _find_converter(roots):
        found = convert(source, sampling_period=period, **options)
        if not isinstance(found, SpikeRaster):
            raise TypeError(f"the converter of {roots[0]} must return a SpikeRaster, got {found!r:.80}")
        return found
    if hasattr(source, "__array__") or (isinstance(source, list) and source):
        return SpikeRaster.from_dense(as_dense(source), sampling_period=period or 0.001)
    raise TypeError(
        "expected a SpikeRaster, a neo.Block, Segment or list of SpikeTrain, or a boolean array of "
        f"shape (n_samples, n_units); got {source!r:.80} ({type(source).__name__})"
    )


def _check_options(bin_size: Any, binary: str, t_stop_spikes: str) -> dict[str, Any]:
    """Those that are said."""
    check_choice(binary, "binary", ("raise", "clip"))
    check_choice(t_stop_spikes, "t_stop_spikes", ("raise", "drop", "keep"))
    options: dict[str, Any] = {}
    if bin_size is not None:
        options["bin_size"] = check_period(bin_size, "bin_size")
    if binary != "raise":
        options["binary"] = binary
    if t_stop_spikes != "raise":
        options["t_stop_spikes"] = t_stop_spikes
    return options


def _load(stored: SpikeRaster | StoredRaster) -> SpikeRaster:
    if isinstance(stored, SpikeRaster):
        return stored
    if stored.nbytes > _LARGE:
        warnings.warn(
            f"this needs the whole recording in memory: {stored.nbytes / 1e9:.1f} GB of words are "
            "loaded; select layers, units or samples of it to take less",
            stacklevel=find_stacklevel(),
        )
    return stored.load()


def _find_converter(roots: list[str]) -> Callable[..., object] | None:
    for root in roots:
        if root in CONVERTERS:
            module, function = CONVERTERS[root].split(":")
            return cast("Callable[..., object]", getattr(importlib.import_module(module), function))
    foreign = set(roots) - {"builtins", "numpy"}
    for entry in importlib.metadata.entry_points(group=GROUP) if foreign else ():
        if entry.name in foreign:
            return cast("Callable[..., object]", entry.load())
    return None


def _module_roots(source: object) -> list[str]:
    """Top-level modules that define the object's class, or its first item's."""
    subject: object = source
    if isinstance(source, (list, tuple)) and len(source):
        subject = source[0]
    return [cls.__module__.split(".")[0] for cls in type(subject).__mro__]
