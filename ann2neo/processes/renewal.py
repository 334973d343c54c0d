"""Renewal models: the probability of a spike depends on the time since the last one."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc
from scipy.stats import norm

from ann2neo.processes.cells import LONGEST
from ann2neo.processes.estimates import ProcessEstimate, estimate_shares, measure_loglik
from ann2neo.spikes.typing import Floats, Ints

KINDS = ("geometric", "negative-binomial", "free")


def _edges(single: int, per_octave: int) -> Ints:
    """Ages one by one up to `single`, then so many groups per doubling, up to the longest."""
    n_octaves = int(np.log2(LONGEST / single))
    steps = single * 2.0 ** (np.arange(1, n_octaves * per_octave + 1) / per_octave)
    return np.concatenate([np.arange(single + 1), np.unique(np.rint(steps)).astype(np.int64)])


EDGES = _edges(32, 8)
"""Ages of one hazard: (EDGES[g], EDGES[g + 1]]."""

FREE = _edges(8, 1)
"""Those of the free intervals: their edges are among `EDGES`."""

_GROUP = np.searchsorted(FREE, EDGES[1:], "left") - 1


def fit_geometric(counts: Ints, *, smooth: bool = False) -> Floats:
    """Hazards of independent samples."""
    pooled = estimate_shares(counts.sum(axis=1, keepdims=True), smooth=smooth)
    return np.broadcast_to(pooled, counts.shape[:2])


def fit_free(counts: Ints, *, smooth: bool = False) -> tuple[Floats, Ints, Ints]:
    """Hazards of ages in the groups of `FREE`, the groups' counts, and how many have samples."""
    grouped = np.stack(
        [counts[:, group == _GROUP].sum(axis=1) for group in range(len(FREE) - 1)], axis=1
    )
    hazards = estimate_shares(grouped, smooth=smooth)
    return hazards[:, _GROUP], grouped, np.count_nonzero(grouped.sum(axis=-1), axis=1)


def negative_binomial_hazards(log_mean: Floats, log_shape: Floats) -> Floats:
    """Hazards per group of ages, (n_units, n_groups).

    Intervals d with d − 1 negative binomial of mean exp(log_mean) and shape r = exp(log_shape); r = 1 is
    the geometric law. Within a group of ages the hazard is the one number that leaves as many trains
    without a spike.
    """
    mean, shape = np.exp(log_mean)[:, None], np.exp(log_shape)[:, None]
    theta = shape / (shape + mean)
    # P(interval > a) = I_{1−θ}(a, r), with a = 0 for certain.
    later = betainc(np.maximum(EDGES[1:], 1)[None], shape, 1 - theta)
    survival = np.concatenate([np.ones((len(mean), 1)), later], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(survival[:, 1:]) - np.log(survival[:, :-1])
    hazards = -np.expm1(ratio / np.diff(EDGES))
    # Where survival is below what floats hold, the hazard has long come near to θ.
    deep = survival[:, 1:] < 1e-280
    return np.clip(np.where(deep, np.broadcast_to(theta, deep.shape), hazards), 1e-300, 1 - 1e-16)


def fit_negative_binomial(counts: Ints, *, smooth: bool = False) -> tuple[Floats, Floats]:
    """Hazards; log mean, log shape and their standard errors (n_units, 4), NaN where not reached."""
    spikes = counts[..., 1].sum(axis=1)
    n = counts.sum(axis=(1, 2))
    enough = (spikes > 2) & (spikes < n - 2)
    rate = np.clip(spikes / n, 1e-9, 1 - 1e-9)
    place = np.stack([np.log((1 - rate) / rate), np.zeros(len(rate))], axis=1)
    reached = _climb(counts, place, np.flatnonzero(enough))
    hazards = negative_binomial_hazards(place[:, 0], place[:, 1])
    hazards[~enough] = fit_geometric(counts, smooth=smooth)[~enough]
    found = np.full((len(rate), 4), np.nan)
    good = np.flatnonzero(reached)
    if good.size:
        _, _, curvature = _derivatives(counts[good], place[good])
        variance = np.diagonal(np.linalg.pinv(-curvature), axis1=1, axis2=2)
        found[good] = np.concatenate([place[good], np.sqrt(np.maximum(variance, 0))], axis=1)
    return hazards, found


def fit_renewal(
    counts: Ints, *, kind: str | None = None, choice: object = None, smooth: bool = False
) -> ProcessEstimate:
    """The kind of least BIC for each unit, or the one asked for, or `choice`, one per unit."""
    n = counts.sum(axis=(1, 2))
    free, grouped, n_free = fit_free(counts, smooth=smooth)
    regular, found = fit_negative_binomial(counts, smooth=smooth)
    hazards = [fit_geometric(counts, smooth=smooth), regular, free]
    sizes = np.stack([np.ones(len(n), np.int64), np.full(len(n), 2), n_free])
    bic = np.stack([-2 * measure_loglik(counts, h) for h in hazards]) + sizes * np.log(n)
    if choice is not None:
        best = np.array([KINDS.index(str(one)) for one in np.asarray(choice)])
    elif kind is not None:
        best = np.full(len(n), KINDS.index(kind))
    else:
        best = bic.argmin(axis=0)
    rows = np.arange(len(n))
    names = ["log_mean_pause", "log_shape", *_free_names()]
    values, low, high = np.full((3, len(n), len(names)), np.nan)
    z = norm.ppf(0.975)
    of_kind = best == 1
    values[of_kind, :2] = found[of_kind, :2]
    low[of_kind, :2] = found[of_kind, :2] - z * found[of_kind, 2:]
    high[of_kind, :2] = found[of_kind, :2] + z * found[of_kind, 2:]
    _set_rates(values, low, high, counts, grouped, best)
    return ProcessEstimate(
        np.stack(hazards)[best, rows],
        names,
        values,
        low,
        high,
        sizes[best, rows],
        np.array(KINDS, object)[best],
    )


def _set_rates(
    values: Floats, low: Floats, high: Floats, counts: Ints, grouped: Ints, best: Ints
) -> None:
    """Enter the geometric law's rate, as log mean pause, and the free hazards."""
    from ann2neo.processes.estimates import wilson_interval

    one = best == 0
    pooled = counts[one].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        values[one, 0] = np.log(pooled[:, 0] / pooled[:, 1])
        lower, upper = wilson_interval(pooled)
        low[one, 0], high[one, 0] = np.log((1 - upper) / upper), np.log((1 - lower) / lower)
        many = best == 2
        values[many, 2:] = grouped[many, :, 1] / grouped[many].sum(axis=-1)
    low[many, 2:], high[many, 2:] = wilson_interval(grouped[many])


def _free_names() -> list[str]:
    low, high = FREE[:-1] + 1, FREE[1:]
    names = [f"hazard_{a}" if a == b else f"hazard_{a}_{b}" for a, b in zip(low, high, strict=True)]
    return [*names[:-1], f"hazard_{low[-1]}_up"]


def _climb(counts: Ints, place: Floats, going: Ints) -> np.ndarray:
    """Newton's method in place; whether each unit's maximum was reached."""
    reached = np.zeros(len(place), bool)
    for _ in range(40):
        if going.size == 0:
            break
        here = counts[going]
        value, slope, curvature = _derivatives(here, place[going])
        # Uphill also where the likelihood is not concave.
        size, axes = np.linalg.eigh(-curvature)
        along = np.einsum("uji,uj->ui", axes, slope) / np.maximum(
            np.abs(size), 1e-8 * np.abs(value)[:, None]
        )
        step = np.clip(np.einsum("uij,uj->ui", axes, along), -1.5, 1.5)
        scale = np.ones(going.size)
        for _ in range(20):
            new = place[going] + scale[:, None] * step
            worse = _value(here, new) < value - 1e-9 * np.abs(value)
            if not worse.any():
                break
            scale[worse] /= 2
        place[going] = new
        done = np.abs(scale[:, None] * step).max(axis=1) < 1e-5
        far = np.abs(new[:, 1]) > 8
        reached[going[done & ~far]] = True
        going = going[~(done | far)]
    return reached


def _value(counts: Ints, place: Floats) -> Floats:
    return measure_loglik(counts, negative_binomial_hazards(place[:, 0], place[:, 1]))


def _derivatives(counts: Ints, place: Floats) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood, its gradient and curvature, by central differences."""
    h = 1e-3
    shift = {
        (i, j): _value(counts, place + h * np.array([i, j])) for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    slope = np.stack([shift[1, 0] - shift[-1, 0], shift[0, 1] - shift[0, -1]], axis=1) / (2 * h)
    curvature = np.empty((len(place), 2, 2))
    curvature[:, 0, 0] = shift[1, 0] - 2 * shift[0, 0] + shift[-1, 0]
    curvature[:, 1, 1] = shift[0, 1] - 2 * shift[0, 0] + shift[0, -1]
    cross = shift[1, 1] - shift[1, -1] - shift[-1, 1] + shift[-1, -1]
    curvature[:, 0, 1] = curvature[:, 1, 0] = cross / 4
    return shift[0, 0], slope, curvature / h**2
