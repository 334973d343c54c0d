"""What the commands share: text and tables on the terminal, array files, quiet frameworks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

INTERRUPTED = 130
"""Exit status after Ctrl-C; typer's own."""

# Controls of the terminal, of the direction of text, and halves of surrogate pairs.
_CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_controls(text: str) -> str:
    """Text as it is, but for what a terminal would obey instead of showing it: that is spelled out."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PlainConsole(Console):
    """A console that shows names as they are: brackets are no markup, controls are spelled out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(escape_controls(text), **options)


def frame_table(frame: Any, title: str, *, header: bool = True) -> Table:
    rows = Table(title=title, show_header=header)
    for column in frame.columns:
        justify: Any = "left" if frame[column].dtype.kind not in "if" else "right"
        rows.add_column(str(column), justify=justify, no_wrap=column in ("layer", "test"))
    for values in frame.itertuples(index=False):
        rows.add_row(*(format_value(value) for value in values))
    return rows


def right_columns(names: str) -> list[Any]:
    return [Column(name.replace("-", " "), justify="right") for name in names.split()]


def format_value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def quieten_frameworks() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def array_file(path: Path, option: str) -> Any:
    """An array file, not read into memory; one with pickled objects is refused."""
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"{option}: no file {path}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{option}: {path} is not a plain .npy file ({error})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{option}: {path} holds several arrays; save the one to use as .npy")
    return array
