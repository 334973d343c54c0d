"""What others see in files of `write_nwb`: validators find nothing, readers the spikes bit for bit."""

import h5py
import numpy as np
import pandas as pd
import pytest
from neo.io import NWBIO

from ann2neo import SpikeRaster, to_block, write_nwb

nwbinspector = pytest.importorskip("nwbinspector")
pynwb = pytest.importorskip("pynwb")

ABOVE_A_SUGGESTION = {"CRITICAL", "BEST_PRACTICE_VIOLATION", "PYNWB_VALIDATION", "ERROR"}


def recordings():
    """Well described and hardly, of an odd period; a silent unit and an always-on one in each."""
    active = np.random.default_rng(7).random((300, 6)) < 0.4
    active[:, 0], active[:, 1] = False, True
    units = pd.DataFrame({"layer": ["conv/1"] * 4 + ["dense"] * 2, "unit_index": [0, 1, 2, 3, 0, 1]})
    units = units.assign(channel=[0, 1, 2, 3, -1, -1], gain=[0.5, np.nan, 1, 2, 3, 4], name="日本/α")
    samples = pd.DataFrame({"sample_index": np.arange(300)[::-1], "label": np.arange(300) % 10})
    samples = samples.assign(dataset_split="test", hard=np.arange(300) % 3 == 0)
    about = {
        "network": "mlp/64 ü",
        "threshold": 0.0,
        "weights_hash": "c0ffee",
        "framework": "keras 3.15",
    }
    yield SpikeRaster.from_dense(active, units, samples, annotations=about)
    samples = samples.assign(label=[f"class {i % 4}" for i in range(300)])
    yield SpikeRaster.from_dense(active, samples=samples, sampling_period=1 / 3000)


@pytest.fixture(scope="module", params=list(recordings()), ids=["described", "bare"])
def written(request, tmp_path_factory):
    raster = request.param
    return raster, write_nwb(raster, tmp_path_factory.mktemp("readers") / "one.nwb")


def trains(raster):
    return [np.flatnonzero(active) * raster.sampling_period for active in raster.to_dense().T]


@pytest.mark.parametrize("configuration", ["default", "dandi"])
def test_nwbinspector_finds_nothing_above_a_suggestion(written, configuration):
    config = nwbinspector.load_config(configuration) if configuration == "dandi" else None
    messages = list(nwbinspector.inspect_nwbfile(nwbfile_path=written[1], config=config))
    assert not [m for m in messages if m.importance.name in ABOVE_A_SUGGESTION]
    # What was not given is not made up.
    missing = {"check_experimenter_exists", "check_institution", "check_keywords"}
    assert {m.check_function_name for m in messages} == missing


def test_pynwb_finds_the_file_valid(written):
    assert pynwb.validate(path=written[1]) == []


def test_pynwb_reads_the_tables(written):
    raster, path = written
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        for i, train in enumerate(trains(raster)):
            np.testing.assert_array_equal(file.units["spike_times"][i], train)
            np.testing.assert_array_equal(
                file.units["obs_intervals"][i], [[0, raster.n_samples * raster.sampling_period]]
            )
        assert file.units.resolution == raster.sampling_period
        np.testing.assert_array_equal(file.units["unit_index"][:], raster.units["unit_index"])
        assert list(file.units["layer"][:]) == list(raster.units["layer"])
        assert list(file.trials["sample_index"][:]) == list(raster.samples["sample_index"])
        edges = np.arange(raster.n_samples + 1) * raster.sampling_period
        np.testing.assert_array_equal(file.trials["start_time"][:], edges[:-1])
        np.testing.assert_array_equal(file.trials["stop_time"][:], edges[1:])


def test_h5py_reads_the_spikes(written):
    raster, path = written
    with h5py.File(path) as file:
        parts = np.split(file["units/spike_times"][:], file["units/spike_times_index"][:-1])
        for part, train in zip(parts, trains(raster), strict=True):
            np.testing.assert_array_equal(part, train)


def test_neo_reads_the_block(written):
    raster, path = written
    io = NWBIO(str(path), "r")
    (found,) = io.read_all_blocks()
    io.close()
    expected = to_block(raster)
    (segment,) = found.segments
    assert (found.name, segment.name) == (expected.name, expected.segments[0].name)
    for train, times, same in zip(
        segment.spiketrains, trains(raster), expected.segments[0].spiketrains, strict=True
    ):
        np.testing.assert_array_equal(train.rescale("s").magnitude, times)
        assert train.name == same.name
        assert float(train.t_stop) == raster.n_samples * raster.sampling_period


def test_pynapple_reads_spikes_layers_and_labels(written):
    nap = pytest.importorskip("pynapple")
    raster, path = written
    file = nap.load_file(path)
    units = file["units"]
    for i, train in enumerate(trains(raster)):
        np.testing.assert_array_equal(units[i].t, train)
    assert list(units["layer"]) == list(raster.units["layer"])
    labels, codes = file["class_label"], np.unique(raster.samples["label"], return_inverse=True)[1]
    np.testing.assert_array_equal(labels.values, codes)
    curves = nap.compute_tuning_curves(units, labels, bins=[np.arange(codes.max() + 2) - 0.5])
    shown = [raster.to_dense()[codes == code].mean(axis=0) for code in np.unique(codes)]
    np.testing.assert_allclose(np.asarray(curves), np.transpose(shown) / raster.sampling_period)
    file.io.close()


def test_spikeinterface_reads_the_frames(written):
    extractors = pytest.importorskip("spikeinterface.extractors")
    raster, path = written
    sorting = extractors.read_nwb_sorting(path)
    assert sorting.sampling_frequency == pytest.approx(1 / raster.sampling_period, rel=1e-15)
    for unit, active in zip(sorting.unit_ids, raster.to_dense().T, strict=True):
        np.testing.assert_array_equal(sorting.get_unit_spike_train(unit), np.flatnonzero(active))
    assert list(sorting.get_property("layer")) == list(raster.units["layer"])
