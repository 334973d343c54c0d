"""`ann2neo convert`: between the formats of spikes, and from activations that others left."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ann2neo.cli.reading import (
    Binary,
    BinSize,
    Isolated,
    SamplingPeriod,
    Segment,
    TStopSpikes,
    bin_options,
    read_file,
)
from ann2neo.exchange.format_table import list_formats
from ann2neo.recording.files.formats import FORMATS

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

_SPIKES = "spikes"
_READ, _WRITTEN = (", ".join(list_formats(reading=reading)) for reading in (True, False))
_ACTIVATIONS = ", ".join(FORMATS)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file or folder to read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file to write.")],
    to: Annotated[str | None, typer.Option(help=f"Format of OUT: {_WRITTEN}.")] = None,
    given: Annotated[
        str | None,
        typer.Option("--from", help=f"Format of IN: {_READ}; activations: {_ACTIVATIONS}."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Activations: a unit is active above this; default 0.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Activations: a label per sample, a .npy file.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="Activations: the array inside IN; several, said one by one, are layers."),
    ] = None,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    bin_size: BinSize = None,
    binary: Binary = "raise",
    t_stop_spikes: TStopSpikes = "raise",
    isolated: Isolated = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Convert spikes to another format, or activations that others extracted to spikes.

    Formats are told by the endings of names, or by --from and --to; a folder without one is
    thingsvision's. Activations are read a batch at a time, so that they may be larger than memory.
    """
    from ann2neo.cli.terminal import escape_controls, open_array
    from ann2neo.exchange.formats import check_format, save

    target = check_format(out, to)
    if out.is_file() and not overwrite:
        raise FileExistsError(f"{out} exists; pass overwrite=True to replace it")
    shown = None if labels is None else open_array(labels, "--labels")
    options = {"--threshold": threshold, "--labels": shown, "--key": key or None}
    options = {name: value for name, value in options.items() if value is not None}
    form = _form_of(source, given)
    bins = bin_options(bin_size, binary, t_stop_spikes)
    if form == _SPIKES:
        _refuse(options)
        raster = read_file(source, segment, sampling_period, isolated, given, **bins)
    elif bins:
        name = next(iter(bins)).replace("_", "-")
        raise ValueError(f"--{name} is for spike times, IN holds none")
    elif form == "netcdf":
        raster = _from_netcdf(source, options, sampling_period, isolated)
    elif target == "zarr":
        # Straight to disk: the spikes too may be larger than memory.
        _record_file(source, form, options, sampling_period, isolated, store=out, overwrite=overwrite)
        typer.echo(escape_controls(f"wrote {out}"))
        return
    else:
        raster = _record_file(source, form, options, sampling_period, isolated)
    save(raster, out, target, overwrite=overwrite)
    typer.echo(escape_controls(f"wrote {out}"))


def _form_of(source: Path, given: str | None) -> str:
    """``"spikes"``, ``"netcdf"``, which may hold either, or a form of activations."""
    from ann2neo.exchange.formats import find_format as find_spikes
    from ann2neo.recording.files.activations import find_format
    from ann2neo.spikes.argument_checks import check_choice
    from ann2neo.spikes.files.file_kinds import is_dandi

    form = find_spikes(source) if given is None else given
    if form is None and is_dandi(source):
        return _SPIKES
    if given is not None:
        check_choice(given, "--from", dict.fromkeys((*list_formats(reading=True), *FORMATS)))
    spikes_only = form in list_formats(reading=True) and form not in ("zarr", "netcdf")
    if spikes_only or (form == "zarr" and _is_raster(source)):
        return _SPIKES
    if form == "netcdf" or given is not None:
        return str(form)
    if not source.exists():
        raise FileNotFoundError(f"no file {source}")
    return find_format(source)


def _is_raster(path: Path) -> bool:
    """Whether a Zarr store is a raster's, whole or damaged, rather than arrays of somebody else."""
    if path.is_dir():
        inside = {child.name for child in path.iterdir()}
    elif zipfile.is_zipfile(path):
        from ann2neo.spikes.files.zarr_arrays import open_archive

        with open_archive(path) as archive:
            inside = {name.split("/")[0] for name in archive.namelist()}
    else:
        return True
    return {"words", "units"} <= inside


def _refuse(options: dict[str, Any]) -> None:
    if options:
        raise ValueError(f"{next(iter(options))} is for activations, IN holds spikes")


def _record_file(
    source: Path,
    form: str,
    options: dict[str, Any],
    sampling_period: float | None,
    isolated: bool,
    **store: Any,
) -> Any:
    """The spikes of activations, or where they were stored."""
    from ann2neo.recording.files.activations import open_activations

    with open_activations(
        source, keys=options.get("--key", ()), format=form, isolated=isolated
    ) as layers:
        return _record(layers, options, sampling_period, **store)


def _from_netcdf(
    source: Path, options: dict[str, Any], sampling_period: float | None, isolated: bool
) -> SpikeRaster:
    """Spikes, or the activations of an assembly with what its coordinates say of units and samples."""
    from ann2neo.exchange.xarray import by_sample, from_xarray, open_netcdf, tables
    from ann2neo.spikes.raster import SpikeRaster

    if isolated:
        _refuse(options)
        return read_file(source, None, sampling_period, isolated, "netcdf")
    keys = options.pop("--key", [None])
    if len(keys) > 1:
        raise ValueError(f"--key must be one variable of a NetCDF file, got {keys}")
    with open_netcdf(source, variable=keys[0]) as array:
        if array.dtype == bool:
            _refuse(options)
            return from_xarray(array, sampling_period=sampling_period)
        array = by_sample(array)
        raster = _record(array, options, sampling_period)
        units, samples = tables(array)
    if "--labels" in options:
        samples["label"] = raster.samples["label"]
    return SpikeRaster(
        raster.words,
        raster.n_samples,
        units,
        samples,
        sampling_period=raster.sampling_period,
        annotations=raster.annotations,
    )


def _record(
    activations: Any, options: dict[str, Any], sampling_period: float | None, **store: Any
) -> Any:
    from ann2neo.recording.record import record

    return record(
        activations,
        threshold=options.get("--threshold", 0.0),
        labels=options.get("--labels"),
        sampling_period=0.001 if sampling_period is None else sampling_period,
        **store,
    )
