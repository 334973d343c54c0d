"""What the studies of wrong labels gave, as it comes with the package: what the docs say of it."""

from importlib.resources import files

import pandas as pd
import pytest

from ann2neo.study import Results, Study
from ann2neo.study.analysis.uses_findings import (
    NETWORK,
    OVER_LOSS,
    OVER_PIXELS,
    summarize_labels,
    summarize_pruning,
    summarize_remedies,
    summarize_removal,
    summarize_stops,
)

DATA = files("ann2neo.study") / "data"
SEEDS = {0, 1, 2, 3, 4}


@pytest.fixture(scope="module")
def mnist():
    return Results.load(DATA / "uses-mnist")


@pytest.fixture(scope="module")
def cifar():
    return Results.load(DATA / "uses-cifar10")


def pick(results, noise, measure):
    found = summarize_labels(results.uses)
    rows = found[(found["noise"] == noise) & (found["measure"] == measure)]
    assert rows["n"].eq(5).all()
    return rows.set_index("by")


def test_the_tables_are_those_of_the_studies(mnist, cifar):
    study = Study.from_toml("uses-mnist")
    assert mnist.study == study
    found = {(row["condition"], row["seed"]) for row in mnist.uses.to_dict("records")}
    assert found == {(cell.condition, cell.seed) for cell in study.cells()}
    assert cifar.study == Study.from_toml("uses-cifar10")
    for results in (mnist, cifar):
        labels = results.uses[results.uses["remedy"] == ""]
        assert set(labels["noise"]) == {0.0, 0.2, 0.4, 0.6}
        assert labels.loc[labels["noise"] > 0, "learned"].ge(0.88).all()
        assert set(results.uses["seed"]) == SEEDS
        assert results.uses["n_samples"].eq(10_000).all()
    assert not mnist.uses.duplicated([*NETWORK, "condition", "seed"]).any()


@pytest.mark.parametrize(("noise", "auc", "vote"), [(0.4, 0.975, 0.90), (0.6, 0.97, 0.885)])
def test_patterns_tell_wrong_labels_and_read_test_images(mnist, noise, auc, vote):
    found = pick(mnist, noise, "auc")
    assert found.loc["patterns", "value"] >= auc
    assert found.loc[OVER_LOSS, "low"] > 0.15
    assert found.loc[OVER_PIXELS, "low"] > 0.04
    read = pick(mnist, noise, "accuracy")
    assert read.loc["nearest patterns", "value"] >= vote
    assert read.loc["nearest patterns", "low"] > read.loc["the network", "high"]
    # With the history at hand the early loss is as good or better.
    assert found.loc["loss early in training", "value"] > found.loc["patterns", "value"]


def test_on_photographs_less_so(cifar):
    found = pick(cifar, 0.4, "auc")
    assert found.loc["patterns", "value"] >= 0.75
    assert found.loc[OVER_LOSS, "low"] > 0.15
    assert found.loc[OVER_PIXELS, "value"] > 0.06
    read = pick(cifar, 0.4, "accuracy")
    assert read.loc["nearest patterns", "value"] >= 0.40
    assert read.loc["nearest patterns", "low"] > read.loc["the network", "high"]


def test_without_wrong_labels_the_vote_hurts(mnist):
    read = pick(mnist, 0.0, "accuracy")
    assert read.loc["nearest patterns", "high"] < read.loc["the network", "low"]


def test_silent_units_go_without_a_changed_prediction(mnist):
    found = summarize_removal(mnist.removal)
    spare = found[found["condition"] == "spare-units"].set_index(["n_samples", "layer"]).sort_index()
    assert spare["n"].eq(5).all()
    assert spare.loc[10_000, "most_changed"].eq(0).all()
    assert spare.loc[(10_000, "hidden"), "largest_change"] <= 0.3
    # Units that were silent at few samples fire at others.
    assert spare.loc[(500, "all"), "n_firing"] > 5 * spare.loc[(10_000, "all"), "n_firing"]
    assert spare.loc[(500, "all"), "largest_change"] > 6


def test_weights_prune_best_and_lowest_rates_do_not(mnist):
    found = (
        summarize_pruning(mnist.pruning)
        .set_index(["fraction", "tuned", "criterion"])["value"]
        .sort_index()
    )
    half = found[0.5, True].drop("none", errors="ignore")
    assert half.max() >= 0.955
    assert half.idxmax() in ("input weights", "std x output weights")
    assert half["rate"] < half["random"] + 0.005
    as_it_is = found[0.5, False]
    assert as_it_is["rate"] < 0.5 < as_it_is["random"]
    assert as_it_is["information"] < as_it_is["input weights"]


def test_noisy_validation_accuracy_stops_best_or_as_well_as_unit_information(mnist, cifar):
    for results in (mnist, cifar):
        found = summarize_stops(results.stopping, results.uses).set_index("criterion")["value"]
        two = {"noisy validation accuracy", "unit information"}
        if results is mnist:
            assert found.idxmin() == "noisy validation accuracy"
        else:
            assert set(found.nsmallest(2).index) == two
            assert abs(found["noisy validation accuracy"] - found["unit information"]) < 0.005
            assert found["class separation"] > found["no stop"]
        assert found["firing rate"] > 5 * found["noisy validation accuracy"]


def test_dropout_and_weight_decay_win(mnist):
    found = summarize_remedies(mnist.uses)
    assert found["n"].eq(5).all()
    table = found.pivot_table(index="remedy", columns="measure", values="value")
    assert set(table["test_accuracy"].nlargest(2).index) == {"dropout", "weight decay"}
    assert table.loc[["dropout", "weight decay"], "learned"].lt(0.2).all()


def test_differences_are_there_for_all_shares(mnist):
    found = summarize_labels(mnist.uses)
    rows = found[found["by"].isin([OVER_LOSS, OVER_PIXELS])]
    assert len(rows) == 6
    assert pd.notna(rows["low"]).all()
