"""How far out the laws that `ljung_box_test` uses in place of permutations are right.

    python -m tests.calibration.ljung_box_tails docs/background/measured/ljung_box_tails.csv

Random orders of trains of so many spikes that there are so many expected pairs at a lag: the share of
orders whose p-value is at most a level, over that level. Rows are written as they are found; started
again with the same file, the program adds those missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.ljung_box_null import _simulate, pvalues_by_law
from tests.calibration.rows import Rows

CELLS = [
    (60_000, 10, 1), (60_000, 10, 10), (60_000, 10, 100), (60_000, 60, 10), (10_000, 10, 1),
    (10_000, 10, 10), (10_000, 10, 100), (10_000, 10, 1500), (10_000, 3, 10), (5000, 10, 600),
    (2000, 10, 400), (1000, 300, 150),
]  # fmt: skip
"""Samples, lags, expected pairs at a lag."""

LEVELS = (0.05, 0.01, 1e-3, 1e-4, 2.5e-5)


def measure(n: int, max_lag: int, pairs: float, n_orders: int) -> list[float]:
    """Rejections over those expected, at each level."""
    ones = round((pairs * n) ** 0.5)
    state = random_state(np.random.default_rng([n, max_lag, ones]))
    statistic = _simulate(ones, n, max_lag, n_orders, state)
    pvalue, few = pvalues_by_law(statistic, np.full(n_orders, ones), n, max_lag)
    if few.any():
        raise ValueError(f"{(n, max_lag, pairs)} is permuted")
    return [float(np.mean(pvalue <= level)) / level for level in LEVELS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--orders", type=int, default=1_000_000)
    arguments = parser.parse_args()
    columns = ("samples", "lags", "pairs", "orders", *(f"at {level:g}" for level in LEVELS))
    rows = Rows(arguments.table, columns, 4)
    for cell in CELLS:
        if (*cell, arguments.orders) not in rows:
            rows.add(*cell, arguments.orders, *(f"{x:.2f}" for x in measure(*cell, arguments.orders)))


if __name__ == "__main__":
    main()
