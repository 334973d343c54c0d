"""Firing rates."""

import numpy as np
import pytest
import quantities as pq
from elephant import statistics as elephant
from hypothesis import given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.statistics.rates import FiringRate, firing_rate, mean_firing_rate
from tests.statistics.chunking import assert_same_bits, cut_rasters, feed, merge
from tests.strategies import rasters, selections


@given(rasters())
def test_share_of_samples(raster):
    np.testing.assert_array_equal(firing_rate(raster), raster.to_dense().sum(axis=0) / raster.n_samples)


def test_mean_firing_rate_as_elephant():
    rng = np.random.default_rng(1)
    active = rng.random((999, 6)) < [0, 0.02, 0.3, 0.5, 0.97, 1]
    for period in (0.001, 0.0005, 0.25):
        raster = a2n.SpikeRaster.from_dense(active, sampling_period=period)
        trains = a2n.to_spiketrains(raster)
        expected = [elephant.mean_firing_rate(train).rescale(pq.Hz).item() for train in trains]
        np.testing.assert_allclose(mean_firing_rate(raster), expected, rtol=1e-12, atol=0)


@given(rasters(), st.data())
def test_selecting_units_selects_rates(raster, data):
    units = data.draw(selections(raster.n_units))
    np.testing.assert_array_equal(firing_rate(raster.select(units=units)), firing_rate(raster)[units])


@given(rasters(), st.data())
def test_order_of_samples_does_not_matter(raster, data):
    order = np.array(data.draw(st.permutations(range(raster.n_samples))))
    assert_same_bits(firing_rate(raster.select(samples=order)), firing_rate(raster))


@given(rasters())
def test_complement(raster):
    active = raster.to_dense()
    np.testing.assert_allclose(firing_rate(~active), 1 - firing_rate(active), rtol=0, atol=1e-15)


@given(cut_rasters())
def test_cutting_changes_nothing(cut):
    raster, chunks = cut
    for way in (feed, merge):
        assert_same_bits(
            way(lambda start: FiringRate(start=start), chunks).result(), firing_rate(raster)
        )


def test_accumulator_refuses():
    with pytest.raises(ValueError, match="no samples yet"):
        FiringRate().result()
    one, two = (FiringRate().update(a2n.as_raster(np.ones((3, n)))) for n in (1, 2))
    with pytest.raises(ValueError, match="later must have 1 units, as those before; got 2"):
        one.merge(FiringRate(start=3).update(np.ones((3, 2))))
    with pytest.raises(ValueError, match="chunk must have 2 units, as those before; got 1"):
        two.update(a2n.as_raster(np.ones((3, 1))))
