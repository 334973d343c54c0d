"""The Gaussian correlation behind two thresholds at which two units are active together so often."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, owens_t

from ann2neo.spikes.typing import Floats

_TINY = 1e-300


def both_above(a: Floats, b: Floats, rho: Floats) -> Floats:
    """P(x < a, y < b) of Gaussians of mean 0, variance 1 and correlation `rho` (Owen 1956).

    By symmetry also the probability that both lie above −a and −b. At ±1 the limits.
    """
    # The formula divides by both, and is continuous at 0.
    a, b = (np.where(x == 0, _TINY, x) for x in (a, b))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        root = np.sqrt((1 - rho) * (1 + rho))
        inner = owens_t(a, (b / a - rho) / root) + owens_t(b, (a / b - rho) / root)
    joint = (ndtr(a) + ndtr(b) - (a * b < 0)) / 2 - inner
    joint = np.where(rho >= 1, np.minimum(ndtr(a), ndtr(b)), joint)
    joint = np.where(rho <= -1, np.maximum(ndtr(a) + ndtr(b) - 1, 0), joint)
    return np.asarray(joint, np.float64)


def solve_latent(a: Floats, b: Floats, wanted: Floats) -> Floats:
    """ρ with ``both_above(a, b, ρ) = wanted``, pair by pair, for a probability that can be reached.

    Newton's method within a bracket, in arcsin ρ: in it the probability's slope is smooth to the ends.
    """
    end = np.pi / 2
    low, high = np.full(a.size, -end), np.full(a.size, end)
    lowest, highest = both_above(a, b, np.full(a.size, -1.0)), both_above(a, b, np.ones(a.size))
    found = np.where(wanted >= highest - 1e-15, end, np.where(wanted <= lowest + 1e-15, -end, 0.0))
    going = np.flatnonzero(found == 0)
    for _ in range(100):
        if going.size == 0:
            break
        theta = found[going]
        miss = both_above(a[going], b[going], np.sin(theta)) - wanted[going]
        low[going] = np.where(miss <= 0, theta, low[going])
        high[going] = np.where(miss >= 0, theta, high[going])
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            new = theta - miss / _slope(a[going], b[going], theta)
        inside = (new > low[going]) & (new < high[going])
        new = np.where(inside, new, (low[going] + high[going]) / 2)
        found[going] = new
        going = going[np.abs(new - theta) > 1e-12]
    return np.sin(found)


def _slope(a: Floats, b: Floats, theta: Floats) -> Floats:
    """dP / dθ at ρ = sin θ: the density of both Gaussians at (a, b) times cos θ."""
    square = np.cos(theta) ** 2
    density = np.exp(-(a**2 + b**2 - 2 * a * b * np.sin(theta)) / (2 * square))
    return np.asarray(density / (2 * np.pi), np.float64)
