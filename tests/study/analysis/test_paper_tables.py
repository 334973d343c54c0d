"""The paper's tables of a study, against plain loops over its rows."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ann2neo.study.analysis.paper_order import CONDITIONS
from ann2neo.study.analysis.paper_tables import tabulate
from ann2neo.study.cells.result_tables import Results
from ann2neo.training.conditions import Condition, StoppingRule
from tests.study.made_results import make_results, usual

PLACE = ("cnn", 128, "mnist", "test")


@pytest.fixture(scope="module")
def shown():
    return tabulate(usual())


def rows_of(results, network, width, dataset, split, condition):
    frame = results.indicators
    values = {"network": network, "width": width, "dataset": dataset, "split": split}
    return frame[
        np.logical_and.reduce([frame[k] == v for k, v in {**values, "condition": condition}.items()])
    ]


def test_the_paper_s_layout(shown):
    assert list(shown) == [
        "accuracy",
        "firing_rate",
        "fano",
        "fano_spread",
        "networks",
        "ks",
        "ks_splits",
    ]
    for name in ("firing_rate", "fano"):
        index = shown[name].index
        assert index.names == ["network", "width", "dataset", "split"]
        assert index.to_list()[:4] == [
            ("mlp", 64, "mnist", "train"),
            ("mlp", 64, "mnist", "test"),
            ("mlp", 64, "digits", "train"),
            ("mlp", 64, "digits", "test"),
        ]
        assert list(dict.fromkeys(c[0] for c in shown[name].columns)) == CONDITIONS
    assert set(shown["accuracy"].index.get_level_values("split")) == {"train", "validation"}
    assert "Random" not in shown["accuracy"]  # an untrained network has no training accuracy


@pytest.mark.parametrize("quantity", ["firing_rate", "cv_firing_rate_percent"])
@pytest.mark.parametrize("condition", ["Generalizing", "Random"])
def test_means_over_seeds(shown, quantity, condition):
    values = rows_of(usual(), *PLACE, condition)[quantity].to_numpy()
    found = shown["firing_rate"].loc[PLACE, (condition, quantity)]
    assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert found["sd"] == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert found["n"] == len(values) == 2
    assert found["difference"] == pytest.approx(found["mean"] - found["published"], rel=1e-12)


def test_published_numbers_stand_beside(shown):
    assert shown["firing_rate"].loc[PLACE, ("Generalizing", "firing_rate", "published")] == 0.47
    assert shown["fano"].loc[PLACE, ("MemRetrainAll", "fanofactor", "published")] == 0.71
    accuracy = shown["accuracy"].loc[("mlp", 64, "mnist", "validation"), "Generalizing"]
    assert accuracy["accuracy_percent", "published"] == 97.10
    assert accuracy["accuracy_percent", "mean"] == pytest.approx(97)
    flag = shown["firing_rate"].loc[
        ("cnn", 64, "mnist", "train"), ("MemRetrainLast", "cv_firing_rate_percent", "flag")
    ]
    assert flag.startswith("impossible")


def test_what_the_paper_lacks_shows_no_published_number(shown):
    for place, condition in (
        (("mlp", 64, "digits", "train"), "Generalizing"),
        (("mlp", 64, "mnist", "train"), "MemRetrainAll"),
    ):
        found = shown["fano"].loc[place, (condition, "fanofactor")]
        assert np.isnan(found["published"])
        assert np.isnan(found["difference"])
        assert found["flag"] == ""
        assert found["mean"] > 0


def test_broken_cells_keep_their_published_numbers():
    results = make_results(networks=("mlp",), widths=(64,), seeds=(0,))
    broken = results.indicators["condition"] == "MemRetrainLast"
    results.indicators.loc[broken, "status"] = "diverged"
    numbers = ["firing_rate", "cv_firing_rate_percent", "fanofactor", "training_accuracy"]
    results.indicators.loc[broken, numbers] = np.nan
    found = tabulate(results)["firing_rate"].loc[("mlp", 64, "mnist", "train"), "MemRetrainLast"]
    assert found["firing_rate", "n"] == 0
    assert np.isnan(found["firing_rate", "mean"])
    assert found["firing_rate", "published"] == 0.03


def test_one_seed_has_no_deviation():
    shown = tabulate(make_results(networks=("mlp",), widths=(64,), seeds=(3,)))
    found = shown["fano"].loc[("mlp", 64, "mnist", "train"), ("Random", "fanofactor")]
    assert np.isnan(found["sd"])
    assert found["n"] == 1


def test_ks_between_conditions(shown):
    units = usual().units
    network, width, dataset, split = PLACE
    pvalues, distances = [], []
    for seed in (0, 1):
        chosen = units[
            (units["network"] == network)
            & (units["width"] == width)
            & (units["dataset"] == dataset)
            & (units["split"] == split)
            & (units["seed"] == seed)
        ]
        rates = [chosen.loc[chosen["condition"] == c, "firing_rate"] for c in ("Generalizing", "Random")]
        test = stats.ks_2samp(*rates)
        distances.append(test.statistic)
        pvalues.append(test.pvalue)
    found = shown["ks"].loc[PLACE, "Generalizing–Random"]
    assert found["distance"] == pytest.approx(np.mean(distances))
    assert found["pvalue"] == pytest.approx(min(pvalues))
    assert found["alike"] == sum(p >= 0.05 for p in pvalues)
    assert found["n"] == 2


def test_conditions_over_networks():
    results = make_results(networks=("cnn",), widths=(128,), seeds=range(6))
    means = results.indicators.pivot_table(
        index="seed", columns=["split", "condition"], values="firing_rate"
    )["test"]
    change = (means["MemRandomLast"] - means["Generalizing"]).to_numpy()
    found = tabulate(results)["networks"].loc[PLACE, "Generalizing–MemRandomLast"]
    assert found["difference"] == pytest.approx(change.mean())
    assert found["n"] == 6
    interval = stats.ttest_1samp(change, 0).confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx(tuple(interval))
    # All on one side: of the 2^6 ways to change signs, two are as far off.
    assert (change < 0).all()
    assert found["pvalue"] == 2 / 2**6


def test_one_network_compares_nothing():
    found = tabulate(make_results(networks=("cnn",), widths=(128,), seeds=(0,)))["networks"]
    of_pair = found.loc[PLACE, "Generalizing–Random"]
    assert of_pair["n"] == 1
    assert np.isfinite(of_pair["difference"])
    assert np.isnan(of_pair[["low", "high", "pvalue", "hedges_g"]].astype(float)).all()


def test_ks_between_splits(shown):
    frame = usual().indicators
    found = shown["ks_splits"].loc[("mlp", 64, "mnist"), "Generalizing"]
    chosen = frame[
        (frame["network"] == "mlp")
        & (frame["width"] == 64)
        & (frame["dataset"] == "mnist")
        & (frame["condition"] == "Generalizing")
    ]
    rates = chosen.pivot_table(index="seed", columns="split", values="firing_rate")
    differences = (rates["test"] - rates["train"]).to_numpy()
    expected = differences[np.argmax(np.abs(differences))]
    assert found["mean_difference"] == pytest.approx(expected)
    assert found["alike"] == 2


def test_look_ups_by_condition_are_silent(shown):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not shown["firing_rate"]["Generalizing"]["firing_rate"].empty


def test_a_table_alone_is_enough(tmp_path):
    usual().indicators.to_csv(tmp_path / "results.csv", index=False)
    again = tabulate(Results.load(tmp_path / "results.csv"))
    assert list(again) == ["accuracy", "firing_rate", "fano", "fano_spread", "networks"]
    whole = tabulate(usual())
    for name, frame in again.items():
        pd.testing.assert_frame_equal(frame, whole[name])


def test_no_rows_at_all():
    empty = replace(usual(), indicators=usual().indicators.iloc[:0], units=usual().units.iloc[:0])
    assert all(frame.empty for frame in tabulate(empty).values())


def test_a_condition_of_ones_own_stands_in_the_tables_of_tests():
    made = make_results(networks=("mlp",), widths=(64,), seeds=(0,))
    own = Condition("Relabelled", "initial", "random", "all", StoppingRule(3))
    renamed = {
        name: getattr(made, name).replace({"condition": {"MemRandomLast": "Relabelled"}})
        for name in ("indicators", "units")
    }
    study = SimpleNamespace(conditions=("Random", own), window=100)
    shown = tabulate(replace(made, study=study, **renamed))
    pairs = list(dict.fromkeys(shown["ks"].columns.get_level_values("pair")))
    assert [pair for pair in pairs if "Relabelled" in pair] == [
        "Generalizing–Relabelled",
        "Random–Relabelled",
    ]
    splits = list(dict.fromkeys(shown["ks_splits"].columns.get_level_values("condition")))
    assert splits == ["Generalizing", "MemRetrainLast", "MemRetrainAll", "Random", "Relabelled"]
