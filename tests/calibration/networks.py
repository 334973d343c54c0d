"""Tests of two conditions whose networks differ by chance alone: units and networks as what was drawn.

    python -m tests.calibration.networks docs/background/measured/networks.csv --simulations 1000

Rows are written as they are found; started again with the same file, the program adds those missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import stats

from ann2neo.significance.comparison.values import compare_networks
from tests.calibration.rows import Rows

N_NETWORKS = 10
NAMES = ("compare, permutation", "compare, rank-sum", "compare, mixed model", "KS test of all units")

CASES = [
    *((64, share, 0.0) for share in (0.0, 0.2, 0.5)),
    (64, 0.2, 0.3),
    (512, 0.2, 0.0),
    (512, 0.2, 0.3),
]
"""Units of a network, deviation of networks' means in units' deviations, and shift of a condition."""


def pvalues(
    n_units: int, share: float, shift: float, n_simulations: int, seed: int
) -> dict[str, np.ndarray]:
    """Of two conditions of 10 networks each, whose means vary by `share` of the units' deviation."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(n_simulations):
        a, b = (
            rng.normal(size=(N_NETWORKS, n_units)) + rng.normal(mean, share, (N_NETWORKS, 1))
            for mean in (0, shift)
        )
        found = compare_networks(list(a), list(b), paired=False, rng=rng, n_permutations=199)
        ks = stats.ks_2samp(a.ravel(), b.ravel()).pvalue
        rows.append([found.pvalue, found.pvalue_wilcoxon, found.pvalue_mixed, ks])
    return dict(zip(NAMES, np.array(rows).T, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--simulations", type=int, default=1000)
    arguments = parser.parse_args()
    columns = ("units", "intraclass_correlation", "shift", "test", "n_simulations", "rejected")
    rows, n = Rows(arguments.table, columns, 4), arguments.simulations
    for n_units, share, shift in CASES:
        icc = f"{share**2 / (1 + share**2):.3f}"
        if (n_units, icc, shift, NAMES[-1]) in rows:
            continue
        for name, found in pvalues(n_units, share, shift, n, 0).items():
            rows.add(n_units, icc, shift, name, n, f"{np.mean(found <= 0.05):.4f}")


if __name__ == "__main__":
    main()
