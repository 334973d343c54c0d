"""Trains that others recorded: times on no grid, float32, spikes at t_stop; what they say comes back."""

import re
import warnings

import neo
import numpy as np
import pytest
import quantities as pq
from elephant.conversion import BinnedSpikeTrain
from elephant.trials import TrialsFromBlock, TrialsFromLists
from neo.test.generate_datasets import random_block
from numpy.testing import assert_allclose, assert_array_equal

import ann2neo as a2n
from ann2neo.exchange.elephant.methods import seed_globals


@pytest.fixture
def poisson():
    """Five trains of 2 s, 30 Hz, times on no grid."""
    rng = np.random.default_rng(3)
    return [
        neo.SpikeTrain(np.sort(rng.uniform(0, 2, 60)), units="s", t_stop=2.0, name=f"n{k}")
        for k in range(5)
    ]


@pytest.mark.parametrize("bin_size", [0.005, 5 * pq.ms, 5000 * pq.us])
def test_bins_are_elephants(poisson, bin_size):
    theirs = BinnedSpikeTrain(poisson, bin_size=5 * pq.ms)
    shared = int(np.sum(theirs.to_array()) - np.sum(theirs.to_bool_array()))
    assert shared > 0
    with pytest.warns(UserWarning, match=rf"{shared} of 300 spikes share a bin of 0\.005 s"):
        raster = a2n.as_raster(poisson, bin_size=bin_size, binary="clip")
    assert_array_equal(raster.to_dense().T, theirs.to_bool_array())
    assert raster.annotations["n_spikes_clipped"] == shared
    assert raster.sampling_period == 0.005
    with pytest.raises(ValueError, match=r"spikes in bins of 5 ms .* pass binary='clip'"):
        a2n.as_raster(poisson, bin_size=bin_size)


def test_bins_of_a_block_and_the_rest_behind_the_last_whole_one(poisson):
    segment = neo.Segment(name="rest")
    segment.spiketrains.extend(poisson)
    block = neo.Block(name="monkey")
    block.segments.append(segment)
    beyond = sum(int(np.sum(train.magnitude >= 1.8)) for train in poisson)
    with pytest.warns(
        UserWarning, match=rf"{beyond} of 300 spikes lie after the last whole bin of 0\.6"
    ):
        raster = a2n.as_raster(block, bin_size=0.6, binary="clip")
    assert raster.n_samples == 3
    assert a2n.to_block(raster).name == "monkey"


def test_a_spike_on_an_edge_is_in_the_later_bin():
    train = neo.SpikeTrain(np.array([0.3, 0.7]), units="s", t_stop=1.0)
    assert list(a2n.as_raster(train, bin_size=0.1).spike_indices(0)) == [3, 7]


def test_a_spike_at_t_stop_on_request():
    train = neo.SpikeTrain([1.0, 10.0], units="ms", t_stop=10.0)
    for said in ({"sampling_period": 0.001}, {"bin_size": 0.002}):
        with pytest.raises(ValueError, match="pass t_stop_spikes='drop' or 'keep'"):
            a2n.as_raster(train, **said)
        n_samples = 10 if "sampling_period" in said else 5
        dropped = a2n.as_raster(train, t_stop_spikes="drop", **said)
        assert (dropped.n_samples, dropped.spike_counts.tolist()) == (n_samples, [1])
        kept = a2n.as_raster(train, t_stop_spikes="keep", **said)
        assert (kept.n_samples, kept.spike_counts.tolist()) == (n_samples + 1, [2])


@pytest.mark.parametrize("units", ["s", "ms", "us"])
def test_float32_times_are_known_to_their_own_precision(units):
    rng = np.random.default_rng(0)
    at = np.sort(rng.choice(np.arange(1, 100_000), 500, replace=False))
    per_unit = {"s": 1e-4, "ms": 0.1, "us": 100.0}[units]
    times = (at * per_unit).astype(np.float32)
    train = neo.SpikeTrain(times, units=units, t_stop=100_000 * per_unit)
    raster = a2n.as_raster(train, sampling_period=0.1 * pq.ms)
    assert_array_equal(raster.spike_indices(0), at)
    with pytest.raises(ValueError, match="too little to tell samples"):
        a2n.as_raster(train, sampling_period=1e-7)


def test_options_are_for_spike_times_only(poisson):
    with pytest.raises(ValueError, match=r"bin_size must be left out but for spike times .* ndarray"):
        a2n.as_raster(np.eye(3, dtype=bool), bin_size=0.1)
    with pytest.raises(ValueError, match="not both"):
        a2n.as_raster(poisson, bin_size=0.1, sampling_period=0.1)
    with pytest.raises(ValueError, match="bin_size must be one time, got"):
        a2n.as_raster(poisson, bin_size=1 * pq.mV)
    block = a2n.to_block(np.eye(3, dtype=bool))
    with pytest.raises(ValueError, match="which bins would lose"):
        a2n.as_raster(block, bin_size=0.002)


class TestElephantsOwn:
    def test_binned_trains(self, poisson):
        binned = BinnedSpikeTrain(poisson, bin_size=5 * pq.ms)
        with pytest.raises(ValueError, match=r"train \d has up to \d spikes in a bin of 0.005 s"):
            a2n.as_raster(binned)
        with pytest.warns(UserWarning, match=r"share a bin of 0\.005 s"):
            found = a2n.as_raster(binned, binary="clip")
        assert_array_equal(found.to_dense().T, binned.to_bool_array())
        with pytest.raises(ValueError, match=r"sampling_period is 0.005 s in this BinnedSpikeTrain"):
            a2n.as_raster(binned, sampling_period=0.001, binary="clip")

    def test_binned_trains_that_start_later(self):
        train = neo.SpikeTrain([101.0, 104.0], units="ms", t_start=100.0, t_stop=110.0)
        found = a2n.as_raster(BinnedSpikeTrain(train, bin_size=1 * pq.ms))
        assert list(found.spike_indices(0)) == [1, 4]
        assert found.annotations["t_start"] == 0.1
        assert a2n.firing_rate(BinnedSpikeTrain(train, bin_size=1 * pq.ms)).tolist() == [0.2]

    @pytest.mark.parametrize("kind", ["block", "lists"])
    def test_trials(self, kind):
        rng = np.random.default_rng(0)
        active = rng.random((3, 20, 2)) < 0.4
        trials = [
            [
                neo.SpikeTrain(50 * k + np.flatnonzero(a), 50 * k + 20, "ms", t_start=50 * k)
                for a in one.T
            ]
            for k, one in enumerate(active)
        ]
        if kind == "block":
            block = neo.Block()
            for trains in trials:
                block.segments.append(neo.Segment())
                block.segments[-1].spiketrains.extend(trains)
            source = TrialsFromBlock(block)
        else:
            source = TrialsFromLists(trials)
        raster = a2n.as_raster(source, sampling_period=1 * pq.ms)
        assert_array_equal(raster.to_dense(), active.reshape(60, 2))
        assert raster.samples["trial"].tolist() == np.repeat(range(3), 20).tolist()
        assert raster.samples["sample_index"].tolist() == [*range(20)] * 3
        assert raster.annotations["trial_t_starts"] == [0.0, 0.05, 0.1]
        assert len(a2n.trial_statistics(raster).units) == 2


def test_what_trains_say_comes_back(tmp_path):
    trains = [
        neo.SpikeTrain(
            [101.0, 102.0] * pq.ms,
            t_start=100 * pq.ms,
            t_stop=110.0 * pq.ms,
            name=f"ch{k} unit a",
            description=f"well isolated {k}",
            depth=(100.0 + k) * pq.um,
            gain=k / 8 * pq.mV / pq.s**2,
            area=f"area {k}",
            good=bool(k),
        )
        for k in range(3)
    ]
    raster = a2n.as_raster(trains, sampling_period=1 * pq.ms)
    saved = raster.save(tmp_path / "a.zarr")
    written = [a2n.save(raster, tmp_path / f"a.{end}") for end in ("nwb", "nix", "nc", "zip")]
    for again in (raster, *map(a2n.load, (saved, *written))):
        assert again == raster
        back = a2n.to_block(again).segments[0].spiketrains
        for one, other in zip(back, trains, strict=True):
            assert (one.name, one.description) == (other.name, other.description)
            assert (one.t_start, one.t_stop) == (other.t_start, other.t_stop)
            assert_array_equal(one.magnitude, other.magnitude)
            for key, value in other.annotations.items():
                assert one.annotations[key] == value


def test_a_stretch_of_a_recording_knows_when_it_began(tmp_path):
    train = neo.SpikeTrain([101.0, 104.0], units="ms", t_start=100.0, t_stop=110.0)
    raster = a2n.as_raster(train, sampling_period=0.001)
    part = raster.select(samples=np.arange(4, 8))
    assert_allclose(a2n.to_spiketrains(part)[0].magnitude, [104.0], rtol=1e-12)
    assert "t_start" not in raster.select(samples=[4, 2]).annotations
    first = raster.select(samples=np.arange(4))
    assert a2n.concat([first, part], over="samples") == raster.select(samples=np.arange(8))
    assert "t_start" not in a2n.concat([part, first], over="samples").annotations
    stored = a2n.open_raster(raster.save(tmp_path / "a.zarr"))
    assert stored.select(samples=np.arange(4, 8)).load() == part
    assert stored.select(samples=np.arange(4, 8)).annotations["t_start"] == part.annotations["t_start"]


def test_surrogates_by_elephant_stay_where_the_recording_is():
    rng = np.random.default_rng(0)
    raster = a2n.SpikeRaster.from_dense(rng.random((400, 2)) < 0.3, annotations={"t_start": 5.0})
    for method, options in (("bin_shuffling", {"max_displacement": 3}), ("shuffle_isis", {})):
        (made,) = a2n.elephant_spiketrains(raster, method, rng=rng, **options)
        assert_array_equal(made.raster.spike_counts + made.n_collisions, raster.spike_counts)
        assert made.spiketrains[0].t_start == 5 * pq.s


def test_what_a_table_cannot_hold_is_named():
    train = neo.SpikeTrain(
        [1.0, 2.0] * pq.ms,
        t_stop=5.0 * pq.ms,
        array_annotations={"amplitude": np.array([0.1, 0.2])},
        waveforms=np.zeros((2, 1, 3)) * pq.mV,
        tags=["a", "b"],
    )
    said = "trains say as 'tags', array annotation 'amplitude', waveforms: it is left out"
    with pytest.warns(UserWarning, match=said):
        a2n.as_raster(train, sampling_period=0.001)


def test_names_of_columns_are_not_evaluated():
    """They come from files; quantities evaluates units."""
    units = a2n.as_raster(np.eye(2, dtype=bool)).units
    for odd in ("9**9**9**9", "[x for x in y]", "m**999999999", "lambda", "m.x"):
        units[f"depth ({odd})"] = [0.5, 1.5]
    raster = a2n.SpikeRaster.from_dense(np.eye(2, dtype=bool), units)
    assert a2n.from_block(a2n.to_block(raster)) == raster


def test_neos_own_random_blocks():
    """Each read, with a word on whatever is left out, or refused with what is the matter."""
    with seed_globals(np.random.default_rng(0)):  # neo's generator reads them
        segments = [segment for _ in range(30) for segment in random_block().segments]
    outcomes = {"read": 0, "refused": 0, "said": 0}
    n_sources = 0
    for segment in segments:
        for source in (segment, *segment.spiketrains):
            n_sources += 1
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                try:
                    raster = a2n.as_raster(source, bin_size=0.1 * pq.ms, t_stop_spikes="keep")
                except ValueError as error:
                    outcomes["refused"] += bool(re.search("trains differ in span|got none", f"{error}"))
                    continue
            outcomes["read"] += 1
            outcomes["said"] += bool(told)
            _check_nothing_is_lost(source, raster, " ".join(str(one.message) for one in told))
    assert outcomes["read"] + outcomes["refused"] == n_sources
    assert outcomes["read"] > 300
    assert outcomes["refused"] > 20


def _check_nothing_is_lost(source, raster, told):
    trains = [source] if isinstance(source, neo.SpikeTrain) else source.spiketrains
    segment = a2n.to_block(raster).segments[0]
    for train, back in zip(trains, segment.spiketrains, strict=True):
        inside = slice(back.size)
        assert back.size == train.size or "lie after the last whole bin" in told
        assert (back.name, back.description) == (train.name, train.description)
        assert np.all(np.abs((back - train[inside]).rescale("ms").magnitude) <= 0.1 + 1e-6)
        for key, value in train.annotations.items():
            assert key in told or back.annotations[key] == value
    if isinstance(source, neo.Segment):
        assert (segment.name, segment.description) == (source.name, source.description)
        assert segment.rec_datetime == source.rec_datetime
        for key, value in source.annotations.items():
            assert key in told or value is None or segment.annotations[key] == value
        for one in source.data_children:
            assert isinstance(one, neo.SpikeTrain) or type(one).__name__ in told
