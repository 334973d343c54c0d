"""The numbers the firing-rate paper published, and which of them cannot be right."""

from __future__ import annotations

import importlib.resources
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

CELL = ["network", "width", "dataset", "split", "condition"]
"""What names a number of the paper's tables."""

NETWORKS = {"MLP": "mlp", "CNN": "cnn", "DenseNet121": "densenet121"}
"""The paper's networks, by their names in this package."""

QUANTITIES = {
    "accuracy": {"accuracy_percent": "accuracy_percent"},
    "firing_rate": {
        "mean_firing_rate": "firing_rate",
        "cv_firing_rate_percent": "cv_firing_rate_percent",
    },
    "fano": {"mean_fano_factor": "fanofactor"},
}
"""Table → column of its file → quantity, named as in the results of a study."""

_ROUNDING = 0.005
_CV_RATIO = 2

# Cells that repeat another row of the table, with the row they repeat.
_COPIES = [
    (("mlp", 128, "fashion_mnist", "train", "Generalizing"), "MLP 128 MNIST train"),
    (("mlp", 256, "mnist", "test", "Generalizing"), "MLP 256 FashionMNIST test"),
    *(
        (("mlp", 512, "fashion_mnist", "train", condition), "MLP 512 MNIST train")
        for condition in ("Generalizing", "MemRetrainLast", "MemRandomLast", "Random")
    ),
]
# Fano factors whose decimal point is missing in print.
_POINTLESS = {
    ("mlp", 64, "fashion_mnist", "train", "MemRetrainLast"): "097",
    ("mlp", 256, "fashion_mnist", "train", "MemRandomLast"): "083",
    ("densenet121", 64, "cifar10", "test", "MemRandomLast"): "095",
}


def read_published(table: str) -> pd.DataFrame:
    """A table of the firing-rate paper, a row per number, with a flag at numbers that cannot be right.

    Parameters
    ----------
    table : {"accuracy", "firing_rate", "fano"}
        The paper's tables 1 (accuracies), 2 (firing rates and their CV) and 5 (Fano factors).

    Returns
    -------
    pandas.DataFrame
        Columns ``network``, ``width``, ``dataset``, ``split``, ``condition``; ``quantity``
        (``accuracy_percent``; ``firing_rate`` and ``cv_firing_rate_percent``; ``fanofactor``);
        ``value``, as printed; ``flag``, empty or what is wrong with it, which begins with
        ``"misprint"`` (a repeated row, a missing decimal point), ``"impossible"`` or ``"suspicious"``.
        Table 5 also has ``close_to_one``: whether the paper stars the number, which it takes for a Fano
        factor of 1.

    Raises
    ------
    ValueError
        If there is no such table.

    Notes
    -----
    Rates in [0, 1] of mean m have a CV of at most √((1 − m) / m). A CV is called impossible only if it
    is above this bound for the smallest mean that rounds to the printed one. Of two splits of one
    network, whose rates the paper finds alike, a CV more than twice the other is called suspicious, and
    so is a validation accuracy on the true labels above the training accuracy.

    References
    ----------
    Lehmler, Saif-ur-Rehman, Glasmachers and Iossifidis, Neurocomputing (2024),
    doi 10.1016/j.neucom.2024.128473.

    Examples
    --------
    >>> from ann2neo.study.analysis.published import read_published
    >>> rates = read_published("firing_rate")
    >>> int(rates["flag"].str.startswith("impossible").sum())
    6
    """
    if table not in QUANTITIES:
        raise ValueError(f"table must be one of {sorted(QUANTITIES)}, got {table!r:.80}")
    return _flag_table(table).copy()


def largest_cv_percent(mean: float) -> float:
    """The largest CV in percent of rates in [0, 1] whose mean rounds to `mean` at two decimals.

    Examples
    --------
    >>> round(largest_cv_percent(0.50), 1), largest_cv_percent(0.00)
    (101.0, inf)
    """
    smallest = round(mean, 2) - _ROUNDING
    return 100 * float(np.sqrt((1 - smallest) / smallest)) if smallest > 0 else np.inf


def find_published_accuracy(cell: Any) -> float:
    """Training accuracy of table 1 for a `Cell`, less what rounding to two decimals of a percent hides.

    Raises
    ------
    ValueError
        If the paper has none.
    """
    table = read_published("accuracy").set_index(CELL)["value"]
    try:
        percent = table[(cell.network, cell.width, cell.dataset, "train", cell.condition)]
    except KeyError:
        raise ValueError(
            f"accuracy of [[stop]] must be a number for {cell.key}, of which the paper says none, "
            "got 'published'"
        ) from None
    return round(float(percent) / 100 - 0.00005, 6)


@cache
def _flag_table(table: str) -> pd.DataFrame:
    frame = _read(table)
    frame["flag"] = ""
    if table == "firing_rate":
        _flag_copies(frame)
        _flag_variation(frame)
    elif table == "fano":
        for cell, printed in _POINTLESS.items():
            frame.loc[_is(frame, cell), "flag"] = f"misprint: printed {printed}, without its point"
    else:
        _flag_accuracy(frame)
    return frame


def _read(table: str) -> pd.DataFrame:
    file = importlib.resources.files("ann2neo.study") / "data" / f"{table}.csv"
    with file.open(encoding="utf-8") as lines:
        wide = pd.read_csv(lines, comment="#").rename(columns={"model": "network"})
    wide["network"] = wide["network"].map(NETWORKS)
    names = QUANTITIES[table]
    kept = [column for column in wide.columns if column not in names]
    frame = wide.melt(kept, list(names), "quantity", "value")
    frame["quantity"] = frame["quantity"].map(names)
    if "close_to_one" in frame:
        frame["close_to_one"] = frame["close_to_one"].astype(bool)
    return frame


def _is(frame: pd.DataFrame, cell: tuple[Any, ...]) -> pd.Series[bool]:
    return (frame[CELL] == list(cell)).all(axis=1)


def _flag_copies(frame: pd.DataFrame) -> None:
    for cell, source in _COPIES:
        frame.loc[_is(frame, cell), "flag"] = f"misprint: repeats {source}"


def _flag_variation(frame: pd.DataFrame) -> None:
    means, cvs = _values(frame, "firing_rate"), _values(frame, "cv_firing_rate_percent")
    for cell, found in cvs.items():
        *place, split, condition = cell
        other = cvs[(*place, {"train": "test", "test": "train"}[split], condition)]
        largest = largest_cv_percent(means[cell])
        if found > largest:
            text = f"impossible: rates of mean {means[cell]:.2f} have a CV of at most {largest:.0f} %"
        elif found > _CV_RATIO * other:
            text = f"suspicious: {found / other:.1f} times the other split's CV"
        else:
            continue
        frame.loc[_is(frame, cell) & (frame["quantity"] == "cv_firing_rate_percent"), "flag"] = text


def _flag_accuracy(frame: pd.DataFrame) -> None:
    accuracies = _values(frame, "accuracy_percent")
    for (*place, split, condition), found in accuracies.items():
        trained = accuracies[(*place, "train", condition)]
        if split == "validation" and condition == "Generalizing" and found > trained:
            text = f"suspicious: above the training accuracy, {trained:.2f}"
            frame.loc[_is(frame, (*place, split, condition)), "flag"] = text


def _values(frame: pd.DataFrame, quantity: str) -> dict[tuple[Any, ...], float]:
    """Cell → number."""
    rows = frame.loc[frame["quantity"] == quantity, [*CELL, "value"]]
    return {row[:-1]: row[-1] for row in rows.itertuples(index=False, name=None)}
