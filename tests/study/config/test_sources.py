"""A study's own conditions, data sets and networks, as TOML says them."""

import dataclasses

import pytest

from ann2neo.study import Study
from ann2neo.study.config.settings import Network
from ann2neo.training.conditions import CONDITIONS, Condition, StoppingRule

TOML = """
name = "own"
datasets = ["digits", "my_lab.data:birds"]
seeds = [0]

[[conditions]]
name = "Generalizing"

[[conditions]]
name = "Relabelled"
start = "generalizing"
labels = "random"
trainable = ["output"]
epochs = 7
accuracy = 0.5

[[networks]]
name = "mlp"
widths = [8]

[[networks]]
name = "thawed"
builder = "densenet121"
weights = "none"
widths = [4]
datasets = ["digits"]
conditions = ["Generalizing"]

[[networks]]
name = "mine"
builder = "my_lab.networks:build"
depth = 3
layer = "seen"
widths = [2]

[[stop]]
condition = "Relabelled"
network = "mine"
dataset = "birds"
epochs = 3
"""


@pytest.fixture
def study():
    return Study.from_text(TOML)


def test_cells_are_named_by_what_is_short(study):
    keys = [cell.key for cell in study.cells()]
    assert keys == [
        "condition-mlp-8-digits-Generalizing-0",
        "condition-mlp-8-digits-Relabelled-0",
        "condition-mlp-8-birds-Generalizing-0",
        "condition-mlp-8-birds-Relabelled-0",
        "condition-thawed-4-digits-Generalizing-0",
        "condition-mine-2-digits-Generalizing-0",
        "condition-mine-2-digits-Relabelled-0",
        "condition-mine-2-birds-Generalizing-0",
        "condition-mine-2-birds-Relabelled-0",
    ]


def test_it_means_what_it_says(study):
    expected = Condition(
        "Relabelled", "generalizing", "random", ("output",), StoppingRule(7, accuracy=0.5)
    )
    assert study.conditions == ("Generalizing", expected)
    assert expected.memorizes
    plans = {cell.key: study.plan(cell) for cell in study.cells()}
    assert plans["condition-thawed-4-digits-Generalizing-0"].network.options == {"weights": "none"}
    mine = plans["condition-mine-2-birds-Relabelled-0"]
    assert mine.network.options == {"depth": 3}
    assert mine.dataset == "my_lab.data:birds"
    assert mine.start.key == "condition-mine-2-birds-Generalizing-0"
    stops = {key: plan.condition.stop.epochs for key, plan in plans.items()}
    assert stops["condition-mine-2-birds-Relabelled-0"] == 3
    assert stops["condition-mine-2-digits-Relabelled-0"] == 7


def test_toml_round_trips(study):
    assert Study.from_text(study.to_toml()) == study


def test_cells_depend_on_what_makes_them_others(study):
    said = {cell.key: study.plan(cell).list_settings() for cell in study.cells()}
    usual = said["condition-mlp-8-digits-Generalizing-0"]
    assert {"network", "dataset", "condition"}.isdisjoint(usual)  # as cells of older studies
    mine = said["condition-mine-2-birds-Relabelled-0"]
    assert mine["network"] == {"builder": "my_lab.networks:build", "depth": 3, "layer": "seen"}
    assert mine["dataset"] == "my_lab.data:birds"
    assert mine["condition"]["trainable"] == ("output",)


BAD = [
    ('"digits", "my_lab', '"birds", "my_lab', "unless written module:function, must be one of digits"),
    ("my_lab.data:birds", "a.b:digits", "datasets must differ in name"),
    ('labels = "random"', 'labels = "shuffled"', r"\[\[conditions\]\] 2: labels must be"),
    ("epochs = 7", "epochs = -1", r"\[\[conditions\]\] 2: epochs must be"),
    ("epochs = 7", "patience = 3", r"\[\[conditions\]\] 2: key must be one of .*, got 'patience'"),
    ("epochs = 7", "", r"\[\[conditions\]\] 2: epochs is missing"),
    (
        "weights =",
        "weight =",
        r"key must be .* option of network 'densenet121' \(weights\), got 'weight'",
    ),
    ('["Generalizing"]', '["Generalising"]', "conditions of network 'thawed' must be among"),
    ('"densenet121"', '"densenet"', r"builder .* must be one of mlp"),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD)
def test_what_cannot_be_meant_is_named(old, new, said):
    with pytest.raises((TypeError, ValueError), match=said):
        Study.from_text(TOML.replace(old, new, 1))


def test_names_of_the_package_stay_its_own():
    with pytest.raises(ValueError, match="must not be one of the package's own, got 'Generalizing'"):
        Study.from_text(TOML.replace('name = "Relabelled"', 'name = "Generalizing"'))
    with pytest.raises(ValueError, match="conditions must differ in name"):
        Study(
            "x",
            (Network("mlp", (3,)),),
            ("digits",),
            ("Random", dataclasses.replace(CONDITIONS["Random"], trainable=1)),
        )


def test_random_labels_are_what_memorizing_is():
    assert [name for name, one in CONDITIONS.items() if one.memorizes] == [
        "MemRetrainLast",
        "MemRetrainAll",
        "MemRandomLast",
    ]
