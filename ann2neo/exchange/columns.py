"""Columns of the unit and sample tables → arrays for others; tables from columns that others filled."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster_tables import check_annotations, normalize_table


def plain_array(column: pd.Series, table: str) -> np.ndarray:
    """A column as an array of numbers or of NumPy's own text; `table` names its table in the error.

    Raises
    ------
    ValueError
        If a text ends in NUL.
    """
    if column.dtype.kind in "bif":
        return column.to_numpy()
    cut = column.str.endswith("\0")
    if cut.any():
        raise ValueError(
            f"{table}[{column.name!r}] must not end in NUL, which arrays of text drop, "
            f"got {column[cut].iloc[0]!r}"
        )
    return column.to_numpy(dtype="U")


def unit_table(columns: pd.DataFrame, where: str, *, dropped: Iterable[str] = ()) -> pd.DataFrame:
    """A unit table of those columns that fit one, with ``layer`` and ``unit_index`` whatever there was.

    ``layer`` has to be text, else there is one layer, ``"units"``: elsewhere the word may be a cortical
    layer's number. ``unit_index`` has to be int, else units are counted within their layer. What these
    two were is kept, with an underscore.

    Warns
    -----
    UserWarning
        If there are columns that do not fit, or the caller has `dropped` some; `where` is their owner.
    """
    table = _select_fitting(columns, f"{where}: a unit table", dropped)
    if "layer" not in table or table["layer"].dtype.kind in "bif":
        table = _with(table, "layer", ["units"] * len(columns))
    if "unit_index" not in table or table["unit_index"].dtype.kind != "i":
        table = _with(table, "unit_index", table.groupby("layer").cumcount())
    return table


def sample_table(columns: pd.DataFrame, where: str, *, dropped: Iterable[str] = ()) -> pd.DataFrame:
    """A sample table of those columns that fit one, with ``sample_index`` whatever there was.

    Warns
    -----
    UserWarning
        As `unit_table` does.
    """
    table = _select_fitting(columns, f"{where}: a sample table", dropped)
    if "sample_index" not in table or table["sample_index"].dtype.kind != "i":
        table = _with(table, "sample_index", np.arange(len(columns)))
    return table


def raster_annotations(said: Iterable[tuple[Any, Any]], where: str) -> dict[str, Any]:
    """What others say of a recording, as annotations of a raster; of two of one name the first.

    Warns
    -----
    UserWarning
        If a raster cannot hold some; the message names them, and `where` who says them.
    """
    found: dict[str, Any] = {}
    lost = []
    for key, value in said:
        try:
            found = {
                **found,
                **{k: v for k, v in check_annotations({key: value}).items() if k not in found},
            }
        except (TypeError, ValueError):
            lost.append(repr(key))
    if lost:
        warnings.warn(
            f"a raster cannot hold what {where} as {', '.join(lost)}: it is left out",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return found


def _select_fitting(columns: pd.DataFrame, holder: str, dropped: Iterable[str]) -> pd.DataFrame:
    fitting: dict[str, Any] = {}
    lost = list(dropped)
    for place, name in enumerate(columns):
        try:
            one = columns.iloc[:, [place]].set_axis([str(name)], axis=1)
            one = normalize_table(one, name="columns", n_rows=len(columns), required={})
        except (TypeError, ValueError):
            lost.append(str(name))
            continue
        if str(name) in fitting:
            lost.append(str(name))
            continue
        fitting[str(name)] = one[str(name)]
    if lost:
        warnings.warn(
            f"{holder} cannot hold {', '.join(map(repr, lost))}: it is left out",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return pd.DataFrame(fitting, index=range(len(columns)))


def _with(table: pd.DataFrame, name: str, values: Any) -> pd.DataFrame:
    """The table with a column of that name in front; one that was there is kept under another name."""
    kept = name
    while kept in table:
        kept += "_"
    rest = table.rename(columns={name: kept})
    return pd.concat([pd.DataFrame({name: values}, index=table.index), rest], axis=1)
