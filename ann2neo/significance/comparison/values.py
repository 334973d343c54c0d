"""Two samples of an indicator's values against each other: unit by unit, or network by network."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ann2neo.significance.comparison.effect_sizes import cliffs_delta, hedges_g
from ann2neo.significance.comparison.permutation import permutation_pvalue
from ann2neo.spikes.typing import Floats


@dataclass(frozen=True)
class Difference:
    """A difference of means, with its interval, tests and effect sizes."""

    difference: float
    low: float
    high: float
    pvalue: float
    pvalue_wilcoxon: float
    pvalue_mixed: float
    cliffs_delta: float
    hedges_g: float
    n_a: int
    n_b: int


def compare_units(
    a: Floats,
    b: Floats,
    *,
    paired: bool,
    rng: np.random.Generator,
    n_permutations: int = 9999,
    confidence: float = 0.95,
) -> Difference:
    """Values of units, or one of each network, against each other; NaN (in pairs) left out.

    The interval is Welch's, or Student's of the differences; the p-value a permutation's
    (`permutation_pvalue`). ``pvalue_wilcoxon`` is of the signed-rank test if paired, else of the
    rank-sum (Mann–Whitney) test.
    """
    a, b = drop_undefined(a, b, paired)
    enough = min(a.size, b.size) >= 2
    low, high = interval(a, b, paired=paired, confidence=confidence) if enough else (np.nan, np.nan)
    return Difference(
        float(a.mean() - b.mean()) if min(a.size, b.size) else float("nan"),
        low,
        high,
        permutation_pvalue(a, b, paired=paired, n_permutations=n_permutations, rng=rng),
        _wilcoxon(a, b, paired),
        float("nan"),
        cliffs_delta(a, b),
        hedges_g(a, b),
        a.size,
        b.size,
    )


def compare_networks(
    a: Sequence[Floats],
    b: Sequence[Floats],
    *,
    paired: bool,
    rng: np.random.Generator,
    n_permutations: int = 9999,
    confidence: float = 0.95,
) -> Difference:
    """Values of the units of several networks on each side: the network is what was drawn.

    Everything is of the networks' means, as `compare_units`; ``pvalue_mixed`` beside it of a linear
    mixed model of the units with an intercept for each network (`fit_mixed_model`).
    """
    means = [np.array([_mean(values) for values in side]) for side in (a, b)]
    found = compare_units(
        *means, paired=paired, rng=rng, n_permutations=n_permutations, confidence=confidence
    )
    return Difference(**{**vars(found), "pvalue_mixed": fit_mixed_model(a, b, paired=paired)})


def drop_undefined(a: Floats, b: Floats, paired: bool) -> tuple[Floats, Floats]:
    """Without NaN; of pairs both are left out."""
    if paired:
        defined = ~(np.isnan(a) | np.isnan(b))
        return a[defined], b[defined]
    return a[~np.isnan(a)], b[~np.isnan(b)]


def standard_error(a: Floats, b: Floats, *, paired: bool) -> tuple[float, float]:
    """Of the difference of means, and its degrees of freedom: Student's if paired, else Welch's.

    NaN where nothing varies (but for rounding): that says nothing of how far means would vary.
    """
    sides = [a - b] if paired else [a, b]
    u, v = [float(side.var(ddof=1)) / side.size for side in sides] + [0.0] * paired
    if u + v <= (1e-12 * max(np.abs(a).max(), np.abs(b).max())) ** 2:
        return float("nan"), float("nan")
    if paired:
        return float(np.sqrt(u)), a.size - 1.0
    return float(np.sqrt(u + v)), float((u + v) ** 2 / (u**2 / (a.size - 1) + v**2 / (b.size - 1)))


def interval(a: Floats, b: Floats, *, paired: bool, confidence: float) -> tuple[float, float]:
    """Of the difference of means, by Student's law; NaN where nothing varies."""
    from scipy import special

    error, degrees = standard_error(a, b, paired=paired)
    reach = float(special.stdtrit(degrees, (1 + confidence) / 2)) * error
    difference = float(a.mean() - b.mean())
    return difference - reach, difference + reach


def fit_mixed_model(a: Sequence[Floats], b: Sequence[Floats], *, paired: bool) -> float:
    """Of the condition in statsmodels' MixedLM: value ~ condition, an intercept for each network.

    Paired networks share an intercept and have one more for each recording. Wald's statistic is held
    against Student's law with the networks' degrees of freedom, n − 2 or pairs − 1: against the normal
    law it rejects too often for few networks. NaN where the model cannot be fitted,
    and where the units of each network are all alike.
    """
    from scipy import special

    degrees = len(a) - 1 if paired else len(a) + len(b) - 2
    if min(len(a), len(b)) < 2:
        return float("nan")
    table = pd.DataFrame(
        [
            (value, condition, number + (0 if paired else condition * len(a)))
            for condition, side in enumerate((a, b))
            for number, values in enumerate(side)
            for value in values[~np.isnan(values)]
        ],
        columns=["value", "condition", "network"],
    )
    mixed_lm = importlib.import_module("statsmodels.regression.mixed_linear_model").MixedLM
    spread = float(table["value"].std())
    within = table.groupby(["condition", "network"])["value"].std(ddof=0).max()
    if not within > 1e-12 * table["value"].abs().max():
        return float("nan")
    fixed = np.column_stack([np.ones(len(table)), table["condition"]])
    random = fixed if paired else None
    with warnings.catch_warnings():
        # It warns of a variance between networks that is 0.
        warnings.simplefilter("ignore")
        try:
            model = mixed_lm(table["value"] / spread, fixed, table["network"], exog_re=random)
            # Of its optimizers the one that also ends well where the variance between networks is 0.
            fitted = model.fit(reml=True, method="powell")
            estimate, error = float(fitted.fe_params.iloc[1]), float(fitted.bse_fe.iloc[1])
        except (np.linalg.LinAlgError, ValueError):
            return float("nan")
    if not (fitted.converged and error > 0):
        return float("nan")
    return float(2 * special.stdtr(degrees, -abs(estimate / error)))


def _mean(values: Floats) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _wilcoxon(a: Floats, b: Floats, paired: bool) -> float:
    from scipy import stats

    if min(a.size, b.size) < 2:
        return float("nan")
    if not paired:
        return float(stats.mannwhitneyu(a, b).pvalue)
    return float(stats.wilcoxon(a, b).pvalue) if (a != b).any() else 1.0
