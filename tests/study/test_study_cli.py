"""The command line of studies."""

import re

import pandas as pd
import pytest

from ann2neo.study import Results, builtin_studies
from ann2neo.study.cells.result_tables import AUC
from tests.study.made_patterns import only_patterns

keras = pytest.importorskip("keras", reason="the tensorflow extra is not installed")
pytest.importorskip("sklearn", reason="the demo extra is not installed")

TOML = """
name = "tiny"
datasets = ["digits"]
conditions = ["Random", "Generalizing"]
splits = ["train"]
window = 20
[[networks]]
name = "mlp"
widths = [4]
[[stop]]
condition = "Generalizing"
epochs = 2
[subset]
n_train = 60
n_test = 40
"""


def test_run_and_report(ann2neo, tmp_path):
    (tmp_path / "tiny.toml").write_text(TOML)
    out = tmp_path / "out"
    status, shown, _ = ann2neo("study", "run", tmp_path / "tiny.toml", "--out", out)
    assert status == 0
    assert "mlp 4 digits" in shown
    # An untrained network has no accuracy on what it would have been trained on.
    untrained = next(line for line in shown.splitlines() if "Random" in line)
    assert [cell.strip() for cell in untrained.split("│")][6] == "–"
    assert "nan" not in shown
    assert (out / "report.html").is_file()
    table = Results.load(out).indicators
    assert table["status"].tolist() == ["ok", "ok"]
    assert table["epochs_run"].tolist() == [0, 2]
    (out / "report.html").unlink()
    assert ann2neo("study", "report", out)[0] == 0
    assert (out / "report.html").is_file()


def test_an_interrupted_run_says_how_to_go_on(ann2neo, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ann2neo.study.run", interrupt)
    status, _, said = ann2neo("study", "run", "digits-quick", "--out", tmp_path / "out")
    assert status == 130
    kept, interrupted_line = said.splitlines()
    assert kept == f"What has ended is kept in {tmp_path / 'out'}: the same command goes on from there."
    assert interrupted_line == "ann2neo: interrupted"


def test_report_of_patterns_alone(ann2neo, tmp_path):
    only_patterns(blocks=(1,), seeds=range(5)).save(tmp_path)
    status, shown, _ = ann2neo("study", "report", tmp_path)
    assert status == 0
    assert "No cell has numbers" not in shown
    assert re.search(r"plain_1 digits train +. +[01]\.\d\d . +\[[01]\.\d\d, [01]\.\d\d\]", shown)
    assert (tmp_path / "report.html").is_file()


def test_configs_lists_what_is_shipped(ann2neo):
    status, shown, _ = ann2neo("study", "configs")
    assert status == 0
    for name in builtin_studies():
        assert name in shown


def test_a_bad_config_is_one_line_and_status_2(ann2neo, tmp_path):
    (tmp_path / "bad.toml").write_text(TOML.replace("epochs = 2", 'epochs = "two"'))
    status, _, error = ann2neo("study", "run", tmp_path / "bad.toml", "--out", tmp_path / "out")
    assert status == 2
    assert "[[stop]] 1: epochs must be an integer of at least 1, got 'two'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_report_of_networks_with_wrong_labels_alone(ann2neo, tmp_path):
    place = {"network": "mlp", "width": 8, "dataset": "digits", "seed": [0, 1]}
    numbers = {"n_samples": 100, "n_wrong": 40, "epochs_run": 9, "training_accuracy": 0.9}
    numbers |= dict.fromkeys(("learned", "test_accuracy", "n_suspected", "vote_pixels"), 0.5)
    numbers |= {"vote_patterns": [0.6, 0.7], **dict.fromkeys(AUC, 0.8)}
    table = pd.DataFrame({**place, "condition": "wrong40", "noise": 0.4, "remedy": "", **numbers})
    table.to_csv(tmp_path / "uses.csv", index=False)
    status, shown, _ = ann2neo("study", "report", tmp_path)
    assert status == 0
    assert "No cell has numbers" not in shown
    assert re.search(r"mlp 8 digits . +40% . +0\.800 . +0\.800 . +0\.800 . +0\.500 . +0\.650", shown)
    assert (tmp_path / "report.html").is_file()
