"""What `ann2neo study run mnist-mlp` gave, as it comes with the package, against the paper's."""

from importlib.resources import files

import pytest

from ann2neo import study
from ann2neo.study.analysis.published import CELL, read_published

TRAINED = ["Generalizing", "MemRetrainLast", "MemRandomLast"]


@pytest.fixture(scope="module")
def results():
    return study.Results.load(files("ann2neo.study") / "data" / "mnist-mlp.csv")


@pytest.fixture(scope="module")
def tables(results):
    return study.tabulate(results)


@pytest.fixture(scope="module")
def measured(results):
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


def test_the_cv_of_the_fano_factor_is_that_of_coins(tables):
    # What tutorial 3 and the page on indicators say, in percentage points.
    spread = tables["fano_spread"]
    apart = (spread["corrected"] - spread["from_rates"]).abs().groupby("width").max()
    assert apart[512] < 0.3
    assert apart[64] < 3.05
    splits = spread["corrected"].unstack("split")
    assert (splits["train"] - splits["test"]).abs().groupby("width").max()[512] < 0.7


def test_two_networks_decide_nothing(tables):
    pairs = tables["networks"]["Generalizing–MemRetrainLast"]
    assert (pairs["n"] == 2).all()
    assert (pairs["difference"] < -0.3).all()
    assert (pairs["pvalue"] == 0.5).all()


def _read_published(table, quantity, cell):
    rows = read_published(table).set_index(CELL).sort_index().loc[[cell]]
    return rows.loc[rows["quantity"] == quantity, "value"]
