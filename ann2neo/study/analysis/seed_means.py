"""Means over seeds with intervals by Student's t."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ann2neo.study.analysis.medians import LEVEL


def average_seeds(numbers: pd.DataFrame, by: list[str], value: str = "value") -> pd.DataFrame:
    """Mean of a column over the rows of each group, with its 95 % interval by Student's t (ddof=1).

    Parameters
    ----------
    numbers : pandas.DataFrame
        A row per group and seed; NaN are left out.
    by : list of str
        Columns whose values make the groups.
    value : str

    Returns
    -------
    pandas.DataFrame
        `by`, ``value``, ``low``, ``high``, ``n``, in order of appearance. ``low`` and ``high`` are NaN
        with fewer than two seeds, and where all seeds have the same number, which says nothing of the
        spread.

    Examples
    --------
    >>> import pandas as pd
    >>> from ann2neo.study.analysis.seed_means import average_seeds
    >>> average_seeds(pd.DataFrame({"a": "x", "value": [0.5, 0.7]}), ["a"]).round(2).values.tolist()
    [['x', 0.6, -0.67, 1.87, 2]]
    """
    # Late, because every worker of a study imports this module and none of them needs SciPy's.
    from scipy.stats import t

    by_group = numbers.dropna(subset=value).groupby(by, sort=False)[value]
    found = by_group.agg(value="mean", sd="std", n="size").reset_index()
    half = t.ppf((1 + LEVEL) / 2, found["n"] - 1) * found["sd"] / np.sqrt(found["n"])
    # Equal numbers may differ by rounding.
    half = half.where(found["sd"] > 1e-12)
    low, high = found["value"] - half, found["value"] + half
    return found.assign(low=low, high=high)[[*by, "value", "low", "high", "n"]]
