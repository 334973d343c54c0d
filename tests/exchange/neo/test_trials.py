"""Recordings in trials: a Segment per trial, and Elephant's statistics over trials."""

import elephant.statistics
import elephant.trials
import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq

import ann2neo as a2n

RNG = np.random.default_rng(0)
RATE = {"sampling_rate": 1 * pq.kHz}


def make_raster(trials, n_units=3):
    dense = RNG.random((len(trials), n_units)) < 0.4
    raster = a2n.as_raster(dense)
    samples = pd.DataFrame({"sample_index": np.arange(len(trials)) % 5, "trial": trials})
    return a2n.SpikeRaster(
        raster.words,
        raster.n_samples,
        units=raster.units,
        samples=samples,
        sampling_period=0.001,
        annotations={"network": "drawn"},
    )


def test_a_recording_in_trials_has_a_segment_per_trial():
    raster = make_raster(np.repeat(np.arange(4), 5))
    block = a2n.to_block(raster)
    assert [segment.name for segment in block.segments] == [f"trial {k}" for k in range(4)]
    dense = raster.to_dense().reshape(4, 5, 3)
    for segment, bits in zip(block.segments, dense, strict=True):
        for train, expected in zip(segment.spiketrains, bits.T, strict=True):
            assert train.t_start == 0
            assert float(train.t_stop) == 5
            np.testing.assert_array_equal(train.magnitude, np.flatnonzero(expected))
    assert a2n.from_block(block) == raster
    assert a2n.as_raster(block) == raster
    np.testing.assert_array_equal(a2n.from_block(block, "trial 2").to_dense(), dense[2])


def test_the_fano_factor_across_trials_is_elephants():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    network = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
    x = RNG.standard_normal((20, 6)).astype("float32")
    raster = a2n.record(network, x, trials=6, stochastic=True, rng=np.random.default_rng(1))
    trials = elephant.trials.TrialsFromBlock(a2n.to_block(raster))
    assert trials.n_trials == 6
    counts = raster.to_dense().reshape(6, 20, -1).sum(axis=1)
    found = [
        elephant.statistics.fanofactor(
            [trials.get_spiketrains_from_trial_as_list(k)[u] for k in range(6)]
        )
        for u in range(counts.shape[1])
    ]
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found, counts.var(axis=0) / counts.mean(axis=0))
    assert a2n.from_block(a2n.to_block(raster)) == raster


@pytest.mark.parametrize("trials", [np.zeros(10, int), np.tile(np.arange(2), 5)])
def test_one_trial_and_trials_in_turn_are_one_segment(trials):
    raster = make_raster(trials)
    block = a2n.to_block(raster)
    assert [segment.name for segment in block.segments] == ["recording"]
    assert a2n.from_block(block) == raster


def test_a_mapping_is_not_split_and_not_joined():
    raster = make_raster(np.repeat(np.arange(2), 5))
    block = a2n.to_block({"trial 0": raster, "trial 1": raster})
    assert len(block.segments) == 2
    with pytest.raises(ValueError, match="pass segment"):
        a2n.from_block(block)


def test_trials_of_a_recording_that_starts_later_begin_at_zero_and_come_back():
    raster = make_raster(np.repeat(np.arange(4), 5))
    late = a2n.SpikeRaster(
        raster.words,
        raster.n_samples,
        raster.units,
        raster.samples,
        sampling_period=0.001,
        annotations={"network": "drawn", "t_start": 2.5},
    )
    block = a2n.to_block(late)
    assert [float(segment.spiketrains[0].t_start) for segment in block.segments] == [0] * 4
    assert [segment.annotations["trials_t_start"] for segment in block.segments] == [2.5] * 4
    trials = elephant.trials.TrialsFromBlock(block)
    fano = [
        elephant.statistics.fanofactor(
            [trials.get_spiketrains_from_trial_as_list(k)[0] for k in range(4)]
        )
    ]
    counts = late.to_dense().reshape(4, 5, 3).sum(axis=1)[:, 0]
    np.testing.assert_allclose(fano, counts.var() / counts.mean())
    assert a2n.from_block(block) == late
    assert a2n.as_raster(block).annotations["t_start"] == 2.5


def test_elephants_trials_that_start_anywhere_come_back():
    lists = [
        [
            neo.SpikeTrain(start + np.array(times), units="ms", t_start=start, t_stop=start + 10, **RATE)
            for times in ([0.0, 5.0 + k], [3.0])
        ]
        for k, start in enumerate((100.0, 200.0, 150.0))
    ]
    raster = a2n.as_raster(elephant.trials.TrialsFromLists(lists))
    assert raster.annotations["trial_t_starts"] == [0.1, 0.2, 0.15]
    assert list(raster.spike_indices(0)) == [0, 5, 10, 16, 20, 27]
    assert a2n.as_raster(a2n.to_block(raster)) == raster
