"""What `ann2neo study run cifar10-patterns` gave, as it comes with the package, and tutorial 7 says."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from ann2neo.study import Study
from ann2neo.study.pattern_findings import pattern_findings, pattern_layers

DATA = files("ann2neo.study") / "data"


@pytest.fixture(scope="module")
def layers():
    return pd.read_csv(DATA / "cifar10-patterns-layers.csv")


@pytest.fixture(scope="module")
def findings(layers):
    return pattern_findings(layers).set_index(["finding", "network", "compared_with"])


def test_they_are_the_networks_of_the_study(layers):
    cells = Study.from_toml("cifar10-patterns").cells()
    found = layers[["network", "width", "dataset", "seed"]].drop_duplicates()
    there = {(cell.network, cell.width, cell.dataset, cell.seed) for cell in cells}
    assert set(found.itertuples(index=False, name=None)) == there
    assert len(found) == 64


def test_courses_and_layers_are_of_the_same_networks(layers):
    courses = pd.read_csv(DATA / "cifar10-patterns-seed0.csv")
    key = ["network", "seed", "layer"]
    both = pattern_layers(courses).merge(layers, on=key, validate="one_to_one", suffixes=("", "_kept"))
    assert len(both) == len(layers[(layers["blocks"] == 3) & (layers["seed"] == 0)])
    for name in ("settled_at", "settled_at_flips", "entropy_share_early", "entropy_share_end"):
        np.testing.assert_allclose(both[name], both[f"{name}_kept"], atol=2e-3)


def test_patterns_settle_bottom_up_in_every_network(findings):
    settling = findings.loc["settling"].xs("", level="compared_with")
    assert len(settling) == 16
    assert (settling["low"] > 0).all()
    assert (settling["n"] == 4).all()


def test_unit_by_unit_too_where_there_are_several_blocks(findings):
    flips = findings.loc["settling_flips"].xs("", level="compared_with")
    assert (flips["low"] > 0).equals(~flips.index.to_series().isin(["residual_1", "plain_1"]))
    assert flips.loc[["residual_3", "plain_3"], "value"].between(0.5, 0.7).all()


def test_fixup_and_prelu_settle_more_simultaneously_unit_by_unit(findings):
    assert (
        findings.loc["settling_flips"].loc[["fixup_3", "prelu_3"]].xs("residual_3", level=1)["high"] < 0
    ).all()
    pyramid = findings.loc["settling_flips", "pyramid_3", "residual_3"]
    assert pyramid["low"] < 0 < pyramid["high"]
    assert findings.loc[("settling", "pyramid_3", "residual_3"), "low"] > 0


def test_dips_of_plain_networks_are_neither_shown_nor_refuted(findings):
    for moment in ("early", "half", "end"):
        difference = findings.loc[f"dip_{moment}", "plain", "residual"]
        assert difference["low"] < 0 < difference["high"]
