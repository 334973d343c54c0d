"""What `ann2neo study run cifar10-patterns` gave, as it comes with the package, and tutorial 7 says."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from ann2neo.study import Study
from ann2neo.study.analysis.pattern_findings import describe_layers, find_in_patterns

DATA = files("ann2neo.study") / "data"


@pytest.fixture(scope="module")
def layers():
    return pd.read_csv(DATA / "cifar10-patterns-layers.csv")


@pytest.fixture(scope="module")
def findings(layers):
    return find_in_patterns(layers).set_index(["finding", "network", "compared_with"])


def test_they_are_the_networks_of_the_study(layers):
    cells = Study.from_toml("cifar10-patterns").cells()
    found = layers[["network", "width", "dataset", "seed"]].drop_duplicates()
    there = {(cell.network, cell.width, cell.dataset, cell.seed) for cell in cells}
    assert set(found.itertuples(index=False, name=None)) == there
    assert len(found) == 64


def test_courses_and_layers_are_of_the_same_networks(layers):
    courses = pd.read_csv(DATA / "cifar10-patterns-seed0.csv")
    key = ["network", "seed", "layer"]
    both = describe_layers(courses).merge(layers, on=key, validate="one_to_one", suffixes=("", "_kept"))
    assert len(both) == len(layers[(layers["blocks"] == 3) & (layers["seed"] == 0)])
    for name in ("settled_at", "settled_at_flips", "entropy_fraction_early", "entropy_fraction_end"):
        np.testing.assert_allclose(both[name], both[f"{name}_kept"], atol=2e-3)


def test_patterns_settle_bottom_up_in_every_network(findings):
    settling = findings.loc["settling"].xs("", level="compared_with")
    assert len(settling) == 16
    assert settling["value"].between(0.625, 0.965).all()
    assert (settling["low"] > 0).equals(settling.index.to_series() != "pyramid_3")
    assert (settling["n"] == 4).all()


def test_among_layers_of_one_width_where_there_are_shortcuts(findings):
    same = findings.loc["settling_same_width"].xs("", level="compared_with")["value"]
    ordered = [*(f"residual_{blocks}" for blocks in range(2, 6)), "leaky_3", "prelu_3"]
    assert same[ordered].between(0.295, 0.5).all()
    assert same[["plain_3", "plain_4", "plain_5", "fixup_3", "cyclic_3"]].abs().max() < 0.15


def test_unit_by_unit_too_but_for_fixup_and_prelu(findings):
    flips = findings.loc["settling_flips"].xs("", level="compared_with")
    assert (flips["low"] > 0).equals(~flips.index.to_series().isin(["fixup_3", "prelu_3"]))
    alike = flips.index.str.startswith(("plain", "residual"))
    assert flips.loc[alike, "value"].round(1).between(0.5, 0.7).all()


def test_what_settles_more_simultaneously_than_the_residual_network(findings):
    against = findings.xs("residual_3", level="compared_with")
    flips, patterns = against.loc["settling_flips"], against.loc["settling"]
    assert (flips.loc[["fixup_3", "prelu_3", "plain_3"], "high"] < 0).all()
    assert (patterns.loc[["fixup_3", "cyclic_3", "plain_3"], "high"] < 0).all()
    assert flips.loc["pyramid_3", "low"] < 0 < flips.loc["pyramid_3", "high"]
    assert patterns.loc["pyramid_3", "low"] > 0


def test_the_last_stage_is_saturated_in_most_networks(layers):
    share = layers[layers["n_units"] == 32].groupby("network")["saturated_end"].mean()
    few = ["fixup_3", "plain_4", "plain_5"]
    assert (share.drop(few) == 1).all()
    assert share[few].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 3], abs=0.02)


def test_dips_of_plain_networks_are_those_of_residual_ones(findings):
    for moment in ("early", "half", "end"):
        difference = findings.loc[f"dip_{moment}", "plain", "residual"]
        assert -0.035 < difference["low"] < 0 < difference["high"] < 0.035
