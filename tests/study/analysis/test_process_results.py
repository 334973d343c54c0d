"""What `ann2neo study run process-mnist` gave, as it comes with the package: what the docs say of it."""

from importlib.resources import files

import pandas as pd
import pytest

from ann2neo.study import Study
from ann2neo.study.analysis.process_findings import (
    judge_poisson,
    summarize_models,
    summarize_populations,
)

DATA = files("ann2neo.study") / "data"
MEMORIZING = ["MemRetrainLast", "MemRandomLast", "MemRetrainAll"]


@pytest.fixture(scope="module")
def models():
    return pd.read_csv(DATA / "process-mnist-models.csv")


@pytest.fixture(scope="module")
def found(models):
    table = summarize_models(models)
    return table[(table["split"] == "train") & (table["order"] == "permutation")]


def test_the_tables_are_those_of_the_study(models):
    study = Study.from_toml("process-mnist")
    cells = [cell for cell in study.cells() if cell.kind == "process"]
    assert len(models) == len(cells) * 2 * 2 * (len(study.process.models) + 1)
    assert set(models["seed"]) == set(study.seeds) == {0, 1, 2}
    assert set(models["condition"]) == set(study.conditions)


def test_the_class_describes_nearly_all_units(found):
    best = found[
        (found["measure"] == "best_fraction")
        & (found["model"] == "class")
        & (found["compared_with"] == "")
    ]
    assert (best["value"] > 0.85).all()
    assert len(best) == 5
    gain = found[
        (found["measure"] == "gain") & (found["model"] == "class") & (found["compared_with"] != "")
    ].set_index("condition")
    assert (gain.loc[MEMORIZING, "high"] < -0.13).all()
    assert gain.loc["Random", "high"] < -0.05


def test_poisson_tells_rates_and_bernoulli_fits_all(found):
    said = judge_poisson(found, MEMORIZING)
    assert said[0].count("fewer in memorizing networks") == 3
    assert all(text.count("undecided") == 3 for text in said[1:])
    rejected = found[(found["model"] == "bernoulli") & (found["compared_with"] == "")]
    levels = rejected[rejected["measure"].isin(["rejected", "fano_rejected"])]["value"]
    assert levels.between(0.01, 0.09).all()


def test_pairs_make_the_synchrony_and_classes_do_not():
    table = summarize_populations(pd.read_csv(DATA / "process-mnist-simulated.csv"))
    table = table[(table["split"] == "train") & (table["order"] == "permutation")]
    of = table[table["quantity"] == "synchrony"].set_index(["population", "condition"])
    share = of["simulated"] / of["observed"]
    assert share["correlated"].between(0.93, 1.01).all()
    assert (share["class"][MEMORIZING] < 0.6).all()
    fano = table[(table["quantity"] == "mean Fano factor") & (table["population"] == "bernoulli")]
    assert (fano["n_inside"] >= 2).all()
