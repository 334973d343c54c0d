"""A cell that fits models of the process to a trained network's units, and draws populations."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.processes.compare import ProcessComparison, compare_processes
from ann2neo.processes.rescaling import rescaling_test
from ann2neo.processes.simulate import simulate
from ann2neo.recording.record import record
from ann2neo.significance.dispersion import fano_test
from ann2neo.significance.surrogates import surrogates
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.patterns.entropy import pattern_entropy
from ann2neo.statistics.rates import firing_rate
from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import ALPHA, build_network, load_data
from ann2neo.study.config.cell import make_rng

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster
    from ann2neo.spikes.typing import Floats
    from ann2neo.training.datasets import Dataset

QUANTITIES = ("mean Fano factor", "SD of Fano factors", "pattern entropy", "synchrony", "skewness")
"""Of a population: see `describe_population`."""


def run(work: Work) -> list[dict[str, Any]]:
    """Write ``process.csv``, a row per split, order and model, and ``simulated.csv``."""
    study, cell = work.plan.study, work.plan.cell
    data = load_data(work)
    if work.start is None:
        raise ValueError("a process cell starts from the weights of a trained network, got none")
    network = build_network(work, data)
    wanted = study.process
    models, simulated = [], []
    for split in study.splits:
        for order in wanted.orders:
            place = {"split": split, "order": order}
            rng = make_rng(cell.seed, "process", *cell.place().values(), split, order)
            raster = _record(work, network, data, split, order, rng)
            found = compare_processes(raster, wanted.models)
            models += [{**place, **row} for row in _describe_models(raster, found, work, rng)]
            rows = compare_populations(raster, found, study.window, wanted.n_simulations, rng)
            simulated += [{**place, **row} for row in rows]
    pd.DataFrame(models).to_csv(work.folder / "process.csv", index=False)
    pd.DataFrame(simulated).to_csv(work.folder / "simulated.csv", index=False)
    return []


def _record(
    work: Work, network: Any, data: Dataset, split: str, order: str, rng: np.random.Generator
) -> SpikeRaster:
    samples, labels = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
    n_samples = min(work.plan.study.process.n_samples, len(samples))
    # Whole windows of the Fano factor.
    n_samples -= n_samples % work.plan.study.window
    shown = np.arange(n_samples) if order == "data set" else rng.permutation(len(samples))[:n_samples]
    return record(
        network,
        samples[shown],
        layers=work.plan.network.layer,
        labels=labels[shown],
        progress=False,
    )


def _describe_models(
    raster: SpikeRaster, found: ProcessComparison, work: Work, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """A row per model, and one of Poisson counts of the units' rates."""
    changes = np.array([best is not None for best in found.best])
    base = found.fits["bernoulli"].cv_bits
    table = found.to_frame()
    n_units = int(changes.sum())
    window = work.plan.study.window
    for name, fit in found.fits.items():
        test = rescaling_test(fit, raster, rng=rng)
        fano = fano_test(raster, window, null="bernoulli") if name == "bernoulli" else None
        yield {
            "model": name,
            "n_units": n_units,
            "best_fraction": table["best_fraction"].xs(name, level="model").item(),
            "gain": float((fit.cv_bits - base)[changes].mean()) if n_units else np.nan,
            "rejected": find_rejected_fraction(test.pvalue),
            "fano_rejected": np.nan if fano is None else find_rejected_fraction(fano.pvalue),
        }
    fano = fano_test(raster, window, null="poisson")
    yield {
        "model": "poisson",
        "n_units": n_units,
        "best_fraction": np.nan,
        "gain": float(poisson_gain(firing_rate(raster)[changes]).mean()) if n_units else np.nan,
        "rejected": np.nan,
        "fano_rejected": find_rejected_fraction(fano.pvalue),
    }


def poisson_gain(rates: Floats) -> Floats:
    """Bits per sample by which Poisson counts of mean r describe single spikes of rate r worse.

    Worse than Bernoulli's law of independent samples: (−r − (1 − r) log(1 − r)) / log 2, by the rate
    alone, from 0 for units that hardly fire to −1.44 for units that always do.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo.study.cells.process_cell import poisson_gain
    >>> poisson_gain(np.array([0.1, 0.5])).round(4)
    array([-0.0075, -0.2213])
    """
    from scipy.special import xlogy

    return np.asarray((-rates - xlogy(1 - rates, 1 - rates)) / np.log(2), np.float64)


def find_rejected_fraction(pvalue: Floats) -> float:
    """Of the units that could be tested, the share with p ≤ α, each by itself."""
    tested = pvalue[~np.isnan(pvalue)]
    return float(np.mean(tested <= ALPHA)) if tested.size else np.nan


def compare_populations(
    raster: SpikeRaster,
    found: ProcessComparison,
    window: int,
    n_simulations: int,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Quantities of the recorded population, and their range over drawn ones; a row each and kind."""
    observed = describe_population(raster, window)
    rows = []
    for kind in ("bernoulli", "class", "correlated"):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            drawn = [
                describe_population(one, window)
                for one in _draw_populations(raster, found, kind, n_simulations, rng)
            ]
        exact = not any("no Gaussian" in str(one.message) for one in said)
        for quantity, values in zip(QUANTITIES, np.transpose(drawn), strict=True):
            rows.append(
                {
                    "population": kind,
                    "exact": exact,
                    "quantity": quantity,
                    "observed": observed[QUANTITIES.index(quantity)],
                    "simulated": values.mean(),
                    "least": values.min(),
                    "most": values.max(),
                }
            )
    return rows


def _draw_populations(
    raster: SpikeRaster, found: ProcessComparison, kind: str, n: int, rng: np.random.Generator
) -> Iterator[SpikeRaster]:
    if kind == "correlated":
        yield from surrogates(raster, "correlated", n_surrogates=n, rng=rng)
    else:
        for _ in range(n):
            yield simulate(found.fits[kind], rng=rng)


def describe_population(raster: SpikeRaster, window: int) -> tuple[float, ...]:
    """The `QUANTITIES` of a raster.

    Mean and standard deviation (ddof 0) of the units' Fano factors; plug-in entropy in bits of the
    patterns of eight units, mean over the layer's eights, as patterns of many units are all different
    whatever they do; synchrony, the variance of the number of units active over that of independent
    units of these rates; skewness of that number, which rates and pairs do not fix. NaN where undefined.
    """
    fano = fanofactor(raster, window)
    fano = fano[~np.isnan(fano)]
    rates = firing_rate(raster)
    active = raster.to_dense().sum(axis=1)
    eights = np.array_split(np.arange(raster.n_units), -(-raster.n_units // 8))
    independent = float(np.sum(rates * (1 - rates)))
    spread = float(active.std())
    centered = active - active.mean()
    return (
        float(fano.mean()) if fano.size else np.nan,
        float(fano.std()) if fano.size else np.nan,
        float(np.mean([pattern_entropy(raster.select(units=eight)) for eight in eights])),
        spread**2 / independent if independent else np.nan,
        float(np.mean(centered**3)) / spread**3 if spread else np.nan,
    )
