"""Tables of a study, from its folder or from a file alone."""

import json

import pandas as pd
import pytest

from ann2neo import SpikeRaster
from ann2neo.study import Results, Study
from ann2neo.study.cells.cell_files import State
from ann2neo.study.cells.result_tables import INDICATORS, SWITCH, UNITS
from ann2neo.study.config.cell import Cell, locate_cell
from ann2neo.study.config.settings import Network, Switch

STUDY = Study(
    "tables",
    (Network("mlp", (3,)),),
    ("digits",),
    ("Random", "Generalizing"),
    switch=Switch(1, 1),
)


@pytest.fixture
def out(tmp_path):
    """A folder with an ended, a diverged and a monitored cell."""
    (tmp_path / "study.toml").write_text(STUDY.to_toml())
    rows = [
        {"split": split, "n_units": 3, "firing_rate": 0.1 + 0.2, "isi_cv": None, "stopped_by": "epochs"}
        for split in STUDY.splits
    ]
    random, generalizing, switch = STUDY.cells()
    ends = {
        random: State("ok", "", 1.25, rows),
        generalizing: State("diverged", "DivergedError: loss is nan, of course", 2.0),
        switch: State("ok", "", 3.0),
    }
    for cell, state in ends.items():
        locate_cell(cell, tmp_path).mkdir(parents=True)
        state.save(locate_cell(cell, tmp_path))
    folder = locate_cell(random, tmp_path)
    (folder / "units.csv").write_text("split,unit_index,firing_rate,fanofactor\ntrain,0,0.5,\n")
    SpikeRaster.from_dense([[True], [False]]).save(folder / "spikes_train.zarr.zip")
    header = ",".join(SWITCH[4:])
    (locate_cell(switch, tmp_path) / "switch.csv").write_text(
        f"{header}\n0,0,true,train,hidden,0.5,20,0.4\n"
    )
    return tmp_path


def test_a_row_a_cell_and_split(out):
    results = Results.load(out)
    table = results.indicators
    assert results.study == STUDY
    assert list(table.columns) == INDICATORS
    assert table["condition"].tolist() == ["Random"] * 2 + ["Generalizing"] * 2
    assert table["status"].tolist() == ["ok"] * 2 + ["diverged"] * 2
    assert table["error"].tolist() == [""] * 2 + ["DivergedError: loss is nan, of course"] * 2
    assert table["seconds"].tolist() == [1.25, 1.25, 2, 2]
    assert table["firing_rate"].isna().tolist() == [False] * 2 + [True] * 2
    assert list(results.units.columns) == UNITS
    assert list(results.switch.columns) == SWITCH
    assert results.cells["kind"].tolist() == ["condition", "condition", "switch"]
    ((key, raster),) = results.spikes.items()
    assert key == ("mlp", 3, "digits", "Random", 0, "train")
    assert raster.n_samples == 2


def test_versions_once_each_and_none_of_older_cells(out):
    random, generalizing, switch = (locate_cell(cell, out) for cell in STUDY.cells())
    State("ok", versions={"numpy": "2"}).save(random)
    State("ok", versions={"numpy": "2"}).save(switch)
    older = json.loads((generalizing / "cell.json").read_text())
    del older["versions"]
    (generalizing / "cell.json").write_text(json.dumps(older))
    assert Results.load(out).versions == ({"numpy": "2"},)


def test_saved_results_load_to_the_same_tables(out, tmp_path_factory):
    results = Results.load(out)
    folder = tmp_path_factory.mktemp("saved")
    results.save(folder, overwrite=True)
    (folder / "study.toml").write_text(STUDY.to_toml())
    again = Results.load(folder)
    pd.testing.assert_frame_equal(again.indicators, results.indicators)
    pd.testing.assert_frame_equal(again.units, results.units)
    pd.testing.assert_frame_equal(again.switch, results.switch)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), results.indicators)
    assert again.study == STUDY
    alone = Results.load(folder / "results.csv")
    pd.testing.assert_frame_equal(alone.indicators, results.indicators)
    assert alone.study is None
    assert list(alone.units.columns) == UNITS
    assert len(alone.units) == len(alone.switch) == len(alone.spikes) == 0


def test_an_unfinished_study_has_the_cells_that_are_there(out):
    locate_cell(STUDY.cells()[1], out).rename(out / "away")
    assert len(Results.load(out).indicators) == 2


def test_a_cell_beyond_the_study_is_left_out(out):
    other = locate_cell(Cell("condition", "mlp", 9, "digits", "Random", 0), out)
    other.mkdir()
    State("ok", "", 1, [{"split": "train"}]).save(other)
    assert set(Results.load(out).indicators["width"]) == {3}


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results of a study at"):
        Results.load(tmp_path)
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="not a table of a study: it has no column study, network"):
        Results.load(tmp_path)


def test_tables_are_replaced_only_when_told_and_when_whole(out, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("saved")
    results = Results.load(out)
    (folder / "results.csv").write_text("old")
    with pytest.raises(FileExistsError, match=r"results.csv exists; pass overwrite=True"):
        results.save(folder)
    assert list(folder.iterdir()) == [folder / "results.csv"]

    def break_off(table, path, **options):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", break_off)
    with pytest.raises(OSError, match="disk full"):
        results.save(folder, overwrite=True)
    monkeypatch.undo()
    assert (folder / "results.csv").read_text() == "old"
    assert list(folder.iterdir()) == [folder / "results.csv"]
    results.save(folder, overwrite=True)
    assert (folder / "results.csv").read_text() != "old"
