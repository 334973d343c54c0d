"""Estimators of an entropy in bits, from how often each pattern occurs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from ann2neo.spikes.typing import Floats, Ints

Estimator = Callable[[Ints, int], float]
"""From counts of at least 1 and the number of units."""


def plug_in(counts: Ints, n_units: int) -> float:
    """−Σ p log₂ p."""
    share, times = _shares(counts)
    return float(np.sum(times * share * -np.log2(share)))


def miller_madow(counts: Ints, n_units: int) -> float:
    """Plug-in and the first term of its bias."""
    return plug_in(counts, n_units) + (counts.size - 1) / (2 * math.log(2) * int(counts.sum()))


def chao_shen(counts: Ints, n_units: int) -> float:
    """Horvitz and Thompson's sum over the fractions that the coverage leaves."""
    n = int(counts.sum())
    share, times = _shares(counts)
    covered = 1 - np.count_nonzero(counts == 1) / n
    if covered == 0:
        return math.nan
    adjusted = covered * share
    with np.errstate(divide="ignore"):
        # 1 − (1 − Cp)ⁿ, to full precision for small Cp.
        seen = -np.expm1(n * np.log1p(-adjusted))
    return float(np.sum(times * adjusted * -np.log2(adjusted) / seen))


def chao_wang_jost(counts: Ints, n_units: int) -> float:
    """What the samples show without bias, and an estimate of what lies beyond them."""
    n = int(counts.sum())
    values, times = np.unique(counts, return_counts=True)
    once, twice = int(times[values == 1].sum()), int(times[values == 2].sum())
    seen = float(np.sum(times * values / n * (special.digamma(n) - special.digamma(values))))
    if once == 0:
        return seen / math.log(2)
    # Chao and Jost's estimate of the mean frequency of patterns seen once; unbiased for none twice.
    doubletons, singletons = (twice, once) if twice else (1, once - 1)
    unseen = 2 * doubletons / ((n - 1) * singletons + 2 * doubletons)
    return (seen + once / n * _sum_unseen(unseen, n)) / math.log(2)


def _sum_unseen(unseen: float, n: int) -> float:
    """Σ_{r ≥ n} (1 − A)^(r − n + 1) / r for A = `unseen`: what lies beyond the n samples."""
    rest = 1 - unseen
    if unseen * n < 1:
        # −log A less the first terms; (1 − A)ⁿ is not small, so that little cancels.
        r = np.arange(1, n)
        return float((-math.log(unseen) - np.sum(rest**r / r)) * rest ** (1 - n))
    terms = np.arange(math.ceil(40 / unseen))
    return float(np.sum(rest ** (terms + 1) / (n + terms)))


def grassberger(counts: Ints, n_units: int) -> float:
    """log n − Σ c G(c) / n with G(c) = ψ(c) + (−1)ᶜ (ψ((c + 1) / 2) − ψ(c / 2)) / 2."""
    n = int(counts.sum())
    values, times = np.unique(counts, return_counts=True)
    half = (special.digamma((values + 1) / 2) - special.digamma(values / 2)) / 2
    terms = special.digamma(values) + np.where(values % 2, -1, 1) * half
    return float(math.log(n) - np.sum(times * values * terms) / n) / math.log(2)


def james_stein(counts: Ints, n_units: int) -> float:
    """Plug-in of fractions that are drawn towards all 2^units patterns being equally likely."""
    n = int(counts.sum())
    share, times = _shares(counts)
    # Beyond floats' range nothing changes: the target's fractions are 0 but in their logarithm.
    target = 2.0 ** -min(n_units, 1000)
    squares = float(np.sum(times * share**2))
    apart = squares - target
    weight = 1.0 if n < 2 or apart <= 0 else min(1.0, (1 - squares) / ((n - 1) * apart))
    shrunk = weight * target + (1 - weight) * share
    positive = shrunk > 0
    seen = np.sum(times[positive] * shrunk[positive] * -np.log2(shrunk[positive]))
    # The patterns that were not seen share what is left of the target.
    left = weight * max(0.0, 1 - counts.size * target)
    return float(seen + (left * (n_units - math.log2(weight)) if weight > 0 else 0.0))


def quadratic_extrapolation(counts: Ints, n_units: int) -> float:
    """Plug-in at n, and expected at n/2 and n/4 of the samples, continued to 1/n = 0 (Strong 1998).

    The parabola in 1/n through the three; what is expected of smaller numbers of samples, drawn without
    replacement, is exact. NaN below four samples.
    """
    n = int(counts.sum())
    if n < 4:
        return math.nan
    sizes = (n, n // 2, n // 4)
    found = [expect_plug_in(counts, size) for size in sizes]
    # Lagrange's weights at 0.
    weights = []
    for own in sizes:
        others = [1 / size for size in sizes if size != own]
        weights.append(math.prod(other / (other - 1 / own) for other in others))
    return float(np.dot(weights, found))


def expect_plug_in(counts: Ints, size: int) -> float:
    """Mean of the plug-in estimate over all choices of `size` of the samples."""
    n = int(counts.sum())
    if size == n:
        return plug_in(counts, 0)
    values, times = np.unique(counts, return_counts=True)
    total = 0.0
    for value, many in zip(values.tolist(), times.tolist(), strict=True):
        drawn, probability = _hypergeometric(n, value, size)
        share = drawn / size
        total += many * float(np.sum(probability * special.xlogy(share, share)))
    return -total / math.log(2)


def _hypergeometric(n: int, marked: int, size: int) -> tuple[Ints, Floats]:
    """How many of `marked` among n samples are in a choice of `size`, and how likely: all but 1e-20."""
    mean = size * marked / n
    reach = 12 * math.sqrt(mean * (1 - marked / n)) + 30
    lowest = max(0, size + marked - n, math.floor(mean - reach))
    drawn = np.arange(lowest, min(marked, size, math.ceil(mean + reach)) + 1)
    log = (
        _log_binomial(marked, drawn)
        + _log_binomial(n - marked, size - drawn)
        - _log_binomial(n, np.array(size))
    )
    probability = np.exp(log)
    return drawn, probability / probability.sum()


def _log_binomial(n: int, k: Ints) -> Floats:
    found: Floats = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return found


def _shares(counts: Ints) -> tuple[Floats, Ints]:
    """Each fraction of the samples that a pattern has, and the number of patterns that have it."""
    values, times = np.unique(counts, return_counts=True)
    return values / counts.sum(), times


ESTIMATORS: dict[str, Estimator] = {
    "plug-in": plug_in,
    "miller-madow": miller_madow,
    "chao-shen": chao_shen,
    "chao-wang-jost": chao_wang_jost,
    "grassberger": grassberger,
    "james-stein": james_stein,
    "quadratic-extrapolation": quadratic_extrapolation,
}
"""Name → estimator."""
