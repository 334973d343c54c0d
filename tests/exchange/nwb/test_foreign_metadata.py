"""What a laboratory's NWB file says beside its spikes: kept, or named in a warning."""

import warnings
from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
import pytest
from pynwb.epoch import TimeIntervals

from ann2neo import read_nwb, write_nwb

START = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    """Units with electrodes, mean waveforms, text, tags; a subject; trials, a signal, a result."""
    file = pynwb.NWBFile(
        "a session",
        "id-1",
        START,
        session_id="s1",
        lab="a lab",
        experimenter=["Doe, J.", "Roe, R."],
        subject=pynwb.file.Subject(subject_id="m1", species="Mus musculus", sex="F", age="P90D"),
    )
    device = file.create_device("probe")
    group = file.create_electrode_group("shank", "a shank", "CA1", device)
    for _ in range(3):
        file.add_electrode(location="CA1", group=group)
    file.add_unit_column("quality", "of the sorting")
    file.add_unit_column("isolation", "a distance")
    file.add_unit_column("layer", "of the cortex")
    file.add_unit_column("tags", "several", index=True)
    for number, times in enumerate(([0.001, 0.004], [], [0.0, 0.002])):
        file.add_unit(
            spike_times=times,
            obs_intervals=[[0.0, 0.01]],
            electrodes=[number],
            electrode_group=group,
            waveform_mean=np.zeros(4),
            quality=["good", "mua", "good"][number],
            isolation=number / 2,
            layer=number + 4,
            tags=["a"] * (number + 1),
            id=10 + number,
        )
    file.add_trial(start_time=0.0, stop_time=0.005)
    file.add_acquisition(pynwb.TimeSeries(name="lick", data=np.zeros(3), unit="V", rate=1.0))
    module = file.create_processing_module("behavior", "what it did")
    module.add(TimeIntervals(name="runs", description="of the wheel"))
    path = tmp_path / "lab.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def read(path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        raster = read_nwb(path, sampling_period=0.001)
    return raster, [str(one.message) for one in told]


def test_columns_are_kept_or_named(path):
    raster, told = read(path)
    units = raster.units
    assert list(units["quality"]) == ["good", "mua", "good"]
    assert list(units["isolation"]) == [0.0, 0.5, 1.0]
    assert list(units["id"]) == [10, 11, 12]
    assert list(units["layer_"]) == [4, 5, 6]
    with h5py.File(path) as file:
        columns = set(file["units"].attrs["colnames"])
    (said,) = [one for one in told if "unit table" in one]
    for name in columns - {"spike_times", "obs_intervals"}:
        assert name in units or f"{name}_" in units or repr(name) in said
    assert all(repr(name) in said for name in ("tags", "electrodes", "electrode_group", "waveform_mean"))
    assert "spike_times" not in said


def test_what_is_beside_the_units_is_named(path):
    _, told = read(path)
    (said,) = [one for one in told if "beside its units" in one]
    assert all(name in said for name in ("acquisition/lick", "processing/behavior", "intervals/trials"))


def test_session_and_subject_are_annotations(path, tmp_path):
    raster, _ = read(path)
    said = raster.annotations
    assert said["identifier"] == "id-1"
    assert said["session_description"] == "a session"
    assert said["session_id"] == "s1"
    assert said["lab"] == "a lab"
    assert said["experimenter"] == ["Doe, J.", "Roe, R."]
    assert (said["subject_id"], said["subject_species"]) == ("m1", "Mus musculus")
    assert datetime.fromisoformat(said["session_start_time"]) == START
    again = read_nwb(write_nwb(raster, tmp_path / "ours.nwb"))
    assert again == raster


def test_a_column_in_another_file_is_refused(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.arange(3)
    with h5py.File(path, "a") as file:
        file["units/mine"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    with pytest.raises(ValueError, match="link to another file"):
        read_nwb(path, sampling_period=0.001)
