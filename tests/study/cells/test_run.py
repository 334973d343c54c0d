"""Cells are written whole or not at all, each once, the same whatever happens around them."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from ann2neo.study import Results, Study, run
from ann2neo.study.cells import cell_files
from ann2neo.study.cells.progress import Progress
from ann2neo.study.config.settings import Network

HERE = Path(__file__).parent
STUDY = Study(
    name="fake",
    networks=(Network("mlp", (3, 4)),),
    datasets=("digits",),
    conditions=("Random", "Generalizing", "MemRetrainLast"),
    seeds=(0, 5),
    splits=("test",),
)
PROGRAM = """
import sys
from pathlib import Path
from ann2neo.study.cells import cell_files
from ann2neo.study import Study, run
cell_files.KINDS["condition"] = "fake_cells:run"
run(Study.from_toml(sys.argv[1]), sys.argv[2], progress=False)
"""


@pytest.fixture(autouse=True)
def fake_cells(monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setitem(cell_files.KINDS, "condition", "fake_cells:run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupted: its folder and results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setitem(cell_files.KINDS, "condition", "fake_cells:run")
        out = tmp_path_factory.mktemp("whole")
        return out, run(STUDY, out, progress=False)


def without_seconds(out):
    table = pd.read_csv(out / "results.csv", dtype=str).drop(columns="seconds")
    return table.to_csv(index=False)


def test_cells_are_in_order_and_start_where_they_should(whole):
    _, results = whole
    table = results.indicators
    assert list(zip(table["width"], table["seed"], table["condition"], strict=True)) == [
        (cell.width, cell.seed, cell.condition) for cell in STUDY.cells()
    ]
    assert table["firing_rate"].nunique() == len(STUDY.cells())
    assert set(table["status"]) == {"ok"}
    values = table.set_index(["width", "seed", "condition"])
    for width, seed in [(3, 0), (3, 5), (4, 0), (4, 5)]:
        start = values.loc[(width, seed, "MemRetrainLast"), "isi_cv"]
        assert start == values.loc[(width, seed, "Generalizing"), "firing_rate"]


def test_results_do_not_depend_on_workers(whole, tmp_path):
    run(STUDY, tmp_path, workers=2, progress=False)
    assert without_seconds(tmp_path) == without_seconds(whole[0])


@pytest.fixture(scope="module")
def dask():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_dask_runs_cells_with_the_same_results(whole, dask, tmp_path):
    run(STUDY, tmp_path, workers=dask, progress=False)
    assert without_seconds(tmp_path) == without_seconds(whole[0])
    assert not list((tmp_path / "cells").glob(".*"))


@pytest.mark.parametrize(
    ("mishap", "said"),
    [("raise", "RuntimeError: two lines"), ("exit", "the process ended with status 3")],
)
def test_what_fails_on_a_worker_of_dask_is_marked(dask, tmp_path, monkeypatch, mishap, said):
    monkeypatch.setenv("FAKE_GENERALIZING", mishap)
    study = Study("fake", (Network("mlp", (3,)),), ("digits",), STUDY.conditions)
    found = run(study, tmp_path, workers=dask, progress=False).indicators
    table = found[found["split"] == "test"].set_index("condition")
    assert table["status"].to_dict() == {
        "Random": "ok", "Generalizing": "failed", "MemRetrainLast": "failed"
    }  # fmt: skip
    assert table.loc["Generalizing", "error"].startswith(said)


def test_workers_that_do_not_see_the_study_say_so(tmp_path):
    class Blind(ThreadPoolExecutor):
        """Its workers write where nobody looks."""

        def submit(self, function, job):
            return super().submit(function, {**job, "folder": str(tmp_path / "elsewhere" / "cell")})

    with (
        Blind(1) as pool,
        pytest.raises(FileNotFoundError, match=r"is not there on .*must see the study"),
    ):
        run(STUDY, tmp_path / "out", workers=pool, progress=False)
    # Nothing is kept that would stand in the way.
    assert run(STUDY, tmp_path / "out", progress=False).indicators["status"].eq("ok").all()


def test_killed_and_run_again_it_ends_with_the_same_results(whole, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.to_toml())
    out = tmp_path / "killed"
    environment = {
        **os.environ,
        "FAKE_SECONDS": "0.3",
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
    }
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "study.toml"), str(out)], env=environment
    )
    ended = [out / "cells" / cell.key for cell in STUDY.cells()]
    try:
        deadline = time.monotonic() + 600
        while not ended[1].exists():
            assert program.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    there = [folder for folder in ended if folder.exists()]
    assert 2 <= len(there) < len(ended)
    for folder in there:
        assert json.loads((folder / "cell.json").read_text())["status"] == "ok"
        assert (folder / "units.csv").is_file()
    before = {folder: folder.stat().st_mtime_ns for folder in there}
    assert not (out / "results.csv").exists()
    assert len(Results.load(out).indicators) == len(there)
    again = run(STUDY, out, progress=False)
    assert {folder: folder.stat().st_mtime_ns for folder in there} == before
    assert without_seconds(out) == without_seconds(whole[0])
    pd.testing.assert_frame_equal(again.units, whole[1].units)
    assert not list((out / "cells").glob(".*"))


@pytest.mark.parametrize(
    ("mishap", "status", "said"),
    [
        ("raise", "failed", "RuntimeError: two lines"),
        ("exit", "failed", "the process ended with status 3; it said last: "),
        ("diverge", "diverged", "DivergedError: loss is nan"),
    ],
)
def test_a_cell_that_ends_badly_is_marked_and_the_others_go_on(
    tmp_path, monkeypatch, caplog, mishap, status, said
):
    monkeypatch.setenv("FAKE_GENERALIZING", mishap)
    study = Study("fake", (Network("mlp", (3,)),), ("digits",), STUDY.conditions)
    with caplog.at_level(logging.WARNING):
        results = run(study, tmp_path, progress=False)
    table = results.indicators.set_index(["condition", "split"])
    bad = table.loc[("Generalizing", "test")]
    assert bad["status"] == status
    assert bad["error"].startswith(said)
    assert pd.isna(bad["firing_rate"])
    assert table.loc[("Random", "test"), "status"] == "ok"
    heir = table.loc[("MemRetrainLast", "test")]
    assert heir["status"] == "failed"
    assert "condition-mlp-3-digits-Generalizing-0" in heir["error"]
    assert f"condition-mlp-3-digits-Generalizing-0 {status}" in caplog.text
    if mishap == "exit":
        assert "last words" in bad["error"]
    history = tmp_path / "cells" / "condition-mlp-3-digits-Generalizing-0" / "history.csv"
    assert history.exists() == (mishap == "diverge")
    # What failed is tried again, what diverged would do so again.
    monkeypatch.delenv("FAKE_GENERALIZING")
    again = run(study, tmp_path, progress=False).indicators
    assert set(again["status"]) == ({"ok"} if mishap != "diverge" else {"ok", "diverged", "failed"})


def test_cells_of_other_settings_are_refused_and_left_alone(tmp_path):
    small = Study("fake", (Network("mlp", (3,)),), ("digits",), ("Random",))
    run(small, tmp_path, progress=False)
    before = (tmp_path / "study.toml").read_bytes(), (tmp_path / "results.csv").read_bytes()
    other = Study("fake", (Network("mlp", (3,)),), ("digits",), ("Random",), window=50)
    with pytest.raises(ValueError, match="was run with window = 100, not 50"):
        run(other, tmp_path, progress=False)
    assert ((tmp_path / "study.toml").read_bytes(), (tmp_path / "results.csv").read_bytes()) == before
    # The same settings on a larger grid keep the cells that are there.
    cell = tmp_path / "cells" / "condition-mlp-3-digits-Random-0"
    born = cell.stat().st_mtime_ns
    larger = Study("fake", (Network("mlp", (3,)),), ("digits",), ("Random",), seeds=(0, 1))
    assert len(run(larger, tmp_path, progress=False).indicators) == 4
    assert cell.stat().st_mtime_ns == born
    run(other, tmp_path, progress=False, resume=False)
    assert json.loads((cell / "cell.json").read_text())["settings"]["window"] == 50


@pytest.mark.parametrize("content", [b'{"status":', b"[]", b'{"state": "ok"}', b"\xff"])
def test_a_damaged_cell_is_named_and_run_again(tmp_path, caplog, content):
    small = Study("fake", (Network("mlp", (3,)),), ("digits",), STUDY.conditions)
    run(small, tmp_path, progress=False)
    before = without_seconds(tmp_path)
    # Another cell started from it: that one is kept.
    file = tmp_path / "cells" / "condition-mlp-3-digits-Generalizing-0" / "cell.json"
    others = {other: other.stat().st_mtime_ns for other in file.parents[1].glob("*/cell.json")}
    del others[file]
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(file))} must say .*; run the study again"):
        Results.load(tmp_path)
    with caplog.at_level(logging.WARNING):
        run(small, tmp_path, progress=False)
    assert caplog.text.count(f"{file.parent.name} is run again: {file}") == 1
    assert json.loads(file.read_text())["status"] == "ok"
    assert {other: other.stat().st_mtime_ns for other in others} == others
    assert without_seconds(tmp_path) == before


def test_other_files_are_left_alone(tmp_path):
    # A user's own settings and folders, which a study would replace and clean.
    (tmp_path / "study.toml").write_text("# my own\n" + STUDY.to_toml())
    with pytest.raises(ValueError, match=r"out must be new, .* but .* holds study\.toml"):
        run(STUDY, tmp_path, progress=False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["study.toml"]
    with pytest.raises(ValueError, match="out must be a folder, got the file"):
        run(STUDY, tmp_path / "study.toml", progress=False)


def test_a_folder_at_work_is_refused(tmp_path):
    import filelock

    with (
        filelock.FileLock(tmp_path / ".lock"),
        pytest.raises(RuntimeError, match="another run is at work"),
    ):
        run(STUDY, tmp_path, progress=False)


@pytest.mark.parametrize("workers", [0, 1.5, True])
def test_workers_must_be_a_count(tmp_path, workers):
    with pytest.raises((TypeError, ValueError), match=r"workers must be .*at least 1, got"):
        run(STUDY, tmp_path / "new", workers=workers)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("minutes", "told"), [(0, False), (2, True)])
def test_progress_tells_the_time_left_once_the_start_is_over(capsys, monkeypatch, minutes, told):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    (random, generalizing, *_) = STUDY.cells()
    now = time.monotonic()
    with Progress(STUDY, STUDY.cells(), shown=True) as bar:
        monkeypatch.setattr("time.monotonic", lambda: now + 60 * minutes)
        bar.begin(random)
        bar.end(random)
        bar.begin(generalizing)
    # As tqdm has it, "[00:00<2:15:32]".
    assert bool(re.search(r"\[[\d:]+<[\d:]+\]", capsys.readouterr().err)) == told


def test_progress_names_the_cell_and_moves_within_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "0.2")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    small = Study("fake", (Network("mlp", (3,)),), ("digits",), ("Random",))
    run(small, tmp_path)
    shown = capsys.readouterr().err
    assert "condition-mlp-3-digits-Random-0 40%" in shown
    assert "1/1 cells" in shown
    assert "100%" in shown
