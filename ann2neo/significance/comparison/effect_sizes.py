"""How large a difference of two samples is, whatever its p-value."""

from __future__ import annotations

import numpy as np
from scipy import special

from ann2neo.spikes.typing import Floats


def cliffs_delta(a: Floats, b: Floats) -> float:
    """P(a > b) − P(a < b) over all pairs (Cliff 1993): 0 for alike, ±1 where the two do not overlap."""
    if not (a.size and b.size):
        return float("nan")
    ordered = np.sort(b)
    below = np.searchsorted(ordered, a, "left").sum()
    above = (b.size - np.searchsorted(ordered, a, "right")).sum()
    return float((below - above) / (a.size * b.size))


def hedges_g(a: Floats, b: Floats) -> float:
    """Difference of means over the pooled standard deviation, without its bias in small samples.

    Hedges (1981): Cohen's d times Γ(m / 2) / (√(m / 2) Γ((m − 1) / 2)) with m = n_a + n_b − 2 degrees of
    freedom. NaN where nothing varies.
    """
    m = a.size + b.size - 2
    if m < 2 or min(a.size, b.size) < 2:
        return float("nan")
    pooled = ((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / m
    if not pooled > 0:
        return float("nan")
    bias = np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    return float(bias * (a.mean() - b.mean()) / np.sqrt(pooled))
