"""How the commands read spikes: one set of options, told from the table of formats."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
BinSize = Annotated[
    float | None, typer.Option(help="Times on no grid: make bins of so many seconds the samples.")
]
Binary = Annotated[
    Literal["raise", "clip"], typer.Option(help="Whether several spikes in a bin are an error or one.")
]
TStopSpikes = Annotated[
    Literal["raise", "drop", "keep"], typer.Option(help="Whether spikes at t_stop are an error.")
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
    **bins: Any,
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
            **bins,
        )
    for warning in said:
        typer.echo(f"ann2neo: {escape_controls(name_options(str(warning.message)))}", err=True)
    return raster


def bin_options(bin_size: float | None, binary: str, t_stop_spikes: str) -> dict[str, Any]:
    """Those that were said."""
    said = {"bin_size": bin_size, "binary": binary, "t_stop_spikes": t_stop_spikes}
    return {name: value for name, value in said.items() if value not in (None, "raise")}


def choose_segment(text: str) -> int | str:
    """A place if it is a number, or a name."""
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def name_options(message: str) -> str:
    """A message of the package as the command line would say it: ``pass a_b=True`` is ``say --a-b``."""
    return re.sub(r"pass (\w+)=(True|…|'\w+')?", _name_option, message)


def _name_option(found: re.Match[str]) -> str:
    value = {None: "", "True": ""}.get(found[2], f" {found[2]}".replace("'", ""))
    return f"say --{found[1].replace('_', '-')}{value}"
