"""What the commands share: tables and texts on the terminal, array files, quiet frameworks."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

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
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(escape_controls(text), **options)


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a line that is not cut."""
    PlainConsole(stderr=to_stderr).print(text, soft_wrap=True)


def say_table(rows: Table) -> None:
    """Print a table."""
    PlainConsole().print(rows)


def open_table(title: str, columns: Iterable[str | Column] = (), *, header: bool = True) -> Table:
    """A table with a title; columns given by name are of texts."""
    return Table(*columns, title=title or None, show_header=header)


def add_row(rows: Table, *values: object) -> None:
    """Add a row of values to a table, each as it is."""
    rows.add_row(*map(str, values))


def frame_table(frame: pd.DataFrame, title: str, *, header: bool = True) -> Table:
    """A DataFrame as a table: numbers to the right."""
    columns = [
        Column(
            str(name),
            justify="right" if frame[name].dtype.kind in "if" else "left",
            no_wrap=name in ("layer", "test"),
        )
        for name in frame.columns
    ]
    rows = open_table(title, columns, header=header)
    for values in frame.itertuples(index=False):
        add_row(rows, *(format_value(value) for value in values))
    return rows


def right_columns(names: str) -> list[Column]:
    """Columns of numbers, of names with spaces between; ``-`` in a name is a space."""
    return [Column(name.replace("-", " "), justify="right") for name in names.split()]


def format_value(value: object) -> str:
    """A float by three significant digits, everything else by its text."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def quieten_frameworks() -> None:
    """Keep the start-up notes of TensorFlow and its libraries off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def start_keras() -> None:
    """Import Keras and its backend, if they are there, without what these write while they start.

    TensorFlow's libraries write to the process' standard error themselves, whatever their settings say.
    """
    quieten_frameworks()
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        # Whoever needs Keras says that it is missing.
        with contextlib.suppress(ImportError):
            keras = importlib.import_module("keras")
            keras.ops.zeros(1)  # devices are looked for when they are first used
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def open_array(path: Path, option: str) -> np.ndarray:
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
