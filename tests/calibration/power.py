"""How often tests find what is there: the share of units, at 5 %, of four kinds of fault.

python -m tests.calibration.power docs/background/measured/power.csv
"""

from __future__ import annotations

import csv
import sys
import warnings

import numpy as np

import ann2neo as a2n

N_SAMPLES, N_UNITS, N_RECORDINGS = 2000, 32, 10


def drift(size: float, rng: np.random.Generator) -> np.ndarray:
    """The rate moves from .3 − size / 2 to .3 + size / 2."""
    rate = 0.3 + size * np.linspace(-0.5, 0.5, N_SAMPLES)[:, np.newaxis]
    return rng.random((N_SAMPLES, N_UNITS)) < rate


def markov(size: float, rng: np.random.Generator) -> np.ndarray:
    """Samples of rate .3 that repeat the one before with probability `size`."""
    active = rng.random((N_SAMPLES, N_UNITS)) < 0.3
    kept = rng.random((N_SAMPLES, N_UNITS)) < size
    for t in range(1, N_SAMPLES):
        active[t] = np.where(kept[t], active[t - 1], active[t])
    return active


def classes(size: float, rng: np.random.Generator) -> np.ndarray:
    """Ten classes one after another, whose rates differ by standard deviation `size`."""
    rate = np.clip(0.3 + size * rng.normal(size=(10, N_UNITS)), 0.01, 0.99).repeat(N_SAMPLES // 10, 0)
    return rng.random((N_SAMPLES, N_UNITS)) < rate


FAULTS = {
    "drift": (drift, (0.05, 0.1, 0.2)),
    "Markov correlation": (markov, (0.02, 0.05, 0.1)),
    "ordered classes": (classes, (0.02, 0.04, 0.08)),
}
TESTS = {
    "ljung_box_test": lambda raster: a2n.ljung_box_test(raster).pvalue,
    "runs_test": lambda raster: a2n.runs_test(raster).pvalue,
    "fano_test, window 50": lambda raster: a2n.fano_test(raster, 50).pvalue,
    "fano_test, window 200": lambda raster: a2n.fano_test(raster, 200).pvalue,
}


def odd_units(adjust: str, n_surrogates: int, rng: np.random.Generator) -> tuple[int, int]:
    """Of 15 of 512 units whose rate steps, and of the rest, how many `surrogate_test` marks."""
    active = rng.random((5000, 512), np.float32) < 0.3
    active[2500:, :15] = rng.random((2500, 15)) < 0.6
    result = a2n.surrogate_test(
        active, a2n.fanofactor, rng=rng, n_surrogates=n_surrogates, adjust=adjust, progress=False
    )
    marked = result.columns["pvalue_adjusted"] <= 0.05
    return int(marked[:15].sum()), int(marked[15:].sum())


def main() -> None:
    rng = np.random.default_rng(0)
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["fault", "size", "test", "n", "found"])
        for fault, (draw, sizes) in FAULTS.items():
            for size in sizes:
                rasters = [a2n.as_raster(draw(size, rng)) for _ in range(N_RECORDINGS)]
                for name, test in TESTS.items():
                    share = np.mean([test(raster) <= 0.05 for raster in rasters])
                    writer.writerow([fault, size, name, N_RECORDINGS * N_UNITS, f"{share:.3f}"])
        for adjust in ("benjamini-hochberg", "max-t", "min-p"):
            with warnings.catch_warnings():
                # That no unit can be significant is what is shown.
                warnings.simplefilter("ignore", UserWarning)
                found, wrong = odd_units(adjust, 1000, rng)
            name = f"surrogate_test, {adjust}, 1,000 surrogates"
            writer.writerow(["15 of 512 units step from .3 to .6", "", name, 15, f"{found / 15:.3f}"])
            writer.writerow(["the other 497 of these units", "", name, 497, f"{wrong / 497:.3f}"])


if __name__ == "__main__":
    main()
