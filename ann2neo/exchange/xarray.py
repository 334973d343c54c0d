"""SpikeRaster ↔ xarray: a boolean DataArray, samples × units, and the NetCDF files of such arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.exchange.checksums import CHECKSUM, check_checksum, checksum_raster
from ann2neo.exchange.columns import raster_annotations, sample_table, unit_table
from ann2neo.exchange.configuration import CONFIGURATION, configuration, find_period, read_configuration
from ann2neo.exchange.errors import MismatchError
from ann2neo.exchange.hdf5_sink import HDF5Sink
from ann2neo.exchange.isolated import read_isolated
from ann2neo.exchange.seal import check_seal, seal_file
from ann2neo.extras import require
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.files.hdf5_checks import check_hdf5
from ann2neo.spikes.files.paths import as_path, find_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.progress import track
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr, RasterLike, TimeLike

_CHUNK = 2**20
"""Values that are compressed together; so many are written at a time."""

_CHECKSUM = f"ann2neo_{CHECKSUM}"
"""Attribute of the file with the checksum of its raster."""

DIMENSIONS = (("sample", "unit"), ("presentation", "neuroid"))
"""Names of the dimensions that are understood: ours, and those of BrainIO's NeuroidAssembly."""


def to_xarray(raster: RasterLike) -> Any:
    """A raster for xarray.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes

    Returns
    -------
    xarray.DataArray
        ``spikes``, boolean, with dimensions ``sample`` and ``unit``: a byte per sample and unit. Columns
        of both tables are coordinates; spaces and slashes in their names, which NetCDF has no place
        for, become underscores, and a column of samples named like one of units gets one more.
        ``attrs`` hold ``sampling_period`` in seconds and, as JSON in ``"ann2neo"``, the annotations.

    Raises
    ------
    ImportError
        If xarray is not installed.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ann2neo as a2n
    >>> samples = pd.DataFrame({"sample_index": range(4), "label": [3, 8, 3, 8]})
    >>> active = np.array([[1, 0], [1, 1], [1, 0], [0, 1]])
    >>> spikes = a2n.to_xarray(a2n.SpikeRaster.from_dense(active, samples=samples))
    >>> spikes.groupby("label").mean().sel(label=8).values
    array([0.5, 1. ])
    """
    xr = require("xarray", extra="xarray")
    raster = as_raster(raster)
    units, samples = raster.units, raster.samples
    unit_keys = _keys(units, {"sample", "unit", "spikes"})
    sample_keys = _keys(samples, {"sample", "unit", "spikes", *unit_keys.values()})
    coordinates = {
        **{key: ("unit", _values(units[name])) for name, key in unit_keys.items()},
        **{key: ("sample", _values(samples[name])) for name, key in sample_keys.items()},
    }
    kept = configuration(raster, units=unit_keys, samples=sample_keys)
    return xr.DataArray(
        raster.to_dense(),
        coordinates,
        dims=("sample", "unit"),
        name="spikes",
        attrs={"sampling_period": raster.sampling_period, CONFIGURATION: kept},
    )


def from_xarray(array: Any, *, sampling_period: TimeLike | None = None) -> SpikeRaster:
    """The raster in a DataArray; ``from_xarray(to_xarray(raster)) == raster``.

    Parameters
    ----------
    array : xarray.DataArray
        Boolean or of 0 and 1, with dimensions ``sample`` and ``unit``, or ``presentation`` and
        ``neuroid``, in either order. Coordinates along these become columns of the tables where a table
        can hold them; levels of a MultiIndex count as coordinates. Unless they say so, units are one
        layer, ``"units"``, and are counted within their layer. ``attrs`` become annotations.
    sampling_period : float or quantities.Quantity, optional
        Seconds per sample. Default: ``attrs["sampling_period"]``, or 0.001.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    TypeError
        If `array` is no DataArray.
    ValueError
        If its dimensions are others, it holds other values than 0 and 1 (for activations use
        `ann2neo.record`), or it has lost coordinates that `to_xarray` made.

    Warns
    -----
    UserWarning
        If a raster cannot hold some coordinates or attributes; the message names them.

    Examples
    --------
    >>> import numpy as np, xarray as xr, ann2neo as a2n
    >>> coordinates = {"layer": ("neuroid", ["a", "a"])}
    >>> spikes = xr.DataArray(np.eye(2), coordinates, dims=("presentation", "neuroid"))
    >>> a2n.from_xarray(spikes).layers
    ['a']
    """
    array = by_sample(array)
    kept = _configuration(array)
    if kept is None:
        said = array.attrs.get("sampling_period", 0.001)
        period = check_period(said if sampling_period is None else sampling_period)
        units, samples = tables(array)
        annotations = raster_annotations(_list_annotations(array), "the array says")
    else:
        period = find_period(sampling_period, kept["sampling_period"], "array")
        units, samples = (_read_table(array, kept[name]) for name in ("units", "samples"))
        annotations = kept["annotations"]
    return SpikeRaster.from_dense(
        array.values, units, samples, sampling_period=period, annotations=annotations
    )


def raster_from_xarray(source: Any, *, sampling_period: TimeLike | None = None) -> SpikeRaster:
    """What `as_raster` calls for a DataArray."""
    return from_xarray(source, sampling_period=sampling_period)


def write_netcdf(
    raster: RasterLike, path: PathLikeStr, *, overwrite: bool = False, progress: bool = True
) -> Path:
    """Write `to_xarray` of a raster to a NetCDF file (version 4), whole or not at all.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    path : str or Path
    overwrite : bool
        Replace what is there.
    progress : bool
        Show a bar where it takes long.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False.
    OSError
        If the file cannot be written, as on a full disk.
    ValueError
        If a column's name or text cannot be in a NetCDF file.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_netcdf(np.eye(3, dtype=bool), folder + "/spikes.nc")
    ...     a2n.read_netcdf(path).spike_counts
    array([1, 1, 1])
    """
    h5netcdf, backends = require("h5netcdf", extra="xarray"), require("xarray.backends", extra="xarray")
    raster, path = as_raster(raster), as_path(path)
    array = to_xarray(raster)
    chunk = max(1, min(raster.n_samples, _CHUNK // raster.n_units)), min(raster.n_units, _CHUNK)
    compression = {"zlib": True, "complevel": 1, "shuffle": False, "chunksizes": chunk}
    with write_whole(path, overwrite=overwrite) as temporary:
        try:
            with HDF5Sink(temporary) as sink, h5netcdf.File(sink, "w") as file:
                store = backends.H5NetCDFStore(file)
                dataset = array.to_dataset().assign_attrs({_CHECKSUM: checksum_raster(raster)})
                writer = _BlockWriter(sink, chunk[0], progress)
                dataset.dump_to_store(store, encoding={"spikes": compression}, writer=writer)
            seal_file(temporary)
        except (TypeError, ValueError) as error:
            raise ValueError(f"raster cannot be written to NetCDF: {error}") from error
        except OSError as error:
            raise OSError(f"{path} could not be written: {error}") from error
    return path


class _BlockWriter:
    """What xarray hands arrays to, to be written: the spikes `step` samples at a time."""

    def __init__(self, sink: HDF5Sink, step: int, progress: bool) -> None:
        self._sink, self._step, self._progress = sink, step, progress

    def add(self, source: Any, target: Any, region: Any = None) -> None:
        """Write an array."""
        if source.ndim < 2:
            target[...] = source
            return
        for start in track(range(0, len(source), self._step), "write", progress=self._progress):
            target[start : start + self._step] = source[start : start + self._step]
            self._sink.check()

    def sync(self, **_: Any) -> None:
        """Nothing was put off."""


def read_netcdf(
    path: PathLikeStr,
    *,
    variable: str | None = None,
    sampling_period: TimeLike | None = None,
    isolated: bool = False,
) -> SpikeRaster:
    """Read a raster from a NetCDF file; see `from_xarray`.

    Parameters
    ----------
    path : str or Path
    variable : str, optional
        Needed if the file has several.
    sampling_period : float or Quantity, optional
        As for `from_xarray`.
    isolated : bool
        Read the file in another process, with a limit of time and memory: see `load`.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is no NetCDF file, is damaged, reads from other files, or does not hold spikes.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_netcdf(np.eye(4, dtype=bool), folder + "/four.nc")
    ...     a2n.read_netcdf(path).spike_counts
    array([1, 1, 1, 1])
    """
    if isolated:
        return read_isolated(path, "netcdf", variable=variable, sampling_period=sampling_period)
    with open_netcdf(path, variable=variable) as array:
        raster = from_xarray(array, sampling_period=sampling_period)
        return check_checksum(raster, array.attrs.get(_CHECKSUM), str(path))


@contextmanager
def open_netcdf(path: PathLikeStr, *, variable: str | None = None) -> Iterator[Any]:
    """A DataArray of a NetCDF file, whose values are read when asked for.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `read_netcdf`, also for what fails while the array is read.
    """
    xr = require("xarray", extra="xarray")
    h5py = require("h5py", extra="xarray")
    require("h5netcdf", extra="xarray")
    path = find_path(path)
    check_seal(path)
    opened = False
    try:
        if h5py.is_hdf5(path):
            check_hdf5(path)
        with xr.open_dataset(path) as dataset:
            names = list(dataset.data_vars)
            if variable not in names and (variable is not None or len(names) != 1):
                raise MismatchError(f"{path} has the variables {names}; say which, got {variable!r}")
            name = names[0] if variable is None else variable
            _check_bits(path, name, dataset[name])
            array = dataset[name].copy()
            array.attrs[_CHECKSUM] = dataset.attrs.get(_CHECKSUM)
            opened = True
            yield array
    except (PermissionError, MemoryError, MismatchError):
        raise
    except Exception as error:
        # Of a wrong argument, by whoever goes on with the array.
        if opened and isinstance(error, TypeError):
            raise
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        if isinstance(error, ValueError) and isinstance(error.__cause__, ValueError):
            raise
        raise ValueError(f"{path} is not a NetCDF file of spikes, or is damaged: {error}") from error


def _check_bits(path: Path, name: str, array: Any) -> None:
    """Refuse other values than 0 and 1 where the file says booleans: xarray takes any for True."""
    if array.dtype != bool:
        return
    h5py = require("h5py", extra="xarray")
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            stored = file[name]
            step = max(1, 2**24 // max(1, math.prod(stored.shape[1:])))
            for first in range(0, stored.shape[0], step):
                block = stored[first : first + step]
                wrong = block[(block != 0) & (block != 1)]
                if wrong.size:
                    raise ValueError(f"{path} is damaged: spikes must be 0 or 1, got {wrong[0]}")


def by_sample(array: Any) -> Any:
    """The DataArray with samples first and units second."""
    xr = require("xarray", extra="xarray")
    if not isinstance(array, xr.DataArray):
        raise TypeError(f"array must be an xarray.DataArray, got a {type(array).__name__}")
    for dimensions in DIMENSIONS:
        if set(array.dims) == set(dimensions):
            return array.transpose(*dimensions)
    understood = " or ".join(map(str, DIMENSIONS))
    raise ValueError(f"array must have the dimensions {understood}, got {array.dims}")


def tables(array: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Unit and sample table from the coordinates of a DataArray that is `by_sample`."""
    sample, unit = array.dims
    beside = [str(name) for name, one in array.coords.items() if one.dims not in ((sample,), (unit,))]
    return (
        unit_table(_coordinates(array, unit), "array", dropped=beside),
        sample_table(_coordinates(array, sample), "array"),
    )


def _list_annotations(array: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in array.attrs.items():
        if key not in ("sampling_period", _CHECKSUM):
            yield key, value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _configuration(array: Any) -> dict[str, Any] | None:
    if CONFIGURATION not in array.attrs:
        return None
    where = f"attribute {CONFIGURATION!r} of the array"
    return read_configuration(array.attrs[CONFIGURATION], where, "units", "samples")


def _read_table(array: Any, keys: dict[str, str]) -> pd.DataFrame:
    missing = [key for key in keys.values() if key not in array.coords]
    if missing:
        raise ValueError(f"array was made with the coordinate {missing[0]!r}, which it has lost")
    return pd.DataFrame({name: array.coords[key].values for name, key in keys.items()})


def _coordinates(array: Any, dimension: str) -> pd.DataFrame:
    found = {
        str(name): coordinate.values
        for name, coordinate in array.coords.items()
        if coordinate.dims == (dimension,) and name != dimension
    }
    # The places on the axis itself, where they say more than their number, and not as levels already.
    places = array.indexes.get(dimension)
    if places is not None and places.nlevels == 1 and not np.array_equal(places, np.arange(len(places))):
        found[str(dimension)] = np.asarray(places)
    return pd.DataFrame(found, index=range(array.sizes[dimension]))


def _keys(table: pd.DataFrame, taken: set[str]) -> dict[str, str]:
    """Column → name of its coordinate, as xarray can write it to NetCDF."""
    keys: dict[str, str] = {}
    for name in map(str, table):
        key = re.sub(r"[\s/]", "_", name)
        while key in taken or (key != name and key in table):
            key += "_"
        taken.add(key)
        keys[name] = key
    return keys


def _values(column: pd.Series) -> np.ndarray:
    return column.to_numpy(None if column.dtype.kind in "bif" else object)
