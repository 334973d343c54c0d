"""Arrays of other packages as NumPy's, and pandas' tables of spikes as rasters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.raster import SpikeRaster


def as_dense(source: Any) -> npt.NDArray[Any] | list[Any]:
    """An array or tensor as NumPy's; lists as they are.

    Torch's tensors may be on another device, have a gradient or a type that NumPy lacks.
    """
    if isinstance(source, list):
        return source
    for step in ("detach", "cpu"):
        # TensorFlow's tensors have a `cpu` too, which is deprecated and not needed.
        if hasattr(source, "detach"):
            source = getattr(source, step)()
    if str(getattr(source, "dtype", "")) in ("torch.bfloat16", "bfloat16"):
        # Every number of this type is one of the next.
        source = source.float() if hasattr(source, "float") else np.asarray(source, np.float32)
    return np.asarray(source)


def raster_from_frame(source: Any, *, sampling_period: float | None = None) -> SpikeRaster:
    """What `as_raster` calls for a DataFrame: a row per sample, a column per unit.

    Labels of the columns become the unit table: levels that are called ``layer`` and ``unit_index`` are
    what they say, others are further columns (``name`` where the level has none). Labels of the rows
    that are whole numbers become ``sample_index``, others a column of the sample table.
    """
    if not isinstance(source, pd.DataFrame):
        raise TypeError(
            "expected a SpikeRaster, what as_raster takes, or a DataFrame (n_samples, n_units); "
            f"got {source!r:.80} ({type(source).__name__})"
        )
    columns = source.columns
    labels = columns.to_frame(index=False)
    labels.columns = [_label(name, place, "name") for place, name in enumerate(columns.names)]
    units = _plain(labels)
    if isinstance(columns, pd.RangeIndex):
        units = units[[]]
    if not {"layer", "unit_index"} <= set(units):
        units = units.drop(columns=["layer", "unit_index"], errors="ignore")
        units.insert(0, "layer", "units")
        units.insert(1, "unit_index", np.arange(len(units)))
    rows = source.index.to_frame(index=False)
    whole = source.index.nlevels == 1 and source.index.dtype.kind in "iu"
    single = "sample_index" if whole else "label"
    rows.columns = [_label(name, place, single) for place, name in enumerate(source.index.names)]
    samples = _plain(rows.set_axis([single], axis=1) if whole else rows)
    if "sample_index" not in samples:
        samples.insert(0, "sample_index", np.arange(len(samples)))
    if source.isna().to_numpy().any():
        raise ValueError("active must hold only 0 and 1, got missing values in a DataFrame")
    active = source.to_numpy(dtype=np.result_type(*_types(source)))
    return SpikeRaster.from_dense(active, units, samples, sampling_period=sampling_period or 0.001)


def _types(frame: pd.DataFrame) -> list[np.dtype[Any]]:
    """NumPy's types of the columns, also of pandas' own that hold numbers or truth values."""
    if not len(frame.columns):
        raise ValueError("active must have at least one sample and one unit, got an empty DataFrame")
    found = []
    for dtype in frame.dtypes:
        plain = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
        if not (isinstance(plain, np.dtype) and plain.kind in "biuf"):
            raise TypeError(f"active must be boolean or hold 0 and 1, got a column of dtype {dtype}")
        found.append(plain)
    return found


def _label(name: Any, place: int, single: str) -> str:
    if name is not None and str(name):
        return str(name)
    return single if place == 0 else f"{single}_{place}"


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Labels as numbers and text; times and intervals as text."""
    plain = {}
    for column in table:
        values = table[column]
        numbers = isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf"
        plain[column] = values if numbers else values.map(str)
    return pd.DataFrame(plain, index=table.index)
