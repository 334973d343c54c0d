"""The paper's tables of a study, measured beside published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.study.analysis.fano_spread import KEYS as FANO_SPREAD_KEYS
from ann2neo.study.analysis.fano_spread import correct_fano_spread
from ann2neo.study.analysis.network_comparison import NUMBERS, compare_over_networks
from ann2neo.study.analysis.paper_order import find_memorizing, sort_names, sort_rows, unstack
from ann2neo.study.analysis.published import CELL, read_published
from ann2neo.study.analysis.rate_similarity import compare_conditions, compare_splits, pair_conditions

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_ROW = ["network", "width", "dataset", "split"]
_PARTS = ["mean", "sd", "n", "published", "difference", "flag"]
_QUANTITIES = {
    "accuracy": ["accuracy_percent"],
    "firing_rate": ["firing_rate", "cv_firing_rate_percent"],
    "fano": ["fanofactor"],
}
ALIKE = 0.05
"""Distributions whose p-value is at least this are called alike, as the paper does."""


def tabulate(results: Results) -> dict[str, pd.DataFrame]:
    """The tables of the firing-rate paper: what a study measured, beside what was published.

    Parameters
    ----------
    results : Results
        Cells that failed or diverged have no measured numbers, cells the paper does not have no
        published ones.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``"accuracy"``
            The paper's table 1. A row per network, width, data set and split (the training and the
            validation part of the training data); columns of three levels: condition; quantity
            (``accuracy_percent``); ``mean`` over seeds, ``sd`` (ddof=1, NaN with one seed), ``n``
            seeds, ``published``, ``difference`` of mean and published, ``flag`` of the published number
            (`read_published`).
        ``"firing_rate"``
            Table 2 in the same shape, with the quantities ``firing_rate`` and
            ``cv_firing_rate_percent``; the splits are those recorded.
        ``"fano"``
            Table 5, ``fanofactor``.
        ``"fano_spread"``
            The CV of the Fano factor as recorded, without the noise that depends on the recording's
            length, and as the firing rates alone have it (`correct_fano_spread`): a row per network,
            width, data set, condition and split.
        ``"networks"``
            Firing rates between conditions with the network as what was drawn (`compare_over_networks`):
            a row per network, width, data set and split; column levels: pair of conditions a–b;
            ``difference``, mean over seeds of b − a; ``low``, ``high``, ``pvalue``, ``hedges_g``, ``n``
            seeds.
        ``"ks"``
            The paper's tests of table 2 between conditions: rows and columns as of ``"networks"``;
            ``distance``, mean over seeds; ``pvalue``, the smallest over seeds; ``alike``, seeds whose
            p-value is at least 0.05; ``n`` seeds.
        ``"ks_splits"``
            The same between training and test data: a row per network, width and data set, a column a
            condition, also with ``mean_difference``, the largest difference of the mean rates in size
            over seeds.

        The last two are left out where the results have no units (read from ``results.csv`` alone), and
        are what `similarity.ks_conditions` and `similarity.ks_splits` say of each seed, where their
        assumptions are stated. The paper marks its tests by symbols, so there is no published p-value.

    Examples
    --------
    >>> from ann2neo.study.analysis.paper_tables import tabulate
    >>> shown = tabulate(results)["firing_rate"]  # doctest: +SKIP
    >>> shown["Generalizing", "firing_rate", "difference"]  # doctest: +SKIP
    """
    # Broken cells stay, without numbers, so that their published ones show.
    frame = sort_rows(results.indicators)
    memorizing = find_memorizing(results)
    made = {
        "accuracy": _set_beside_published(_accuracies(frame), "accuracy"),
        "firing_rate": _set_beside_published(_long(frame, "firing_rate"), "firing_rate"),
        "fano": _set_beside_published(_long(frame, "fano"), "fano"),
        "fano_spread": correct_fano_spread(results).set_index(FANO_SPREAD_KEYS),
        "networks": _network_table(frame, memorizing),
    }
    if len(results.units):
        made["ks"] = _ks_table(results.units, memorizing)
        made["ks_splits"] = _split_table(results.units)
    return made


def _accuracies(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracies belong to a cell; each of its rows, a split recorded, repeats them."""
    cell = ["network", "width", "dataset", "condition", "seed"]
    once = frame.drop_duplicates(cell)
    names = {"training_accuracy": "train", "validation_accuracy": "validation"}
    long = once.melt(cell, list(names), "split", "value")
    long["split"] = long["split"].map(names)
    long["value"] *= 100
    return long.assign(quantity="accuracy_percent")


def _long(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    return frame.melt([*CELL, "seed"], _QUANTITIES[table], "quantity", "value")


def _set_beside_published(long: pd.DataFrame, table: str) -> pd.DataFrame:
    """Means over seeds beside the paper's numbers, in the paper's layout."""
    keys = [*CELL, "quantity"]
    means = long.groupby(keys, sort=False)["value"].agg(["mean", "std", "count"])
    means = means.rename(columns={"std": "sd", "count": "n"}).reset_index()
    paper = read_published(table).rename(columns={"value": "published"})
    joined = means.merge(paper[[*keys, "published", "flag"]], on=keys, how="left")
    joined["difference"] = joined["mean"] - joined["published"]
    joined["flag"] = joined["flag"].fillna("")
    joined = joined[(joined["n"] > 0) | joined["published"].notna()]
    columns = [
        (condition, quantity, part)
        for condition in sort_names(set(joined["condition"]), "condition")
        for quantity in _QUANTITIES[table]
        for part in _PARTS
    ]
    return _wide(joined, ["condition", "quantity"], columns)


def _wide(long: pd.DataFrame, above: list[str], columns: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    """Rows of a table from rows of numbers; `columns` are `above`, then a column of `long`."""
    rows = [c for c in _ROW if c in long and c not in above]
    if not len(long):
        return pd.DataFrame(index=_index([], rows), columns=_index([], [*above, "part"]))
    parts = list(dict.fromkeys(column[-1] for column in columns))
    numbers = long.set_index([*rows, *above])
    # One part at a time: each keeps its type.
    wide = pd.concat({part: unstack(numbers[part], above) for part in parts}, axis=1)
    wide = wide.reorder_levels([*range(1, len(above) + 1), 0], axis=1)
    places = list(sort_rows(wide.index.to_frame(index=False)).itertuples(index=False, name=None))
    wide = wide.reindex(index=_index(places, rows), columns=_index(columns, [*above, "part"]))
    flags = [column for column in columns if column[-1] == "flag"]
    return wide.fillna(dict.fromkeys(flags, ""))


def _index(entries: Sequence[tuple[Any, ...]], names: list[str]) -> pd.MultiIndex:
    """An index whose levels are ordered as their entries come: look-ups by outer level are fast."""
    levels = [list(dict.fromkeys(level)) for level in zip(*entries, strict=True)]
    codes = [
        [level.index(value) for value in values]
        for level, values in zip(levels, zip(*entries, strict=True), strict=True)
    ]
    return pd.MultiIndex(levels or [[]] * len(names), codes or [[]] * len(names), names=names)


def _network_table(frame: pd.DataFrame, memorizing: list[str]) -> pd.DataFrame:
    found = compare_over_networks(frame, memorizing)
    found["pair"] = found["a"] + "–" + found["b"]
    names = _name_pairs(found, memorizing)
    return _wide(found, ["pair"], [(name, part) for name in names for part in NUMBERS])


def _name_pairs(found: pd.DataFrame, memorizing: list[str]) -> list[str]:
    pairs = [f"{a}–{b}" for a, b in pair_conditions(memorizing)]
    return [pair for pair in pairs if pair in set(found["pair"])]


def _ks_table(units: pd.DataFrame, memorizing: list[str]) -> pd.DataFrame:
    tests = compare_conditions(units, memorizing)
    tests["pair"] = tests["a"] + "–" + tests["b"]
    names = _name_pairs(tests, memorizing)
    return _over_seeds(tests, "pair", names, ["distance", "pvalue", "alike", "n"])


def _split_table(units: pd.DataFrame) -> pd.DataFrame:
    tests = compare_splits(units)
    names = sort_names(set(tests["condition"]), "condition")
    return _over_seeds(
        tests, "condition", names, ["distance", "pvalue", "alike", "n", "mean_difference"]
    )


def _over_seeds(tests: pd.DataFrame, above: str, names: list[str], parts: list[str]) -> pd.DataFrame:
    keys = [c for c in _ROW if c in tests] + [above]
    tests["alike"] = tests["pvalue"] >= ALIKE
    long = tests.groupby(keys, sort=False).agg(
        distance=("statistic", "mean"),
        pvalue=("pvalue", "min"),
        alike=("alike", "sum"),
        n=("alike", "size"),
        mean_difference=("mean_difference", lambda d: d[d.abs().idxmax()]),
    )
    columns = [(name, part) for name in names for part in parts]
    return _wide(long.reset_index(), [above], columns)
