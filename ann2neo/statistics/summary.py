"""What the units of a layer have in common: the indicators of the firing-rate paper."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.fano import FanoFactor
from ann2neo.statistics.intervals import cv
from ann2neo.statistics.rates import firing_rate
from ann2neo.statistics.windows import check_window


def summarize(raster: RasterLike, by: str | None = "layer", window: int = 100) -> pd.DataFrame:
    """Firing rates, Fano factors and their variation across units, a row per group of units.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: all units together.
    window : int
        Samples per window of the Fano factor, from 1 to ``n_samples``. Samples beyond the last whole
        window are left out of it, with a warning.

    Returns
    -------
    pandas.DataFrame
        The index holds the groups in the order of their first unit (``"all"`` for None). Columns:

        ``n_units``
            Number of units in the group.
        ``firing_rate``
            Mean over units of `firing_rate`, spikes per sample (MFR of the paper).
        ``cv_firing_rate_percent``
            100 × standard deviation (ddof=0) over mean of these rates; NaN if no unit fires.
        ``fanofactor``
            Mean over the units that fire of `fanofactor` (ddof=0; MF of the paper): a silent unit has no
            Fano factor and is skipped, not taken for 0. NaN if no unit fires.
        ``cv_fanofactor_percent``
            100 × standard deviation (ddof=0) over mean of these; NaN if no unit fires or all are 0.
        ``silent_fraction``, ``always_on_fraction``
            Fraction of units that fire at no sample (dead) and at every sample.
        ``isi_cv``
            Mean of `cv` over the units that have one (three spikes or more), else NaN.

    Raises
    ------
    ValueError
        If the unit table has no column `by`, or `window` is out of range.

    Notes
    -----
    Definitions of Lehmler et al. (2024), who observe the last hidden layer. A CV above √((1 − m) / m) is
    impossible for rates of mean m.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0]])
    >>> a2n.summarize(active, window=1).T.round(3)
    layer                     units
    n_units                   3.000
    firing_rate               0.500
    cv_firing_rate_percent   81.650
    fanofactor                0.250
    cv_fanofactor_percent   100.000
    silent_fraction           0.333
    always_on_fraction        0.333
    isi_cv                    0.000
    """
    raster = as_raster(raster)
    units = raster.units
    if by is not None and by not in units.columns:
        raise ValueError(f"by must be None or one of {list(units.columns)}, got {by!r:.80}")
    check_window(raster.n_samples, window)
    values = pd.DataFrame(
        {
            "rate": firing_rate(raster),
            "fano": FanoFactor(window).update(raster).result(),
            "isi_cv": cv(raster),
        }
    )
    groups = pd.Series("all", values.index) if by is None else units[by]
    rows = {name: _row(group) for name, group in values.groupby(groups, sort=False, dropna=False)}
    return pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name=by))


def _row(group: pd.DataFrame) -> dict[str, float]:
    rate = group["rate"].to_numpy()
    fano = group["fano"].dropna().to_numpy()
    return {
        "n_units": len(group),
        "firing_rate": _mean(rate),
        "cv_firing_rate_percent": _cv_percent(rate),
        "fanofactor": _mean(fano),
        "cv_fanofactor_percent": _cv_percent(fano),
        "silent_fraction": _mean(rate == 0),
        "always_on_fraction": _mean(rate == 1),
        "isi_cv": _mean(group["isi_cv"].dropna().to_numpy()),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _cv_percent(values: np.ndarray) -> float:
    mean = _mean(values)
    # Also where the mean is NaN, for want of values.
    return 100 * float(values.std()) / mean if mean > 0 else np.nan
