"""How often 95 % intervals of `bootstrap` hold the truth, over simulated recordings.

    python -m tests.calibration.coverage docs/background/measured/coverage.csv --simulations 1000

Rows are written as they are found; started again with the same file, the program adds those missing.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ann2neo as a2n
from ann2neo.significance.resampling.intervals import METHODS, find_ends
from ann2neo.significance.resampling.sources import Means
from tests.calibration.rows import Rows

N_RESAMPLES = 999


def cover_networks(method: str, *, n_networks: int, n_simulations: int, seed: int) -> float:
    """Means of networks that vary by a skewed law: the interval of their mean."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(n_simulations):
        values = rng.beta(2, 5, n_networks)
        source = Means(values, [np.arange(n_networks)], None)
        drawn = np.concatenate(list(source.draw(rng, N_RESAMPLES)))
        low, high = find_ends(source.value, drawn, 0.95, method, source.leave_out, n_networks)
        held += low[0] <= 2 / 7 <= high[0]
    return held / n_simulations


def cover(
    draw: Callable[[np.random.Generator], np.ndarray],
    statistic: Callable[[a2n.SpikeRaster], object],
    truth: float,
    n_simulations: int,
    over: str,
    method: str,
    **options: object,
) -> float:
    """Share of intervals, over simulations and units, that hold the truth."""
    rng, held = np.random.default_rng(0), []
    for _ in range(n_simulations):
        found = a2n.bootstrap(
            draw(rng), statistic, over, rng=rng, n_resamples=N_RESAMPLES, method=method,
            progress=False, **options,
        )  # fmt: skip
        held.append((found.low <= truth) & (truth <= found.high))
    return float(np.mean(held))


def mean_rate(rng: np.random.Generator) -> np.ndarray:
    return rng.random((500, 1)) < 0.3


def many_units(rng: np.random.Generator) -> np.ndarray:
    return rng.random((1000, 64)) < rng.beta(6, 14, 64)


def slow(rng: np.random.Generator) -> np.ndarray:
    """Two states that are left with probability .2: correlated samples of rate 1/2."""
    return (np.cumsum(rng.random((5000, 1)) < 0.2, axis=0) + rng.integers(2)) % 2 == 1


CASES = [
    ("mean firing_rate of 64 units", many_units, a2n.firing_rate, 0.3, "units", {}),
    ("firing_rate, 500 samples", mean_rate, a2n.firing_rate, 0.3, "samples", {}),
    (
        "fanofactor (window 20), 100 windows",
        lambda rng: rng.random((2000, 1)) < 0.3,
        functools.partial(a2n.fanofactor, window=20, ddof=1), 0.7, "samples", {"block": 20},
    ),
    ("firing_rate of correlated samples, 5,000 in blocks of 100", slow, a2n.firing_rate, 0.5,
     "samples", {"block": 100}),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--simulations", type=int, default=1000)
    arguments = parser.parse_args()
    columns = ("statistic", "over", "method", "n_simulations", "coverage")
    rows, n = Rows(arguments.table, columns, 4), arguments.simulations
    for method, n_networks in itertools.product(METHODS, (3, 5, 10, 20, 40)):
        keys = (f"mean of {n_networks} networks", "networks", method, n)
        if keys not in rows:
            share = cover_networks(method, n_networks=n_networks, n_simulations=n, seed=0)
            rows.add(*keys, f"{share:.4f}")
    for (name, draw, statistic, truth, over, options), method in itertools.product(CASES, METHODS):
        keys = (name, over, method, n)
        if keys not in rows:
            share = cover(draw, statistic, truth, n, over, method, **options)
            rows.add(*keys, f"{share:.4f}")


if __name__ == "__main__":
    main()
