"""Studies from TOML: what they mean, and that what they cannot mean is named."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ann2neo.study import Study, builtin_studies
from ann2neo.study.config.cell import Cell
from ann2neo.study.config.settings import (
    Network,
    PatternNetwork,
    Patterns,
    StopRule,
    Subset,
    Switch,
    Training,
)
from ann2neo.training.conditions import CONDITIONS, StoppingRule

TOML = """
name = "small"
datasets = ["digits"]
conditions = ["Random", "Generalizing", "MemRetrainLast"]
seeds = [0, 3]
[[networks]]
name = "mlp"
widths = [8, 16]
[[networks]]
name = "cnn"
widths = [8]
conditions = ["Random"]
"""


PATTERNS = """
name = "patterns"
datasets = ["digits"]
seeds = [0, 3]
[[pattern_networks]]
name = "no_shortcuts"
network = "resnet"
width = 4
blocks = [1, 2]
shortcuts = false
[patterns]
epochs = 2
"""


def test_cells_are_the_grid_in_order():
    study = Study.from_text(TOML + "[switch]\nepochs_true = 1\nepochs_random = 2\n")
    keys = [cell.key for cell in study.cells()]
    expected = [
        f"condition-mlp-{width}-digits-{condition}-{seed}"
        for width in (8, 16)
        for seed in (0, 3)
        for condition in ("Random", "Generalizing", "MemRetrainLast")
    ]
    expected += ["condition-cnn-8-digits-Random-0", "condition-cnn-8-digits-Random-3"]
    expected += [f"switch-mlp-{width}-digits-{seed}" for width in (8, 16) for seed in (0, 3)]
    expected += ["switch-cnn-8-digits-0", "switch-cnn-8-digits-3"]
    assert keys == expected


def test_the_most_specific_stop_holds():
    rules = (
        StopRule("Generalizing", 1),
        StopRule("Generalizing", 2, network="mlp"),
        StopRule("Generalizing", 3, width=8, dataset="digits"),
        StopRule("Generalizing", 4, network="mlp", width=16, plateau=5, accuracy=0.5),
        StopRule("MemRetrainLast", 6, dataset="mnist"),
    )
    both = Study.from_text(TOML.replace('["digits"]', '["digits", "mnist"]'))
    study = dataclasses.replace(both, stop=rules)
    epochs = {
        (cell.network, cell.width, cell.condition): study.plan(cell).condition.stop
        for cell in study.cells()
        if cell.dataset == "digits"
    }
    # A rule for the network goes before one for width and data set.
    assert epochs["mlp", 8, "Generalizing"] == StoppingRule(2)
    assert epochs["mlp", 16, "Generalizing"] == StoppingRule(4, 0.5, 5)
    assert epochs["mlp", 8, "MemRetrainLast"] == CONDITIONS["MemRetrainLast"].stop
    cnn = study.plan(Cell("condition", "cnn", 8, "digits", "Generalizing", 0))
    assert cnn.condition.stop == StoppingRule(3)


def test_published_accuracy_is_that_of_the_papers_table():
    study = Study.from_toml("paper-full")
    # Table 1: 31.11 and 100 percent; what rounds to 100.00 is enough.
    stops = {
        (cell.network, cell.width, cell.dataset, cell.condition): study.plan(cell).condition.stop
        for cell in study.cells()
        if cell.kind == "condition"
    }
    assert stops["mlp", 64, "mnist", "MemRetrainLast"] == StoppingRule(2500, 0.31105)
    assert stops["mlp", 512, "mnist", "MemRandomLast"] == StoppingRule(2500, 0.99995)
    assert stops["mlp", 512, "mnist", "Generalizing"] == StoppingRule(50)


@pytest.mark.parametrize("name", builtin_studies())
def test_shipped_studies_are_whole_and_round_trip(name):
    study = Study.from_toml(name)
    assert study.name == name
    assert Study.from_text(study.to_toml()) == study
    assert len({cell.key for cell in study.cells()}) == len(study.cells())


def test_the_shipped_studies():
    assert set(builtin_studies()) == {
        "digits-quick", "mnist-mlp", "mnist-cnn", "fashion-mlp", "cifar10-densenet", "paper-full",
        "digits-patterns", "cifar10-patterns", "process-mnist", "uses-mnist", "uses-cifar10",
        "cifar10-densenet-small",
    }  # fmt: skip
    quick = Study.from_toml("digits-quick")
    assert set(quick.conditions) == set(CONDITIONS)
    assert {network.name for network in quick.networks} == {"mlp", "cnn"}


def test_networks_whose_patterns_are_followed_are_cells_of_their_own():
    study = Study.from_text(PATTERNS)
    assert [cell.key for cell in study.cells()] == [
        f"patterns-no_shortcuts_{blocks}-4-digits-{seed}" for blocks in (1, 2) for seed in (0, 3)
    ]
    plan = study.plan(study.cells()[-1])
    network, blocks = plan.network, plan.blocks
    assert (network.name, blocks) == ("no_shortcuts", 2)
    assert network.options(2)["shortcuts"] is False
    both = Study.from_text(TOML + PATTERNS[PATTERNS.index("[[") :])
    assert [cell.kind for cell in both.cells()] == ["condition"] * 14 + ["patterns"] * 4


def test_a_cell_depends_on_its_own_network_alone():
    one = Study.from_text(PATTERNS)
    other = Study.from_text(PATTERNS.replace("[1, 2]", "[1, 2, 3]"))
    assert one.plan(one.cells()[0]).list_settings() == other.plan(other.cells()[0]).list_settings()
    slower = Study.from_text(PATTERNS.replace("width = 4", "width = 4\nlearning_rate = 0.01"))
    assert one.plan(one.cells()[0]).list_settings() != slower.plan(slower.cells()[0]).list_settings()


@settings(deadline=None)
@given(
    widths=st.lists(st.integers(1, 999), min_size=1, max_size=3, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
    rate=st.floats(1e-6, 10),
    accuracy=st.none() | st.floats(0.01, 1),
    order=st.sampled_from(["permutation", "data set"]),
    subset=st.none() | st.just(Subset(20, 10)),
    switch=st.none() | st.just(Switch(1, 2)),
    patterned=st.none() | st.sampled_from(["relu", "prelu"]),
)
def test_toml_round_trips(widths, seeds, rate, accuracy, order, subset, switch, patterned):
    network = PatternNetwork("residual", "resnet", 8, (1, 3), activation=patterned or "relu")
    study = Study(
        "any",
        (Network("mlp", tuple(widths), conditions=("Random",)),),
        ("digits",),
        ("Random",),
        seeds=tuple(seeds),
        order=order,
        training=Training(rate, 16, 0.2),
        stop=(StopRule("Random", 0, accuracy=accuracy),),
        switch=switch,
        patterns=Patterns(3) if patterned else None,
        pattern_networks=(network,) if patterned else (),
        subset=subset,
    )
    assert Study.from_text(study.to_toml()) == study


BAD = {
    "patterns without networks": (
        TOML + "[patterns]\nepochs = 1\n",
        "patterns and pattern_networks must",
    ),
    "networks without patterns": (
        PATTERNS[: PATTERNS.index("[patterns]")],
        "patterns and pattern_networks must both be there",
    ),
    "nothing to do": (
        'name = "no"\ndatasets = ["digits"]\n',
        r"networks must have one \[\[networks\]\] or more, got \(\)",
    ),
    "name of a pattern network": (
        PATTERNS.replace("no_shortcuts", "No-shortcuts"),
        r"\[\[pattern_networks\]\] 1: name must be made of small letters.*'No-shortcuts'",
    ),
    "perceptron": (PATTERNS.replace('"resnet"', '"mlp"'), "network must be one of resnet, pyramidnet"),
    "plain pyramid": (PATTERNS.replace('"resnet"', '"pyramidnet"'), "shortcuts .* must be left out"),
    "plain fixup": (
        PATTERNS.replace("width = 4", 'width = 4\nnormalization = "fixup"'),
        "shortcuts must be true for normalization 'fixup'",
    ),
    "schedule": (
        PATTERNS.replace("width = 4", 'width = 4\nschedule = "cosine"'),
        "schedule must be one of constant, multistep, cyclic, one-cycle, got 'cosine'",
    ),
    "pattern network twice": (
        PATTERNS.replace(
            "[patterns]", PATTERNS[PATTERNS.index("[[") : PATTERNS.index("[patterns]")] + "[patterns]"
        ),
        "pattern_networks must name each cell once, got patterns-no_shortcuts_1-4-digits-0 twice",
    ),
    "pattern networks of one name": (
        PATTERNS.replace(
            "[patterns]",
            '[[pattern_networks]]\nname = "no_shortcuts"\nnetwork = "resnet"\nwidth = 8\nblocks = [3]\n'
            "[patterns]",
        ),
        r"pattern_networks must differ in name, got \['no_shortcuts', 'no_shortcuts'\]",
    ),
    "conditions of no networks": (
        'conditions = ["Random"]' + PATTERNS,
        r"conditions, switch and uses must be left out without networks, got \('Random',\)",
    ),
    "switch of no networks": (
        PATTERNS + "[switch]\nepochs_true = 1\nepochs_random = 1\n",
        "conditions, switch and uses must be left out without networks",
    ),
    "downscale": (
        PATTERNS + "[subset]\nn_train = 9\nn_test = 9\ndownscale = 0\n",
        "downscale must be at least 1, got 0",
    ),
    "unknown key": ('color = "red"\n' + TOML, "key must be one of name, networks, .*, got 'color'"),
    "unknown key in a table": (
        TOML + "[training]\nmomentum = 0.9\n",
        r"\[training\]: key must be one of learning_rate, .*, got 'momentum'",
    ),
    "unknown key in a list": (TOML + "depth = 3\n", r"\[\[networks\]\] 2: key must be .*'depth'"),
    "missing key": (TOML.replace('name = "small"', ""), "name is missing"),
    "missing key in a list": (TOML + "[[stop]]\nepochs = 3\n", r"\[\[stop\]\] 1: condition is missing"),
    "type": (TOML.replace("[8, 16]", '["wide"]'), r"each of widths must be an integer .*, got 'wide'"),
    "float width": (TOML.replace("[8, 16]", "[8.0]"), "integer of at least 1, got 8.0"),
    "bool seed": (TOML.replace("[0, 3]", "[true]"), "each of seeds must be an integer .*, got True"),
    "no list": (TOML.replace("[0, 3]", "3"), r"seeds must be a list \(in Python a tuple\), got 3"),
    "empty list": (TOML.replace("[0, 3]", "[]"), "seeds must name at least one"),
    "twice": (TOML.replace("[0, 3]", "[3, 3]"), "seeds must name each once, got 3 2 times"),
    "value": (TOML.replace("[0, 3]", "[-1]"), "each of seeds must be at least 0, got -1"),
    "data set": (
        TOML.replace("digits", "imagenet"),
        "datasets, unless .*, must be one of .*mnist.*, got 'imagenet'",
    ),
    "condition": (
        TOML.replace("MemRetrainLast", "Mem"),
        "conditions must be one of Random.*, got 'Mem'",
    ),
    "network": (
        TOML.replace('"cnn"', '"rnn"'),
        r"\[\[networks\]\] 2: builder .* must be one of mlp.*'rnn'",
    ),
    "start": (
        TOML.replace('"Generalizing", ', ""),
        "must hold 'Generalizing', from which 'MemRetrainLast'",
    ),
    "foreign": (TOML + 'datasets = ["mnist"]\n', "datasets of network 'cnn' must be among the study's"),
    "same cells": (TOML.replace('"cnn"', '"mlp"'), "condition-mlp-8-digits-Random-0 twice"),
    "table": ("training = 3\n" + TOML, r"\[training\]: must be a table, got 3"),
    "list of tables": ("stop = 3\n" + TOML, r"stop must be written as \[\[stop\]\], got 3"),
    "order": ('order = "any"\n' + TOML, "order must be one of permutation, data set, got 'any'"),
    "rate": (TOML + "[training]\nlearning_rate = -1\n", "learning_rate must be positive .*, got -1"),
    "inf": (TOML + "[training]\nlearning_rate = inf\n", "learning_rate must be positive .*, got inf"),
    "split": (
        TOML + "[training]\nvalidation_split = 1\n",
        r"validation_split must lie in \[0, 1\), got 1",
    ),
    "accuracy": (
        TOML + '[[stop]]\ncondition = "Generalizing"\nepochs = 1\naccuracy = 1.2\n',
        r"\[\[stop\]\] 1: accuracy must lie in \(0, 1\], got 1.2",
    ),
    "word": (
        TOML + '[[stop]]\ncondition = "Generalizing"\nepochs = 1\naccuracy = "best"\n',
        "accuracy, if it is not a number.*published, got 'best'",
    ),
    "unpublished": (
        TOML + '[[stop]]\ncondition = "Generalizing"\nepochs = 1\naccuracy = "published"\n',
        "must be a number for condition-mlp-8-digits-Generalizing-0",
    ),
    "two rules": (
        TOML + 2 * '[[stop]]\ncondition = "Random"\nepochs = 0\n',
        "stop must have one rule for the same cells",
    ),
    "rule for no cell": (
        TOML + '[[stop]]\ncondition = "Generalizing"\nwidth = 9\nepochs = 1\n',
        "stop must be for cells of the study, got a rule for 'Generalizing', 9",
    ),
    "trained Random": (
        TOML + '[[stop]]\ncondition = "Random"\nepochs = 5\n',
        r"\[\[stop\]\] 1: epochs of condition 'Random' must be 0, got 5",
    ),
    "untrained Generalizing": (
        TOML + '[[stop]]\ncondition = "Generalizing"\nepochs = 0\n',
        r"\[\[stop\]\] 1: epochs must be at least 1, got 0",
    ),
    "name": (TOML.replace('"small"', '"a/b"'), "name must be made of letters.*'a/b'"),
    "not toml": ("name = ", "is not TOML"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_by_file_key_domain_and_value(case, tmp_path):
    text, message = BAD[case]
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises((TypeError, ValueError), match=message) as error:
        Study.from_toml(file)
    assert str(error.value).startswith(f"{file}")


def test_a_file_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_bytes('name = "ä"'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"bad\.toml is not TOML: 'utf-8'"):
        Study.from_toml(file)


def test_no_such_study_names_those_there_are():
    with pytest.raises(FileNotFoundError, match=r"no study 'digits-slow'.*digits-quick"):
        Study.from_toml("digits-slow")
