"""The law of Kolmogorov and Smirnov's statistic when the pooled values are dealt out by chance."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.typing import Floats

MOST_STEPS = 10**9
"""Up to so many steps the law is exact: 20,000 against 20,000 values, some 2 s."""


def distance(a: Floats, b: Floats) -> tuple[float, np.ndarray]:
    """Largest distance of the two distribution functions, and where the pooled values' ties end."""
    pooled = np.sort(np.concatenate([a, b]))
    ends = np.append(np.flatnonzero(np.diff(pooled) > 0), pooled.size - 1)
    below = [np.searchsorted(np.sort(x), pooled[ends], "right") / x.size for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max()), ends


def exact_pvalue(statistic: float, n: int, m: int, ends: np.ndarray) -> float:
    """P(D ≥ statistic) over all ways to deal the pooled values out (Schröer and Trenkler 1995).

    The pooled values, from the lowest on, are dealt to a and b; paths of the number dealt to a are
    followed, and those that are as far off as the statistic, where a tie ends, have reached it: within a
    tie the distribution functions have no distance to look at.
    """
    total, ties = n + m, np.zeros(n + m, bool)
    ties[ends] = True
    dealt = np.arange(n + 1)
    weight = np.zeros(n + 1)
    weight[0] = 1
    # Whole numbers: n m D, less a half for rounding.
    far = round(statistic * n * m) - 0.5
    reached = 0.0
    for step in range(total):
        to_a = weight * (n - dealt) / (total - step)
        weight = weight - to_a
        weight[1:] += to_a[:-1]
        if ties[step]:
            off = np.abs(dealt * m - (step + 1 - dealt) * n) > far
            reached += float(weight[off].sum())
            weight[off] = 0
    return min(1.0, reached)
