"""Many p-values: one for all of them, or each adjusted for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.typing import Floats

# The numbers next to 0 and 1: what a p-value of exactly 0 or 1 stands for once rounded.
_LOWEST, _HIGHEST = np.finfo(float).tiny, float(np.nextafter(1, 0))

Combination: TypeAlias = Literal["simes", "cauchy", "harmonic-mean", "pearson", "fisher", "stouffer"]
Adjustment: TypeAlias = Literal["benjamini-hochberg", "holm"]

ADJUSTMENTS = ("benjamini-hochberg", "holm")

# Cauchy's method: p-values above are taken as that, and what this moves the sum by (`_combine_cauchy`).
_CAUCHY_CAP, _CAUCHY_SHIFT = 0.99, 0.06


@dataclass(frozen=True)
class CombinedPValue:
    """One p-value made of many.

    Parameters
    ----------
    statistic, pvalue : float
        Of the combination; NaN if there was no p-value to combine.
    method : str
        See `combine_pvalues`.
    n_combined, n_missing : int
        P-values combined, and NaN left out.
    n_bounded : int
        How many of those combined were exactly 0 or 1.
    """

    statistic: float
    pvalue: float
    method: str
    n_combined: int
    n_missing: int
    n_bounded: int


def combine_pvalues(pvalues: npt.ArrayLike, method: Combination = "simes") -> CombinedPValue:
    """One p-value for the null hypothesis that holds for every unit.

    Parameters
    ----------
    pvalues : array of float in [0, 1] or NaN, any shape
        NaN are left out and counted. Exactly 0 and 1, which would make a statistic infinite, are
        taken as the numbers next to them, 2.2e-308 and 1 − 1.1e-16, and counted.
    method : {"simes", "cauchy", "harmonic-mean", "pearson", "fisher", "stouffer"}
        For n p-values. The first three allow for units that depend on one another, such as units driven
        by the same samples; **the last three take units for independent**, and with units correlated
        at .8 reject a third of true nulls at the level of 5 %:

        - ``"simes"``: the smallest n p₍ₖ₎ / k over the sorted p-values. Below a level exactly where
          Benjamini and Hochberg's adjustment rejects for at least one unit.
        - ``"cauchy"``: the mean of cot(πp) against a Cauchy law. P-values above .99 are taken as .99,
          and the law moved by log(1 + .06 n) / π to make up for it (fitted: 2 to 2,000 independent
          p-values are rejected in 4.8 to 5.6 % of cases at the level of 5 %, in 0.9 to 1.2 % at
          1 %): else p-values next to 1, as discrete statistics have them, outweigh any small one.
        - ``"harmonic-mean"``: n / Σ 1/p against Landau's law (Wilson 2019).
        - ``"pearson"`` (the firing-rate paper's): 2 Σ log(1 − p) against a χ² law of 2n degrees of
          freedom. Moved most by large p-values: one near 1 outweighs many small ones.
        - ``"fisher"``: −2 Σ log p against the same law; moved most by small p-values.
        - ``"stouffer"``: Σ Φ⁻¹(1 − p) / √n against a normal law; moved by both alike.

    Returns
    -------
    CombinedPValue
        With ``statistic`` and ``pvalue`` NaN if every p-value is NaN.

    Raises
    ------
    ValueError
        If `pvalues` is empty or has values outside [0, 1], or `method` is unknown.

    Notes
    -----
    P-values of discrete statistics lie above uniform ones: Pearson's and Stouffer's methods then lose
    power, and many p-values of 1 (of units of few spikes, say) take all of it.

    References
    ----------
    Simes, Biometrika 73 (1986) 751; Liu and Xie, Journal of the American Statistical Association 115
    (2020) 393; Wilson, Proceedings of the National Academy of Sciences 116 (2019) 1195; Heard and
    Rubin-Delanchy, Biometrika 105 (2018) 239; SciPy's ``stats.combine_pvalues``, which the last three
    agree with.

    Examples
    --------
    >>> import ann2neo as a2n
    >>> round(a2n.combine_pvalues([0.01, 0.04]).pvalue, 5)
    0.02
    >>> round(a2n.combine_pvalues([0.01, 0.04], "fisher").pvalue, 5)
    0.00353
    """
    values = _check_pvalues(pvalues)
    check_choice(method, "method", COMBINATIONS)
    p = values[~np.isnan(values)]
    bounded = int(np.count_nonzero((p == 0) | (p == 1)))
    statistic, pvalue = float("nan"), float("nan")
    if p.size:
        statistic, pvalue = COMBINATIONS[method](np.clip(p, _LOWEST, _HIGHEST))
    return CombinedPValue(statistic, pvalue, method, p.size, values.size - p.size, bounded)


def adjust_pvalues(pvalues: npt.ArrayLike, method: Adjustment = "benjamini-hochberg") -> Floats:
    """P-values adjusted for the number of tests: compare them with the level wanted for all.

    Parameters
    ----------
    pvalues : array of float in [0, 1] or NaN, any shape
        NaN stay NaN and do not count as tests.
    method : {"benjamini-hochberg", "holm"}
        ``"benjamini-hochberg"`` bounds the expected fraction of false rejections among the rejections,
        for independent or positively dependent tests; ``"holm"`` the probability of any false
        rejection, whatever the dependence.

    Returns
    -------
    array of float, of the shape of `pvalues`

    Raises
    ------
    ValueError
        If `pvalues` is empty or has values outside [0, 1], or `method` is unknown.

    References
    ----------
    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289, by SciPy's
    ``false_discovery_control``; Holm, Scandinavian Journal of Statistics 6 (1979) 65, as in
    statsmodels' ``multipletests``.

    Examples
    --------
    >>> import ann2neo as a2n
    >>> a2n.adjust_pvalues([0.01, 0.02, float("nan"), 0.9]).round(4)
    array([0.03, 0.03,  nan, 0.9 ])
    """
    values = _check_pvalues(pvalues)
    check_choice(method, "method", ADJUSTMENTS)
    adjusted: Floats = np.full(values.shape, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        adjusted[tested] = _adjust(values[tested], method)
    return adjusted


def adjust_within_layers(
    pvalues: Floats, units: pd.DataFrame, method: Adjustment = "benjamini-hochberg"
) -> Floats:
    """P-values adjusted by the rule of this package: among the units of a layer.

    Rows that stand for a whole layer (``unit_index`` −1) are one family together.
    """
    family = units["layer"].astype(object).where(units["unit_index"] != -1, None)
    codes, names = pd.factorize(family, use_na_sentinel=False)
    adjusted: Floats = np.full(pvalues.shape, np.nan)
    for code in range(len(names)):
        chosen = codes == code
        adjusted[chosen] = adjust_pvalues(pvalues[chosen], method)
    return adjusted


def _adjust(p: Floats, method: str) -> Floats:
    """Adjusted p-values of those that are no NaN."""
    if method == "holm":
        # As statsmodels' multipletests, which collects all garbage at every call: half a second.
        order = np.argsort(p, kind="stable")
        stepped: Floats = np.empty(p.size)
        stepped[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
        return np.minimum(stepped, 1)
    from scipy import stats

    controlled: Floats = stats.false_discovery_control(p)
    return controlled


def _combine_simes(p: Floats) -> tuple[float, float]:
    statistic = float(np.min(np.sort(p) * p.size / np.arange(1, p.size + 1)))
    return statistic, statistic


def _combine_cauchy(p: Floats) -> tuple[float, float]:
    # cot(πp), from the nearer end so that small p keep their digits; divided before it is summed, so
    # that it does not overflow. The bound takes the left tail from the law and so moves the sum up.
    n, shift = p.size, 0.0
    if n > 1:
        p, shift = np.minimum(p, _CAUCHY_CAP), float(np.log1p(_CAUCHY_SHIFT * n)) / np.pi
    cotangent = np.where(p < 0.5, 1, -1) / np.tan(np.pi * np.minimum(p, 1 - p))
    statistic = float((cotangent / n).sum())
    return statistic, float(np.arctan2(1, statistic - shift) / np.pi)


def _combine_harmonic_mean(p: Floats) -> tuple[float, float]:
    from scipy import stats

    if p.size == 1:
        return float(p[0]), float(p[0])
    # Divided before it is summed, so that it does not overflow.
    inverse = float((1 / p / p.size).sum())
    # Wilson's equation 4: log n + 1 + ψ(1) − log(2/π).
    center = float(np.log(p.size)) + 1 - np.euler_gamma - np.log(2 / np.pi)
    return 1 / inverse, float(stats.landau.sf(inverse, loc=center, scale=np.pi / 2))


def _combine_pearson(p: Floats) -> tuple[float, float]:
    half = -float(np.log1p(-p).sum())
    return -2 * half, float(special.gammainc(p.size, half))


def _combine_fisher(p: Floats) -> tuple[float, float]:
    half = -float(np.log(p).sum())
    return 2 * half, float(special.gammaincc(p.size, half))


def _combine_stouffer(p: Floats) -> tuple[float, float]:
    statistic = -float(special.ndtri(p).sum()) / np.sqrt(p.size)
    return float(statistic), float(special.ndtr(-statistic))


COMBINATIONS: dict[str, Callable[[Floats], tuple[float, float]]] = {
    "simes": _combine_simes,
    "cauchy": _combine_cauchy,
    "harmonic-mean": _combine_harmonic_mean,
    "pearson": _combine_pearson,
    "fisher": _combine_fisher,
    "stouffer": _combine_stouffer,
}
"""Name → statistic and p-value of p-values strictly between 0 and 1."""


def _check_pvalues(pvalues: npt.ArrayLike) -> Floats:
    values = np.asarray(pvalues, dtype=np.float64)
    if values.size == 0:
        raise ValueError("pvalues must hold at least one p-value, got none")
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise ValueError(f"pvalues must lie in [0, 1] or be NaN, got {outside[0]}")
    return values
