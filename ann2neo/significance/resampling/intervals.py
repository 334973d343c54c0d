"""The ends of an interval, from a statistic's values over resamples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from scipy import special

from ann2neo.spikes.typing import Floats, Ints

IntervalMethod: TypeAlias = Literal["bca", "percentile", "student"]

METHODS = ("bca", "percentile", "student")


def find_ends(
    value: Floats,
    resamples: Floats,
    confidence: float,
    method: IntervalMethod,
    jackknife: Callable[[], Floats],
    n_items: int | Ints,
    *,
    centered: bool = True,
) -> tuple[Floats, Floats]:
    """Lower and upper end of each column's interval; NaN where resamples do not vary.

    Parameters
    ----------
    value : array of float, shape (k,)
        Of the statistic.
    resamples : array of float, shape (n_resamples, k)
        NaN are left out.
    confidence : float
    method : {"bca", "percentile", "student"}
    jackknife : callable
        Returns the values, shape (n_groups, k), that are left when parts are left out; asked for BCa.
    n_items : int or array of int, shape (k,)
        How many things were resampled, that have a value.
    centered : bool
        Whether a median of the resamples off `value` is a bias of the statistic, for BCa to correct.
    """
    tail = np.full(value.size, (1 - confidence) / 2)
    low, high = tail, 1 - tail
    if method == "student":
        return _student_ends(value, resamples, tail[0], np.broadcast_to(n_items, value.shape))
    if method == "bca":
        center = value if centered else _median(resamples)
        low, high = _bca_levels(center, resamples, tail[0], jackknife())
    ends = np.full((2, value.size), np.nan)
    for column in range(value.size):
        found = resamples[:, column]
        found = found[~np.isnan(found)]
        levels = np.array([low[column], high[column]])
        if found.size and found.min() < found.max() and np.isfinite(levels).all():
            ends[:, column] = np.quantile(found, levels)
    return ends[0], ends[1]


def _student_ends(value: Floats, resamples: Floats, tail: float, n: Ints) -> tuple[Floats, Floats]:
    """Standard errors by Student's law of n − 1 degrees of freedom around the value.

    Resamples vary by √((n − 1) / n) of what a statistic of n things does.
    """
    spread = standard_deviation(resamples)
    many = (n >= 2) & (spread > 0)
    degrees = np.where(many, n, 2) - 1
    reach = special.stdtrit(degrees, 1 - tail) * spread * np.sqrt((degrees + 1) / degrees)
    reach = np.where(many, reach, np.nan)
    return value - reach, value + reach


def standard_deviation(resamples: Floats) -> Floats:
    """Of each column (ddof=1), without NaN; NaN for fewer than two."""
    defined = ~np.isnan(resamples)
    n = defined.sum(axis=0)
    mean = np.where(defined, resamples, 0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(defined, resamples - mean, 0) ** 2
    return np.where(n > 1, np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1)), np.nan)


def _median(values: Floats) -> Floats:
    """Of each column, without NaN; NaN where nothing is left."""
    columns = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.median(column) if column.size else np.nan for column in columns])


def _bca_levels(
    value: Floats, resamples: Floats, tail: float, left_out: Floats
) -> tuple[Floats, Floats]:
    """Efron's levels, from the median bias of the resamples and the jackknife's skewness."""
    with np.errstate(invalid="ignore", divide="ignore"):
        defined = np.maximum((~np.isnan(resamples)).sum(axis=0), 1)
        below = (resamples < value).sum(axis=0) + (resamples <= value).sum(axis=0)
        bias = special.ndtri(below / 2 / defined)
        n_left = np.maximum((~np.isnan(left_out)).sum(axis=0), 1)
        deviation = np.nansum(left_out, axis=0) / n_left - left_out
        squares = np.nansum(deviation**2, axis=0)
        skew = np.nansum(deviation**3, axis=0) / (6 * squares**1.5)
        skew = np.where(squares > 0, skew, 0)
        ends = [bias + z for z in (special.ndtri(tail), -special.ndtri(tail))]
        low, high = (special.ndtr(bias + end / (1 - skew * end)) for end in ends)
    return low, high
