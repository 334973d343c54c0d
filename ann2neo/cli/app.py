"""The command line: `ann2neo demo` and the commands of the other files, put together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from ann2neo.cli import networks, parts, rasters, study
from ann2neo.cli.convert import convert
from ann2neo.cli.reading import name_options
from ann2neo.cli.terminal import (
    INTERRUPTED,
    add_row,
    escape_controls,
    format_value,
    open_table,
    say,
    say_table,
    start_keras,
)

app = typer.Typer(
    name="ann2neo",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(study.app, name="study")
_DEBUG = "--debug"


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
    start_keras()
    from ann2neo.demo import COLUMNS
    from ann2neo.demo import run as run_demo

    table, files = run_demo(out, seed=seed)
    values = table.set_index("network")
    numbers = [Column(name, justify="right", no_wrap=True) for name in values.index]
    rows = open_table(
        "Hidden layer of 64 units shown 1,797 handwritten digits",
        [Column("", no_wrap=True), *numbers, "what it is"],
    )
    for column in COLUMNS:
        shown = (format_value(value) for value in values[column.name])
        add_row(rows, column.title, *shown, column.meaning)
    say_table(rows)
    say("Wrote:")
    for file in files:
        say(f"  {file}")
    say("Look at the pictures first. Where to go next:")
    say(f"  ann2neo info {files[0]}")
    say(f"  ann2neo analyze {files[0]}")
    say(f"  ann2neo plot {files[0]} --out {out / 'generalizing.png'}")


app.command()(networks.record)
app.command("layers")(networks.list_layers)
app.command()(parts.record_plan)
app.command()(parts.record_part)
app.command()(parts.record_finish)
app.command()(rasters.info)
app.command()(rasters.analyze)
app.command()(rasters.plot)
app.command()(convert)


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
