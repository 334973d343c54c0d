"""How often 95 % intervals of `bootstrap` hold the truth, over simulated recordings.

python -m tests.calibration.coverage docs/background/measured/coverage.csv [simulations]
"""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable

import numpy as np

import ann2neo as a2n
from ann2neo.significance.resampling.intervals import METHODS, find_ends
from ann2neo.significance.resampling.sources import Means

N_RESAMPLES = 999


def covered_networks(method: str, *, n_networks: int, n_simulations: int, seed: int) -> float:
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


def covered(
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
    ("firing_rate, 500 samples", mean_rate, a2n.firing_rate, 0.3, "samples", {}),
    (
        "fanofactor (window 20), 100 windows",
        lambda rng: rng.random((2000, 1)) < 0.3,
        functools.partial(a2n.fanofactor, window=20, ddof=1), 0.7, "samples", {"block": 20},
    ),
    ("firing_rate of correlated samples, 5,000 in blocks of 100", slow, a2n.firing_rate, 0.5,
     "samples", {"block": 100}),
    ("mean firing_rate of 64 units", many_units, a2n.firing_rate, 0.3, "units", {}),
]  # fmt: skip


def main() -> None:
    n_simulations = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["statistic", "over", "method", "n_simulations", "coverage"])
        for method in METHODS:
            for name, draw, statistic, truth, over, options in CASES:
                share = covered(draw, statistic, truth, n_simulations, over, method, **options)
                writer.writerow([name, over, method, n_simulations, f"{share:.4f}"])
                print(f"{method:10} {share:.3f} {name}", flush=True)
            for n_networks in (5, 10, 20, 40):
                share = covered_networks(
                    method, n_networks=n_networks, n_simulations=n_simulations, seed=0
                )
                writer.writerow(
                    [f"mean of {n_networks} networks", "networks", method, n_simulations, f"{share:.4f}"]
                )
                print(f"{method:10} {share:.3f} {n_networks} networks", flush=True)


if __name__ == "__main__":
    main()
