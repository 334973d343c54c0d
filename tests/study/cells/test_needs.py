"""A study's own data and networks run; what is missing is said in one line before the first cell."""

from pathlib import Path

import pytest

from ann2neo.study import Study, judge_hypotheses, run, tabulate
from ann2neo.study.analysis.paper_order import find_memorizing
from ann2neo.study.report.words import write_glossary

pytest.importorskip("keras", reason="the tensorflow extra is not installed")
HERE = Path(__file__).parent
TOML = """
name = "own"
datasets = ["own_sources:dots"]
splits = ["train"]
window = 10
[[conditions]]
name = "Generalizing"
[[conditions]]
name = "Relabelled"
start = "generalizing"
labels = "random"
trainable = "all"
epochs = 2
[[networks]]
name = "mine"
builder = "own_sources:build"
layer = "seen"
depth = 2
widths = [6]
[[stop]]
condition = "Generalizing"
epochs = 2
[training]
batch_size = 20
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


def test_own_data_networks_and_conditions_run(tmp_path):
    results = run(Study.from_text(TOML), tmp_path, progress=False)
    table = results.indicators
    assert table["error"].tolist() == ["", ""]
    assert table["condition"].tolist() == ["Generalizing", "Relabelled"]
    assert (table["n_units"].tolist(), table["n_samples"].tolist()) == ([6, 6], [60, 60])
    assert set(table["dataset"]) == {"dots"}
    raster = results.spikes["mine", 6, "dots", "Relabelled", 0, "train"]
    assert raster.layers == ["seen"]
    # A condition of one's own counts as memorizing by what it is.
    assert "Relabelled" in find_memorizing(results)
    assert judge_hypotheses(results)[0].numbers["n"].tolist()[0] == 1
    shown = tabulate(results)
    assert set(shown["ks"].columns.get_level_values("pair")) == {"Generalizing–Relabelled"}
    assert "<dt>Relabelled</dt>" in write_glossary(results)


DENSENET = TOML.replace(
    'builder = "own_sources:build"\nlayer = "seen"\ndepth = 2', 'builder = "densenet121"'
)
MISSING = {
    "data": (
        TOML.replace(":dots", ":moths"),
        "data set 'moths': datasets must be a function that can be imported",
    ),
    "network": (
        TOML.replace(":build", ":make"),
        "network 'mine': builder must be a function that can be imported",
    ),
    "weights": (
        DENSENET.replace("widths", 'weights = "gone.h5"\nwidths'),
        "network 'mine': weights must be .* there is no gone.h5",
    ),
    "folder": (
        TOML.replace("own_sources:dots", "mnist"),
        r"data set 'mnist': data_dir .* must hold mnist\.npz",
    ),
}


@pytest.mark.parametrize(("toml", "said"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_said_before_the_first_cell(tmp_path, toml, said):
    with pytest.raises((ValueError, FileNotFoundError), match=f"the study needs {said}"):
        run(Study.from_text(toml), tmp_path / "out", data_dir=tmp_path, progress=False)
    assert not list((tmp_path / "out" / "cells").iterdir())


def test_weights_that_cannot_be_downloaded(tmp_path, monkeypatch):
    import keras

    def refuse(**options):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "DenseNet121", refuse)
    with pytest.raises(FileNotFoundError, match=r"set weights = 'none' or to a file .*no network"):
        run(Study.from_text(DENSENET), tmp_path, progress=False)
