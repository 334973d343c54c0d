"""Estimating cells' probabilities: each by itself, or by logistic regression over features of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, xlog1py, xlogy
from scipy.stats import norm

from ann2neo.spikes.typing import Floats, Ints

_STEPS = 60


@dataclass(frozen=True, eq=False)
class ProcessEstimate:
    """Fitted probabilities of cells, and the parameters they come from, of all units.

    Parameters
    ----------
    probability : array of float, shape (n_units, n_cells)
    names : list of str
        Of the parameters.
    values, low, high : array of float, shape (n_units, n_parameters)
        And their 95 % intervals. NaN where a unit's model has no such parameter or its data do not
        determine it.
    n_parameters : array of int, shape (n_units,)
        Free parameters of each unit's model.
    choice : array of object, shape (n_units,), optional
        What was chosen among the model's kinds, such as the order.
    """

    probability: Floats
    names: list[str]
    values: Floats
    low: Floats
    high: Floats
    n_parameters: Ints
    choice: npt.NDArray[np.object_] | None = None


def measure_loglik(counts: Ints, probability: Floats) -> Floats:
    """Log-likelihood in nats, per unit, of counts (n_units, n_cells, 2)."""
    terms = xlogy(counts[..., 1], probability) + xlog1py(counts[..., 0], -probability)
    return np.asarray(terms.sum(axis=-1), np.float64)


def estimate_shares(counts: Ints, *, smooth: bool = False) -> Floats:
    """Each cell's share of spikes; with `smooth` (k + ½) / (n + 1), of Krichevsky and Trofimov.

    A cell without samples has the unit's overall share.
    """
    pauses, spikes = counts[..., 0], counts[..., 1]
    n = pauses + spikes
    add = 0.5 if smooth else 0.0
    overall = (spikes.sum(axis=-1) + add) / (n.sum(axis=-1) + 2 * add)
    with np.errstate(invalid="ignore"):
        found = (spikes + add) / (n + 2 * add)
    return np.where(n > 0, found, overall[..., None])


def wilson_interval(counts: Ints, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Score interval of a share (Wilson 1927); NaN for a cell without samples."""
    z = norm.ppf(1 - alpha / 2)
    k, n = counts[..., 1], counts.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def fit_shares(counts: Ints, names: list[str], *, smooth: bool = False) -> ProcessEstimate:
    """A free probability for each cell; a parameter is counted for each cell with samples."""
    probability = estimate_shares(counts, smooth=smooth)
    seen = counts.sum(axis=-1) > 0
    low, high = wilson_interval(counts)
    values = np.where(seen, probability, np.nan)
    return ProcessEstimate(probability, names, values, low, high, np.count_nonzero(seen, axis=-1))


def fit_logistic(
    counts: Ints, features: Floats, names: list[str], *, smooth: bool = False
) -> ProcessEstimate:
    """Maximum likelihood of logit p = features · β, for all units at once, by Newton's method.

    A unit that is the same at all samples, or whose likelihood rises without end (a feature tells its
    spikes from its pauses), has NaN parameters; its probabilities are those that were come near to.
    With `smooth` half a spike and half a pause are spread over the cells, and every unit has a maximum.
    """
    spikes = counts[..., 1].astype(float)
    n = counts.sum(axis=-1).astype(float)
    if smooth:
        total = n.sum(axis=-1, keepdims=True)
        share = np.where(total > 0, n / np.maximum(total, 1), 1 / n.shape[-1])
        spikes, n = spikes + 0.5 * share, n + share
    rate = spikes.sum(axis=-1, keepdims=True) / n.sum(axis=-1, keepdims=True)
    constant = ((rate <= 0) | (rate >= 1))[:, 0]
    beta, converged = _climb(spikes, n, features, ~constant)
    probability = expit(beta @ features.T)
    probability[constant] = np.clip(rate[constant], 0, 1)
    weight = n * probability * (1 - probability)
    error = np.full(beta.shape, np.nan)
    good = converged & ~constant
    if good.any():
        inverse = np.linalg.pinv(_curvature(weight[good], features), hermitian=True)
        error[good] = np.sqrt(np.maximum(np.diagonal(inverse, axis1=1, axis2=2), 0))
    values = np.where(good[:, None], beta, np.nan)
    half = norm.ppf(0.975) * error
    size = np.full(len(beta), features.shape[1])
    return ProcessEstimate(probability, names, values, values - half, values + half, size)


def _climb(
    spikes: Floats, n: Floats, features: Floats, active: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """β of each unit, and whether it was reached."""
    beta = np.zeros((len(spikes), features.shape[1]))
    converged = np.zeros(len(spikes), bool)
    going = np.flatnonzero(active)
    value = _loglik(spikes, n, beta @ features.T)
    for _ in range(_STEPS):
        if going.size == 0:
            break
        eta = beta[going] @ features.T
        p = expit(eta)
        slope = (spikes[going] - n[going] * p) @ features
        curvature = _curvature(n[going] * p * (1 - p), features)
        step = np.einsum("uij,uj->ui", np.linalg.pinv(curvature, hermitian=True), slope)
        gain = (slope * step).sum(axis=1)
        size = np.ones(going.size)
        for _ in range(30):
            new = beta[going] + size[:, None] * step
            reached = _loglik(spikes[going], n[going], new @ features.T)
            worse = reached < value[going] - 1e-10 * np.abs(value[going])
            if not worse.any():
                break
            size[worse] /= 2
        beta[going], value[going] = new, reached
        # The gain of a step is twice the likelihood still to be had.
        done = gain < 1e-16 * np.maximum(1, np.abs(value[going]))
        done |= np.abs(step).max(axis=1) < 1e-11
        far = np.abs(new).max(axis=1) > 25
        converged[going[done & ~far]] = True
        going = going[~(done | far)]
    return beta, converged


def _curvature(weight: Floats, features: Floats) -> Floats:
    q = features.shape[1]
    products = (features[:, :, None] * features[:, None, :]).reshape(len(features), q * q)
    return (weight @ products).reshape(-1, q, q)


def _loglik(spikes: Floats, n: Floats, eta: Floats) -> Floats:
    return np.asarray((spikes * eta - n * np.logaddexp(0, eta)).sum(axis=1), np.float64)
