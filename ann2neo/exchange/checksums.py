"""One number for all that a raster says, so that a file that was damaged is not read as another one."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes.raster import SpikeRaster

CHECKSUM = "crc32"
"""Its name in what is kept beside the spikes."""


def checksum_raster(raster: SpikeRaster) -> int:
    """CRC-32 of spikes, tables, sampling period and annotations, the same on every machine."""
    about = [raster.n_samples, raster.n_units, raster.sampling_period, dict(raster.annotations)]
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    value = zlib.crc32(np.ascontiguousarray(raster.words, "<u8").data, value)
    for table in (raster.units, raster.samples):
        for name in table:
            value = zlib.crc32(json.dumps(str(name)).encode(), value)
            value = zlib.crc32(_bytes_of(table[name]), value)
    return value


def check_checksum(raster: SpikeRaster, said: Any, where: str) -> SpikeRaster:
    """The raster, if its checksum is the one that was said, or none was.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if said is not None and said != checksum_raster(raster):
        raise ValueError(
            f"{where} is damaged, or was changed since it was written: its checksum does not match"
        )
    return raster


def _bytes_of(column: pd.Series[Any]) -> bytes:
    kind = column.dtype.kind
    if kind == "f":
        values = column.to_numpy(dtype="<f8")
        # Any NaN is as good as another, and text of one comes back as one.
        return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()
    if kind in "bi":
        return column.to_numpy(dtype="|b1" if kind == "b" else "<i8").tobytes()
    return json.dumps(column.tolist()).encode()
