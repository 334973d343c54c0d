"""The unit and sample tables and the annotations of a raster: what they may hold.

Three kinds of column are enough and survive every file format: whole numbers, real numbers and text,
beside booleans. They are brought to one width each here, so that two tables that say the same compare
equal whatever library or file they came through.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

COORDINATES = ("channel", "depth", "row", "column", "step")
"""Columns that say where a unit (or sample) lies in a layer's output; −1 where it has no such axis."""

UNITS = {"layer": "str", "unit_index": "int"}
"""Columns that every unit table has, and what they hold."""

SAMPLES = {"sample_index": "int"}
"""Columns that every sample table has, and what they hold."""

_TEXT = pd.Series([], dtype="str").dtype
"""pandas' own type of text, whichever this version prefers; object in the oldest."""

T_START = "t_start"
"""Annotation that says when sample 0 began, in seconds, where a recording does not begin at 0."""

_KINDS = {"i": "int", "f": "float", "b": "bool", "O": "str"}


class LazyTable:
    """A table that is made when somebody looks at it, and then kept.

    Parameters
    ----------
    read : callable
        Gives the table, normalized (`normalize_table`).
    """

    __slots__ = ("_digest", "_read", "_table")

    def __init__(self, read: Callable[[], pd.DataFrame]) -> None:
        self._read = read
        self._table: pd.DataFrame | None = None
        self._digest: str | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The table itself, not to be changed."""
        if self._table is None:
            self._table = self._read()
        return self._table

    @property
    def digest(self) -> str:
        """What tells units apart, layer and place of each in their order, in 32 hexadecimal digits."""
        if self._digest is None:
            codes, names = encode_layers(self.table)
            seen = hashlib.blake2b(repr(names).encode(), digest_size=16)
            seen.update(codes.astype("<i8").data)
            seen.update(self.table["unit_index"].to_numpy().astype("<i8").data)
            self._digest = seen.hexdigest()
        return self._digest


def default_units(n_units: int, layer: str = "units") -> pd.DataFrame:
    """A unit table of one layer without coordinates."""
    return pd.DataFrame({"layer": [layer] * n_units, "unit_index": np.arange(n_units)})


def default_samples(n_samples: int) -> pd.DataFrame:
    """A sample table in data-set order."""
    return pd.DataFrame({"sample_index": np.arange(n_samples)})


def as_lazy(
    table: pd.DataFrame | LazyTable, name: str, n_rows: int, required: Mapping[str, str]
) -> LazyTable:
    """A table given to a raster, checked, as a raster keeps it."""
    if isinstance(table, LazyTable):
        return table
    normal = normalize_table(table, name=name, n_rows=n_rows, required=required)
    return LazyTable(lambda: normal)


def take_rows(source: LazyTable, rows: npt.NDArray[np.int64]) -> LazyTable:
    """Some rows of a table, taken when somebody looks at them."""
    return LazyTable(lambda: source.table.iloc[rows].reset_index(drop=True))


def copy_table(table: pd.DataFrame) -> pd.DataFrame:
    """A copy that can be changed without changing `table`."""
    # Deep: pandas' copy-on-write does not guard the arrays of text columns.
    return table.copy(deep=True)


def normalize_table(table: Any, *, name: str, n_rows: int, required: Mapping[str, str]) -> pd.DataFrame:
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
    columns = {c: _normalize_column(table[c], f"{name}[{c!r}]") for c in table.columns}
    for column, kind in required.items():
        found = _KINDS[columns[column].dtype.kind]
        if found != kind:
            value = table[column].iloc[:1].to_list()[0]
            raise TypeError(
                f"{name}[{column!r}] must hold {kind}, got {found}, {value!r} in the first row"
            )
    return pd.DataFrame(columns, index=pd.RangeIndex(n_rows))


def _normalize_column(column: pd.Series, name: str) -> np.ndarray | pd.Series:
    real = isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"
    if not real and column.isna().any():
        raise ValueError(f"{name} has missing values; give every row a value")
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    kind = column.dtype.kind
    if kind == "b":
        return column.to_numpy(dtype=bool)
    if kind in "iu":
        if kind == "u" and len(column) and int(column.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"{name} must fit in int64, got {column.max()}")
        return column.to_numpy(dtype=np.int64)
    if kind == "f":
        return column.to_numpy(dtype=np.float64)
    if isinstance(_TEXT, pd.StringDtype) and column.dtype == _TEXT:
        return column.copy(deep=True).reset_index(drop=True)
    values = column.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(values, skipna=False) != "string":
        value = next(value for value in values if not isinstance(value, str))
        raise TypeError(
            f"{name} must be of one type, bool, int, float or str; got dtype {column.dtype} with "
            f"{value!r:.60} ({type(value).__name__})"
        )
    # object → pandas' own string type, whichever this version of pandas prefers
    return pd.Series(values, dtype=_TEXT)


def encode_layers(units: pd.DataFrame) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The layer of each unit as an index, and the layers' names in the order of their first unit."""
    codes, names = pd.factorize(units["layer"])
    return codes.astype(np.int64, copy=False), [str(name) for name in names]


def find_layers(layer: str | Sequence[str], known: Sequence[str]) -> list[int]:
    """Places among the `known` layers of one or several of them; ValueError if one is not among them."""
    names = [layer] if isinstance(layer, str) else list(layer) if isinstance(layer, Iterable) else []
    places = {name: place for place, name in enumerate(known)}
    try:
        found = [places.get(name, -1) for name in names]
    except TypeError:
        found = []
    if not found or -1 in found:
        raise ValueError(f"layer must be one of {list(known)}, got {layer!r:.200}")
    return found


def find_units(units: pd.DataFrame, layer: str | Sequence[str] | None) -> npt.NDArray[np.int64]:
    """Rows of the units of some layers, of all if None."""
    if layer is None:
        return np.arange(len(units))
    codes, known = encode_layers(units)
    return np.flatnonzero(np.isin(codes, find_layers(layer, known)))


def same(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Same columns in the same order with the same values; NaN equals NaN."""
    return bool(list(a.columns) == list(b.columns) and a.equals(b))


def check_annotations(annotations: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Annotations as plain JSON values: scalars and flat lists, read-only."""
    if annotations is not None and not isinstance(annotations, Mapping):
        raise TypeError(f"annotations must be a mapping, got {annotations!r:.60}")
    plain: dict[str, Any] = {}
    for key, value in dict(annotations or {}).items():
        if not isinstance(key, str) or not key:
            raise TypeError(f"annotations keys must be non-empty str, got {key!r}")
        plain[key] = _plain(value, key)
    return MappingProxyType(plain)


def shift_start(
    annotations: Mapping[str, Any], samples: range | npt.NDArray[np.int64], period: float
) -> Mapping[str, Any]:
    """Annotations of some samples of a recording: its ``t_start``, if it says one, is that of the first.

    Samples that are no stretch of it have no common ``t_start``.
    """
    start = annotations.get(T_START)
    if not isinstance(start, float) or not len(samples):
        return annotations
    first = int(samples[0])
    if isinstance(samples, range) or np.array_equal(samples, np.arange(first, first + len(samples))):
        return {**annotations, T_START: start + first * period}
    return {key: value for key, value in annotations.items() if key != T_START}


def copy_annotations(annotations: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only copy whose lists can be changed without changing `annotations`."""
    copied = {key: list(v) if isinstance(v, list) else v for key, v in annotations.items()}
    return MappingProxyType(copied)


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


def stack_tables(tables: list[pd.DataFrame], *, name: str) -> pd.DataFrame:
    """Rows of several tables under one another.

    A coordinate that one of them lacks becomes −1, a real-valued column NaN; any other difference in
    columns is an error, since nothing true could be filled in.
    """
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    filled = []
    for table in tables:
        table = copy_table(table)
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
