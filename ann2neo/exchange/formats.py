"""Files that hold spikes, of any format: told by the ending of the name, read and written alike."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ann2neo.exchange.format_table import all_formats, list_endings, list_formats
from ann2neo.exchange.isolated import read_isolated
from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.files.file_kinds import is_dandi, name_kind
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.progress import track
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr, RasterLike, TimeLike

_BLOCK = 2**24
"""Bytes that are written at a time."""


def find_format(path: PathLikeStr) -> str | None:
    """The format that the ending of a name tells, if any."""
    name = Path(path).name.lower()
    return next((key for key, one in all_formats().items() if name.endswith(one.suffixes)), None)


def check_format(path: PathLikeStr, format: str | None, *, reading: bool = False) -> str:
    """`format`, or else what the ending of the name tells, if such files can be written (or read)."""
    among = list_formats(reading=reading)
    chosen = find_format(path) if format is None else format
    if chosen is None and reading and is_dandi(as_path(path)):
        chosen = "nwb"
    if chosen is None or (reading and format is None and chosen not in among):
        endings = list_endings(reading=reading)
        kind = name_kind(as_path(path)) if reading else ""
        raise ValueError(f"{path} must end in one of {endings}, or its format be one of {among}{kind}")
    check_choice(chosen, "format", among)
    return chosen


def load(
    path: PathLikeStr,
    format: str | None = None,
    *,
    segment: int | str | None = None,
    sampling_period: TimeLike | None = None,
    bin_size: TimeLike | None = None,
    binary: Literal["raise", "clip"] = "raise",
    t_stop_spikes: Literal["raise", "drop", "keep"] = "raise",
    isolated: bool = False,
) -> SpikeRaster:
    """Read a raster from a file of any format that holds one.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        ``"zarr"``, ``"nwb"``, ``"nix"``, ``"netcdf"``, or one that another package adds. Default: told
        by the ending.
    segment : int or str, optional
        Which recording, by index or name, where a file holds several.
    sampling_period : float or Quantity, optional
        Seconds per sample, where the file does not say it.
    bin_size : float or Quantity, optional
    binary : {"raise", "clip"}
    t_stop_spikes : {"raise", "drop", "keep"}
        As for `as_raster`, of files of others that hold times on no grid.
    isolated : bool
        Read the file in another process, with a limit of time (10 minutes) and memory (8 GiB): for
        files that one does not trust, since HDF5 can crash or hang over damaged ones.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If the format is unknown, or cannot be read as spikes; if `segment` is said where a file holds
        one recording; and what its reader raises.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.save(np.eye(4, dtype=bool), folder + "/four.nwb")
    ...     a2n.load(path, isolated=True).spike_counts
    array([1, 1, 1, 1])
    """
    chosen = check_format(path, format, reading=True)
    options: dict[str, Any] = {"sampling_period": sampling_period}
    if segment is not None and not all_formats()[chosen].several:
        raise ValueError(f"segment must be left out for {chosen} files, which hold one recording")
    if segment is not None:
        options["segment"] = segment
    reader = _function(all_formats()[chosen].reader)
    taken = inspect.signature(reader).parameters
    for name, value in (("bin_size", bin_size), ("binary", binary), ("t_stop_spikes", t_stop_spikes)):
        if value not in (None, "raise"):
            if name not in taken:
                raise ValueError(f"{name} must be left out for {chosen} files")
            options[name] = value
    if isolated:
        return read_isolated(path, chosen, **options)
    try:
        raster: SpikeRaster = reader(path, **options)
    except ValueError as error:
        kind = name_kind(as_path(path))
        if kind and kind not in str(error) and not kind.startswith(f"; it is {chosen.upper()}"):
            raise ValueError(f"{error}{kind}") from error
        raise
    return raster


def save(
    raster: RasterLike,
    path: PathLikeStr,
    format: str | None = None,
    *,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a raster to a file of any format.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    path : str or Path
    format : str, optional
        ``"zarr"``, ``"nwb"``, ``"nix"``, ``"netcdf"``, ``"npy"`` (the spikes alone), or one that another
        package adds. Default: told by the ending.
    overwrite : bool
        Replace what is there.
    progress : bool
        Show a bar where it takes long.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    ValueError
        If the format is unknown; and what its writer raises.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     a2n.save(np.eye(4, dtype=bool), folder + "/four.nc").name
    'four.nc'
    """
    chosen = check_format(path, format)
    writer = _function(all_formats()[chosen].writer)
    written: Path = writer(as_raster(raster), path, overwrite=overwrite, progress=progress)
    return written


def read_store(path: PathLikeStr, *, sampling_period: TimeLike | None = None) -> SpikeRaster:
    """Read a raster's own Zarr store."""
    return as_raster(SpikeRaster.load(Path(path)), sampling_period=sampling_period)


def write_store(
    raster: RasterLike, path: PathLikeStr, *, overwrite: bool = False, progress: bool = True
) -> Path:
    """Write a raster's own Zarr store."""
    return as_raster(raster).save(Path(path), overwrite=overwrite, progress=progress)


def write_npy(
    raster: RasterLike, path: PathLikeStr, *, overwrite: bool = False, progress: bool = True
) -> Path:
    """Write the spikes alone, without tables: a boolean array of shape (n_samples, n_units)."""
    dense = as_raster(raster).to_dense()
    step = max(1, _BLOCK // dense.shape[1])
    with write_whole(path, overwrite=overwrite) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(dense))
        for start in track(range(0, len(dense), step), "write", progress=progress):
            dense[start : start + step].tofile(file)
    return as_path(path)


def _function(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
