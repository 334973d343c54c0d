"""Rates and correlations of dichotomized Gaussians over many samples, and the level of their surrogates.

    python -m tests.calibration.dichotomized_gaussian [n_populations]

Prints the largest deviation of a unit's and of a pair's count from what was asked for, in standard
deviations of chance, beside the largest that so many independent ones would have in 95 of 100 runs; then
how often `surrogate_test` with method ``"correlated"`` rejects populations that fulfil its null.
"""

import functools
import sys

import numpy as np
from scipy.stats import norm

import ann2neo as a2n


def make_target(n_units, rng):
    """Rates from 1 % to 80 %, and correlations that a population of two common drives has."""
    rates = np.clip(rng.beta(1, 3, n_units), 0.01, 0.8)
    drive = 0.6 * rng.standard_normal((n_units, 2))
    covariance = drive @ drive.T + np.eye(n_units)
    size = np.sqrt(covariance.diagonal())
    latent = covariance / np.outer(size, size)
    made = a2n.DichotomizedGaussian(-norm.ppf(rates), latent, np.linalg.cholesky(latent))
    return rates, made.correlations


def measure(rates, correlations, n_samples, rng):
    """Deviations in standard deviations, of each unit's count and of each pair's."""
    raster = a2n.fit_dichotomized_gaussian(rates, correlations).draw(n_samples, rng=rng)
    single = raster.spike_counts - n_samples * rates
    i, j = np.triu_indices(len(rates), 1)
    spread = np.sqrt(rates * (1 - rates))
    p = rates[i] * rates[j] + correlations[i, j] * spread[i] * spread[j]
    both = a2n.Correlation().update(raster).products[i, j] - n_samples * p
    return single / (np.sqrt(n_samples) * spread), both / np.sqrt(n_samples * p * (1 - p))


def silent_share(raster):
    """Share of samples at which no unit is active."""
    return np.mean(~raster.to_dense().any(axis=1))


def triples(raster):
    """Samples at which the first three units are all active."""
    return np.count_nonzero(raster.to_dense()[:, :3].all(axis=1))


def entropy(raster):
    """Plug-in entropy of the patterns, in bits."""
    return a2n.patterns.pattern_entropy(raster, estimator="plug-in")


STATISTICS = {"silent share": silent_share, "triples": triples, "pattern entropy": entropy}


def measure_level(statistic, n_populations, rng, *, n_units=8, n_samples=500, n_surrogates=99):
    """Two-sided p-values of populations of the null."""
    rates, correlations = make_target(n_units, rng)
    population = a2n.fit_dichotomized_gaussian(rates, correlations)
    test = functools.partial(
        a2n.surrogate_test, method="correlated", n_surrogates=n_surrogates, rng=rng, progress=False
    )
    return np.array(
        [test(population.draw(n_samples, rng=rng), statistic).pvalue[0] for _ in range(n_populations)]
    )


def main(n_populations=400):
    """Measure, and print."""
    rng = np.random.default_rng(0)
    n_samples = 1_000_000
    for name, z in zip(("units", "pairs"), measure(*make_target(100, rng), n_samples, rng), strict=True):
        bound = norm.isf(0.05 / (2 * z.size))
        print(
            f"{z.size} {name}, {n_samples:,} samples: largest deviation {np.abs(z).max():.2f} standard "
            f"deviations (95 % of runs below {bound:.2f}), mean square {np.mean(z**2):.3f}"
        )
    for name, statistic in STATISTICS.items():
        for n_samples in (200, 500, 1000, 2000):
            pvalues = measure_level(statistic, n_populations, rng, n_units=20, n_samples=n_samples)
            rejected = np.mean(pvalues <= 0.05)
            print(f"{name}, 20 units, {n_samples} samples: rejected at 5 %: {rejected:.3f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
