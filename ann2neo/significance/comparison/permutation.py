"""Permutation tests of a difference of means that hold where the spreads differ, too."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ann2neo.spikes.typing import Floats, Ints

_EXACT = 20_000
"""Up to so many ways to deal values out, all are gone through."""

_AT_ONCE = 2**21


def permutation_pvalue(
    a: Floats, b: Floats, *, paired: bool, n_permutations: int, rng: np.random.Generator
) -> float:
    """Two-sided p-value of the difference of means, NaN for fewer than two values on a side.

    Unpaired, values are dealt out anew and Welch's t is looked at, which makes the test right in long
    samples also where spreads differ (Janssen 1997); paired, differences change their signs.
    """
    if min(a.size, b.size) < 2:
        return float("nan")
    return _signs(a - b, n_permutations, rng) if paired else _deals(a, b, n_permutations, rng)


def _deals(a: Floats, b: Floats, n_permutations: int, rng: np.random.Generator) -> float:
    values, n, m = np.concatenate([a, b]), a.size + b.size, a.size
    observed = _welch(values[np.newaxis, :m], values[np.newaxis, m:])[0]
    if math.comb(n, m) <= _EXACT:
        chosen = np.array(list(itertools.combinations(range(n), m)))
        found = _welch_of(values, chosen)
        return float(np.mean(_reaches(found, observed)))
    reached, at_once = 0, max(1, _AT_ONCE // n)
    for start in range(0, n_permutations, at_once):
        size = min(at_once, n_permutations - start)
        dealt = rng.permuted(np.broadcast_to(values, (size, n)), axis=1)
        reached += int(_reaches(_welch(dealt[:, :m], dealt[:, m:]), observed).sum())
    return (1 + reached) / (1 + n_permutations)


def _signs(differences: Floats, n_permutations: int, rng: np.random.Generator) -> float:
    d = differences[differences != 0]
    if d.size == 0:
        return 1.0
    observed = np.array(d.sum())
    if 2**d.size <= _EXACT:
        signs = np.array(list(itertools.product((-1, 1), repeat=d.size)), float).reshape(-1, d.size)
        return float(np.mean(_reaches(signs @ d, observed)))
    reached, at_once = 0, max(1, _AT_ONCE // d.size)
    for start in range(0, n_permutations, at_once):
        size = min(at_once, n_permutations - start)
        signs = 2 * rng.integers(2, size=(size, d.size), dtype=np.int8) - 1
        reached += int(_reaches(signs @ d, observed).sum())
    return (1 + reached) / (1 + n_permutations)


def _welch_of(values: Floats, chosen: Ints) -> Floats:
    """Of the values at `chosen` against the rest, a row for each choice."""
    inside = np.zeros((len(chosen), values.size), bool)
    np.put_along_axis(inside, chosen, True, axis=1)
    rows = np.broadcast_to(values, inside.shape)
    return _welch(rows[inside].reshape(len(chosen), -1), rows[~inside].reshape(len(chosen), -1))


def _welch(a: Floats, b: Floats) -> Floats:
    """Welch's t of each row; infinite where nothing varies within either side but the means differ."""
    difference = a.mean(axis=1) - b.mean(axis=1)
    error = np.sqrt(a.var(axis=1, ddof=1) / a.shape[1] + b.var(axis=1, ddof=1) / b.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        t: Floats = np.where(difference == 0, 0, difference / error)
    return t


def _reaches(found: Floats, observed: Floats) -> np.ndarray:
    # Equal sums differ in rounding.
    return np.abs(found) >= np.abs(observed) * (1 - 1e-12)
