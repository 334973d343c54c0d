"""`as_raster`, the door of every public function: whatever holds spike trains, as a SpikeRaster."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable
from os import PathLike
from typing import cast

import numpy as np

from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.stored_raster import StoredRaster, open_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike

_LARGE = 10**9

CONVERTERS = {
    "neo": "ann2neo.exchange.neo.block:raster_from_neo",
    "pynapple": "ann2neo.exchange.pynapple:raster_from_pynapple",
    "spikeinterface": "ann2neo.exchange.spikeinterface:raster_from_spikeinterface",
    "xarray": "ann2neo.exchange.xarray:raster_from_xarray",
}
"""Top-level module of a foreign object's class → "module:function" that turns it into a raster."""

GROUP = "ann2neo.converters"
"""Entry points by which other packages add lines to this table: named by the module, called as
``function(source, sampling_period=None or seconds)``."""


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


def as_raster(source: RasterLike, *, sampling_period: float | None = None) -> SpikeRaster:
    """Anything that holds spike trains on a sample grid, as a `SpikeRaster`.

    Parameters
    ----------
    source : SpikeRaster, StoredRaster, path, neo.Block, neo.Segment, list of neo.SpikeTrain, or array
        A StoredRaster, or a path that `open_raster` takes, is loaded whole, with a warning if that takes
        more than a gigabyte. An array is boolean or of 0 and 1, shape (n_samples, n_units). Also what
        `to_pynapple`, `to_spikeinterface` and `to_xarray` return, and objects of these kinds that others
        made: see `from_pynapple`, `from_spikeinterface` and `from_xarray`.
    sampling_period : float, optional
        Seconds a sample stands for. A raster, and a Block or Segment that this package made, know it;
        other trains say it by their ``sampling_rate``, unless that is neo's default of 1 Hz. Arrays
        default to 0.001.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    TypeError
        If nothing here knows how to read the object.
    ValueError
        If a spike lies off the sample grid (the message names unit and time), the trains differ in
        span, or the sampling period is unknown or contradicts the source's own.

    Notes
    -----
    Samples count from the start of the trains: sample 0 begins at their ``t_start``, which a raster does
    not keep. What is made of a raster starts at 0.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> a2n.as_raster(np.eye(4, dtype=bool)).n_units
    4
    """
    if sampling_period is not None:
        sampling_period = check_period(sampling_period)
    if isinstance(source, (StoredRaster, str, PathLike)):
        source = _load(as_recording(source))
    if isinstance(source, SpikeRaster):
        if sampling_period not in (None, source.sampling_period):
            raise ValueError(
                f"sampling_period is {source.sampling_period} s in this raster, got {sampling_period}"
            )
        return source
    roots = _module_roots(source)
    if convert := _find_converter(roots):
        found = convert(source, sampling_period=sampling_period)
        if not isinstance(found, SpikeRaster):
            raise TypeError(f"the converter of {roots[0]} must return a SpikeRaster, got {found!r:.80}")
        return found
    if isinstance(source, np.ndarray) or (isinstance(source, list) and source):
        return SpikeRaster.from_dense(source, sampling_period=sampling_period or 0.001)
    raise TypeError(
        "expected a SpikeRaster, a neo.Block, Segment or list of SpikeTrain, or a boolean array of "
        f"shape (n_samples, n_units); got {source!r:.80} ({type(source).__name__})"
    )


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
