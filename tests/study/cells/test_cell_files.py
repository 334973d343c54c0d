"""What the cells of a study do: train, record, count; on a few digits."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.study import Study
from ann2neo.study.cells import cell_files
from ann2neo.study.cells.cell_files import State, Work
from ann2neo.study.config.cell import Cell, make_rng
from ann2neo.study.config.settings import Network, StopRule, Subset, Switch, Training

pytest.importorskip("keras", reason="the tensorflow extra is not installed")
pytest.importorskip("sklearn", reason="the demo extra is not installed")

STUDY = Study(
    name="tiny",
    networks=(Network("mlp", (6,)),),
    datasets=("digits",),
    conditions=("Random", "Generalizing", "MemRetrainLast"),
    window=20,
    training=Training(0.1, 16, 0.2),
    stop=(StopRule("Generalizing", 3), StopRule("MemRetrainLast", 2)),
    switch=Switch(1, 2, every=2, n_probe=20),
    subset=Subset(100, 60),
)


def run_cell(cell, folder, *, study=STUDY, start=None):
    folder.mkdir(exist_ok=True)
    module, name = cell_files.KINDS[cell.kind].split(":")
    function = getattr(__import__(module, fromlist=[name]), name)
    return function(Work(study.plan(cell), folder, start))


def cell_of(condition):
    return Cell("condition", "mlp", 6, "digits", condition, 0)


@pytest.fixture(scope="module")
def generalizing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generalizing")
    return folder, run_cell(cell_of("Generalizing"), folder)


def test_rows_are_the_statistics_of_the_recording(generalizing):
    folder, rows = generalizing
    units = pd.read_csv(folder / "units.csv")
    for row, (split, n_samples) in zip(rows, [("train", 100), ("test", 60)], strict=True):
        assert (row["split"], row["n_units"], row["n_samples"]) == (split, 6, n_samples)
        assert (row["epochs_run"], row["stopped_by"]) == (3, "epochs")
        # All 100 or 60 samples are kept as spikes: the statistics can be done again.
        raster = a2n.SpikeRaster.load(folder / f"spikes_{split}.zarr.zip")
        assert sorted(raster.samples["sample_index"]) == list(range(n_samples))
        assert raster.samples["sample_index"].tolist() != list(range(n_samples))
        assert raster.annotations["condition"] == "Generalizing"
        expected = a2n.summarize(raster, window=20).iloc[0]
        for name in ("firing_rate", "cv_firing_rate_percent", "fanofactor", "silent_fraction"):
            assert row[name] == expected[name]
        of_split = units[units["split"] == split]
        np.testing.assert_array_equal(of_split["firing_rate"], a2n.firing_rate(raster))
        np.testing.assert_array_equal(of_split["fanofactor"], a2n.fanofactor(raster, 20))
        tests = a2n.poisson_assumptions(raster, 20).tests
        for name in ("ljung_box", "runs", "fano_poisson", "fano_bernoulli"):
            pvalue = tests[name].pvalue[~np.isnan(tests[name].pvalue)]
            # So few samples may be too few for Ljung and Box's test of any unit.
            assert pvalue.size or name == "ljung_box"
            assert row[f"{name}_rejecting"] == (np.mean(pvalue <= 0.05) if pvalue.size else None)
        pvalue = tests["adf"].pvalue
        assert row["adf_not_rejecting"] == pytest.approx(np.mean(pvalue[~np.isnan(pvalue)] > 0.05))
    history = pd.read_csv(folder / "history.csv").iloc[-1]
    assert rows[0]["training_accuracy"] == history["accuracy"]
    assert rows[0]["generalization_gap"] == history["accuracy"] - history["val_accuracy"]


def test_a_cell_run_again_gives_the_same_to_the_last_bit(generalizing, tmp_path):
    folder, rows = generalizing
    assert run_cell(cell_of("Generalizing"), tmp_path) == rows
    assert (tmp_path / "units.csv").read_bytes() == (folder / "units.csv").read_bytes()


def test_memorizing_starts_from_the_generalizing_weights(generalizing, tmp_path):
    folder, _ = generalizing
    study = dataclasses.replace(STUDY, stop=(StopRule("MemRetrainLast", 0),))
    (row, _) = run_cell(cell_of("MemRetrainLast"), tmp_path, study=study, start=folder)
    (same, _) = generalizing[1]
    assert row["weights_hash"] == same["weights_hash"]
    assert row["test_accuracy"] == same["test_accuracy"]
    assert row["training_accuracy"] is None
    assert not (tmp_path / "weights.npz").exists()
    (random, _) = run_cell(cell_of("Random"), tmp_path / "random")
    assert random["weights_hash"] != same["weights_hash"]


def test_order_of_the_data_set_if_asked_for(tmp_path):
    study = dataclasses.replace(STUDY, order="data set", splits=("test",), keep_weights=True)
    (row,) = run_cell(cell_of("Random"), tmp_path, study=study)
    raster = a2n.SpikeRaster.load(tmp_path / "spikes_test.zarr.zip")
    assert raster.samples["sample_index"].tolist() == list(range(60))
    assert row["split"] == "test"
    assert (tmp_path / "weights.npz").is_file()


def test_switch_watches_both_trainings(tmp_path):
    cell = Cell("switch", "mlp", 6, "digits", "", 0)
    assert run_cell(cell, tmp_path) == []
    table = pd.read_csv(tmp_path / "switch.csv")
    # 80 samples to train with are 5 batches a pass; looked at before training and at every second.
    for probe in ("train", "test"):
        of_probe = table[table["probe"] == probe]
        assert of_probe["step"].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
        assert of_probe["labels"].tolist() == ["true"] * 3 + ["random"] * 5
        assert of_probe["training_epoch"].tolist() == [0, 1, 1, 2, 2, 2, 3, 3]
    assert table["firing_rate"].between(0, 1).all()
    assert set(table["layer"]) == {"hidden"}


def test_what_the_samples_do_not_suffice_for_is_refused_before_training(tmp_path):
    # In a single window counts vary by nothing: a Fano factor of 0 for every unit.
    study = dataclasses.replace(STUDY, window=31, switch=Switch(1, 2, n_probe=61))
    with pytest.raises(ValueError, match=r"window must be at most half of the 60 .*'test', got 31"):
        run_cell(cell_of("Generalizing"), tmp_path, study=study)
    with pytest.raises(ValueError, match=r"n_probe must be at most 60, .*'test', got 61"):
        run_cell(Cell("switch", "mlp", 6, "digits", "", 0), tmp_path, study=study)
    assert not list(tmp_path.iterdir())


def test_generators_differ_by_seed_and_purpose_and_are_stable():
    draws = [
        make_rng(seed, *parts).integers(2**62)
        for seed in (0, 1)
        for parts in [("a",), ("a", "b"), ("ab",), ("a", 1)]
    ]
    assert len(set(draws)) == len(draws)
    # Cells of older studies must stay what they were.
    assert make_rng(0, "weights", "mlp", 64, "digits").integers(1000, size=3).tolist() == GOLDEN


GOLDEN = [421, 967, 476]
"""Drawn with NumPy 2.4 when this was written."""


def test_state_round_trips(tmp_path):
    rows = [{"split": "test", "isi_cv": None}]
    state = State("ok", "", 1.5, rows, {"window": 20}, cell_files.list_versions())
    state.save(tmp_path)
    assert cell_files.read_state(tmp_path) == state
    assert state.versions["numpy"] == np.__version__
    assert cell_files.read_state(tmp_path / "none") is None
