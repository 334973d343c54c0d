"""Tables of results on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ann2neo.extras import require
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.typing import PathLikeStr

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What the text of a formula begins with, in one spreadsheet or another."""


def write_table(table: pd.DataFrame, path: PathLikeStr, *, overwrite: bool = False) -> Path:
    """Write a table without its index as CSV or Parquet, whole or not at all.

    In CSV a text that a spreadsheet would take for a formula, such as the name of a layer that begins
    with ``=``, has an apostrophe in front.

    Raises
    ------
    ValueError
        If `path` ends in neither ``.csv`` nor ``.parquet``.
    FileExistsError, FileNotFoundError
        If it exists and `overwrite` is False, or its directory does not.
    """
    path = as_path(path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"path must end in .csv or .parquet, got {path}")
    if kind == ".parquet":
        require("pyarrow", extra="study")
    with write_whole(path, overwrite=overwrite) as whole:
        if kind == ".csv":
            _quote_formulas(table).to_csv(whole, index=False)
        else:
            table.to_parquet(whole, engine="pyarrow", index=False)
    return path


def _quote_formulas(table: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in table if table[name].dtype.kind not in "biufM"]
    return table.assign(**{str(name): table[name].map(_quote) for name in texts})


def _quote(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
