"""Bias and spread of the estimators of entropy and information, against laws that can be written down.

python -m tests.calibration.entropies docs/background/measured/entropies.csv
"""

from __future__ import annotations

import csv
import sys

import numpy as np

import ann2neo as a2n
from ann2neo.statistics.patterns.entropy_estimators import ESTIMATORS

N_SAMPLES = (200, 600, 2000, 10_000, 60_000)
REPLICATES = {200: 40, 600: 40, 2000: 20, 10_000: 10, 60_000: 5}


def binary_entropy(p: np.ndarray) -> np.ndarray:
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


def even(n: int, rng: np.random.Generator) -> np.ndarray:
    """8 units of rate 1/2: 256 patterns alike, 8 bits."""
    return rng.random((n, 8)) < 0.5


def sparse(n: int, rng: np.random.Generator) -> np.ndarray:
    """14 independent units of rate .12."""
    return rng.random((n, 14)) < 0.12


def code(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ten labels, each said by one of ten units, and six units of noise: 3.32 bits of 9.32."""
    labels = rng.integers(10, size=n)
    return np.column_stack([labels[:, None] == np.arange(10), rng.random((n, 6)) < 0.5]), labels


RATES = np.linspace(0.1, 0.6, 4)[:, None] + np.linspace(-0.05, 0.3, 6)
"""Of six units under each of four labels."""


def draw_tuned(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six units that are independent given one of four labels."""
    labels = rng.integers(4, size=n)
    return rng.random((n, 6)) < RATES[labels], labels


def compute_tuned_bits() -> float:
    """By enumeration of the 64 patterns."""
    patterns = (np.arange(64)[:, None] >> np.arange(6)) & 1
    given = np.prod(np.where(patterns, RATES[:, None], 1 - RATES[:, None]), axis=2)
    p = given.mean(axis=0)
    return float(-np.sum(p * np.log2(p)) - binary_entropy(RATES).sum() / 4)


ENTROPIES = {
    "8 units of rate .5": (even, 8.0),
    "14 units of rate .12": (sparse, float(14 * binary_entropy(np.array(0.12)))),
}
INFORMATION = {
    "10-unit code and 6 noise bits": (code, float(np.log2(10))),
    "6 units tuned to 4 labels": (draw_tuned, compute_tuned_bits()),
}


def rows(rng: np.random.Generator) -> list[list[object]]:
    found: list[list[object]] = []
    for quantity, laws in (("entropy", ENTROPIES), ("information", INFORMATION)):
        names = [*ESTIMATORS, "shuffle-corrected"] if quantity == "information" else [*ESTIMATORS]
        for law, (draw, true) in laws.items():
            for n in N_SAMPLES:
                values = [measure(quantity, draw(n, rng), names, rng) for _ in range(REPLICATES[n])]
                for name, column in zip(names, np.array(values).T, strict=True):
                    bias, spread = np.mean(column) - true, np.std(column, ddof=1)
                    found.append(
                        [
                            quantity,
                            law,
                            f"{true:.4f}",
                            n,
                            name,
                            f"{bias:.4f}",
                            f"{spread:.4f}",
                            len(column),
                        ]
                    )
    return found


def measure(quantity: str, drawn: object, names: list[str], rng: np.random.Generator) -> list[float]:
    if quantity == "entropy":
        histogram = a2n.pattern_counts(drawn)["units"]
        return [a2n.patterns.pattern_entropy(histogram, estimator=name) for name in names]
    active, labels = drawn
    histogram = a2n.pattern_counts(active, labels=labels)["units"]
    return [a2n.patterns.mutual_information(histogram, estimator=name, rng=rng) for name in names]


def main() -> None:
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["quantity", "law", "true_bits", "n_samples", "estimator", "bias", "spread", "n_recordings"]
        )
        writer.writerows(rows(np.random.default_rng(0)))


if __name__ == "__main__":
    main()
