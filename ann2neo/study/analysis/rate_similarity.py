"""Firing rates compared unit by unit: between conditions and between data splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.study.analysis.paper_order import LAYER, sort_rows

_BASES = ("Generalizing", "Random")


def pair_conditions(memorizing: Sequence[str]) -> list[tuple[str, str]]:
    """The conditions that the paper compares: the two that memorize nothing, and each with all others.

    Examples
    --------
    >>> pair_conditions(["MemRetrainLast"])[:2]
    [('Generalizing', 'Random'), ('Generalizing', 'MemRetrainLast')]
    """
    return [_BASES, *((base, name) for base in _BASES for name in memorizing)]


def compare_conditions(units: pd.DataFrame, memorizing: Sequence[str]) -> pd.DataFrame:
    """Kolmogorov and Smirnov's test that two conditions have the same distribution of firing rates.

    Parameters
    ----------
    units : pandas.DataFrame
        Of a study's results, a row per unit: ``network``, ``width``, ``dataset``, ``condition``,
        ``seed``, ``split``, ``firing_rate``.
    memorizing : sequence of str
        Names of the conditions that memorize, each compared with ``"Generalizing"`` and ``"Random"``,
        which are compared too; see `ann2neo.study.analysis.paper_order.find_memorizing`.

    Returns
    -------
    pandas.DataFrame
        A row per network trained (``network``, ``width``, ``dataset``, ``seed``), ``split`` and pair of
        conditions ``a``, ``b`` that it has: ``statistic``, the largest distance of the distribution
        functions; ``pvalue``, two-sided; ``mean_difference`` of the rates, b − a; ``n_units``, the
        smaller number of units.

    Notes
    -----
    The test takes units for independent draws, and the two layers for strangers. Units of a layer were
    trained together, and most conditions share their start: p-values are a guide, not a level.

    Examples
    --------
    >>> import pandas as pd
    >>> from ann2neo.study.analysis.rate_similarity import compare_conditions
    >>> cell = {"network": "mlp", "width": 4, "dataset": "digits", "seed": 0, "split": "train"}
    >>> rates = {"Generalizing": [0.5, 0.6, 0.7, 0.8], "Random": [0.1, 0.2, 0.3, 0.55]}
    >>> rows = [{**cell, "condition": c, "firing_rate": r} for c in rates for r in rates[c]]
    >>> compare_conditions(pd.DataFrame(rows), [])[["a", "b", "statistic"]]
                  a       b  statistic
    0  Generalizing  Random       0.75
    """
    return _compare(units, "split", "condition", pair_conditions(memorizing))


def compare_splits(units: pd.DataFrame) -> pd.DataFrame:
    """Kolmogorov and Smirnov's test that a network's firing rates are alike on training and test data.

    Parameters
    ----------
    units : pandas.DataFrame
        As for `compare_conditions`.

    Returns
    -------
    pandas.DataFrame
        A row per network trained and ``condition``, with ``a`` = "train", ``b`` = "test" and the columns
        of `compare_conditions`.

    Notes
    -----
    Both splits are seen by the same units, which the test does not know: it rejects less often than its
    level says, and that it does not reject is no sign of equal rates. ``mean_difference`` says more.
    """
    return _compare(units, "condition", "split", [("train", "test")])


def _compare(
    units: pd.DataFrame, within: str, between: str, pairs: list[tuple[str, str]]
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    keys = [*LAYER, within]
    for key, of_layer in units.groupby(keys, sort=False):
        rates = {name: group["firing_rate"].dropna() for name, group in of_layer.groupby(between)}
        rows += [
            {**dict(zip(keys, key, strict=True)), "a": a, "b": b, **_ks(rates[a], rates[b])}
            for a, b in pairs
            if a in rates and b in rates and len(rates[a]) and len(rates[b])
        ]
    frame = pd.DataFrame(rows, columns=[*keys, "a", "b", *_KS])
    return sort_rows(frame)


_KS = ["statistic", "pvalue", "mean_difference", "n_units"]


def _ks(a: pd.Series, b: pd.Series) -> dict[str, float]:
    from scipy import stats

    statistic, pvalue = stats.ks_2samp(a, b)
    difference = float(np.mean(b) - np.mean(a))
    return dict(zip(_KS, (statistic, pvalue, difference, min(len(a), len(b))), strict=True))
