"""`ann2neo demo`, whole, as a newcomer runs it; its figures are held against NumPy."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster
from ann2neo.demo import WINDOW

for module in ("keras", "sklearn", "viziphant"):
    pytest.importorskip(module, reason="the demo extra is not installed")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "ann2neo", "demo", "--out", str(out)]
    environment = {**os.environ, "COLUMNS": "80"}
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr[-2000:]
    # Neither progress bars nor TensorFlow's notes on what it was built for.
    assert result.stderr == ""
    return out, result.stdout


def test_it_lists_what_it_wrote(demo):
    out, shown = demo
    wrote = shown.split("Wrote:")[1].split("Look at the pictures")[0]
    listed = {line.strip().rsplit("/", 1)[-1] for line in wrote.splitlines() if line}
    assert listed - {""} == {file.name for file in out.iterdir()}
    for network in ("generalizing", "memorizing", "untrained"):
        assert network in shown.split("Wrote:")[0]


def test_it_says_what_the_columns_are_and_where_to_go_next(demo):
    out, shown = demo
    rows = {line.split("│")[1].strip(): line.split("│") for line in shown.splitlines() if "│" in line}
    for title in ("accuracy", "Fano", "1 − rate", "ISI CV", "√(1 − rate)", "silent"):
        assert all(float(number) >= 0 for number in rows[title][2:5])
        assert rows[title][5].strip()
    assert f"ann2neo analyze {out / 'generalizing.zarr.zip'}" in shown


def test_pictures_are_pictures(demo):
    out, _ = demo
    from matplotlib.image import imread

    for name in ("spike_trains.png", "distributions.png"):
        image = imread(out / name)[..., :3]
        assert image.shape[1] >= 1000
        assert 0.02 < np.mean(image < 0.9) < 0.9  # neither blank nor filled


def test_indicators_equal_numpy(demo):
    out, _ = demo
    table = pd.read_csv(out / "indicators.csv").set_index("network")
    for name, row in table.iterrows():
        active = SpikeRaster.load(out / f"{name}.zarr.zip").to_dense()
        rate = active.mean(axis=0)
        windows = (
            active[: len(active) // WINDOW * WINDOW].reshape(-1, WINDOW, active.shape[1]).sum(axis=1)
        )
        with np.errstate(invalid="ignore"):
            fano = windows.var(axis=0) / windows.mean(axis=0)
        intervals = [np.diff(np.flatnonzero(train)) for train in active.T]
        cvs = [i.std() / i.mean() for i in intervals if len(i) > 1]
        assert row["firing_rate"] == pytest.approx(rate.mean(), rel=1e-12)
        assert row["cv_firing_rate_percent"] == pytest.approx(100 * rate.std() / rate.mean(), rel=1e-12)
        assert row["fano_factor"] == pytest.approx(np.nanmean(fano), rel=1e-12)
        assert row["isi_cv"] == pytest.approx(np.mean(cvs), rel=1e-12)
        expected = np.mean(1 - rate[rate > 0])
        assert row["one_minus_rate"] == pytest.approx(expected, rel=1e-12)
        known = [rate for rate, i in zip(rate, intervals, strict=True) if len(i) > 1]
        independent = np.mean(np.sqrt(1 - np.array(known)))
        assert row["sqrt_one_minus_rate"] == pytest.approx(independent, rel=1e-12)
        assert row["silent_units"] == np.sum(rate == 0)


def test_the_networks_differ_as_their_training_did(demo):
    out, _ = demo
    table = pd.read_csv(out / "indicators.csv").set_index("network")
    assert table.loc["generalizing", "training_accuracy"] > 0.95
    assert table.loc["memorizing", "training_accuracy"] > 0.3  # random labels: chance is 0.1
    assert table.loc["untrained", "training_accuracy"] < 0.25
    assert table.loc["memorizing", "firing_rate"] < table.loc["generalizing", "firing_rate"]
