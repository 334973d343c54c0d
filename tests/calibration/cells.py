"""Recordings under which a null hypothesis is true, and the p-values that tests then give.

A cell of the table is a firing rate, a number of samples and whether units depend on one another. In
every cell samples are independent of one another and of the labels: every null but that of Poisson
counts and that of a unit root is true of every unit.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

import ann2neo as a2n
from ann2neo.significance.combine import combine_pvalues

RATES = (0.005, 0.02, 0.1, 0.3, 0.5, 0.9, 0.995)
N_SAMPLES = (200, 1000, 10_000, 60_000)
UNITS = ("independent", "correlated")
LEVELS = (0.05, 0.01, 0.001)

N_UNITS, N_SURROGATE_UNITS, N_PATTERN_UNITS = 64, 16, 6
CORRELATION = 0.5
"""Of the normal variables that correlated units are cut from: one part of each is common to all."""

REPLICATES = {200: 60, 1000: 60, 10_000: 30, 60_000: 10}
"""Recordings per cell, by their number of samples; of the quick tests three times as many."""

QUICK = ("runs", "fano", "intervals")

N_SURROGATES = 1999


@dataclass(frozen=True)
class Cell:
    """A place in the table."""

    rate: float
    n_samples: int
    units: str

    def draw(self, rng: np.random.Generator, n_units: int = N_UNITS) -> a2n.SpikeRaster:
        """A recording whose samples are independent."""
        if self.units == "independent":
            active = rng.random((self.n_samples, n_units), np.float32) < self.rate
        else:
            common = rng.standard_normal((self.n_samples, 1), np.float32)
            own = rng.standard_normal((self.n_samples, n_units), np.float32)
            normal = CORRELATION**0.5 * common + (1 - CORRELATION) ** 0.5 * own
            active = normal < special.ndtri(self.rate)
        return a2n.as_raster(active)


def all_cells() -> Iterator[Cell]:
    """Short recordings first."""
    for n_samples, rate, units in itertools.product(N_SAMPLES, RATES, UNITS):
        yield Cell(rate, n_samples, units)


PValues = dict[str, np.ndarray]
Test = Callable[[a2n.SpikeRaster, Cell, np.random.Generator], PValues]


def _of_units(name: str, pvalue: np.ndarray, cell: Cell, rng: np.random.Generator) -> PValues:
    """The p-values of units, and those of all of them together, of one recording.

    Decisions that are counted must be independent: of units that depend on one another, one is taken.
    """
    tested = np.flatnonzero(~np.isnan(pvalue))
    together = np.array([combine_pvalues(pvalue).pvalue]) if tested.size else np.empty(0)
    if cell.units == "correlated" and tested.size:
        tested = rng.choice(tested, 1)
    return {name: pvalue[tested], f"{name}, layer by Simes": together}


def ljung_box(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    found = {}
    for max_lag in (10, 50):
        pvalue = a2n.ljung_box_test(raster, max_lag, rng=rng).pvalue
        found |= _of_units(f"ljung_box_test, {max_lag} lags", pvalue, cell, rng)
    return found


def runs(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    result = a2n.runs_test(raster)
    mid = _of_units("runs_test, mid-p", result.columns["pvalue_mid"], cell, rng)
    return _of_units("runs_test", result.pvalue, cell, rng) | mid


def fano(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    return _of_units("fano_test", a2n.fano_test(raster, 50).pvalue, cell, rng)


def intervals(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    pvalue = a2n.fit_poisson(raster)["geometric_pvalue"].to_numpy()
    return _of_units("fit_poisson, geometric", pvalue, cell, rng)


def surrogates(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    statistic = functools.partial(a2n.fanofactor, window=50)
    few = raster.select(units=np.arange(N_SURROGATE_UNITS))
    result = a2n.surrogate_test(
        few, statistic, n_surrogates=N_SURROGATES, adjust="max-t", rng=rng, progress=False
    )
    adjusted = result.columns["pvalue_adjusted"]
    smallest = np.nanmin(adjusted, keepdims=True) if np.isfinite(adjusted).any() else np.empty(0)
    found = _of_units("surrogate_test", result.pvalue, cell, rng)
    return found | {"surrogate_test, layer by max-T": smallest}


def tuning(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    labels = rng.integers(10, size=cell.n_samples)
    few = raster.select(units=np.arange(N_SURROGATE_UNITS))
    result = a2n.tuning_test(few, labels, n_surrogates=N_SURROGATES, rng=rng, progress=False)
    return _of_units("tuning_test", result.pvalue, cell, rng)


def information(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    labels = rng.integers(10, size=cell.n_samples)
    few = raster.select(units=np.arange(N_PATTERN_UNITS))
    n_surrogates = 999 if cell.n_samples < 60_000 else 199
    result = a2n.mutual_information_test(few, labels, n_surrogates=n_surrogates, rng=rng, progress=False)
    return {"mutual_information_test": result.pvalue}


def distributions(raster: a2n.SpikeRaster, cell: Cell, rng: np.random.Generator) -> PValues:
    if cell.units == "correlated":
        # The units of a network are not independent draws: see `networks`.
        return {}
    found = {}
    for indicator in (a2n.firing_rate, functools.partial(a2n.fanofactor, window=50)):
        name = "rates" if indicator is a2n.firing_rate else "Fano factors"
        found[f"ks_test, {name}"] = a2n.ks_test(raster, cell.draw(rng), indicator).pvalue
    return {name: pvalue[~np.isnan(pvalue)] for name, pvalue in found.items()}


TESTS: dict[str, Test] = {
    "ljung_box": ljung_box,
    "runs": runs,
    "fano": fano,
    "intervals": intervals,
    "surrogates": surrogates,
    "tuning": tuning,
    "information": information,
    "distributions": distributions,
}
