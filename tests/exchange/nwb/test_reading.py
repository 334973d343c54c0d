"""NWB files that are not as `write_nwb` left them: foreign, damaged, changed since."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest
from neo.io import NWBIO

from ann2neo import SpikeRaster, read_nwb, read_nwb_block, to_block, write_nwb
from ann2neo.exchange.nwb import reading

TRAINS = [[0.001, 0.002, 0.009], [], [0.0, 0.004]]


@pytest.fixture(scope="module")
def written(raster, tmp_path_factory):
    return write_nwb(raster, tmp_path_factory.mktemp("written") / "ours.nwb")


@pytest.fixture
def path(written, tmp_path):
    return Path(shutil.copy(written, tmp_path))


def foreign(path, trains=TRAINS, resolution=None, interval=None, **columns):
    """A file of units as a laboratory would write it; `columns` hold a value a unit."""
    file = pynwb.NWBFile("a session", "id", datetime(2026, 5, 4, tzinfo=UTC), session_id="s1")
    for name in columns:
        file.add_unit_column(name, name)
    for i, train in enumerate(trains):
        span = {} if interval is None else {"obs_intervals": [interval]}
        file.add_unit(spike_times=train, **span, **{name: c[i] for name, c in columns.items()})
    if trains:
        file.units.resolution = resolution
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


class TestForeign:
    def test_spikes_on_a_grid(self, tmp_path):
        path = foreign(tmp_path / "a.nwb", interval=[0.0, 0.012], area=["V1", "V1", "CA1"], q=[1, 2, 3])
        raster = read_nwb(path, sampling_period=0.001)
        assert (raster.n_samples, raster.sampling_period) == (12, 0.001)
        assert [list(raster.spike_indices(i)) for i in range(3)] == [[1, 2, 9], [], [0, 4]]
        expected = {
            "layer": "units",
            "unit_index": range(3),
            "area": ["V1", "V1", "CA1"],
            "q": [1, 2, 3],
        }
        pd.testing.assert_frame_equal(
            raster.units.sort_index(axis=1), pd.DataFrame(expected).sort_index(axis=1)
        )

    def test_the_grid_of_its_resolution(self, tmp_path):
        path = foreign(tmp_path / "a.nwb", resolution=0.0005, layer=[2, 3, 4])
        raster = read_nwb(path)
        assert (raster.n_samples, raster.sampling_period) == (19, 0.0005)
        assert list(raster.spike_indices(0)) == [2, 4, 18]
        assert list(raster.units["layer"]) == ["units"] * 3
        assert read_nwb(path, sampling_period=0.001).n_samples == 10

    def test_as_a_block(self, tmp_path):
        block = read_nwb_block(foreign(tmp_path / "a.nwb"), sampling_period=0.001)
        assert [segment.name for segment in block.segments] == ["s1"]
        assert list(block.segments[0].spiketrains[0].magnitude) == [1, 2, 9]

    def test_neos_own(self, raster, tmp_path):
        block = to_block(raster)
        block.segments[0].epochs.clear()
        about = {"session_start_time": datetime(2026, 5, 4, tzinfo=UTC), "identifier": "x"}
        block.annotate(session_description="x", **about)
        NWBIO(str(tmp_path / "neo.nwb"), "w").write_all_blocks([block], validate=False)
        found = read_nwb(tmp_path / "neo.nwb", sampling_period=0.001)
        np.testing.assert_array_equal(found.words, raster.words)
        assert list(found.units["_name"]) == [train.name for train in block.segments[0].spiketrains]

    def test_without_a_grid(self, tmp_path):
        path = foreign(tmp_path / "a.nwb")
        with pytest.raises(ValueError, match=r"no resolution\): pass sampling_period"):
            read_nwb(path)

    @pytest.mark.parametrize(
        ("trains", "message"),
        [
            (
                [[0.001], [0.0014]],
                r"'units/1' has a spike at 0\.0014 s, off the sample grid of 0\.001 s",
            ),
            ([[-0.001, 0.001]], r"'units/0' has a spike at -0\.001 s, outside the 2 samples"),
            ([[0.001, 0.003, 0.003]], r"'units/0' has 2 spikes in the sample at 0\.003 s"),
            ([[0.001, np.nan]], r"'units/0' has a spike at nan s, off the sample grid"),
            ([[], []], "neither spikes nor observed intervals"),
        ],
    )
    def test_spikes_that_are_not_on_it(self, tmp_path, trains, message):
        path = foreign(tmp_path / "a.nwb", trains)
        with pytest.raises(ValueError, match=message):
            read_nwb(path, sampling_period=0.001)

    def test_two_spikes_in_a_sample_that_are_read_apart(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "BLOCK", 2)
        with pytest.raises(ValueError, match=r"'units/0' has 2 spikes in the sample at 0\.003 s"):
            read_nwb(foreign(tmp_path / "a.nwb", [[0.003, 0.001, 0.003]]), sampling_period=0.001)

    def test_no_units(self, tmp_path):
        with pytest.raises(ValueError, match=r"a\.nwb has no units with spike times"):
            read_nwb(foreign(tmp_path / "a.nwb", []), sampling_period=0.001)

    @pytest.mark.parametrize("period", [0, -1.0, np.nan, "1 ms"])
    def test_sampling_period(self, tmp_path, period):
        with pytest.raises((TypeError, ValueError), match="sampling_period must be"):
            read_nwb(foreign(tmp_path / "a.nwb"), sampling_period=period)


class TestDamaged:
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
    def test_truncated(self, path, share):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(
            ValueError, match=r"ours\.nwb (is not an NWB file in HDF5, or is truncated|is damaged)"
        ):
            read_nwb(path)

    def test_another_file(self, tmp_path):
        path = tmp_path / "a.nwb"
        path.write_text("spikes")
        with pytest.raises(ValueError, match=r"a\.nwb is not an NWB file in HDF5"):
            read_nwb(path)

    def test_another_hdf5_file(self, tmp_path):
        with h5py.File(tmp_path / "a.nwb", "w") as file:
            file["x"] = 1
        with pytest.raises(ValueError, match=r"a\.nwb is not an NWB file: it says no nwb_version"):
            read_nwb(tmp_path / "a.nwb")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no NWB file at .*a\.nwb"):
            read_nwb(tmp_path / "a.nwb")
        with pytest.raises(FileNotFoundError, match="no NWB file in the directory"):
            read_nwb_block(tmp_path)

    def change(self, path, **changes):
        with h5py.File(path, "r+") as file:
            stored = {**json.loads(file["scratch/ann2neo"].asstr()[()]), **changes}
            file["scratch/ann2neo"][()] = json.dumps(stored)

    def test_a_later_format(self, path):
        self.change(path, format=2)
        with pytest.raises(ValueError, match="its format is 2"):
            read_nwb(path)

    def test_a_configuration_that_is_no_json(self, path):
        with h5py.File(path, "r+") as file:
            file["scratch/ann2neo"][()] = "{"
        with pytest.raises(ValueError, match="scratch/ann2neo cannot be read"):
            read_nwb(path)

    def test_another_number_of_samples(self, path):
        self.change(path, n_samples=149)
        with pytest.raises(
            ValueError, match=r"trials has 150 rows in 'sample_index', expected 149|outside"
        ):
            read_nwb(path)

    @pytest.mark.parametrize("name", ["units/spike_times", "units/layer", "intervals/trials"])
    def test_a_part_is_gone(self, path, name):
        with h5py.File(path, "r+") as file:
            del file[name]
        with pytest.raises(ValueError, match="is damaged, or was changed since"):
            read_nwb(path)

    def test_spikes_that_do_not_fit_their_index(self, path):
        with h5py.File(path, "r+") as file:
            file["units/spike_times_index"][-1] -= 1
        with pytest.raises(ValueError, match="spike times do not fit their index"):
            read_nwb(path)

    def test_spikes_that_were_moved(self, path):
        with h5py.File(path, "r+") as file:
            file["units/spike_times"][3] = 0.0025
        with pytest.raises(
            ValueError, match=r"'conv/1/1' has a spike at 0\.0025 s, off the sample grid"
        ):
            read_nwb(path)

    def test_a_chunk_that_cannot_be_unpacked(self, tmp_path):
        dense = np.random.default_rng(0).random((5000, 4)) < 0.5
        path = write_nwb(dense, tmp_path / "a.nwb")
        with h5py.File(path) as file:
            chunk = file["units/spike_times"].id.get_chunk_info(0)
        with open(path, "r+b") as file:
            file.seek(chunk.byte_offset)
            file.write(b"\xff" * 100)
        with pytest.raises(ValueError, match=r"a\.nwb is damaged"):
            read_nwb(path)

    def test_failed_readings_leave_the_file_closed(self, path):
        self.change(path, format=2)
        with pytest.raises(ValueError, match="format"):
            read_nwb(path)
        with h5py.File(path, "r+") as file:
            assert file.id.valid
        assert not h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    def test_another_sampling_period_than_it_was_written_with(self, path):
        with pytest.raises(
            ValueError, match=r"sampling_period is 0\.001 s in this recording, got 0\.002"
        ):
            read_nwb(path, sampling_period=0.002)
        assert read_nwb(path, sampling_period=0.001).n_samples == 150


class TestDirectories:
    def test_several_recordings_have_to_be_chosen_from(self, raster, tmp_path):
        write_nwb({"a": raster, "b": raster}, tmp_path)
        with pytest.raises(ValueError, match=r"holds 2 recordings, \['sub-mlp_ses-a.nwb', "):
            read_nwb(tmp_path)

    def test_several_networks(self, raster, tmp_path):
        write_nwb(raster, tmp_path, subject="one")
        write_nwb(raster, tmp_path, subject="two")
        with pytest.raises(ValueError, match=r"several networks, \['sub-one', 'sub-two'\]"):
            read_nwb_block(tmp_path)
        assert read_nwb(tmp_path / "sub-two") == raster

    def test_two_recordings_of_one_name(self, raster, tmp_path):
        write_nwb({"a": raster}, tmp_path)
        shutil.copy(tmp_path / "sub-mlp/sub-mlp_ses-a.nwb", tmp_path / "sub-mlp/sub-mlp_ses-b.nwb")
        with pytest.raises(ValueError, match=r"recordings of the same name: \['a', 'a'\]"):
            read_nwb_block(tmp_path)

    def test_recordings_come_in_the_order_in_which_they_were_written(self, raster, tmp_path):
        names = ["test", "train", "probe"]
        parts = {
            name: raster.select(samples=np.arange(10 * i, 20 * i + 9)) for i, name in enumerate(names)
        }
        write_nwb(parts, tmp_path)
        block = read_nwb_block(tmp_path)
        assert [segment.name for segment in block.segments] == names
        assert isinstance(read_nwb(tmp_path / "sub-mlp/sub-mlp_ses-probe.nwb"), SpikeRaster)
