"""Estimates from the joint histogram of patterns and labels."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ann2neo.spikes.typing import Bits, Ints
from ann2neo.statistics.patterns.entropy_estimators import ESTIMATORS, Estimator, plug_in
from ann2neo.statistics.patterns.histogram import PatternHistogram

_SHUFFLES = 10
"""That are averaged over."""


def information(cells: Ints, n_units: int, estimator: str) -> float:
    """H(A) − H(A|L) from the joint histogram."""
    counts = np.bincount(cells[:, 0], cells[:, 2]).astype(np.int64)
    estimate = ESTIMATORS[estimator]
    return estimate(counts[counts > 0], n_units) - conditional(cells, n_units, estimate)


def conditional(cells: Ints, n_units: int, estimate: Estimator) -> float:
    """H(A|L), by an estimator within each label."""
    cells = cells[np.argsort(cells[:, 1], kind="stable")]
    starts = np.flatnonzero(np.diff(cells[:, 1])) + 1
    parts, n = np.split(cells[:, 2], starts), int(cells[:, 2].sum())
    return sum(int(part.sum()) / n * estimate(part, n_units) for part in parts)


def estimate_shuffled_excess(histogram: PatternHistogram, rng: np.random.Generator) -> float:
    """H_sh(A|L) − H_ind(A|L): what plug-in entropies within labels miss, of independent units."""
    cells, patterns, excess = cells_of(histogram), histogram.to_dense(), 0.0
    for label in np.unique(cells[:, 1]):
        own = cells[cells[:, 1] == label]
        active = np.repeat(patterns[own[:, 0]], own[:, 2], axis=0)
        rate = active.mean(axis=0)
        independent = float(-np.sum(special.xlogy(rate, rate) + special.xlogy(1 - rate, 1 - rate)))
        shuffled = [
            plug_in(_count_rows(rng.permuted(active, axis=0)), histogram.n_units)
            for _ in range(_SHUFFLES)
        ]
        share = len(active) / histogram.n_samples
        excess += share * (float(np.mean(shuffled)) - independent / math.log(2))
    return excess


def _count_rows(active: Bits) -> Ints:
    """How often each distinct row occurs."""
    packed = np.packbits(active, axis=1)
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    counts: Ints = np.unique(rows, return_counts=True)[1].astype(np.int64)
    return counts


def cells_of(histogram: PatternHistogram) -> Ints:
    """The joint histogram: pattern, label and samples that have both."""
    if histogram.cells is None:
        raise ValueError("source must have labels: give labels to pattern_counts")
    return histogram.cells
