"""The beta-binomial law of spike counts: units whose activation probabilities are beta distributed."""

from __future__ import annotations

import math

import numpy as np

from ann2neo.spikes.typing import Ints

_LEAST, _MOST = 1e-9, 1e9


def fit_beta_binomial(counts: Ints, n_samples: int) -> tuple[float, float]:
    """Maximum-likelihood mean and dispersion of counts out of `n_samples`.

    Parameters
    ----------
    counts : array of int, shape (n_units,)
    n_samples : int
        Samples of each unit.

    Returns
    -------
    mean : float
        Of the beta law, a / (a + b).
    dispersion : float
        1 / (a + b + 1), the intra-class correlation of two samples of a unit: near 0, all units have one
        probability and their counts are binomial; near 1, each is silent or always on. 0 where
        the counts vary no more than binomial ones. NaN if all units are silent, all are always on, or
        there are fewer than two units or two samples.
    """
    if len(counts) < 2 or n_samples < 2 or counts.max() == 0 or counts.min() == n_samples:
        return (float(counts.mean()) / n_samples if len(counts) else math.nan), math.nan
    if ((counts == 0) | (counts == n_samples)).all():
        return float(counts.mean()) / n_samples, 1.0
    from scipy.optimize import minimize

    start = _moments(counts, n_samples)
    found = minimize(
        _loss,
        start,
        args=(counts, n_samples),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-30, 30), (math.log(_LEAST), math.log(_MOST))],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 500},
    )
    mean = 1 / (1 + math.exp(-found.x[0]))
    size = math.exp(found.x[1])
    return mean, 1 / (1 + size) if size < _MOST / 10 else 0.0


def _moments(counts: Ints, n: int) -> list[float]:
    mean = counts.mean() / n
    inflation = counts.var() / (n * mean * (1 - mean))
    dispersion = min(max((inflation - 1) / (n - 1), 1e-6), 0.99)
    return [math.log(mean / (1 - mean)), math.log(1 / dispersion - 1)]


def _loss(place: np.ndarray, counts: Ints, n: int) -> tuple[float, np.ndarray]:
    """Negative log-likelihood per unit, up to a constant; its gradient in (logit mean, log(a + b))."""
    from scipy.special import betaln, digamma

    mean = 1 / (1 + math.exp(-place[0]))
    size = math.exp(place[1])
    a, b = mean * size, (1 - mean) * size
    value = np.mean(betaln(counts + a, n - counts + b)) - betaln(a, b)
    common = digamma(a + b) - digamma(n + a + b)
    to_a = np.mean(digamma(counts + a)) - digamma(a) + common
    to_b = np.mean(digamma(n - counts + b)) - digamma(b) + common
    slope = mean * (1 - mean) * size
    return -float(value), -np.array([(to_a - to_b) * slope, to_a * a + to_b * b])
