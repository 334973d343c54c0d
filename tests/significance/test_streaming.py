"""Recordings on disk: statistics and tests of what is opened, and of its path, equal those in memory."""

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.spikes import packing
from ann2neo.spikes.files.stored_raster import StoredRaster

N_UNITS, N_SAMPLES = 5, 1000
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(1)
    units = pd.DataFrame({"layer": list("aabbb"), "unit_index": [0, 1, 0, 1, 2]})
    samples = pd.DataFrame({"sample_index": np.arange(N_SAMPLES), "label": np.arange(N_SAMPLES) % 3})
    active = rng.random((N_SAMPLES, N_UNITS)) < [0.02, 0.5, 0.3, 0, 0.9]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_BUFFER_BYTES", 3 * 8 * N_UNITS)
        raster = a2n.SpikeRaster.from_dense(active, units, samples)
        return raster.save(tmp_path_factory.mktemp("streaming") / "five.zarr")


STREAMED = {
    "firing_rate": a2n.firing_rate,
    "mean_firing_rate": a2n.mean_firing_rate,
    "fanofactor": functools.partial(a2n.fanofactor, window=50),
    "cv": a2n.cv,
    "cv2": a2n.cv2,
    "lv": a2n.lv,
    "lvr": a2n.lvr,
    "autocorrelation": functools.partial(a2n.autocorrelation, max_lag=7),
    "correlation": a2n.correlation,
    "correlation_of_windows": functools.partial(a2n.correlation, window=10),
    "summarize": a2n.summarize,
    "summarize_all": functools.partial(a2n.summarize, by=None),
    "summarize_patterns": functools.partial(a2n.patterns.summarize_patterns, labels="label"),
    "pattern_counts": lambda r: a2n.patterns.pattern_counts(r, labels=np.arange(N_SAMPLES) // 10)["a"],
    "ljung_box": lambda r: a2n.ljung_box_test(r).to_frame(),
    "runs": lambda r: a2n.runs_test(r).to_frame(),
    "adf": lambda r: a2n.adf_test(r).to_frame(),
    "fano_bernoulli": lambda r: a2n.fano_test(r).to_frame(),
    "fano_poisson": lambda r: a2n.fano_test(r, null="poisson").to_frame(),
    "poisson_assumptions": lambda r: a2n.poisson_assumptions(r).to_frame(),
    "surrogate_fano": lambda r: a2n.surrogate_test(
        r, a2n.fanofactor, rng=np.random.default_rng(0), n_surrogates=99, progress=False
    ).to_frame(),
}
LOADED = {
    "surrogate_cv2": lambda r: a2n.surrogate_test(
        r, a2n.cv2, rng=np.random.default_rng(0), n_surrogates=99, progress=False
    ).to_frame(),
    "fit_poisson": a2n.fit_poisson,
    "instantaneous_rate": lambda r: a2n.instantaneous_rate(r, "gaussian", 0.005),
    "isi": lambda r: np.concatenate(a2n.isi(r)),
    "spike_counts": functools.partial(a2n.spike_counts, window=10),
}


def assert_same(found, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("name", STREAMED)
def test_what_streams_loads_nothing(path, name, monkeypatch):
    function = STREAMED[name]
    expected = function(a2n.SpikeRaster.load(path))
    chunks = []
    make = StoredRaster._make

    def note(self, words, start, stop):
        chunks.append(stop - start)
        return make(self, words, start, stop)

    monkeypatch.setattr(StoredRaster, "_make", note)
    assert_same(function(a2n.open_raster(path)), expected)
    assert len(chunks) > 1
    assert max(chunks) <= 3 * 64
    assert_same(function(str(path)), expected)


@pytest.fixture(scope="module")
def pools():
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2, mp_context=SPAWN) as processes:
        yield {"3": 3, "threads": threads, "processes": processes}


@pytest.mark.parametrize("who", ["3", "threads", "processes"])
@pytest.mark.parametrize("source", ["memory", "store", "path"])
def test_workers_of_the_battery_change_nothing(path, pools, source, who, monkeypatch):
    monkeypatch.setattr("ann2neo.statistics.accumulators.accumulate._FEWEST_UNITS", 1)
    monkeypatch.setattr("ann2neo.spikes.workers._FEWEST", 1)
    raster = a2n.SpikeRaster.load(path)
    given = {"memory": raster, "store": a2n.open_raster(path), "path": str(path)}[source]
    one, many = a2n.poisson_assumptions(raster), a2n.poisson_assumptions(given, workers=pools[who])
    assert_same(many.to_frame(), one.to_frame())
    assert_same(many.verdicts(), one.verdicts())


@pytest.mark.parametrize("name", LOADED)
def test_what_does_not_stream_takes_it_too(path, name):
    function = LOADED[name]
    assert_same(function(a2n.open_raster(path)), function(a2n.SpikeRaster.load(path)))
