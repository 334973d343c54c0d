"""What of the CV of Fano factors over units is noise, and what the firing rates alone say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ann2neo.study.analysis.paper_order import select_measured

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

KEYS = ["network", "width", "dataset", "condition", "split"]


WINDOW = 100
"""Samples per window where the results do not say, as in the paper."""


def correct_fano_spread(results: Results) -> pd.DataFrame:
    """The CV of the Fano factor as recorded, without noise, and of coins with the units' rates.

    Parameters
    ----------
    results : Results

    Returns
    -------
    pandas.DataFrame
        A row per network, width, data set, condition and split, means over seeds: ``n_networks``;
        ``recorded``, in percent; ``corrected``, as `ann2neo.summarize` found it, or in tables without
        it to first order, the root of CV² U / (U − 1) − 2 (1 + CV²) / W for U units and W windows, 0
        where noise accounts for all;
        ``from_rates``, the CV of the rates × MFR / (1 − MFR), which is the CV of 1 − rate.
    """
    frame = select_measured(results)
    window = results.study.window if results.study is not None else WINDOW
    cv = frame["cv_fanofactor_percent"] / 100
    units, windows = frame["n_units"].astype(float), frame["n_samples"] // window
    with np.errstate(divide="ignore", invalid="ignore"):
        left = cv**2 * units / (units - 1) - 2 * (1 + cv**2) / windows
        rates = frame["firing_rate"] / (1 - frame["firing_rate"])
    name = "cv_fanofactor_corrected_percent"
    exact = frame[name].astype(float) if name in frame else pd.Series(np.nan, frame.index)
    numbers = frame[KEYS].assign(
        n_networks=1,
        recorded=100 * cv,
        corrected=exact.fillna(100 * np.sqrt(left.clip(lower=0))),
        from_rates=frame["cv_firing_rate_percent"] * rates,
    )
    grouped = numbers.groupby(KEYS, sort=False)
    means = grouped[["recorded", "corrected", "from_rates"]].mean()
    return pd.concat([grouped["n_networks"].sum(), means], axis=1).reset_index()
