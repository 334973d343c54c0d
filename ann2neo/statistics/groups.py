"""Groups of units, by a column of the unit table."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster


def group_units(raster: SpikeRaster | StoredRaster, by: str | None) -> dict[Hashable, np.ndarray]:
    """Units of each group, as indices."""
    if by is None:
        return {"all": np.arange(raster.n_units)}
    units = raster.units
    if not isinstance(by, str) or by not in units.columns:
        raise ValueError(f"by must be None or one of {list(units.columns)}, got {by!r:.80}")
    codes, names = pd.factorize(units[by], use_na_sentinel=False)
    return {name: np.flatnonzero(codes == code) for code, name in enumerate(names.tolist())}
