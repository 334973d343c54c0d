"""How often the battery's verdicts object to a layer of which every assumption is true.

    python -m tests.calibration.family_wise docs/background/measured/family_wise.csv

Units have rates between .02 and .98, and independent samples; 5 % is the level of a verdict. Rows are
written when a cell is done; started again with the same file, the program goes on with those missing.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import special, stats

import ann2neo as a2n
from tests.calibration.cells import CORRELATION, UNITS
from tests.calibration.rows import Rows

SIZES = {64: 1000, 512: 500, 2000: 300}
"""Units → recordings."""

N_SAMPLES = (1000, 2000)

TESTS = ("ljung_box", "runs", "fano_bernoulli")

COLUMNS = ("units", "n_units", "n_samples", "test", "n_recordings", "objects", "low", "high")


def draw(n_units: int, n_samples: int, units: str, rng: np.random.Generator) -> np.ndarray:
    """A layer of independent samples."""
    rates = rng.uniform(0.02, 0.98, n_units)
    if units == "independent":
        return rng.random((n_samples, n_units), np.float32) < rates
    common = rng.standard_normal((n_samples, 1), np.float32)
    own = rng.standard_normal((n_samples, n_units), np.float32)
    return CORRELATION**0.5 * common + (1 - CORRELATION) ** 0.5 * own < special.ndtri(rates)


def count_objections(
    n_units: int, n_samples: int, units: str, n_recordings: int, seed: int
) -> Counter[str]:
    """Recordings whose verdict is not "holds", by test."""
    rng = np.random.default_rng([seed, n_units, n_samples, UNITS.index(units)])
    found = Counter(dict.fromkeys(TESTS, 0))
    for _ in range(n_recordings):
        active = draw(n_units, n_samples, units, rng)
        verdicts = a2n.poisson_assumptions(active, window=50, rng=rng).verdicts().set_index("test")
        found.update(test for test in TESTS if verdicts["verdict"][test] != "holds")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of recordings")
    arguments = parser.parse_args()
    rows = Rows(arguments.table, COLUMNS, 4)
    for n_samples, units, n_units in itertools.product(N_SAMPLES, UNITS, SIZES):
        if (units, n_units, n_samples, TESTS[-1]) in rows:
            continue
        n_recordings = max(2, round(SIZES[n_units] * arguments.share))
        found = count_objections(n_units, n_samples, units, n_recordings, 0)
        for test in TESTS:
            ends = stats.binomtest(found[test], n_recordings).proportion_ci(0.95)
            share = [found[test] / n_recordings, ends.low, ends.high]
            rows.add(units, n_units, n_samples, test, n_recordings, *(f"{x:.3f}" for x in share))


if __name__ == "__main__":
    main()
