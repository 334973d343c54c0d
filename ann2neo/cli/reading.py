"""How the commands read spikes: one set of options, told from the table of formats."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ann2neo.exchange.format_table import list_endings

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

_ENDINGS = ", ".join(list_endings(reading=True))

Spikes = Annotated[Path, typer.Argument(help=f"Spikes: a file {_ENDINGS}.")]
Segment = Annotated[
    str | None, typer.Option(help="Which recording, by name or place, where a file holds several.")
]
SamplingPeriod = Annotated[
    float | None, typer.Option(help="Seconds per sample, where the file does not say it.")
]
Isolated = Annotated[
    bool,
    typer.Option("--isolated", help="Read a file that you do not trust in a process of its own."),
]


def read_file(
    path: Path,
    segment: str | None,
    sampling_period: float | None,
    isolated: bool,
    format: str | None = None,
) -> SpikeRaster:
    """The spikes in a file; what its reader warns of is said on standard error."""
    from ann2neo.cli.terminal import escape_controls
    from ann2neo.exchange.formats import load

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        raster = load(
            path,
            format,
            segment=None if segment is None else choose_segment(segment),
            sampling_period=sampling_period,
            isolated=isolated,
        )
    for warning in said:
        typer.echo(f"ann2neo: {escape_controls(name_options(str(warning.message)))}", err=True)
    return raster


def choose_segment(text: str) -> int | str:
    """A place if it is a number, or a name."""
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def name_options(message: str) -> str:
    """A message of the package as the command line would say it: ``pass a_b=True`` is ``say --a-b``."""
    return re.sub(
        r"pass (\w+)=(True|…)?",
        lambda found: f"say --{found[1].replace('_', '-')}" + (" …" if found[2] == "…" else ""),
        message,
    )
