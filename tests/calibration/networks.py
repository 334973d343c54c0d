"""Tests of two conditions whose networks differ by chance alone: units and networks as what was drawn.

python -m tests.calibration.networks docs/background/measured/networks.csv [simulations]
"""

from __future__ import annotations

import csv
import sys

import numpy as np
from scipy import stats

from ann2neo.significance.comparison.values import compare_networks

N_NETWORKS, N_UNITS = 10, 64


def pvalues(share: float, n_simulations: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Of two conditions of 10 networks each, whose means vary by `share` of the units' deviation."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(n_simulations):
        a, b = (
            rng.normal(size=(N_NETWORKS, N_UNITS)) + rng.normal(mean, share, (N_NETWORKS, 1))
            for mean in (0, shift)
        )
        found = compare_networks(list(a), list(b), paired=False, rng=rng, n_permutations=199)
        ks = stats.ks_2samp(a.ravel(), b.ravel()).pvalue
        rows.append([found.pvalue, found.pvalue_wilcoxon, found.pvalue_mixed, ks])
    names = ("compare, permutation", "compare, rank-sum", "compare, mixed model", "KS test of all units")
    return dict(zip(names, np.array(rows).T, strict=True))


def main() -> None:
    n_simulations = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["intraclass_correlation", "shift", "test", "n_simulations", "rejected"])
        for share, shift in ((0.0, 0.0), (0.2, 0.0), (0.5, 0.0), (0.2, 0.3)):
            for name, found in pvalues(share, n_simulations, 0, shift).items():
                icc, rejected = share**2 / (1 + share**2), np.mean(found <= 0.05)
                writer.writerow([f"{icc:.3f}", shift, name, n_simulations, f"{rejected:.4f}"])
                print(f"{icc:.3f} {shift} {rejected:.3f} {name}", flush=True)


if __name__ == "__main__":
    main()
