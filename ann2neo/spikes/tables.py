"""The unit and sample tables and the annotations of a raster: what they may hold.

Three kinds of column are enough and survive every file format: whole numbers, real numbers and text,
beside booleans. They are brought to one width each here, so that two tables that say the same compare
equal whatever library or file they came through.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

COORDINATES = ("channel", "depth", "row", "column", "step")
"""Columns that say where a unit (or sample) lies in a layer's output; −1 where it has no such axis."""

_COPY_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3


def guarded(table: pd.DataFrame) -> pd.DataFrame:
    """A copy that can be changed without changing `table`; free where pandas copies on write."""
    return table.copy(deep=not _COPY_ON_WRITE)


def normalized(table: Any, *, name: str, n_rows: int, required: tuple[str, ...]) -> pd.DataFrame:
    """`table` checked and brought to int64, float64, bool and str columns with a plain row index."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{name} must be a pandas.DataFrame, got {type(table).__name__}")
    if len(table) != n_rows:
        raise ValueError(f"{name} must have {n_rows} rows, got {len(table)}")
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise ValueError(f"{name} lacks the column {missing[0]!r}; it has {list(table.columns)}")
    if not table.columns.is_unique:
        raise ValueError(f"{name} has a column name twice: {list(table.columns)}")
    for column in table.columns:
        if not isinstance(column, str) or not column:
            raise TypeError(f"{name} column names must be non-empty str, got {column!r}")
    columns = {c: _normalized_column(table[c], f"{name}[{c!r}]") for c in table.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(n_rows))


def _normalized_column(column: pd.Series, name: str) -> np.ndarray | pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    kind = column.dtype.kind
    if pd.api.types.is_extension_array_dtype(column.dtype) and column.isna().any():
        raise ValueError(f"{name} has missing values; give every row a value")
    if kind == "b":
        return column.to_numpy(dtype=bool)
    if kind in "iu":
        if kind == "u" and len(column) and int(column.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"{name} must fit in int64, got {column.max()}")
        return column.to_numpy(dtype=np.int64)
    if kind == "f":
        return column.to_numpy(dtype=np.float64)
    values = column.to_numpy(dtype=object)
    for value in values:
        if not isinstance(value, str):
            raise TypeError(
                f"{name} must hold bool, int, float or str, got {value!r} ({type(value).__name__})"
            )
    # object → pandas' own string type, whichever this version of pandas prefers
    return pd.Series(values, dtype="str")


def same(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Same columns in the same order with the same values; NaN equals NaN."""
    return bool(list(a.columns) == list(b.columns) and a.equals(b))


def checked_annotations(annotations: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Annotations as plain JSON values: scalars and flat lists, read-only."""
    plain: dict[str, Any] = {}
    for key, value in dict(annotations or {}).items():
        if not isinstance(key, str) or not key:
            raise TypeError(f"annotations keys must be non-empty str, got {key!r}")
        plain[key] = _plain(value, key)
    json.dumps(plain, allow_nan=False)
    return MappingProxyType(plain)


def _plain(value: Any, key: str, nested: bool = False) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and not nested:
        value = value.tolist()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"annotations[{key!r}] must be finite, got {value!r}")
        return value
    if isinstance(value, (list, tuple)) and not nested:
        return [_plain(item, key, nested=True) for item in value]
    raise TypeError(
        f"annotations[{key!r}] must be a str, bool, int, float, None or a flat list of these, "
        f"got {value!r} ({type(value).__name__})"
    )


def stacked(tables: list[pd.DataFrame], *, name: str) -> pd.DataFrame:
    """Rows of several tables under one another.

    A coordinate that one of them lacks becomes −1, a real-valued column NaN; any other difference in
    columns is an error, since nothing true could be filled in.
    """
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    filled = []
    for table in tables:
        table = guarded(table)
        for column in columns:
            if column in table.columns:
                continue
            kinds = {t[column].dtype.kind for t in tables if column in t.columns}
            if column in COORDINATES:
                table[column] = np.full(len(table), -1, np.int64)
            elif kinds == {"f"}:
                table[column] = np.full(len(table), np.nan)
            else:
                raise ValueError(f"{name}: the column {column!r} is in some rasters and not in others")
        filled.append(table[columns])
    for column in columns:
        kinds = {table[column].dtype.kind for table in filled}
        if len(kinds) > 1:
            raise TypeError(f"{name}: the column {column!r} has another type in another raster")
    return pd.concat(filled, ignore_index=True)
