"""Every public function takes whatever can become a raster."""

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.statistics.autocorrelation import Autocorrelation, autocorrelation
from ann2neo.statistics.correlation import Correlation, correlation
from ann2neo.statistics.fano import FanoFactor, fanofactor
from ann2neo.statistics.instantaneous_rate import instantaneous_rate
from ann2neo.statistics.intervals import Intervals, cv, cv2, isi, lv, lvr
from ann2neo.statistics.rates import FiringRate, firing_rate, mean_firing_rate
from ann2neo.statistics.summary import summarize
from ann2neo.statistics.windows import spike_counts

CALLS = {
    "autocorrelation": lambda raster: autocorrelation(raster, 3),
    "correlation": correlation,
    "cv": cv,
    "cv2": cv2,
    "fanofactor": lambda raster: fanofactor(raster, 10),
    "firing_rate": firing_rate,
    "instantaneous_rate": lambda raster: instantaneous_rate(raster, "gaussian", 0.002),
    "isi": lambda raster: np.concatenate(isi(raster)),
    "lv": lv,
    "lvr": lambda raster: lvr(raster, R=0.001),
    "mean_firing_rate": mean_firing_rate,
    "spike_counts": lambda raster: spike_counts(raster, 10),
    "summarize": lambda raster: summarize(raster, by=None, window=10),
}


@pytest.mark.parametrize("name", CALLS)
def test_trains_blocks_and_arrays(name):
    active = np.random.default_rng(0).random((130, 3)) < 0.4
    raster = a2n.SpikeRaster.from_dense(active)
    expected = CALLS[name](raster)
    for source in (active, active.astype(int), a2n.to_spiketrains(raster), a2n.to_block(raster)):
        found = CALLS[name](source)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(found, expected)
        else:
            np.testing.assert_array_equal(found, expected)


ACCUMULATORS = {
    "Autocorrelation": lambda: Autocorrelation(3),
    "Correlation": Correlation,
    "FanoFactor": lambda: FanoFactor(10),
    "FiringRate": FiringRate,
    "Intervals": Intervals,
}


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_accumulators_take_what_becomes_a_raster(name):
    active = np.random.default_rng(0).random((130, 3)) < 0.4
    parts = [a2n.SpikeRaster.from_dense(active[:70]), a2n.SpikeRaster.from_dense(active[70:])]
    expected = ACCUMULATORS[name]().update(parts[0]).update(parts[1]).result()
    for source in (lambda part: part.to_dense(), a2n.to_spiketrains, a2n.to_block):
        seen = ACCUMULATORS[name]()
        for part in parts:
            seen = seen.update(source(part))
        np.testing.assert_array_equal(seen.result(), expected)
    with pytest.raises(TypeError, match="expected a SpikeRaster"):
        ACCUMULATORS[name]().update(b"raster")


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_raster_is_refused(name):
    with pytest.raises(TypeError, match="expected a SpikeRaster"):
        CALLS[name](b"raster")
