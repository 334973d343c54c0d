"""Tables of results on disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pandas as pd

from ann2neo.extras import needed


def write_table(table: pd.DataFrame, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a table without its index as CSV or Parquet, whole or not at all.

    Raises
    ------
    ValueError
        If `path` ends in neither ``.csv`` nor ``.parquet``.
    FileExistsError, FileNotFoundError
        If it exists and `overwrite` is False, or its directory does not.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"path must end in .csv or .parquet, got {path}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the directory {path.parent} does not exist")
    if kind == ".parquet":
        needed("pyarrow", extra="study")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        if kind == ".csv":
            table.to_csv(whole, index=False)
        else:
            table.to_parquet(whole, engine="pyarrow", index=False)
        os.replace(whole, path)
    return path
