"""Snapshots: read back as recorded, replayed as seen, whole or not there."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo import monitoring
from ann2neo.monitoring.patterns import snapshot_files
from tests.monitoring.test_pattern_monitor import LABELS, PROBES, at, convolutional, watch_steps
from tests.recording.models import inputs, mlp

STEPS = [0, 2, 3, 7]
PROGRAM = Path(__file__).with_name("snapshots_killed_program.py")


@pytest.fixture(scope="module", params=[None, LABELS], ids=["plain", "labeled"])
def kept(tmp_path_factory, request):
    """A folder of snapshots, the table of the run that made it, and the model."""
    path, model = tmp_path_factory.mktemp("run") / "snapshots", convolutional()
    monitor = monitoring.PatternMonitor(
        PROBES, labels=request.param, snapshots=path, conv_units="channels"
    )
    for step in STEPS[:-1]:
        monitor.observe(at(model, step), step, step // 2)
    monitor.observe(at(model, STEPS[-1]), STEPS[-1])
    return path, monitor.to_frame(), model


def test_rasters_are_those_recorded(kept):
    path, table, model = kept
    found = monitoring.Snapshots(path)
    labels = LABELS if "mutual_information" in table else dict.fromkeys(PROBES)
    assert (found.steps, found.probes, found.layers) == (STEPS, ["train", "test"], ["first", "second"])
    at(model, 3)
    for probe, samples in PROBES.items():
        for layer in found.layers:
            options = {"conv_units": "channels", "progress": False}
            wanted = a2n.record(model, samples, layers=layer, labels=labels[probe], **options)
            raster = found.raster(3, layer, probe)
            np.testing.assert_array_equal(raster.words, wanted.words)
            pd.testing.assert_frame_equal(raster.units, wanted.units)
            pd.testing.assert_frame_equal(raster.samples, wanted.samples, check_dtype=False)


def test_replay_is_what_the_monitor_saw(kept):
    path, table, _ = kept
    found = monitoring.Snapshots(path).replay(("initial", "previous"), progress=False)
    pd.testing.assert_frame_equal(found, table)


def test_replay_against_the_final_state_and_any_step(kept):
    path, table, _ = kept
    opened = monitoring.Snapshots(path)
    found = opened.replay(("final", 2), progress=False)
    assert not any(column.endswith("initial") for column in found)
    for _, row in found.iterrows():
        now = opened.raster(row["step"], row["layer"], row["probe"])
        for reference, step in (("final", 7), ("2", 2)):
            before = opened.raster(step, row["layer"], row["probe"])
            wanted = a2n.patterns.compare_patterns(before, now).iloc[0]
            assert [row[f"{name}_{reference}"] for name in wanted.index] == wanted.tolist()
    last = found[found["step"] == 7]
    assert (last["weighted_jaccard_final"] == 1).all()
    assert (found.loc[found["step"] < 7, "weighted_jaccard_final"] < 1).any()
    np.testing.assert_array_equal(found["entropy"], table["entropy"])


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(20, dtype=np.uint8),
        np.arange(20) < 9,
        np.arange(20, dtype=np.float32) / 3,
        [f"class {k % 3}" for k in range(20)],
        np.array(["cat", "plane"] * 10, object),
    ],
    ids=["integers", "booleans", "floats", "strings", "objects"],
)
def test_labels_come_back_as_recorded(tmp_path, labels):
    samples, model = inputs(20, 6), mlp()
    path = tmp_path / "snapshots"
    monitor = monitoring.PatternMonitor({"x": samples}, labels={"x": labels}, snapshots=path)
    monitor.observe(model, 0)
    layer = monitor.layers[0]
    wanted = a2n.record(model, samples, layers=layer, labels=labels, progress=False)
    found = monitoring.Snapshots(path).raster(0, layer, "x")
    pd.testing.assert_frame_equal(found.samples, wanted.samples)


def test_labels_that_are_damaged_or_older_than_labels(tmp_path):
    path, options = tmp_path / "snapshots", {"references": ("initial", "previous"), "progress": False}
    monitor = monitoring.PatternMonitor(PROBES, labels=LABELS, snapshots=path, conv_units="channels")
    table = watch_steps(monitor, convolutional(), [0, 1])
    np.savez(path / "labels.npz", labels_0=LABELS["train"], labels_1=LABELS["test"][1:])
    with pytest.raises(ValueError, match=r"labels\.npz is damaged: .*'test' has 9 samples"):
        monitoring.Snapshots(path)
    (path / "labels.npz").unlink()
    with pytest.raises(ValueError, match=r"labels\.npz is damaged: .*No such file"):
        monitoring.Snapshots(path)
    about = json.loads((path / "snapshots.json").read_text())
    del about["labeled"]
    (path / "snapshots.json").write_text(json.dumps(about))
    found = monitoring.Snapshots(path).replay(**options)
    names = ["conditional_entropy", "mutual_information", "joint_saturated"]
    names += ["class_separation", "unit_information"]
    pd.testing.assert_frame_equal(found, table.drop(columns=names))


def test_what_is_killed_leaves_whole_snapshots(tmp_path):
    path = tmp_path / "snapshots"
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    result = subprocess.run([sys.executable, PROGRAM, path], env=environment, check=False)
    assert result.returncode == -signal.SIGKILL
    found = monitoring.Snapshots(path)
    assert any(file.name.startswith(".step_000000000002") for file in path.iterdir())
    assert found.steps == [0, 1]
    assert found.replay(progress=False)["n_patterns"].tolist() == [4, 4]


def test_what_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "snapshots"
    monitor = monitoring.PatternMonitor(PROBES, snapshots=path, conv_units="channels")
    watch_steps(monitor, convolutional(), [0])

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(snapshot_files, "_write_arrays", full)
    with pytest.raises(OSError, match="no space left"):
        watch_steps(monitor, convolutional(), [1])
    assert sorted(file.name for file in path.iterdir()) == ["snapshots.json", "step_000000000000.npz"]
    assert monitor.last_step == 0
    assert monitor.to_frame()["step"].unique().tolist() == [0]


def test_refusals(kept, tmp_path):
    path, *_ = kept
    with pytest.raises(FileExistsError, match="new or an empty folder"):
        monitoring.PatternMonitor(PROBES, snapshots=path, conv_units="channels")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        monitoring.PatternMonitor(PROBES, snapshots=tmp_path / "no" / "snapshots")
    with pytest.raises(FileNotFoundError, match="no snapshots at"):
        monitoring.Snapshots(tmp_path)
    opened = monitoring.Snapshots(path)
    for arguments, message in [
        ((1, "first", "train"), r"step must be one of \[0, 2, 3, 7\], got 1"),
        ((2, "else", "train"), "layer must be one of"),
        ((2, "first", "else"), "probe must be one of"),
    ]:
        with pytest.raises(ValueError, match=message):
            opened.raster(*arguments)
    for references, message in [(["last"], "references must be among"), ([2, 2], "must differ")]:
        with pytest.raises(ValueError, match=message):
            opened.replay(references, progress=False)


def test_damage_is_seen(tmp_path):
    path = tmp_path / "snapshots"
    watch_steps(
        monitoring.PatternMonitor(PROBES, snapshots=path, conv_units="channels"), convolutional(), [0, 1]
    )
    file = path / "step_000000000001.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"step_000000000001\.npz is damaged"):
        monitoring.Snapshots(path).raster(1, "first", "train")
    broken = bytearray(whole)
    # In the middle of the first member's data, behind its name.
    broken[whole.index(b"words_0_0.npy") + 60] ^= 255
    file.write_bytes(broken)
    with pytest.raises(ValueError, match="is damaged"):
        monitoring.Snapshots(path).replay(progress=False)
    np.savez(file, training_epoch=np.array(1))
    with pytest.raises(ValueError, match="is damaged"):
        monitoring.Snapshots(path).replay(progress=False)
    about = json.loads((path / "snapshots.json").read_text())
    (path / "snapshots.json").write_text(json.dumps({**about, "format_version": 2}))
    with pytest.raises(ValueError, match="upgrade ann2neo"):
        monitoring.Snapshots(path)
