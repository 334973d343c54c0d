"""Cells that follow the activation patterns of a network through its training."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ann2neo.study import Results, Study, run
from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import load_data
from ann2neo.study.cells.pattern_cell import _rate
from ann2neo.study.cells.pattern_cell import run as run_cell
from ann2neo.study.config.settings import PatternNetwork, Patterns, Subset, Training

STUDY = Study(
    "small",
    datasets=("digits",),
    training=Training(0.1, 16, 0.1),
    patterns=Patterns(2, n_looks=4, n_probe=30),
    pattern_networks=(
        PatternNetwork("plain", "resnet", 2, (1,), shortcuts=False),
        PatternNetwork("pyramid", "pyramidnet", 2, (1,), activation="prelu", schedule="one-cycle"),
    ),
    subset=Subset(107, 40, downscale=2),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("patterns")
    return run(STUDY, out, progress=False), out


def test_each_look_has_a_row_a_rectifier_in_order_of_depth(results):
    table = results[0].patterns
    assert set(results[0].cells["status"]) == {"ok"}
    # int(107 * 0.9) = 96 samples are trained on: 6 batches a pass. A tenth of one, half of all, the end.
    for _, rows in table.groupby("network"):
        assert {0, 1, 6, 12} <= set(rows["step"])
        for _, look in rows.groupby("step"):
            assert look["depth"].tolist() == list(range(1, len(look) + 1))
            assert look["layer"].iloc[-1] == "hidden"
    plain = table[table["network"] == "plain_1"]
    assert plain["layer"].nunique() == 7
    assert (table["blocks"] == 1).all()
    # Of 30 images, half as high and wide: 4 × 4 positions in the first stage, one in the last.
    assert plain.loc[plain["depth"] == 1, "n_samples"].unique().tolist() == [30 * 16]


def test_the_last_look_is_the_final_state_and_labels_tell(results):
    table = results[0].patterns
    last = table[table["step"] == 12]
    assert (last["weighted_jaccard_final"] == 1).all()
    assert (last["flip_rate_final"] == 0).all()
    assert (table.loc[table["step"] == 0, "weighted_jaccard_initial"] == 1).all()
    assert table["mutual_information"].between(0, np.log2(10)).all()
    assert table["training_accuracy"].between(0, 1).all()


def test_results_are_read_back_as_they_were(results):
    found, out = results
    kept = Results.load(out)
    pd.testing.assert_frame_equal(kept.patterns, found.patterns)
    tables = out.parent / "tables"
    tables.mkdir()
    for name in ("patterns.csv", "study.toml"):
        (tables / name).write_bytes((out / name).read_bytes())
    pd.testing.assert_frame_equal(Results.load(tables).patterns, found.patterns)
    assert found.patterns[["saturated", "joint_saturated"]].dtypes.eq(bool).all()
    assert not len(found.indicators)
    assert not (out / "results.csv").exists()


def test_a_cell_is_the_same_when_run_again(results, tmp_path):
    cell = STUDY.cells()[0]
    assert run_cell(Work(STUDY.plan(cell), tmp_path)) == []
    again = (tmp_path / "patterns.csv").read_bytes()
    assert again == (results[1] / "cells" / cell.key / "patterns.csv").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["history.csv", "patterns.csv"]


def test_small_images_are_means_of_squares():
    work = Work(STUDY.plan(STUDY.cells()[0]), None)
    whole = dataclasses.replace(STUDY, subset=Subset(107, 40)).plan(STUDY.cells()[0])
    small, large = load_data(work), load_data(dataclasses.replace(work, plan=whole))
    expected = [[large.x_train[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((1, 2)) for j in range(4)]
                for i in range(4)]  # fmt: skip
    np.testing.assert_allclose(small.x_train, np.moveaxis(expected, 2, 0), rtol=1e-6)
    with pytest.raises(ValueError, match=r"side must divide height and width .*\(8, 8, 1\), got 3"):
        large.downscale(3)


def test_more_probe_samples_than_are_trained_on_is_refused(tmp_path):
    study = dataclasses.replace(STUDY, patterns=Patterns(1, n_probe=97))
    with pytest.raises(ValueError, match="n_probe must be at most 96, the samples trained on, got 97"):
        run_cell(Work(study.plan(study.cells()[0]), tmp_path))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("multistep", [1, 1, 0.1, 0.1, 0.01]),
        ("cyclic", [0.1, 0.55, 0.91, 0.55, 0.37]),
        ("one-cycle", [0.1, 0.6, 0.87, 0.4, 0.05]),
    ],
)
def test_learning_rates_go_as_they_say(schedule, expected):
    rate = _rate(schedule, 1.0, 60)
    steps = [0, 15, 31, 45, 57]
    found = [float(rate(step)) if callable(rate) else rate for step in steps]
    assert found == pytest.approx(expected, abs=0.01)
