"""How often the battery's verdicts object to a layer of which every assumption is true.

    python -m tests.calibration.family_wise docs/background/measured/family_wise.csv

Units have rates between .02 and .98, and independent samples; 5 % is the level of a verdict.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter

import numpy as np
from scipy import stats

import ann2neo as a2n

SIZES = {64: 200, 512: 60, 2000: 20}
"""Units → recordings."""

TESTS = ("ljung_box", "runs", "fano_bernoulli")


def count_objections(n_units: int, n_samples: int, n_recordings: int, seed: int) -> Counter[str]:
    """Recordings whose verdict is not "holds", by test."""
    rng, found = np.random.default_rng([seed, n_units, n_samples]), Counter(dict.fromkeys(TESTS, 0))
    for _ in range(n_recordings):
        active = rng.random((n_samples, n_units), np.float32) < rng.uniform(0.02, 0.98, n_units)
        verdicts = a2n.poisson_assumptions(active, window=50, rng=rng).verdicts().set_index("test")
        found.update(test for test in TESTS if verdicts["verdict"][test] != "holds")
    return found


def main() -> None:
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n_units", "n_samples", "test", "n_recordings", "objects", "low", "high"])
        for n_samples in (1000, 2000):
            for n_units, n_recordings in SIZES.items():
                found = count_objections(n_units, n_samples, n_recordings, 0)
                for test in TESTS:
                    ends = stats.binomtest(found[test], n_recordings).proportion_ci(0.95)
                    share = [found[test] / n_recordings, ends.low, ends.high]
                    row = [n_units, n_samples, test, n_recordings, *(f"{x:.3f}" for x in share)]
                    writer.writerow(row)
                    print(row, flush=True)
                file.flush()


if __name__ == "__main__":
    main()
