"""Rates and correlations of dichotomized Gaussians over many samples, and the level of their surrogates.

    python -m tests.calibration.dichotomized_gaussian [n_samples] [n_units] [seed]

Prints the largest deviation of a unit's and of a pair's count from what was asked for, in standard
deviations of chance, beside the largest that so many independent ones would have in 95 of 100 runs.
"""

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


def main(n_samples=1_000_000, n_units=100, seed=0):
    """Measure, and print."""
    rng = np.random.default_rng(seed)
    for name, z in zip(
        ("units", "pairs"), measure(*make_target(n_units, rng), n_samples, rng), strict=True
    ):
        bound = norm.isf(0.05 / (2 * z.size))
        print(
            f"{z.size} {name}, {n_samples:,} samples: largest deviation {np.abs(z).max():.2f} standard "
            f"deviations (95 % of runs below {bound:.2f}), mean square {np.mean(z**2):.3f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
