"""`ann2neo info`, `analyze` and `plot`: commands that look at recorded spikes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from ann2neo.cli.reading import (
    Binary,
    BinSize,
    Isolated,
    SamplingPeriod,
    Segment,
    Spikes,
    TStopSpikes,
    bin_options,
    read_file,
)
from ann2neo.cli.terminal import (
    add_row,
    format_value,
    frame_table,
    open_table,
    right_columns,
    say,
    say_table,
)

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

WindowOption = Annotated[int, typer.Option(help="Samples per window of the Fano factor.")]
_TABLES = (".csv", ".parquet")


def info(
    file: Spikes,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    bin_size: BinSize = None,
    binary: Binary = "raise",
    t_stop_spikes: TStopSpikes = "raise",
    isolated: Isolated = False,
) -> None:
    """Say what a file holds."""
    bins = bin_options(bin_size, binary, t_stop_spikes)
    say_raster(file, read_file(file, segment, sampling_period, isolated, **bins))


def analyze(
    file: Spikes,
    window: WindowOption = 100,
    alpha: Annotated[float, typer.Option(help="Level of the verdicts.")] = 0.05,
    out: Annotated[
        Path | None, typer.Option(help="A table to write, a row per unit: NAME.csv or NAME.parquet.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    bin_size: BinSize = None,
    binary: Binary = "raise",
    t_stop_spikes: TStopSpikes = "raise",
    isolated: Isolated = False,
) -> None:
    """Print the indicators of each layer and the tests of the Poisson assumptions."""
    from ann2neo.monitoring.table_files import write_table
    from ann2neo.significance.assumptions import poisson_assumptions
    from ann2neo.spikes.files.stored_raster import open_raster
    from ann2neo.statistics.fano import fanofactor
    from ann2neo.statistics.intervals import cv, cv2
    from ann2neo.statistics.rates import firing_rate
    from ann2neo.statistics.summary import summarize

    if out is not None:
        _check_table(out, overwrite=overwrite)
    # A folder, a store or one of parts, is gone through chunk by chunk.
    bins = bin_options(bin_size, binary, t_stop_spikes)
    opens = _is_folder_of_ours(file) and segment is None and sampling_period is None and not bins
    raster = open_raster(file) if opens else read_file(file, segment, sampling_period, isolated, **bins)
    with _notes():
        summary = summarize(raster, window=window).reset_index()
        battery = poisson_assumptions(raster, window=window, alpha=alpha)
        say_table(frame_table(summary.T.reset_index(), "Indicators", header=False))
        columns = {"layer": "layer", "test": "test", "assumption": "looks at", "n_tested": "units"}
        columns |= {"fraction_rejecting": "rejecting", "verdict": "verdict"}
        title = f"Poisson assumptions at level {alpha:g}, adjusted for the units of a layer"
        say_table(frame_table(battery.verdicts()[list(columns)].rename(columns=columns), title))
        say("fano_poisson rejects independent binary units too; fano_bernoulli is their null.")
        if out is not None:
            units = battery.to_frame().assign(
                firing_rate=firing_rate(raster),
                fanofactor=fanofactor(raster, window),
                isi_cv=cv(raster),
                isi_cv2=cv2(raster),
            )
            write_table(units, out, overwrite=overwrite)
            say(f"Wrote {out}")


def plot(
    file: Spikes,
    out: Annotated[Path, typer.Option(help="A picture to write: NAME.png, .svg or .pdf.")],
    kind: Annotated[
        Literal["all", "raster", "rates", "fano", "pvalues"],
        typer.Option(help="Trains, firing rates, Fano factors, p-values of fano_test, or all four."),
    ] = "all",
    window: WindowOption = 100,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    bin_size: BinSize = None,
    binary: Binary = "raise",
    t_stop_spikes: TStopSpikes = "raise",
    isolated: Isolated = False,
) -> None:
    """Draw recorded spikes."""
    from ann2neo.extras import require

    if out.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"--out must end in .png, .svg or .pdf, got {out}")
    from ann2neo.plotting.distributions import plot_fano, plot_pvalues, plot_rates
    from ann2neo.plotting.trains import plot_raster
    from ann2neo.significance.dispersion import fano_test
    from ann2neo.spikes.files.whole_file import check_target, write_whole

    check_target(out, overwrite=overwrite)
    figures = require("matplotlib.figure", extra="plot")
    bins = bin_options(bin_size, binary, t_stop_spikes)
    raster = read_file(file, segment, sampling_period, isolated, **bins)
    draw: dict[str, Callable[[SpikeRaster, Any], Any]] = {
        "raster": plot_raster,
        "rates": plot_rates,
        "fano": lambda raster, ax: plot_fano(raster, ax, window=window),
        "pvalues": lambda raster, ax: plot_pvalues(fano_test(raster, window, null="bernoulli"), ax),
    }
    kinds = list(draw) if kind == "all" else [kind]
    figure = figures.Figure(figsize=(10, 8) if len(kinds) > 1 else (6, 4.5), layout="constrained")
    axes = figure.subplots(2, 2).ravel() if len(kinds) > 1 else [figure.subplots()]
    with _notes():
        for name, ax in zip(kinds, axes, strict=True):
            draw[name](raster, ax)
        with write_whole(out, overwrite=overwrite) as path:
            figure.savefig(path, dpi=150, format=out.suffix[1:].lower())
    say(f"Wrote {out}")


def say_raster(path: Path, raster: SpikeRaster) -> None:
    """Print what a file of spikes holds."""
    say_table(_describe(path, raster))
    say_table(_tabulate_layers(raster))


def _is_folder_of_ours(path: Path) -> bool:
    return (path / ".zattrs").is_file() or (path.is_dir() and any(path.glob("part-*.zarr")))


@contextmanager
def _notes() -> Iterator[None]:
    """Warnings as notes behind what is printed, each once."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(warning.message) for warning in said):
        say(f"Note: {message}.")


def _check_table(out: Path, *, overwrite: bool) -> None:
    from ann2neo.extras import require
    from ann2neo.spikes.files.whole_file import check_target

    if out.suffix not in _TABLES:
        raise ValueError(f"--out must end in {' or '.join(_TABLES)}, got {out}")
    if out.suffix == ".parquet":
        require("pyarrow", extra="study")
    check_target(out, overwrite=overwrite)


def _describe(path: Path, raster: SpikeRaster) -> Table:
    rows = open_table(str(path), ["", ""], header=False)
    add_row(rows, "units", f"{raster.n_units:,}")
    add_row(rows, "samples", f"{raster.n_samples:,} of {raster.sampling_period * 1000:g} ms")
    add_row(rows, "unit columns", ", ".join(raster.units.columns))
    add_row(rows, "sample columns", ", ".join(raster.samples.columns))
    for key, value in raster.annotations.items():
        add_row(rows, key, value)
    return rows


def _tabulate_layers(raster: SpikeRaster) -> Table:
    columns = right_columns("units mean-rate min-rate max-rate silent always-on")
    rows = open_table("", ["layer", *columns])
    units, counts = raster.units, raster.spike_counts
    for layer in raster.layers:
        of_layer = counts[(units["layer"] == layer).to_numpy()]
        rates = of_layer / raster.n_samples
        add_row(
            rows,
            layer,
            f"{len(rates):,}",
            *(format_value(float(rate)) for rate in (rates.mean(), rates.min(), rates.max())),
            f"{(of_layer == 0).sum():,}",
            f"{(of_layer == raster.n_samples).sum():,}",
        )
    return rows
