"""What a study measured, in the order the paper shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results
    from ann2neo.training.conditions import Condition

LAYER = ["network", "width", "dataset", "seed"]
"""What names a network that was trained by itself: those of two seeds share nothing but the data."""

CONDITIONS = ["Generalizing", "MemRetrainLast", "MemRandomLast", "MemRetrainAll", "Random"]
"""The paper's conditions, in the order of its tables; what others are is in `list_conditions`."""

_NETWORKS = ["mlp", "cnn", "densenet121"]
_DATASETS = ["mnist", "fashion_mnist", "cifar10"]
_SPLITS = ["train", "validation", "test"]
_ORDERS = {
    "network": _NETWORKS,
    "dataset": _DATASETS,
    "split": _SPLITS,
    "condition": CONDITIONS,
    "a": CONDITIONS,
    "b": CONDITIONS,
}
_TITLES = {
    "mlp": "MLP",
    "cnn": "CNN",
    "densenet121": "DenseNet121",
    "resnet": "ResNet",
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR-10",
}


def find_memorizing(results: Results) -> list[str]:
    """Names of the conditions of a study whose networks can only memorize, in the paper's order.

    Conditions that the package does not have are known where the study is, not from its tables alone.
    """
    known = list_conditions(results).items()
    return sort_names({name for name, one in known if one.memorizes}, "condition")


def list_conditions(results: Results) -> dict[str, Condition]:
    """The package's conditions and those of the study itself, by name."""
    from ann2neo.training.conditions import CONDITIONS, Condition

    own = results.study.conditions if results.study is not None else ()
    return {**CONDITIONS, **{one.name: one for one in own if isinstance(one, Condition)}}


def full_name(name: str) -> str:
    """A network or data set as it is written in tables and pictures."""
    return _TITLES.get(name, name)


def is_broken(indicators: pd.DataFrame) -> pd.Series:
    """Which rows are of cells that failed or diverged and so have no numbers."""
    return indicators["status"].isin(["failed", "diverged"])


def select_measured(results: Results) -> pd.DataFrame:
    """The rows of the indicators that have numbers, in the paper's order."""
    return sort_rows(results.indicators[~is_broken(results.indicators)])


def select_split(indicators: pd.DataFrame) -> pd.DataFrame:
    """A row per cell: of the training split, or of the first split where the study has no other."""
    splits = set(indicators["split"])
    return indicators[indicators["split"] == min(splits, key=_place("split"), default="train")]


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by network, data set, split and condition in the paper's order; strangers come last."""
    columns = [c for c in ("network", "width", "dataset", "split", "condition", "a", "b") if c in frame]
    columns += ["seed"] if "seed" in frame else []
    return frame.sort_values(
        columns,
        key=lambda c: c.map(_place(str(c.name))) if c.name in _ORDERS else c,
        kind="stable",
        ignore_index=True,
    )


def unstack(values: pd.Series, names: str | list[str]) -> pd.DataFrame:
    """Levels of the index as columns; two values in one place are an error, not their mean."""
    return values.unstack(names)  # noqa: PD010


def sort_names(names: set[str], kind: str) -> list[str]:
    """Names of a kind (``"condition"``, ``"network"``, …) in the paper's order, strangers last."""
    return sorted(names, key=_place(kind))


def _place(kind: str) -> Callable[[str], str]:
    known = {name: f"{place:02d}" for place, name in enumerate(_ORDERS[kind])}
    return lambda name: known.get(name, f"~{name}")
