"""SpikeRaster ↔ pynapple: the same spikes, and the tuning curves that NumPy finds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from ann2neo import SpikeRaster, as_raster, from_pynapple, to_pynapple, write_nwb
from tests.strategies import rasters

nap = pytest.importorskip("pynapple", reason="the pynapple extra is not installed")


def make_labeled(labels, **options):
    active = np.random.default_rng(3).random((len(labels), 4)) < [0, 0.2, 0.6, 1]
    samples = pd.DataFrame({"sample_index": range(len(labels)), "label": labels})
    return SpikeRaster.from_dense(active, samples=samples, **options)


def with_spikes(*times, span=(0, 10)):
    support = nap.IntervalSet(*span)
    trains = {k: nap.Ts(t=np.array(t, float), time_support=support) for k, t in enumerate(times)}
    return nap.TsGroup(trains, time_support=support, bypass_check=True)


class TestToPynapple:
    def test_spikes_are_the_samples_in_seconds(self, raster, dense):
        units, _, _ = to_pynapple(raster)
        assert list(units.keys()) == [0, 1, 2, 3, 4]
        for unit, active in enumerate(dense.T):
            assert_array_equal(units[unit].index.values, np.flatnonzero(active) * 0.001)
        assert units.time_support.values.tolist() == [[0, 150 * 0.001]]
        assert_array_equal(units.rates, dense.sum(axis=0) / (150 * 0.001))

    def test_tables_are_metadata(self, raster):
        units, samples, labels = to_pynapple(raster)
        assert len(units[units["layer"] == "conv/1"]) == 3
        assert_array_equal(samples["label"], raster.samples["label"])
        assert_array_equal(labels.values, raster.samples["label"])
        assert_array_equal(labels.index.values, samples.start)

    @pytest.mark.parametrize("period", [0.001, 0.0005, 1 / 3])
    def test_restricting_to_a_class_finds_its_spikes(self, period):
        raster = make_labeled(np.arange(200) % 7, sampling_period=period)
        units, samples, _ = to_pynapple(raster)
        for label in range(7):
            shown = np.arange(200) % 7 == label
            found = units.restrict(samples[samples["label"] == label])
            dense = raster.to_dense()[shown]
            assert [len(train) for train in found.values()] == dense.sum(axis=0).tolist()
            np.testing.assert_allclose(found.rates, dense.mean(axis=0) / period, rtol=1e-9)

    def test_tuning_curves_are_those_of_numpy(self):
        labels = np.random.default_rng(0).integers(0, 10, 500)
        raster = make_labeled(labels)
        units, _, shown = to_pynapple(raster)
        curves = nap.compute_tuning_curves(units, shown, bins=[np.arange(11) - 0.5], fs=1000.0)
        expected = [raster.to_dense()[labels == label].mean(axis=0) * 1000 for label in range(10)]
        assert_array_equal(curves.values, np.array(expected).T)

    def test_labels_that_are_text_are_places_among_them(self):
        raster = make_labeled(["dog", "cat", "äpfel", "cat"])
        _, samples, labels = to_pynapple(raster)
        assert labels.values.tolist() == [1, 0, 2, 0]
        assert samples["label"].tolist() == ["dog", "cat", "äpfel", "cat"]

    def test_recordings_without_labels(self, dense):
        assert to_pynapple(dense).labels is None

    def test_saved_by_pynapple_and_loaded(self, raster, tmp_path):
        units, samples, _ = to_pynapple(raster)
        units.save(str(tmp_path / "units.npz"))
        samples.save(str(tmp_path / "samples.npz"))
        loaded = (nap.load_file(str(tmp_path / f"{name}.npz")) for name in ("units", "samples"))
        assert from_pynapple(*loaded, sampling_period=0.001, annotations=raster.annotations) == raster


class TestRoundTrip:
    @given(rasters())
    @settings(max_examples=10)
    def test_everything_but_period_and_annotations_comes_back(self, raster):
        made, period = to_pynapple(raster), raster.sampling_period
        found = from_pynapple(
            made.units, made.samples, sampling_period=period, annotations=raster.annotations
        )
        assert found == raster
        assert as_raster(made, sampling_period=period) == from_pynapple(
            *made[:2], sampling_period=period
        )
        assert_array_equal(as_raster(made.units, sampling_period=period).words, raster.words)

    def test_columns_of_every_kind_and_called_rate(self):
        columns = {
            "flag": [True, False],
            "rate": [0.5, np.nan],
            "rate_": ["", "b\0"],
            "n": [-(2**63), 7],
        }
        units = pd.DataFrame({"unit_index": [4, 9], "layer": ["a", "a"], **columns})
        samples = pd.DataFrame({**columns, "sample_index": [1, 0]})
        raster = SpikeRaster.from_dense(np.eye(2, dtype=bool), units, samples)
        made = to_pynapple(raster)
        assert_array_equal(made.units["rate_"], [0.5, np.nan])
        assert_array_equal(made.units.rates, [500, 500])
        assert from_pynapple(*made[:2], sampling_period=0.001) == raster

    @pytest.mark.parametrize("shape", [(1, 1), (1, 4), (64, 1)])
    @pytest.mark.parametrize("value", [False, True])
    def test_constant_units_and_single_samples(self, shape, value):
        raster = SpikeRaster.from_dense(np.full(shape, value))
        assert from_pynapple(*to_pynapple(raster)[:2], sampling_period=0.001) == raster


def test_units_that_pynapple_read_from_nwb(raster, tmp_path):
    pytest.importorskip("pynwb", reason="the nwb extra is not installed")
    path = write_nwb(raster, tmp_path / "a.nwb", progress=False)
    units = nap.load_file(str(path))["units"].restrict(nap.IntervalSet(0, 0.15))
    found = as_raster(units, sampling_period=0.001)
    assert_array_equal(found.words, raster.words)
    pd.testing.assert_frame_equal(found.units[list(raster.units)], raster.units)


class TestForeignGroups:
    def test_metadata_that_fit_are_kept(self):
        units = with_spikes([0, 3], [1])
        units.set_info(area=["V1", "V2"], depth=[0.5, 1.0], odd=np.array([1, "a"], object), layer=[4, 5])
        with pytest.warns(UserWarning, match="a unit table cannot hold 'odd': it is left out"):
            found = from_pynapple(units, sampling_period=1.0)
        assert found.units.to_dict("list") == {
            "unit_index": [0, 1],
            "layer": ["units", "units"],
            "layer_": [4, 5],
            "area": ["V1", "V2"],
            "depth": [0.5, 1.0],
        }
        assert found.n_samples == 10

    def test_keys_of_units_are_kept(self):
        support = nap.IntervalSet(0, 10)
        trains = {key: nap.Ts(t=np.array([1.0, key]), time_support=support) for key in (7, 3)}
        found = from_pynapple(nap.TsGroup(trains, time_support=support), sampling_period=1.0)
        assert list(found.units["id"]) == [3, 7]
        assert found.spike_indices(0).tolist() == [1, 3]

    def test_times_on_no_grid_in_bins(self):
        units = with_spikes([0.25, 0.3, 3.7], [2.0, 9.99])
        with pytest.raises(ValueError, match=r"off the sample grid .* pass bin_size"):
            as_raster(units, sampling_period=1.0)
        with pytest.warns(UserWarning, match="1 of 5 spikes share a bin"):
            found = as_raster(units, bin_size=1.0, binary="clip")
        assert [found.spike_indices(unit).tolist() for unit in (0, 1)] == [[0, 3], [2, 9]]
        with pytest.raises(ValueError, match="needs bin_size"):
            as_raster(units, sampling_period=1.0, binary="clip")

    def test_span_that_does_not_start_at_zero(self):
        found = from_pynapple(with_spikes([-3, 4], [0], span=(-3, 5)), sampling_period=1.0)
        assert [found.spike_indices(unit).tolist() for unit in (0, 1)] == [[0, 7], [3]]

    @pytest.mark.parametrize(
        ("times", "message"),
        [
            ([0, 2.5], r"train 1 has a spike at 2\.5 s, off the sample grid of 1\.0 s"),
            ([0, 10], r"train 1 has a spike at 10\.0 s, outside the 10 samples .*time_support="),
            ([4, 4], r"train 1 has 2 spikes in the sample at 4\.0 s"),
        ],
    )
    def test_spikes_off_the_grid_are_refused_by_unit_and_time(self, times, message):
        with pytest.raises(ValueError, match=message):
            from_pynapple(with_spikes([1], times), sampling_period=1.0)

    def test_what_does_not_fit_is_refused(self, raster):
        units, samples, labels = to_pynapple(raster)
        with pytest.raises(ValueError, match=r"pynapple does not know a sampling period"):
            as_raster(units)
        with pytest.raises(TypeError, match=r"units must be a pynapple\.TsGroup, got a Tsd"):
            as_raster(labels, sampling_period=0.001)
        with pytest.raises(TypeError, match=r"samples must be a pynapple\.IntervalSet, got a Tsd"):
            from_pynapple(units, labels, sampling_period=0.001)
        with pytest.raises(ValueError, match=r"samples must be 150 intervals that start every 0\.001"):
            from_pynapple(units, samples[:149], sampling_period=0.001)
        with pytest.raises(ValueError, match="time support of one interval, got 15"):
            from_pynapple(units.restrict(samples[samples["label"] == 3]), sampling_period=0.001)
        with pytest.raises(ValueError, match=r"not a whole number of samples of 0\.0007 s"):
            from_pynapple(units, sampling_period=0.0007)
        with pytest.raises(ValueError, match="sampling_period must be positive"):
            from_pynapple(units, sampling_period=-1)
