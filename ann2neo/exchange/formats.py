"""Formats of files that hold spikes: what reads and writes each, told by the ending of its name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.whole_file import write_whole


@dataclass(frozen=True)
class Format:
    """A file format, with its reader and writer as "module:function"; an empty one: there is none.

    Parameters
    ----------
    suffixes : tuple of str
        Endings of the names of its files.
    reader : str
        Takes a path and the keyword `sampling_period`, gives a raster.
    writer : str
        Takes a raster, a path and the keyword `overwrite`.
    """

    suffixes: tuple[str, ...]
    reader: str
    writer: str


FORMATS = {
    "zarr": Format(
        (".zarr", ".zip"), "ann2neo.exchange.formats:read_store", "ann2neo.spikes.store:save"
    ),
    "nwb": Format(
        (".nwb",), "ann2neo.exchange.nwb.file:read_nwb", "ann2neo.exchange.nwb.file:write_nwb"
    ),
    "nix": Format((".nix",), "ann2neo.exchange.nix:read_nix", "ann2neo.exchange.nix:write_nix"),
    "netcdf": Format(
        (".nc",), "ann2neo.exchange.xarray:read_netcdf", "ann2neo.exchange.xarray:write_netcdf"
    ),
    "npy": Format((".npy",), "", "ann2neo.exchange.formats:write_npy"),
}


def format_of(path: str | Path) -> str | None:
    """The format that the ending of a name tells, if any."""
    name = Path(path).name.lower()
    return next((key for key, one in FORMATS.items() if name.endswith(one.suffixes)), None)


def checked_format(path: str | Path, form: str | None, *, reading: bool = False) -> str:
    """`form`, or else what the ending of the name tells, if such files can be written (or read)."""
    among = [key for key, one in FORMATS.items() if one.reader or not reading]
    chosen = format_of(path) if form is None else form
    if chosen is None:
        endings = [suffix for key in among for suffix in FORMATS[key].suffixes]
        raise ValueError(f"{path} must end in one of {endings}, or its format be one of {among}")
    check_choice(chosen, "format", among)
    return chosen


def read_spikes(
    path: str | Path, form: str | None = None, *, sampling_period: float | None = None
) -> SpikeRaster:
    """Read a raster from a file of any format that holds one.

    Parameters
    ----------
    path : str or Path
    form : str, optional
        A key of `FORMATS`. Default: told by the ending.
    sampling_period : float, optional
        Seconds a sample stands for, where the file does not say it.

    Raises
    ------
    ValueError
        If the format is unknown, or cannot be read as spikes; and what its reader raises.
    """
    chosen = checked_format(path, form, reading=True)
    return _function(FORMATS[chosen].reader)(path, sampling_period=sampling_period)


def write_spikes(
    raster: Any, path: str | Path, form: str | None = None, *, overwrite: bool = False
) -> Path:
    """Write a raster to a file of any format.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    path : str or Path
    form : str, optional
        A key of `FORMATS`. Default: told by the ending.
    overwrite : bool
        Replace what is there.

    Raises
    ------
    ValueError
        If the format is unknown; and what its writer raises.
    """
    chosen = checked_format(path, form)
    return _function(FORMATS[chosen].writer)(as_raster(raster), path, overwrite=overwrite)


def read_store(path: str | Path, *, sampling_period: float | None = None) -> SpikeRaster:
    """Read a raster's own Zarr store."""
    return as_raster(SpikeRaster.load(path), sampling_period=sampling_period)


def write_npy(raster: Any, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write the spikes alone, without tables: a boolean array of shape (n_samples, n_units)."""
    path = Path(path)
    with write_whole(path, overwrite=overwrite) as temporary, open(temporary, "wb") as file:
        np.save(file, as_raster(raster).to_dense())
    return path


def _function(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
