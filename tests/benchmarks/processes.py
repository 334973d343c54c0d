"""Single units, models of the process and populations, 60,000 samples × 512 units, 10 classes.

Run with ``python tests/benchmarks/processes.py`` (a minute). Baselines are what a user would run today:
pandas on the dense array, statsmodels unit by unit, NumPy.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import statsmodels.api as sm
from timing import Comparison, medians, show

import ann2neo as a2n

N_SAMPLES, N_UNITS, N_CLASSES = 60_000, 512, 10
N_MEASURED = 2
"""Units of the baseline that fits unit by unit; multiplied up."""


def make_recording() -> tuple[a2n.SpikeRaster, np.ndarray, np.ndarray]:
    """A raster whose units depend on the class, its dense array and its labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, N_CLASSES, N_SAMPLES)
    dense = rng.random((N_SAMPLES, N_UNITS)) < rng.beta(1, 2, (N_CLASSES, N_UNITS))[labels]
    samples = pd.DataFrame({"sample_index": np.arange(N_SAMPLES), "label": labels})
    return a2n.SpikeRaster.from_dense(dense, samples=samples), dense, labels


def compare_tuning(raster: a2n.SpikeRaster, dense: np.ndarray, labels: np.ndarray) -> Comparison:
    """Probabilities per class, from packed bits, against a group-by of the dense array."""
    frame = pd.DataFrame(dense)

    def baseline() -> np.ndarray:
        return frame.groupby(labels).mean().to_numpy().T

    def ours() -> np.ndarray:
        return a2n.tuning(raster).probability

    difference = f"{np.abs(ours() - baseline()).max():.1e}"
    times = medians(baseline, ours, repeats=5)
    return Comparison("tuning", "pandas groupby", *times, "≥ 30 ×, ≤ 50 ms", difference)


def compare(raster: a2n.SpikeRaster, dense: np.ndarray, labels: np.ndarray) -> Comparison:
    """Three models with five folds, against one fit of each by statsmodels."""
    classes = np.eye(N_CLASSES)[labels]
    past = np.column_stack([np.roll(np.arange(N_SAMPLES), lag) for lag in (1, 2, 3)])

    def fit(unit: int) -> list[float]:
        y = dense[:, unit].astype(float)
        words = np.eye(8)[(dense[past, unit] * [1, 2, 4]).sum(axis=1)]
        designs = (np.ones((N_SAMPLES, 1)), classes, words)
        return [sm.GLM(y, design, family=sm.families.Binomial()).fit().llf for design in designs]

    def baseline() -> list[list[float]]:
        return [fit(unit) for unit in range(N_MEASURED)]

    def ours() -> a2n.ProcessComparison:
        return a2n.compare_processes(raster)

    found = ours()
    theirs = np.array(baseline())[:, 1]
    difference = f"{np.abs(found.fits['class'].loglik[:N_MEASURED] - theirs).max():.1e} nats"
    seconds, own = medians(baseline, ours, repeats=3)
    return Comparison(
        "compare_processes, 3 models",
        f"statsmodels GLM, {N_MEASURED} units × {N_UNITS // N_MEASURED}",
        seconds * N_UNITS / N_MEASURED,
        own,
        "≤ 2 s",
        difference,
    )


def simulate(raster: a2n.SpikeRaster) -> Comparison:
    """Independent trains, packed, against NumPy's."""
    fit = a2n.fit_process(raster)
    rates = a2n.firing_rate(raster)
    rng = np.random.default_rng(0)

    def baseline() -> np.ndarray:
        return rng.random((N_SAMPLES, N_UNITS)) < rates

    def ours() -> a2n.SpikeRaster:
        return a2n.simulate(fit, rng=rng)

    difference = f"{np.abs(a2n.firing_rate(ours()) - baseline().mean(axis=0)).max():.1e}"
    times = medians(baseline, ours, repeats=5)
    return Comparison("simulate, independent", "NumPy random < rates", *times, "≤ 0.5 s", difference)


def draw_population(raster: a2n.SpikeRaster) -> Comparison:
    """A dichotomized Gaussian of 128 units, found and drawn, against SciPy's and NumPy's normals."""
    part = raster.select(units=np.arange(128))
    rates, pairs = a2n.firing_rate(part), a2n.correlation(part)
    rng = np.random.default_rng(0)
    made = a2n.fit_dichotomized_gaussian(rates, pairs)

    def baseline() -> np.ndarray:
        zero = np.zeros(len(rates))
        return rng.multivariate_normal(zero, made.latent, N_SAMPLES, method="eigh") > made.thresholds

    def ours() -> a2n.SpikeRaster:
        return made.draw(N_SAMPLES, rng=rng)

    difference = f"{np.abs(a2n.firing_rate(ours()) - baseline().mean(axis=0)).max():.1e}"
    times = medians(baseline, ours, repeats=3)
    return Comparison("draw, 128 correlated units", "NumPy multivariate_normal", *times, "", difference)


def main() -> None:
    """Time, and print a row per operation."""
    raster, dense, labels = make_recording()
    rows = [
        compare_tuning(raster, dense, labels),
        compare(raster, dense, labels),
        simulate(raster),
        draw_population(raster),
    ]
    show(f"{N_SAMPLES:,} samples × {N_UNITS} units, {N_CLASSES} classes", rows)


if __name__ == "__main__":
    main()
