"""Conditions compared with the network as what was drawn, beside the paper's tests of units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.significance.comparison.values import compare_units
from ann2neo.study.analysis.paper_order import sort_rows
from ann2neo.study.analysis.rate_similarity import pair_conditions

NUMBERS = ["difference", "low", "high", "pvalue", "hedges_g", "n"]


def compare_over_networks(
    indicators: pd.DataFrame, memorizing: Sequence[str], indicator: str = "firing_rate"
) -> pd.DataFrame:
    """Difference of an indicator between two conditions over networks trained separately.

    Parameters
    ----------
    indicators : pandas.DataFrame
        Of a study's results, a row per network trained and split: ``network``, ``width``, ``dataset``,
        ``condition``, ``seed``, ``split`` and the indicator, a mean over units.
    memorizing : sequence of str
        As for `ann2neo.study.analysis.rate_similarity.compare_conditions`.
    indicator : str
        A column of numbers.

    Returns
    -------
    pandas.DataFrame
        A row per ``network``, ``width``, ``dataset``, ``split`` and pair of conditions ``a``, ``b``:
        ``difference``, mean over seeds of b − a; ``low``, ``high``, its 95 % interval (Student's);
        ``pvalue``, two-sided, of the differences' signs changed at random; ``hedges_g``; ``n``, seeds
        that have both. All but the difference are NaN for one seed.

    Notes
    -----
    Networks of one seed are pairs: they share their start, and often their first training. With n pairs
    the p-value cannot be below 2 / 2ⁿ: fewer than six networks decide nothing at the level of 5 %.

    Examples
    --------
    >>> import pandas as pd
    >>> from ann2neo.study.analysis.network_comparison import compare_over_networks
    >>> cell = {"network": "mlp", "width": 4, "dataset": "digits", "split": "train"}
    >>> rates = {"Generalizing": [0.5, 0.6, 0.7], "Random": [0.6, 0.7, 0.9]}
    >>> rows = [
    ...     {**cell, "condition": c, "seed": s, "firing_rate": r}
    ...     for c in rates
    ...     for s, r in enumerate(rates[c])
    ... ]
    >>> compare_over_networks(pd.DataFrame(rows), [])[["a", "b", "difference", "pvalue"]].round(3)
                  a       b  difference  pvalue
    0  Generalizing  Random       0.133    0.25
    """
    keys = ["network", "width", "dataset", "split"]
    rows: list[dict[str, Any]] = []
    for key, of_layer in indicators.groupby(keys, sort=False):
        values = of_layer.pivot_table(index="seed", columns="condition", values=indicator)
        rows += [
            {**dict(zip(keys, key, strict=True)), "a": a, "b": b, **_compare(values[[a, b]].dropna())}
            for a, b in pair_conditions(memorizing)
            if a in values and b in values
        ]
    frame = pd.DataFrame(rows, columns=[*keys, "a", "b", *NUMBERS])
    return sort_rows(frame[frame["n"] > 0])


def _compare(pairs: pd.DataFrame) -> dict[str, float]:
    a, b = pairs.to_numpy(dtype=float).T
    # All changes of signs are gone through up to 14 networks; beyond, the same ones are drawn.
    found = compare_units(b, a, paired=True, rng=np.random.default_rng(0))
    pvalue = found.pvalue if len(pairs) > 1 else np.nan
    numbers = (found.difference, found.low, found.high, pvalue, found.hedges_g, len(pairs))
    return dict(zip(NUMBERS, numbers, strict=True))
