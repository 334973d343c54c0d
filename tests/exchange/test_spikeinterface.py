"""SpikeRaster ↔ SpikeInterface: the same spikes in the same frames."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, as_raster, from_spikeinterface, to_spikeinterface, write_nwb
from tests.strategies import rasters

si = pytest.importorskip("spikeinterface.core", reason="the spikeinterface extra is not installed")


def make_sorting(*frames, rate=1000.0, **more):
    trains = {f"u{k}": np.array(f, int) for k, f in enumerate(frames)}
    return si.NumpySorting.from_unit_dict([trains, *more.get("segments", [])], sampling_frequency=rate)


class TestToSpikeinterface:
    def test_frames_are_samples(self, raster, dense):
        sorting = to_spikeinterface(raster)
        assert isinstance(sorting, si.NumpySorting)
        assert sorting.get_sampling_frequency() == 1000
        for unit, active in enumerate(dense.T):
            assert_array_equal(sorting.get_unit_spike_train(unit), np.flatnonzero(active))

    def test_columns_are_properties(self, raster):
        sorting = to_spikeinterface(raster)
        assert sorting.get_property("layer").tolist() == ["conv/1"] * 3 + ["dense"] * 2
        assert set(sorting.split_by("layer")) == {"conv/1", "dense"}

    def test_refuses_text_that_numpy_would_cut(self):
        units = pd.DataFrame({"layer": ["a\0"], "unit_index": [0]})
        with pytest.raises(ValueError, match=r"units\['layer'\] must not end in NUL"):
            to_spikeinterface(SpikeRaster.from_dense(np.eye(1), units))


class TestRoundTrip:
    @given(rasters())
    @settings(max_examples=15)
    def test_everything_but_the_sample_table_comes_back(self, raster):
        assert from_spikeinterface(to_spikeinterface(raster), samples=raster.samples) == raster

    @pytest.mark.filterwarnings("ignore:The extractor is not serializable to file")
    def test_saved_by_spikeinterface_and_loaded(self, raster, tmp_path):
        to_spikeinterface(raster).save(folder=tmp_path / "sorting")
        found = si.load(tmp_path / "sorting")
        assert from_spikeinterface(found, samples=raster.samples) == raster

    def test_selected_units(self, raster):
        part = to_spikeinterface(raster).select_units([4, 1])
        found = as_raster(part)
        assert_array_equal(found.words, raster.words[[4, 1]])
        assert found.units["layer"].tolist() == ["dense", "conv/1"]

    @pytest.mark.parametrize("value", [False, True])
    def test_silent_and_constant(self, value):
        raster = SpikeRaster.from_dense(np.full((70, 2), value))
        assert as_raster(to_spikeinterface(raster)) == raster


def test_a_sorting_that_spikeinterface_read_from_nwb(raster, tmp_path):
    pytest.importorskip("pynwb", reason="the nwb extra is not installed")
    extractors = pytest.importorskip("spikeinterface.extractors")
    path = write_nwb(raster, tmp_path / "a.nwb", progress=False)
    sorting = extractors.read_nwb_sorting(path, sampling_frequency=1000.0, t_start=0)
    with pytest.warns(UserWarning, match="cannot hold 'obs_intervals'"):
        found = from_spikeinterface(sorting, n_samples=150)
    assert_array_equal(found.words, raster.words)
    assert found.layers == raster.layers


class TestForeignSortings:
    def test_span_and_properties(self):
        sorting = make_sorting([0, 3], [4], rate=500.0)
        sorting.set_property("area", ["V1", "V2"])
        sorting.set_property("place", np.zeros((2, 3)))
        sorting.annotate(animal="m1", probe={"a": 1})
        with pytest.warns(UserWarning, match="left out") as told:
            found = from_spikeinterface(sorting, n_samples=6)
        assert all(any(name in str(one.message) for one in told) for name in ("'place'", "'probe'"))
        assert found.annotations["animal"] == "m1"
        assert found.sampling_period == 0.002
        assert found.to_dense().T.astype(int).tolist() == [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0]]
        assert list(found.units.columns) == ["unit_index", "layer", "id", "area"]
        assert list(found.units["id"]) == ["u0", "u1"]

    def test_frames_in_bins(self):
        sorting = make_sorting([0, 7, 29], [4, 5], rate=1000.0)
        with pytest.warns(UserWarning, match="2 of 5 spikes share a bin"):
            found = from_spikeinterface(sorting, n_samples=30, bin_size=0.01, binary="clip")
        assert found.to_dense().T.astype(int).tolist() == [[1, 0, 1], [1, 0, 0]]
        with pytest.raises(ValueError, match="pass binary='clip'"):
            from_spikeinterface(sorting, n_samples=30, bin_size=0.01)
        with pytest.raises(ValueError, match="outside the 20 frames"):
            from_spikeinterface(sorting, n_samples=20, bin_size=0.01)
        with pytest.raises(ValueError, match="n_samples must be given"):
            as_raster(sorting, bin_size=0.01)

    def test_span_of_a_registered_recording(self):
        sorting = make_sorting([0, 3], [4])
        sorting.register_recording(si.NumpyRecording(np.zeros((9, 1)), 1000.0))
        assert as_raster(sorting).n_samples == 9
        with pytest.raises(ValueError, match="n_samples is 9 in this sorting, got 8"):
            from_spikeinterface(sorting, n_samples=8)

    def test_frames_that_were_cut_out_need_their_number(self, raster, dense):
        part = to_spikeinterface(raster).frame_slice(10, 90)
        for one in (part, part.select_units([0, 1, 2, 3, 4])):
            with pytest.raises(ValueError, match="n_samples must be given"):
                as_raster(one)
            assert_array_equal(from_spikeinterface(one, n_samples=80).to_dense(), dense[10:90])

    @pytest.mark.parametrize(
        ("frames", "message"),
        [
            ([0, 7], r"train 'u1' has a spike at 7.0 frames, outside the 6 samples"),
            ([2, 2], r"train 'u1' has 2 spikes in the sample at 2 frames"),
        ],
    )
    def test_spikes_that_do_not_fit(self, frames, message):
        with pytest.raises(ValueError, match=message):
            from_spikeinterface(make_sorting([1], frames), n_samples=6)

    def test_what_does_not_fit_is_refused(self, raster):
        with pytest.raises(TypeError, match="sorting must be a spikeinterface sorting, got a list"):
            from_spikeinterface([])
        two = make_sorting([1], segments=[{"u0": np.array([2])}])
        with pytest.raises(ValueError, match="sorting must have one segment, got 2"):
            from_spikeinterface(two, n_samples=6)
        with pytest.raises(ValueError, match=r"sampling_period must be positive and finite.* got 0"):
            from_spikeinterface(make_sorting([1]), n_samples=6, sampling_period=0)
        sorting = to_spikeinterface(raster)
        with pytest.raises(ValueError, match=r"sampling_period is 0\.001 s in this sorting, got 0\.002"):
            as_raster(sorting, sampling_period=0.002)
        sorting.delete_property("unit_index")
        with pytest.raises(ValueError, match="property 'unit_index', which it has lost"):
            as_raster(sorting)
        sorting.annotate(ann2neo="{")
        with pytest.raises(ValueError, match="annotation 'ann2neo' of the sorting cannot be read"):
            as_raster(sorting)
