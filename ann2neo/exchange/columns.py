"""Columns of the unit and sample tables → arrays for others; tables from columns that others filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes.raster_tables import normalize_table


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


def unit_table(columns: pd.DataFrame) -> pd.DataFrame:
    """A unit table of those columns that fit one, with ``layer`` and ``unit_index`` whatever there was.

    ``layer`` has to be text, else there is one layer, ``"units"``: elsewhere the word may be a cortical
    layer's number. ``unit_index`` has to be int, else units are counted within their layer.
    """
    table = _fitting(columns)
    if "layer" not in table or table["layer"].dtype.kind in "bif":
        table = _with(table, "layer", ["units"] * len(columns))
    if "unit_index" not in table or table["unit_index"].dtype.kind != "i":
        table = _with(table, "unit_index", table.groupby("layer").cumcount())
    return table


def sample_table(columns: pd.DataFrame) -> pd.DataFrame:
    """A sample table of those columns that fit one, with ``sample_index`` whatever there was."""
    table = _fitting(columns)
    if "sample_index" not in table or table["sample_index"].dtype.kind != "i":
        table = _with(table, "sample_index", np.arange(len(columns)))
    return table


def _fitting(columns: pd.DataFrame) -> pd.DataFrame:
    fitting: dict[str, Any] = {}
    for name in columns:
        try:
            one = normalize_table(columns[[name]], name="columns", n_rows=len(columns), required={})
        except (TypeError, ValueError):
            continue
        fitting[str(name)] = one[name]
    return pd.DataFrame(fitting, index=range(len(columns)))


def _with(table: pd.DataFrame, name: str, values: Any) -> pd.DataFrame:
    rest = table.drop(columns=name, errors="ignore")
    return pd.concat([pd.DataFrame({name: values}, index=table.index), rest], axis=1)
