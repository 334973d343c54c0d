"""What `ann2neo study run mnist-mlp` gave, as it comes with the package, against the paper's."""

from importlib.resources import files

import pytest

from ann2neo import study
from ann2neo.study.analysis.published import CELL, read_published

TRAINED = ["Generalizing", "MemRetrainLast", "MemRandomLast"]


@pytest.fixture(scope="module")
def measured():
    results = study.Results.load(files("ann2neo.study") / "data" / "mnist-mlp.csv")
    assert set(results.indicators["status"]) == {"ok"}
    assert set(results.indicators["seed"]) == {0, 1}
    return results.indicators.groupby(CELL).mean(numeric_only=True)


@pytest.mark.parametrize("condition", TRAINED)
@pytest.mark.parametrize("width", [64, 512])
@pytest.mark.parametrize(("table", "column"), [("firing_rate", "firing_rate"), ("fano", "fanofactor")])
def test_indicators_are_the_papers(measured, table, column, width, condition):
    cell = ("mlp", width, "mnist", "train", condition)
    (value,) = _read_published(table, column, cell)
    assert measured.loc[cell, column] == pytest.approx(value, abs=0.05)


@pytest.mark.parametrize("condition", TRAINED)
@pytest.mark.parametrize("width", [64, 512])
def test_accuracies_are_within_two_points(measured, width, condition):
    cell = ("mlp", width, "mnist", "train", condition)
    (value,) = _read_published("accuracy", "accuracy_percent", cell)
    assert 100 * measured.loc[cell, "training_accuracy"] == pytest.approx(value, abs=2)


@pytest.mark.parametrize("width", [64, 512])
def test_rates_are_in_the_papers_order(measured, width):
    rates = measured["firing_rate"].loc["mlp", width, "mnist", "train"]
    assert rates["MemRetrainLast"] < rates["MemRandomLast"] < rates["Generalizing"]


def _read_published(table, quantity, cell):
    rows = read_published(table).set_index(CELL).sort_index().loc[[cell]]
    return rows.loc[rows["quantity"] == quantity, "value"]
