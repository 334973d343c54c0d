"""The command line: `ann2neo demo`, `record`, `info`, `analyze`, and the commands of other files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.table import Table

from ann2neo.cli import study
from ann2neo.cli.convert import convert
from ann2neo.cli.reading import Isolated, SamplingPeriod, Segment, Spikes, name_options, read_file
from ann2neo.cli.terminal import (
    INTERRUPTED,
    PlainConsole,
    array_file,
    escape_controls,
    format_value,
    frame_table,
    quieten_frameworks,
    right_columns,
)

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

app = typer.Typer(
    name="ann2neo",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(study.app, name="study")
app.command()(convert)
_DEBUG = "--debug"


@app.command()
def analyze(
    file: Spikes,
    window: Annotated[int, typer.Option(help="Samples a window of the Fano factor.")] = 100,
    alpha: Annotated[float, typer.Option(help="Level of the verdicts.")] = 0.05,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    isolated: Isolated = False,
) -> None:
    """Print the indicators of each layer and the tests of the Poisson assumptions."""
    import warnings

    from ann2neo.significance.assumptions import poisson_assumptions
    from ann2neo.statistics.summary import summarize

    raster = read_file(file, segment, sampling_period, isolated)
    console = PlainConsole()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        summary = summarize(raster, window=window).reset_index()
        battery = poisson_assumptions(raster, window=window, alpha=alpha)
    console.print(frame_table(summary.T.reset_index(), "Indicators", header=False))
    columns = {"layer": "layer", "test": "test", "assumption": "looks at", "n_tested": "units"}
    columns |= {"fraction_rejecting": "rejecting", "verdict": "verdict"}
    title = f"Poisson assumptions at level {alpha:g}, adjusted for the units of a layer"
    console.print(frame_table(battery.verdicts()[list(columns)].rename(columns=columns), title))
    console.print("fano_poisson rejects independent binary units too; fano_bernoulli is their null.")
    for message in dict.fromkeys(str(warning.message) for warning in said):
        console.print(f"Note: {message}.")


def _print_version(asked: bool) -> None:
    if asked:
        import importlib.metadata

        typer.echo(f"ann2neo {importlib.metadata.version('ann2neo')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Spike trains of artificial neural networks, for Neo, Elephant and NWB."""
    # `main` reads --debug itself, so that it works before and after a command.


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Directory to write to.")] = Path("ann2neo-demo"),
    seed: Annotated[int, typer.Option(help="Seed of weights, labels and orders.")] = 0,
) -> None:
    """Train three networks on handwritten digits, record them and let Elephant analyze their spikes."""
    quieten_frameworks()
    from ann2neo.demo import run

    table, files = run(out, seed=seed)
    rows = Table(title="Hidden layer of 64 units shown handwritten digits: means over units")
    rows.add_column("network", no_wrap=True)
    for title in ("accuracy", "rate", "CV %", "Fano", "1 − rate", "ISI CV", "silent"):
        rows.add_column(title, justify="right")
    for values in table.itertuples(index=False):
        rows.add_row(*(format_value(value) for value in values))
    console = PlainConsole()
    console.print(rows)
    console.print("Accuracy: on the labels trained on. Fano, 1 − rate, ISI CV: over units that fire;")
    console.print("a unit that fires independently at each sample has a Fano factor of 1 − rate, not 1.")
    console.print("Wrote:")
    for file in files:
        console.print(f"  {file}", highlight=False, soft_wrap=True)


@app.command()
def record(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras", help="A saved Keras model.")],
    samples: Annotated[Path, typer.Option(help="Samples to show it, a .npy file, samples first.")],
    out: Annotated[Path, typer.Option(help="Where to write: NAME.zarr or NAME.zarr.zip.")],
    labels: Annotated[Path | None, typer.Option(help="A label a sample, a .npy file.")] = None,
    layers: Annotated[
        str, typer.Option(help="last_hidden, all, or names of layers with commas between.")
    ] = "last_hidden",
    threshold: Annotated[float, typer.Option(help="A unit is active above this activation.")] = 0.0,
    batch_size: Annotated[int, typer.Option(help="Samples shown at a time.")] = 256,
    shuffle_seed: Annotated[
        int | None, typer.Option(min=0, help="Show the samples in an order drawn with this seed.")
    ] = None,
    conv_units: Annotated[str, typer.Option(help="all: each activation a unit; channels.")] = "all",
    split: Annotated[str | None, typer.Option(help="Name of the data split, such as test.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Record the spikes of a saved network."""
    import numpy as np

    images = array_file(samples, "--samples")
    targets = None if labels is None else array_file(labels, "--labels")
    network = _keras_model(model)
    from ann2neo.recording.record import record as record_network

    names = layers if layers in ("last_hidden", "all") else [n.strip() for n in layers.split(",")]
    path = record_network(
        network,
        images,
        layers=names,
        labels=targets,
        threshold=threshold,
        batch_size=batch_size,
        rng=None if shuffle_seed is None else np.random.default_rng(shuffle_seed),
        conv_units=cast(Any, conv_units),  # checked by `record`
        dataset_split=split,
        store=out,
        overwrite=overwrite,
    )
    _print_raster(path)


@app.command()
def info(
    file: Spikes,
    segment: Segment = None,
    sampling_period: SamplingPeriod = None,
    isolated: Isolated = False,
) -> None:
    """Say what a file holds."""
    _print_raster(file, segment, sampling_period, isolated)


def main() -> None:
    """Run the command line; errors are one line on stderr and exit status 2."""
    arguments = [argument for argument in sys.argv[1:] if argument != _DEBUG]
    debug = len(arguments) < len(sys.argv) - 1
    if not arguments:
        arguments = ["--help"]
    try:
        status = app(arguments, standalone_mode=False)
    except Exception as error:
        if debug:
            raise
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        message = name_options(" ".join(message.split()))
        _fail(message or type(error).__name__, 2)
    if status == INTERRUPTED:
        _fail("interrupted", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    sys.stderr.write(f"ann2neo: {escape_controls(message)}\n")
    sys.exit(status)


def _keras_model(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"MODEL.keras: no file {path}")
    quieten_frameworks()
    from ann2neo.extras import needed

    keras = needed("keras", extra="tensorflow")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ValueError(f"MODEL.keras: {path} cannot be read as a Keras model: {error}") from error


def _print_raster(
    path: Path,
    segment: str | None = None,
    sampling_period: float | None = None,
    isolated: bool = False,
) -> None:
    raster = read_file(path, segment, sampling_period, isolated)
    console = PlainConsole()
    console.print(_description(path, raster))
    console.print(_layer_table(raster))


def _description(path: Path, raster: SpikeRaster) -> Table:
    rows = Table(title=str(path), show_header=False)
    rows.add_row("units", f"{raster.n_units:,}")
    rows.add_row("samples", f"{raster.n_samples:,} of {raster.sampling_period * 1000:g} ms")
    rows.add_row("unit columns", ", ".join(raster.units.columns))
    rows.add_row("sample columns", ", ".join(raster.samples.columns))
    for key, value in raster.annotations.items():
        rows.add_row(key, str(value))
    return rows


def _layer_table(raster: SpikeRaster) -> Table:
    rows = Table("layer", *(right_columns("units mean-rate min-rate max-rate silent always-on")))
    units, counts = raster.units, raster.spike_counts
    for layer in raster.layers:
        of_layer = counts[(units["layer"] == layer).to_numpy()]
        rates = of_layer / raster.n_samples
        rows.add_row(
            layer,
            f"{len(rates):,}",
            *(format_value(rate) for rate in (rates.mean(), rates.min(), rates.max())),
            f"{(of_layer == 0).sum():,}",
            f"{(of_layer == raster.n_samples).sum():,}",
        )
    return rows
