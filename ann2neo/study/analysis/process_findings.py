"""Which models describe the units of a study's networks, and what drawn populations have of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from ann2neo.study.analysis.paper_order import sort_rows
from ann2neo.study.analysis.seed_means import average_seeds

SHOWN = ["network", "width", "dataset", "split", "order", "condition"]
"""What names networks of all seeds, and what they were shown."""
MEASURES = ("best_fraction", "gain", "rejected", "fano_rejected")
_BASE = "Generalizing"


def summarize_models(processes: pd.DataFrame) -> pd.DataFrame:
    """Numbers of models per condition, with intervals over seeds.

    Parameters
    ----------
    processes : pandas.DataFrame
        As in `Results`.

    Returns
    -------
    pandas.DataFrame
        ``network`` to ``condition``, ``model``, ``measure`` (see `Results`), ``compared_with``, and
        ``value``, the mean over seeds, with its 95 % interval by Student's t, ``low`` and ``high``, and
        ``n`` seeds. Where ``compared_with`` is not empty, of differences to that condition within seeds.
    """
    long = sort_rows(processes).melt(
        [*SHOWN, "seed", "model"], list(MEASURES), var_name="measure", value_name="value"
    )
    by = [*SHOWN, "model", "measure"]
    place = [name for name in [*by, "seed"] if name != "condition"]
    base = long[long["condition"] == _BASE][[*place, "value"]]
    both = long[long["condition"] != _BASE].merge(base, on=place, suffixes=("", "_base"))
    differences = both.assign(value=both["value"] - both["value_base"]).drop(columns="value_base")
    numbers = pd.concat(
        [long.assign(compared_with=""), differences.assign(compared_with=_BASE)], ignore_index=True
    )
    return average_seeds(numbers, [*by, "compared_with"])


def summarize_populations(simulated: pd.DataFrame) -> pd.DataFrame:
    """Observed and drawn populations per condition, means over seeds.

    Parameters
    ----------
    simulated : pandas.DataFrame
        As in `Results`.

    Returns
    -------
    pandas.DataFrame
        ``network`` to ``condition``, ``population``, ``quantity``, ``observed`` and ``simulated``, ``n``
        seeds, and ``n_inside``, in how many of them the observed value lies in the range of those drawn.
    """
    inside = simulated["observed"].between(simulated["least"], simulated["most"])
    by = [*SHOWN, "population", "quantity"]
    grouped = sort_rows(simulated.assign(inside=inside)).groupby(by, sort=False)
    return grouped.agg(
        observed=("observed", "mean"),
        simulated=("simulated", "mean"),
        n=("observed", "size"),
        n_inside=("inside", "sum"),
    ).reset_index()


def judge_poisson(found: pd.DataFrame, memorizing: Sequence[str]) -> list[str]:
    """Sentences on the paper's second hypothesis, from what `summarize_models` found.

    For each measure of misfit and each of the conditions `memorizing`: whether Poisson counts, and
    independent samples of the same rates, fit generalizing networks better, on training data in random
    order.
    """
    said = []
    for model, measure, name in _MISFITS:
        rows = found[
            (found["model"] == model)
            & (found["measure"] == measure)
            & (found["compared_with"] == _BASE)
            & found["condition"].isin(memorizing)
            & (found["order"] == "permutation")
            & (found["split"] == "train")
        ]
        verdicts = {str(row["condition"]): _side(row) for row in rows.to_dict("records")}
        if verdicts:
            listed = ", ".join(f"{condition}: {verdict}" for condition, verdict in verdicts.items())
            said.append(f"{name}: {listed}.")
    return said


_MISFITS = (
    ("poisson", "fano_rejected", "Fano factors that reject Poisson counts"),
    ("bernoulli", "fano_rejected", "Fano factors that reject independent samples"),
    ("bernoulli", "rejected", "Intervals that reject independent samples"),
)


def _side(row: dict[Hashable, Any]) -> str:
    if pd.isna(row["low"]) or row["low"] <= 0 <= row["high"]:
        return "undecided"
    return "more in memorizing networks" if row["value"] > 0 else "fewer in memorizing networks"
