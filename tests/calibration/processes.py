"""Models of the process against data drawn from them with known parameters.

    python -m tests.calibration.processes [n_units] [n_samples]

For each model, over `n_units` units: how often a parameter lies in its 95 % interval (all parameters,
and the least and the most of a single one); how often the model wins against the others by BIC; and the
p-values of time rescaling, under the model (Kolmogorov–Smirnov against the uniform law, rejected at 5 %)
and under independent samples (rejected at 5 %).
"""

import dataclasses
import sys
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

import ann2neo as a2n
from ann2neo.processes.renewal import negative_binomial_hazards

N_CLASSES = 5
MODELS = ("bernoulli", "class", "markov", "drift", "renewal")
OPTIONS = {"markov": {"order": 2}, "renewal": {"intervals": "negative-binomial"}, "glm": {"history": 2}}


def rates(rng, n_units, design):
    """Independent samples."""
    values = rng.uniform(0.02, 0.95, (n_units, 1))
    return values, values


def class_rates(rng, n_units, design):
    """A rate per class."""
    values = rng.uniform(0.05, 0.9, (n_units, N_CLASSES))
    return values, values


def words(rng, n_units, design):
    """A probability after each of four words, that of two samples ago telling most."""
    base = rng.uniform(0.1, 0.5, (n_units, 1))
    values = base + np.array([0, 0.15, 0.3, 0.45])
    return values, values


def coefficients(rng, n_units, design):
    """Coefficients of features of either sign, none of them next to nothing."""
    shape = n_units, design.shape[1]
    values = np.where(rng.random(shape) < 0.5, -1, 1) * rng.uniform(0.4, 1.4, shape)
    return expit(values @ design.T), values


def pauses(rng, n_units, design):
    """Log mean pause and log shape of negative binomial intervals, twice bursting or regular."""
    shape = np.log(2) * np.where(rng.random(n_units) < 0.5, -1, 1) * rng.uniform(1, 2, n_units)
    values = np.column_stack([np.log(rng.uniform(3, 10, n_units)), shape])
    return negative_binomial_hazards(*values.T), values


TRUTHS = {
    "bernoulli": rates,
    "class": class_rates,
    "markov": words,
    "drift": coefficients,
    "renewal": pauses,
    "glm": coefficients,
}


def draw(name, n_units, n_samples, rng):
    """A raster of the model, and the true parameters (n_units, n_parameters)."""
    samples = pd.DataFrame(
        {"sample_index": np.arange(n_samples), "label": rng.integers(0, N_CLASSES, n_samples)}
    )
    some = a2n.SpikeRaster.from_dense(rng.random((n_samples, n_units)) < 0.5, samples=samples)
    options = {**OPTIONS.get(name, {}), **({"labels": "label"} if name == "glm" else {})}
    fit = a2n.fit_process(some, name, n_folds=2, **options)
    probability, values = TRUTHS[name](rng, n_units, getattr(fit.model, "features", None))
    estimate = dataclasses.replace(fit.estimate, probability=probability)
    made = a2n.simulate(dataclasses.replace(fit, estimate=estimate), rng=rng)
    made = a2n.SpikeRaster(made.words, n_samples, made.units, samples)
    return made, values, partial(a2n.fit_process, made, name, n_folds=2, **options)


def measure_coverage(name, n_units, n_samples, rng):
    """Share of units whose interval holds the truth, per parameter."""
    _, values, fit = draw(name, n_units, n_samples, rng)
    found = fit().estimate
    there = slice(0, values.shape[1])
    inside = (found.low[:, there] <= values) & (values <= found.high[:, there])
    # Where the data do not determine a parameter there is no interval.
    return np.where(np.isnan(found.low[:, there]), np.nan, inside)


def measure_wins(name, n_units, n_samples, rng):
    """Share of units for which the model that made them is best."""
    raster, *_ = draw(name, n_units, n_samples, rng)
    models = (*MODELS, "glm") if name == "glm" else MODELS
    options = {"glm": {"labels": "label", **OPTIONS["glm"]}} if name == "glm" else None
    return np.mean(a2n.compare_processes(raster, models, n_folds=2, options=options).best == name)


def measure_fit(name, n_units, n_samples, rng):
    """P-values of time rescaling under the model, and under independent samples."""
    raster, _, fit = draw(name, n_units, n_samples, rng)
    wrong = a2n.fit_process(raster, n_folds=2)
    return [a2n.rescaling_test(one, raster, rng=rng).pvalue for one in (fit(), wrong)]


def main(n_units=1000, n_samples=10_000):
    """Measure, and print a row per model."""
    rng = np.random.default_rng(0)
    rows = []
    for name in TRUTHS:
        inside = measure_coverage(name, n_units, n_samples, rng)
        right, wrong = measure_fit(name, n_units, n_samples, rng)
        single = np.nanmean(inside, axis=0)
        rows.append(
            {
                "model": name,
                "parameters": inside.shape[1],
                "undetermined": np.isnan(inside).mean(),
                "covered": np.nanmean(inside),
                "covered_least": single.min(),
                "covered_most": single.max(),
                "wins": measure_wins(name, n_units, n_samples, rng),
                "ks_pvalue": stats.kstest(right, "uniform").pvalue,
                "rejected": np.mean(right <= 0.05),
                "bernoulli_rejected": np.mean(wrong <= 0.05),
            }
        )
    print(pd.DataFrame(rows).round(4).to_csv(index=False))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
