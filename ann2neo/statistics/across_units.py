"""Mean and coefficient of variation across units, as the firing-rate paper defines them."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.typing import Floats


def mean_across_units(values: Floats) -> Floats:
    """Mean along the last axis over the units that have a value, NaN where none has."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(defined, values, 0).sum(axis=-1) / defined.sum(axis=-1)
    return mean


def cv_percent_across_units(values: Floats) -> Floats:
    """100 × standard deviation (ddof=0) over mean along the last axis, of the units that have a value.

    NaN where none has, or the mean is 0.
    """
    defined, mean = ~np.isnan(values), mean_across_units(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(defined, values - mean[..., np.newaxis], 0) ** 2
        spread = np.sqrt(squares.sum(axis=-1) / defined.sum(axis=-1))
        cv_percent: Floats = np.where(mean > 0, 100 * spread / mean, np.nan)
    return cv_percent
