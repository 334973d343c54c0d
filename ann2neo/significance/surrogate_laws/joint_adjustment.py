"""Westfall and Young's adjustments: of all units at once, from the same surrogates."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.typing import Floats, Ints

TIE = 100 * np.finfo(float).eps
"""Relative to the observed value: closer than this is equal, since equal sums differ in rounding."""


def max_t(observed: Floats, values: Floats, alternative: str) -> Floats:
    """Single-step max-T: how often the largest deviation of any unit is as large.

    Deviations are standardized by mean and standard deviation over raster and surrogates together, so
    that under the null every row is as good as any other.
    """
    rows = np.vstack([observed, values])
    defined = ~np.isnan(rows)
    n = np.maximum(defined.sum(axis=0), 1)
    mean = np.where(defined, rows, 0).sum(axis=0) / n
    centered = np.where(defined, rows - mean, 0)
    sd = np.sqrt((centered**2).sum(axis=0) / n)
    # Where nothing varies nothing deviates; what is left is rounding.
    varies = sd > TIE * np.abs(mean)
    scores = np.where(varies, centered / np.where(varies, sd, 1), 0)
    scores = {"two-sided": np.abs(scores), "greater": scores, "less": -scores}[alternative]
    largest = np.where(defined, scores, -np.inf).max(axis=1)
    reached = (largest[:, np.newaxis] >= scores[0] * (1 - TIE)).mean(axis=0)
    return np.where(np.isnan(observed), np.nan, reached)


def min_p(observed: Floats, values: Floats, alternative: str) -> Floats:
    """Single-step min-P: how often the smallest p-value of any unit is as small.

    Each row, the raster's and every surrogate's, has the p-values that it has among all of them.
    """
    rows = np.vstack([observed, values])
    smallest = np.full(len(rows), np.inf)
    own = np.full(observed.size, np.nan)
    for unit in np.flatnonzero(~np.isnan(observed)):
        pvalue = _ranks(rows[:, unit], alternative)
        own[unit] = pvalue[0]
        smallest = np.fmin(smallest, pvalue)
    smallest.sort()
    reached = np.searchsorted(smallest, own * (1 + TIE), "right") / len(rows)
    return np.where(np.isnan(own), np.nan, reached)


def _ranks(values: Floats, alternative: str) -> Floats:
    """Fraction of the values at least as extreme as each, NaN left out."""
    defined = ~np.isnan(values)
    ordered, found = np.sort(values[defined]), np.full(values.size, np.nan)
    margin = TIE * np.abs(values[defined])
    n = ordered.size
    greater: Ints = n - np.searchsorted(ordered, values[defined] - margin, "left")
    less: Ints = np.searchsorted(ordered, values[defined] + margin, "right")
    either = np.minimum(1, 2 * np.minimum(greater, less) / n)
    found[defined] = {"greater": greater / n, "less": less / n, "two-sided": either}[alternative]
    return found
