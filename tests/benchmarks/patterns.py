"""Pattern statistics against NumPy on the dense array, 60,000 samples × 512 units.

Run with ``python tests/benchmarks/patterns.py`` (about a minute). Rasters are at hand, as they are after
`ann2neo.record`; NumPy has the boolean array. Two kinds of data: every sample with a pattern of its own
(the slowest for a histogram), and 3,000 distinct patterns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from timing import Comparison, medians, show

import ann2neo as a2n

N_SAMPLES, N_UNITS = 60_000, 512


def difference(a: object, b: object) -> str:
    """Largest absolute difference, as text."""
    return f"{np.max(np.abs(np.asarray(a, float) - np.asarray(b, float))):.1e}"


def entropy_of(counts: np.ndarray) -> float:
    """Plug-in entropy in bits."""
    p = counts / counts.sum()
    return float(-np.sum(p * np.log2(p)))


def histogram(name: str, active: np.ndarray, bound: str) -> list[Comparison]:
    """Histogram of patterns against np.unique, and against the quickest way NumPy has."""
    raster = a2n.as_raster(active)

    def unique() -> np.ndarray:
        return np.unique(active, axis=0, return_counts=True)[1]

    def count_packed() -> np.ndarray:
        packed = np.packbits(active, axis=1)
        rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
        return np.unique(rows, return_counts=True)[1]

    def ours() -> np.ndarray:
        return a2n.patterns.pattern_counts(raster)["units"].counts

    slow, quick, mine = medians(unique, count_packed, ours, repeats=5)
    apart = difference(np.sort(ours()), np.sort(unique()))
    return [
        Comparison(f"histogram, {name}", "np.unique(axis=0)", slow, mine, bound, apart),
        Comparison(f"histogram, {name}", "packbits + unique of void", quick, mine, "", apart),
    ]


def jaccards(active: np.ndarray, other: np.ndarray) -> list[Comparison]:
    """Both readings of a Jaccard index, and the flip rate."""
    one, two = a2n.as_raster(active), a2n.as_raster(other)

    def sets() -> float:
        found = [set(map(bytes, np.packbits(bits, axis=1))) for bits in (active, other)]
        return len(found[0] & found[1]) / len(found[0] | found[1])

    def bits_jaccard() -> np.ndarray:
        return (active & other).sum(axis=0) / (active | other).sum(axis=0)

    def layer_jaccard() -> float:
        return np.count_nonzero(active & other) / np.count_nonzero(active | other)

    histograms = [a2n.patterns.pattern_counts(raster)["units"] for raster in (one, two)]
    rows: list[tuple[str, str, Callable, Callable, str]] = [
        (
            "bits, a unit",
            "NumPy bool, sums a unit",
            bits_jaccard,
            lambda: a2n.patterns.spike_jaccard(one, two),
            "≥ 15 ×",
        ),
        (
            "bits, a layer",
            "NumPy bool, count_nonzero",
            layer_jaccard,
            lambda: a2n.patterns.spike_jaccard(one, two),
            "≥ 15 ×",
        ),
        ("sets of patterns", "set of packed rows", sets, lambda: a2n.patterns.jaccard(one, two), ""),
        (
            "sets, from histograms",
            "set of packed rows",
            sets,
            lambda: a2n.patterns.jaccard(*histograms),
            "≥ 15 ×",
        ),
    ]
    found = []
    for name, baseline, theirs, ours, bound in rows:
        apart = "" if theirs is layer_jaccard else difference(theirs(), ours())
        times = medians(theirs, ours, repeats=5)
        found.append(Comparison(f"Jaccard of {name}", baseline, *times, bound, apart))
    flips = medians(
        lambda: (active != other).mean(axis=0), lambda: a2n.patterns.flip_rate(one, two), repeats=5
    )
    apart = difference((active != other).mean(axis=0), a2n.patterns.flip_rate(one, two))
    return [*found, Comparison("flip rate, a unit", "NumPy bool", *flips, "", apart)]


def probe(active: np.ndarray) -> Comparison:
    """What a monitor computes of a layer: counts, entropy and distance of 32,000 patterns of 64 bits."""
    raster = a2n.as_raster(active)

    def baseline() -> float:
        return entropy_of(np.unique(active, axis=0, return_counts=True)[1])

    def ours() -> float:
        return a2n.patterns.pattern_entropy(a2n.patterns.pattern_counts(raster)["units"])

    times = medians(baseline, ours, repeats=9)
    apart = difference(baseline(), ours())
    return Comparison("entropy, 32,000 × 64", "np.unique(axis=0)", *times, "≤ 2 ms", apart)


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    active = rng.random((N_SAMPLES, N_UNITS)) < rng.uniform(0.05, 0.95, N_UNITS)
    repeated = active[rng.integers(3000, size=N_SAMPLES)]
    other = active ^ (rng.random(active.shape) < 0.001)
    rows = histogram("all different", active, "≥ 30 ×") + histogram("3,000 distinct", repeated, "≥ 30 ×")
    rows += jaccards(active, other)
    rows.append(probe(active[:32_000, :64]))
    show("Medians, measured in one run", rows)


if __name__ == "__main__":
    main()
