"""Many p-values: one for all of them, or each adjusted for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from ann2neo.spikes.argument_checks import check_choice

# The numbers next to 0 and 1: what a p-value of exactly 0 or 1 stands for once rounded.
_LOWEST, _HIGHEST = np.finfo(float).tiny, float(np.nextafter(1, 0))

COMBINATIONS = ("pearson", "fisher", "stouffer", "cauchy")
ADJUSTMENTS = ("benjamini-hochberg", "holm")


@dataclass(frozen=True)
class CombinedPValue:
    """One p-value made of many.

    Parameters
    ----------
    statistic, pvalue : float
        Of the combination; NaN if there was no p-value to combine.
    method : str
        One of ``"pearson"``, ``"fisher"``, ``"stouffer"``, ``"cauchy"``.
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


def combine_pvalues(pvalues: Any, method: str = "pearson") -> CombinedPValue:
    """One p-value for the null hypothesis that holds for every unit.

    Parameters
    ----------
    pvalues : array of float in [0, 1] or NaN, any shape
        NaN are left out and counted. Exactly 0 and 1, which would make a statistic infinite, are
        taken as the numbers next to them, 2.2e-308 and 1 − 1.1e-16, and counted.
    method : {"pearson", "fisher", "stouffer", "cauchy"}
        For n p-values:

        - ``"pearson"`` (the firing-rate paper's): 2 Σ log(1 − p) against a χ² law of 2n degrees of
          freedom. Moved most by large p-values: one near 1 outweighs many small ones.
        - ``"fisher"``: −2 Σ log p against the same law; moved most by small p-values.
        - ``"stouffer"``: Σ Φ⁻¹(1 − p) / √n against a normal law; moved by both alike.
        - ``"cauchy"``: the mean of cot(πp) against a Cauchy law. Unlike the others it nearly holds
          its level for small p-values of dependent tests, such as units driven by the same samples.
          P-values above 1 − 1/(10 n) are taken as that: one next to 1 would outweigh any small one
          (simulated, 5 % become 5.0 to 5.2 %).

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
    Heard and Rubin-Delanchy, Biometrika 105 (2018) 239; SciPy's ``stats.combine_pvalues``, which the
    first three agree with; Liu and Xie, Journal of the American Statistical Association 115 (2020) 393.

    Examples
    --------
    >>> import ann2neo as a2n
    >>> round(a2n.combine_pvalues([0.01, 0.04], "fisher").pvalue, 5)
    0.00353
    """
    values = _checked(pvalues)
    check_choice(method, "method", COMBINATIONS)
    p = values[~np.isnan(values)]
    bounded = int(np.count_nonzero((p == 0) | (p == 1)))
    statistic, pvalue = _combine(np.clip(p, _LOWEST, _HIGHEST), method)
    return CombinedPValue(statistic, pvalue, method, p.size, values.size - p.size, bounded)


def adjust_pvalues(pvalues: Any, method: str = "benjamini-hochberg") -> np.ndarray:
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
    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289; Holm,
    Scandinavian Journal of Statistics 6 (1979) 65; statsmodels' ``multipletests``, which this agrees
    with.

    Examples
    --------
    >>> import ann2neo as a2n
    >>> a2n.adjust_pvalues([0.01, 0.02, float("nan"), 0.9]).round(4)
    array([0.03, 0.03,  nan, 0.9 ])
    """
    values = _checked(pvalues)
    check_choice(method, "method", ADJUSTMENTS)
    flat = values.ravel()
    order = np.argsort(flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    sorted_p, rank = flat[order], np.arange(1, order.size + 1)
    if method == "holm":
        stepped = np.maximum.accumulate(sorted_p * (order.size + 1 - rank))
    else:
        stepped = np.minimum.accumulate((sorted_p * (order.size / rank))[::-1])[::-1]
    adjusted = np.full(flat.size, np.nan)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted.reshape(values.shape)


def _combine(p: np.ndarray, method: str) -> tuple[float, float]:
    """Statistic and p-value of p-values strictly between 0 and 1."""
    n = p.size
    if n == 0:
        return float("nan"), float("nan")
    if method == "fisher":
        half = -np.log(p).sum()
        statistic, pvalue = 2 * half, special.gammaincc(n, half)
    elif method == "pearson":
        half = -np.log1p(-p).sum()
        statistic, pvalue = -2 * half, special.gammainc(n, half)
    elif method == "stouffer":
        statistic = -special.ndtri(p).sum() / np.sqrt(n)
        pvalue = special.ndtr(-statistic)
    else:
        # cot(πp), from the nearer end so that small 1 − p keeps its digits; divided before it is
        # summed, so that it does not overflow.
        p = np.minimum(p, 1 - 0.1 / n) if n > 1 else p
        cotangent = np.where(p < 0.5, 1, -1) / np.tan(np.pi * np.minimum(p, 1 - p))
        statistic = (cotangent / n).sum()
        pvalue = np.arctan2(1, statistic) / np.pi
    return float(statistic), float(pvalue)


def _checked(pvalues: Any) -> np.ndarray:
    values = np.asarray(pvalues, dtype=np.float64)
    if values.size == 0:
        raise ValueError("pvalues must hold at least one p-value, got none")
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise ValueError(f"pvalues must lie in [0, 1] or be NaN, got {outside[0]}")
    return values
