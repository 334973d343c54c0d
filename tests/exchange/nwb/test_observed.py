"""Time in which units were not observed is no silence; samples that fit in no memory are refused."""

import re
import warnings
from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
import pytest

from ann2neo import load, read_nwb
from ann2neo.exchange.grid import MOST_SAMPLES


def write(path, trains, spans):
    file = pynwb.NWBFile(
        session_description="x", identifier="y", session_start_time=datetime(2026, 5, 4, tzinfo=UTC)
    )
    for train, span in zip(trains, spans, strict=True):
        file.add_unit(spike_times=train, **({} if span is None else {"obs_intervals": span}))
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def read(path, **options):
    """The raster, and what was said of gaps."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        raster = read_nwb(path, **{"sampling_period": 0.001, **options})
    return raster, [
        str(one.message) for one in told if "not all units were observed" in str(one.message)
    ]


EVERYWHERE = [[0.0, 0.01]]
CASES = {
    # spans of two units, samples that are left, spikes that are not
    "all": ([EVERYWHERE, EVERYWHERE], range(10), 0),
    "a gap": ([[[0.0, 0.002], [0.006, 0.01]]] * 2, [0, 1, *range(6, 10)], 4),
    "a gap of one of them": ([EVERYWHERE, [[0.0, 0.002], [0.006, 0.01]]], [0, 1, *range(6, 10)], 4),
    "partly overlapping": ([[[0.0, 0.006]], [[0.003, 0.01]]], range(3, 6), 7),
    "gaps at other places": (
        [[[0.0, 0.003], [0.005, 0.01]], [[0.001, 0.007], [0.008, 0.009]]],
        [1, 2, 5, 6, 8],
        5,
    ),
    "touching": ([[[0.0, 0.004], [0.004, 0.01]], EVERYWHERE], range(10), 0),
    "overlapping and out of order": (
        [[[0.003, 0.01], [0.0, 0.005]], EVERYWHERE],
        range(10),
        0,
    ),
    "between samples": ([[[0.0015, 0.0065]], EVERYWHERE], range(2, 6), 6),
    "beginning before 0": ([[[-1.0, 0.004]], EVERYWHERE], range(4), 6),
    "of a moment": ([[[0.0, 0.003], [0.005, 0.005]], EVERYWHERE], range(3), 7),
    "beginning later": ([[[0.004, 0.01]]] * 2, range(4, 10), 4),
}


@pytest.mark.parametrize("case", CASES)
def test_samples_that_not_all_were_observed_in_are_left_out_aloud(tmp_path, case):
    spans, left, n_lost = CASES[case]
    path = write(tmp_path / "a.nwb", [np.arange(10) * 0.001, []], spans)
    raster, told = read(path)
    assert raster.samples["sample_index"].tolist() == list(left)
    assert raster.spike_counts.tolist() == [len(left), 0]
    assert len(told) == (len(left) < 10)
    for said in told:
        assert f"{10 - len(left)} of 10 samples are left out, with {n_lost} spikes" in said


def test_two_spikes_of_a_tenth_of_a_second_are_not_two_of_six(tmp_path):
    spans = [[[0.0, 0.1], [5.0, 5.1]]] * 2
    path = write(tmp_path / "a.nwb", [[0.05], [5.05]], spans)
    raster, told = read(path)
    assert raster.n_samples == 200
    assert "in 2 stretches" in told[0]
    assert np.flatnonzero(np.diff(raster.samples["sample_index"]) != 1).tolist() == [99]
    with pytest.warns(UserWarning, match="not all units were observed"):
        assert load(path, sampling_period=0.001) == raster
    binned, told = read(path, sampling_period=None, bin_size=0.02)
    assert binned.samples["sample_index"].tolist() == [*range(5), *range(250, 255)]
    assert told


def test_a_unit_that_says_none_was_observed_as_the_others(tmp_path):
    path = write(tmp_path / "a.nwb", [[0.001], [0.002]], [EVERYWHERE, EVERYWHERE])
    with h5py.File(path, "r+") as file:
        file["units/obs_intervals_index"][0] = 0
        file["units/obs_intervals_index"][1] = 1
        intervals = file["units/obs_intervals"][:1]
        about = dict(file["units/obs_intervals"].attrs)
        del file["units/obs_intervals"]
        file["units/obs_intervals"] = intervals
        file["units/obs_intervals"].attrs.update(about)
    raster, told = read(path)
    assert raster.n_samples == 10
    assert not told


def test_units_that_were_never_observed_together(tmp_path):
    path = write(tmp_path / "a.nwb", [[0.001], [0.007]], [[[0.0, 0.004]], [[0.006, 0.01]]])
    with pytest.raises(ValueError, match=r"a\.nwb has no sample of 0\.001 s that all its units"):
        read(path)


@pytest.mark.parametrize("wrong", [np.nan, -np.inf, 7.0])
def test_damaged_intervals(tmp_path, wrong):
    path = write(tmp_path / "a.nwb", [[0.001], [0.002]], [EVERYWHERE, EVERYWHERE])
    with h5py.File(path, "r+") as file:
        file["units/obs_intervals"][0, 0] = wrong
    with pytest.raises(ValueError, match="its obs_intervals are no intervals per unit"):
        read(path)
    with h5py.File(path, "r+") as file:
        file["units/obs_intervals"][0, 0] = 0.0
        file["units/obs_intervals_index"][0] = 9
    with pytest.raises(ValueError, match="its obs_intervals are no intervals per unit"):
        read(path)


@pytest.mark.parametrize("spans", [[None] * 2, [[[0.0, 1200.0]]] * 2])
def test_a_grid_too_fine_for_the_memory_is_refused_with_its_size(tmp_path, spans):
    path = write(tmp_path / "a.nwb", [[0.5, 1199.5], [3.0]], spans)
    with pytest.raises(ValueError, match=r"1\.2e\+09 samples of 1e-06 s, .* 10 GB") as raised:
        read(path, sampling_period=1e-6)
    assert f"at most {MOST_SAMPLES:,}" in str(raised.value)
    assert re.search("pass sampling_period=… of coarser samples, or pass bin_size", str(raised.value))
    raster, _ = read(path, sampling_period=None, bin_size=0.5)
    assert raster.n_samples == 2400
