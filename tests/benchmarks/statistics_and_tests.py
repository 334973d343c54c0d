"""Statistics, tests and surrogates against Elephant and statsmodels, 60,000 samples × 512 units.

Run with ``python tests/benchmarks/statistics_and_tests.py`` (a few minutes; ``--quick`` for the
first table). Baselines are what a user would run today, unit by unit. Those that would take hours are
measured on the number of units or surrogates given in the row and multiplied up.
"""

from __future__ import annotations

import os

# statsmodels' regressions are small: threads would slow the baseline down.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import functools
import time
import warnings
from collections.abc import Callable

import numpy as np
import quantities as pq
from elephant import statistics as elephant
from elephant.conversion import BinnedSpikeTrain
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.stattools import acf, adfuller
from timing import Comparison, medians, show

import ann2neo as a2n
from ann2neo.significance.kernels.ljung_box import sequential_counts
from ann2neo.significance.kernels.rng import random_state

N_SAMPLES, N_UNITS, WINDOW = 60_000, 512, 100


def extrapolate(
    baseline: Callable[[int], list[np.ndarray]], n_measured: int, n_wanted: int
) -> Callable[[], float]:
    """Seconds of the baseline over `n_measured` units, times ``n_wanted / n_measured``."""

    def seconds() -> float:
        (median,) = medians(lambda: baseline(n_measured), repeats=1)
        return median * n_wanted / n_measured

    return seconds


def largest(a: np.ndarray, b: np.ndarray) -> str:
    """Largest absolute difference, as text."""
    return f"{np.nanmax(np.abs(np.asarray(a) - np.asarray(b))):.1e}"


def fano(raster: a2n.SpikeRaster, trains: list) -> Comparison:
    """Windowed Fano factor against binning with Elephant, trains at hand."""

    def baseline() -> np.ndarray:
        counts = BinnedSpikeTrain(trains, bin_size=WINDOW * pq.ms).to_array()
        return counts.var(axis=1) / counts.mean(axis=1)

    difference = largest(a2n.fanofactor(raster, WINDOW), baseline())
    times = medians(baseline, lambda: a2n.fanofactor(raster, WINDOW), repeats=5)
    return Comparison("Fano factor", "Elephant BinnedSpikeTrain", *times, "≥ 50 ×", difference)


def intervals(raster: a2n.SpikeRaster, trains: list) -> list[Comparison]:
    """CV, CV2 and LV against Elephant's functions, with the trains at hand and with building them."""

    def elephants(trains: list) -> np.ndarray:
        found = [elephant.isi(train) for train in trains]
        return np.array([[elephant.cv(i), elephant.cv2(i), elephant.lv(i)] for i in found])

    def ours() -> np.ndarray:
        seen = a2n.Intervals().update(raster)
        return np.column_stack([seen.cv(), seen.cv2(), seen.lv()])

    difference = largest(ours(), elephants(trains))
    at_hand, building, mine = medians(
        lambda: elephants(trains), lambda: elephants(usual_trains(raster)), ours, repeats=5
    )
    name = "CV + CV2 + LV"
    return [
        Comparison(name, "Elephant", at_hand, mine, "≥ 4 ×", difference),
        Comparison(name, "Elephant, with building the trains", building, mine, "≥ 15 ×", difference),
    ]


def intervals_alone(rng: np.random.Generator, n_measured: int = 8) -> list[Comparison]:
    """CV, CV2 and LV each called alone, at several rates, against Elephant's; processor time."""
    rows = []
    for rate in (0.02, 0.1, 0.3, 0.5, 0.9):
        raster = a2n.as_raster(rng.random((N_SAMPLES, N_UNITS), np.float32) < rate)
        trains = a2n.to_spiketrains(raster)[:n_measured]
        for name in ("cv", "cv2", "lv"):
            theirs, ours = getattr(elephant, name), getattr(a2n, name)

            def baseline(theirs: Callable = theirs, trains: list = trains) -> list[float]:
                return [theirs(elephant.isi(train)) for train in trains]

            way = functools.partial(ours, raster)
            seconds, mine = medians(baseline, way, clock=time.process_time)
            difference = largest(ours(raster)[:n_measured], baseline())
            label = f"Elephant, {n_measured} units × {N_UNITS // n_measured}"
            seconds *= N_UNITS / n_measured
            rows.append(Comparison(f"{name}, rate {rate}", label, seconds, mine, "≤ 20 ms", difference))
    return rows


def sparse(rng: np.random.Generator) -> list[Comparison]:
    """Ljung–Box and the battery where spikes are few, against statsmodels; processor time."""
    rows = []
    for rate in (0.003, 0.01, 0.02, 0.3):
        active = rng.random((N_SAMPLES, N_UNITS), np.float32) < rate
        raster = a2n.as_raster(active)

        def direct(active: np.ndarray = active) -> float:
            return float(acorr_ljungbox(active[:, 0].astype(float), lags=[10])["lb_stat"].iloc[0])

        ways = [
            direct,
            functools.partial(a2n.ljung_box_test, raster),
            functools.partial(a2n.poisson_assumptions, raster),
        ]
        baseline, lags, all_of_it = medians(*ways, repeats=3, clock=time.process_time)
        label = f"statsmodels acorr_ljungbox, 1 unit × {N_UNITS}"
        rows.append(Comparison(f"Ljung–Box, rate {rate}", label, baseline * N_UNITS, lags, ""))
        rows.append(Comparison(f"battery, rate {rate}", label, baseline * N_UNITS, all_of_it, "≤ .25 s"))
    return rows


def permutations(rng: np.random.Generator, n_measured: int = 200) -> list[Comparison]:
    """1,000 permutations of Ljung–Box's statistic of 512 sparse units, against NumPy; processor time."""
    rows, state = [], random_state(rng)
    for n_samples, rate in ((1000, 0.02), (10_000, 0.02), (N_SAMPLES, 0.004)):
        n_spikes = round(n_samples * rate)

        def ours(k: int = n_spikes, n: int = n_samples) -> None:
            # None is as large: all 1,000 are drawn.
            for _ in range(N_UNITS):
                sequential_counts(np.inf, k, n, 10, 20, 1000, state)

        def shuffle(k: int = n_spikes, n: int = n_samples) -> None:
            for _ in range(n_measured):
                train = rng.permuted(np.arange(n) < k) - k / n
                [train[lag:] @ train[:-lag] for lag in range(1, 11)]

        baseline, mine = medians(shuffle, ours, repeats=3, clock=time.process_time)
        label = f"NumPy rng.permuted, {n_measured} × {1000 // n_measured} × {N_UNITS}"
        seconds = baseline * 1000 / n_measured * N_UNITS
        name = f"1,000 permutations, {n_samples:,} samples, rate {rate}"
        rows.append(Comparison(name, label, seconds, mine, "≤ 2 s"))
    return rows


def usual_trains(raster: a2n.SpikeRaster) -> list:
    """Spike trains as Neo's tutorial makes them."""
    import neo

    active = raster.to_dense()
    t_stop = raster.n_samples * pq.ms
    return [neo.SpikeTrain(np.flatnonzero(column) * pq.ms, t_stop=t_stop) for column in active.T]


def ljung_box(raster: a2n.SpikeRaster, active: np.ndarray) -> list[Comparison]:
    """Ljung–Box with 10 lags against statsmodels, directly and by its quickest autocorrelation."""
    n = N_SAMPLES

    def fast(n_units: int) -> np.ndarray:
        r = np.array([acf(active[:, u], nlags=10, fft=True)[1:] for u in range(n_units)])
        return n * (n + 2) * np.sum(r**2 / (n - np.arange(1, 11)), axis=1)

    def direct(n_units: int) -> np.ndarray:
        found = [acorr_ljungbox(active[:, u], lags=[10])["lb_stat"].iloc[0] for u in range(n_units)]
        return np.array(found)

    (ours,) = medians(lambda: a2n.ljung_box_test(raster, max_lag=10))
    statistic = a2n.ljung_box_test(raster, max_lag=10).statistic
    rows = []
    for way, name, n_units, bound in (
        (fast, "acf(fft=True)", 64, "≥ 100 ×"),
        (direct, "acorr_ljungbox", 2, ""),
    ):
        difference = largest(statistic[:n_units], way(n_units))
        seconds = extrapolate(way, n_units, N_UNITS)()
        label = f"statsmodels {name}, {n_units} units × {N_UNITS // n_units}"
        rows.append(Comparison("Ljung–Box, 10 lags", label, seconds, ours, bound, difference))
    return rows


def dickey_fuller(raster: a2n.SpikeRaster, active: np.ndarray, n_units: int = 1) -> Comparison:
    """Dickey–Fuller with the lag chosen by AIC against statsmodels."""

    def baseline(n_units: int) -> np.ndarray:
        return np.array([adfuller(active[:, u].astype(float))[0] for u in range(n_units)])

    (ours,) = medians(lambda: a2n.adf_test(raster), repeats=3)
    difference = largest(a2n.adf_test(raster).statistic[:n_units], baseline(n_units))
    seconds = extrapolate(baseline, n_units, N_UNITS)()
    label = f"statsmodels adfuller, {n_units} unit × {N_UNITS // n_units}"
    return Comparison("Dickey–Fuller, AIC", label, seconds, ours, "≥ 10,000 ×", difference)


def surrogates(raster: a2n.SpikeRaster, active: np.ndarray, n_measured: int = 2) -> Comparison:
    """1,000 permutation surrogates of the Fano factor against shuffling the boolean array."""
    by_unit = np.ascontiguousarray(active.T)
    n_windows = N_SAMPLES // WINDOW

    def shuffle(n_surrogates: int) -> np.ndarray:
        rng = np.random.default_rng(1)
        found = []
        for _ in range(n_surrogates):
            counts = rng.permuted(by_unit, axis=1).reshape(N_UNITS, n_windows, WINDOW).sum(axis=2)
            found.append(counts.var(axis=1) / counts.mean(axis=1))
        return np.array(found)

    def ours() -> a2n.TestResult:
        rng = np.random.default_rng(2)
        return a2n.surrogate_test(
            raster, a2n.fanofactor, n_surrogates=1000, rng=rng, alternative="two-sided", progress=False
        )

    (seconds,) = medians(ours, repeats=3)
    null_mean = ours().to_frame()["null_mean"].to_numpy()
    # Exact mean under permutation: (1 − 1/W)(n − K)/(n − 1).
    exact = (1 - 1 / n_windows) * (N_SAMPLES - raster.spike_counts) / (N_SAMPLES - 1)
    baseline = extrapolate(shuffle, n_measured, 1000)()
    label = f"NumPy rng.permuted, {n_measured} surrogates × {1000 // n_measured}"
    difference = f"{largest(null_mean, exact)} from the exact mean"
    return Comparison("1,000 Fano surrogates", label, baseline, seconds, "≥ 100 ×", difference)


def battery(raster: a2n.SpikeRaster, against: list[Comparison]) -> Comparison:
    """The Poisson battery against the sum of the baselines above that it contains."""
    (ours,) = medians(lambda: a2n.poisson_assumptions(raster, window=WINDOW), repeats=3)
    seconds = sum(row.baseline_s for row in against)
    return Comparison("poisson_assumptions", "sum of the above it contains", seconds, ours, "< 1 s")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only what is measured in processor time")
    quick, rng = parser.parse_args().quick, np.random.default_rng(0)
    warnings.simplefilter("ignore")
    rows = [*intervals_alone(rng), *sparse(rng), *permutations(rng)]
    show("Medians of processor time, measured in one run", rows)
    if quick:
        return
    active = rng.random((N_SAMPLES, N_UNITS)) < rng.uniform(0.05, 0.95, N_UNITS)
    raster = a2n.SpikeRaster.from_dense(active)
    trains = a2n.to_spiketrains(raster)
    first = fano(raster, trains)
    lags = ljung_box(raster, active)
    unit_root = dickey_fuller(raster, active)
    rows = [first, *intervals(raster, trains), *lags, unit_root, surrogates(raster, active)]
    rows.append(battery(raster, [first, lags[0], unit_root]))
    show("Medians, measured in one run", rows)


if __name__ == "__main__":
    main()
