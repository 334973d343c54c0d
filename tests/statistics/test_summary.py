"""The indicators of each group."""

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.intervals import cv
from ann2neo.statistics.summary import summarize

COLUMNS = [
    "n_units",
    "firing_rate",
    "cv_firing_rate_percent",
    "fanofactor",
    "cv_fanofactor_percent",
    "silent_fraction",
    "always_on_fraction",
    "isi_cv",
]
CORRECTED = [
    "cv_firing_rate_corrected_percent",
    "fanofactor_corrected",
    "cv_fanofactor_corrected_percent",
]


def make_raster(active, layers, **columns):
    table = pd.DataFrame({"layer": layers, "unit_index": np.arange(len(layers)), **columns})
    return a2n.SpikeRaster.from_dense(active, table)


def test_computed_by_hand():
    # Rates 1/2, 1 and 0: mean 1/2, sd √(1/6). Counts in windows of 2: (2, 0), (2, 2), (0, 0), so that
    # F = 1, 0 and none: mean 1/2, sd 1/2. Intervals 1 of one unit, 1 1 1 of the other.
    active = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]])
    row = summarize(active, window=2).loc["units"]
    expected = [3, 0.5, 100 * np.sqrt(1 / 6) / 0.5, 0.5, 100, 1 / 3, 1 / 3, 0]
    np.testing.assert_allclose(row[COLUMNS].to_numpy(float), expected, rtol=1e-15)


def test_a_row_a_layer_in_their_order():
    rng = np.random.default_rng(9)
    active = rng.random((1000, 40)) < rng.uniform(0.1, 0.9, 40)
    active[:, 3] = False
    layers = np.array(["z"] * 15 + ["a"] * 25)
    table = summarize(make_raster(active, layers))
    assert list(table.index) == ["z", "a"]
    assert table.index.name == "layer"
    assert list(table.columns) == [*COLUMNS[:-1], *CORRECTED, COLUMNS[-1]]
    assert table["n_units"].dtype.kind == "i"
    for name in "za":
        part = active[:, layers == name]
        rate, fano = part.mean(axis=0), fanofactor(part)
        row = table.loc[name]
        assert row["n_units"] == part.shape[1]
        assert row["firing_rate"] == pytest.approx(rate.mean(), rel=1e-12)
        assert row["cv_firing_rate_percent"] == pytest.approx(100 * rate.std() / rate.mean(), rel=1e-12)
        assert row["fanofactor"] == pytest.approx(np.nanmean(fano), rel=1e-12)
        expected = 100 * np.nanstd(fano) / np.nanmean(fano)
        assert row["cv_fanofactor_percent"] == pytest.approx(expected, rel=1e-12)
        assert row["silent_fraction"] == pytest.approx(np.mean(rate == 0), rel=1e-12)
        assert row["always_on_fraction"] == 0
        assert row["isi_cv"] == pytest.approx(np.nanmean(cv(part)), rel=1e-12)


def test_other_groups():
    active = np.random.default_rng(1).random((200, 6)) < 0.5
    raster = make_raster(active, list("aabbcc"), channel=[0, 1, 0, 1, 0, 1])
    by_channel = summarize(raster, by="channel")
    assert list(by_channel.index) == [0, 1]
    np.testing.assert_allclose(
        by_channel["firing_rate"], [active[:, ::2].mean(), active[:, 1::2].mean()]
    )
    together = summarize(raster, by=None)
    assert list(together.index) == ["all"]
    assert together.loc["all", "n_units"] == 6
    pd.testing.assert_frame_equal(
        together.reset_index(drop=True),
        summarize(active).reset_index(drop=True),
    )


def test_silent_and_always_on_layers():
    active = np.zeros((100, 4), bool)
    active[:, 2:] = True
    table = summarize(make_raster(active, ["off", "off", "on", "on"]))
    nan = np.nan
    np.testing.assert_array_equal(
        table.loc["off", COLUMNS[1:]].to_numpy(float), [0, nan, nan, nan, 1, 0, nan]
    )
    np.testing.assert_array_equal(table.loc["on", COLUMNS[1:]].to_numpy(float), [1, 0, 0, nan, 0, 1, 0])


def test_one_unit_and_one_sample():
    row = summarize([[1]], window=1).loc["units"]
    np.testing.assert_array_equal(row[COLUMNS].to_numpy(float), [1, 1, 0, 0, np.nan, 0, 1, np.nan])
    assert row[CORRECTED].isna().all()


def test_unknown_column():
    with pytest.raises(
        ValueError, match=r"by must be None or one of \['layer', 'unit_index'\], got 'row'"
    ):
        summarize(np.eye(3), by="row", window=1)


def test_corrected_indicators_do_not_depend_on_the_length():
    # Units of one law; the paper's CV of the Fano factor is mostly sampling noise of short recordings.
    rng = np.random.default_rng(8)
    rates = rng.beta(6, 14, 4000).astype(np.float32)
    truth = {
        "cv_firing_rate_corrected_percent": 100 * rates.std() / rates.mean(),
        "fanofactor_corrected": 1 - rates.mean(),
        "cv_fanofactor_corrected_percent": 100 * rates.std() / (1 - rates.mean()),
    }
    for n_samples, tolerance in ((2000, 0.15), (8000, 0.06)):
        row = summarize(rng.random((n_samples, rates.size), np.float32) < rates).loc["units"]
        for name, value in truth.items():
            assert row[name] == pytest.approx(value, rel=tolerance), (n_samples, name)
        assert row["cv_fanofactor_percent"] > 1.15 * truth["cv_fanofactor_corrected_percent"]


def test_no_spread_is_a_corrected_cv_of_about_zero():
    active = np.random.default_rng(1).random((2000, 500)) < 0.3
    row = summarize(active).loc["units"]
    assert row["cv_fanofactor_corrected_percent"] < 8 < row["cv_fanofactor_percent"]
    assert row["cv_firing_rate_corrected_percent"] < 2


def test_by_that_is_no_column_is_named():
    for by in (["layer"], "depth", 3):
        with pytest.raises(ValueError, match="by must be None or one of"):
            summarize(np.eye(4), by=by, window=1)
