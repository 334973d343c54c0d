"""elephant.spike_train_surrogates and spike_train_generation: chance, at the recorded rates."""

import elephant.spike_train_generation as generation
import elephant.spike_train_surrogates as surrogates
import numpy as np
import pytest
from elephant.conversion import BinnedSpikeTrain
from elephant.kernels import GaussianKernel
from elephant.statistics import Complexity, instantaneous_rate, isi, mean_firing_rate
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import (
    ALWAYS_ON,
    MS,
    N_SAMPLES,
    SILENT,
    SPARSE,
    Recording,
    check_of,
)

UNIT = 4


def _in_span(train):
    assert train.t_start == 0 * MS
    assert train.t_stop == N_SAMPLES * MS
    return train.rescale(MS).magnitude


@check_of(surrogates.dither_spikes)
def dither_spikes(call, recording: Recording):
    for found in call(recording.trains[UNIT], dither=10 * MS, n_surrogates=3, edges=False):
        moved = np.sort(_in_span(found)) - recording.times(UNIT)
        assert np.abs(moved).max() <= 10
        assert np.abs(moved).max() > 1
    assert len(call(recording.trains[SILENT], dither=10 * MS)[0]) == 0


@check_of(surrogates.randomise_spikes)
def randomise_spikes(call, recording):
    for unit in (SILENT, UNIT, ALWAYS_ON):
        for found in call(recording.trains[unit], n_surrogates=2):
            assert len(_in_span(found)) == len(recording.times(unit))
    times = _in_span(call(recording.trains[ALWAYS_ON])[0])
    # 1000 uniform times: their mean is 500 ± 9
    assert abs(times.mean() - 500) < 5 * 1000 / np.sqrt(12 * 1000)


@check_of(surrogates.shuffle_isis)
def shuffle_isis(call, recording):
    times = recording.times(UNIT)
    for found in call(recording.trains[UNIT], n_surrogates=3):
        shuffled = _in_span(found)
        assert not np.array_equal(shuffled, times)
        assert_array_equal(np.sort(np.diff(shuffled, prepend=0)), np.sort(np.diff(times, prepend=0)))


@check_of(surrogates.dither_spike_train)
def dither_spike_train(call, recording):
    for found in call(recording.trains[UNIT], shift=10 * MS, n_surrogates=5, edges=True):
        times = _in_span(found)
        candidates = times[0] - recording.times(UNIT)[:20]
        shift = candidates[np.abs(candidates) <= 10]
        expected = [recording.times(UNIT) + s for s in shift]
        expected = [t[(t > 0) & (t < N_SAMPLES)] for t in expected]
        assert any(len(t) == len(times) and np.allclose(t, times, rtol=0, atol=1e-9) for t in expected)


@check_of(surrogates.jitter_spikes)
def jitter_spikes(call, recording):
    counts = recording.active[UNIT].reshape(-1, 20).sum(axis=1)
    for found in call(recording.trains[UNIT], bin_size=20 * MS, n_surrogates=3):
        assert_array_equal(np.histogram(_in_span(found), np.arange(0, 1001, 20))[0], counts)


@check_of(surrogates.bin_shuffling)
def bin_shuffling(call, recording):
    binned = BinnedSpikeTrain(recording.trains[UNIT], bin_size=1 * MS)
    windows = recording.active[UNIT].reshape(-1, 20)
    for found in call(binned, max_displacement=10, n_surrogates=3):
        shuffled = found.to_bool_array()[0].reshape(-1, 20)
        assert_array_equal(shuffled.sum(axis=1), windows.sum(axis=1))
        assert not np.array_equal(shuffled, windows)


@check_of(surrogates.JointISI)
def joint_isi(call, recording):
    options = {"dither": 10 * MS, "refractory_period": 0 * MS}
    for found in call(recording.trains[UNIT], **options).dithering(3):
        times = _in_span(found)
        assert len(times) == len(recording.times(UNIT))
        assert np.abs(np.sort(times) - recording.times(UNIT)).max() <= 10 + 1e-9


@check_of(surrogates.trial_shifting)
def trial_shifting(call, recording):
    trials = [trial[UNIT] for trial in recording.trial_lists]
    (found,) = call(trials, dither=10 * MS)
    for shifted, trial in zip(found, trials, strict=True):
        length = trial.t_stop.item()
        original, times = trial.magnitude, shifted.magnitude
        gaps = np.diff(np.append(original, original[0] + length))
        turned = np.diff(np.append(times, times[0] + length))
        rolls = [np.roll(gaps, k) for k in range(len(gaps))]
        assert any(np.allclose(turned, rolled, rtol=0, atol=1e-6) for rolled in rolls)


@check_of(surrogates.surrogates)
def any_surrogates(call, recording):
    train = recording.trains[UNIT]
    for method in ("dither_spikes", "randomise_spikes", "shuffle_isis", "jitter_spikes"):
        found = call(train, n_surrogates=2, method=method, dt=10 * MS)
        assert [type(one) for one in found] == [type(train)] * 2
        for one in found:
            # Dithered spikes that leave the span are dropped.
            assert 0 <= len(train) - len(_in_span(one)) <= (20 if method == "dither_spikes" else 0)
            assert not np.array_equal(one.magnitude, train.magnitude)


def _expect(counts, mean, deviation):
    """The mean of several counts lies within five standard errors of what was asked for."""
    assert abs(np.mean(counts) - mean) < 5 * deviation / np.sqrt(len(counts))
    assert np.var(counts) > 0


@check_of(generation.StationaryPoissonProcess)
def stationary_poisson_process(call, recording):
    rate = mean_firing_rate(recording.trains[UNIT])
    trains = call(rate, t_stop=N_SAMPLES * MS).generate_n_spiketrains(40)
    mean = recording.active[UNIT].sum()
    _expect([len(_in_span(train)) for train in trains], mean, np.sqrt(mean))


@check_of(generation.StationaryGammaProcess)
def stationary_gamma_process(call, recording):
    rate = mean_firing_rate(recording.trains[UNIT])
    process = call(rate, shape_factor=4, t_stop=N_SAMPLES * MS)
    assert process.expected_cv == 0.5
    trains = process.generate_n_spiketrains(40)
    intervals = np.concatenate([isi(train).magnitude for train in trains])
    # regular: the CV is 1/√4, its standard error 0.5/√(2n) and a bit
    assert intervals.std() / intervals.mean() == pytest.approx(0.5, abs=5 / np.sqrt(len(intervals)))


def _estimate_rate(recording):
    kernel = GaussianKernel(50 * MS)
    return instantaneous_rate(
        recording.trains[UNIT], sampling_period=1 * MS, kernel=kernel, border_correction=True
    )


@check_of(generation.NonStationaryPoissonProcess)
def non_stationary_poisson_process(call, recording):
    trains = call(_estimate_rate(recording)).generate_n_spiketrains(40)
    mean = recording.active[UNIT].sum()
    _expect([len(_in_span(train)) for train in trains], mean, np.sqrt(mean))


@check_of(generation.NonStationaryGammaProcess)
def non_stationary_gamma_process(call, recording):
    trains = call(_estimate_rate(recording), shape_factor=4).generate_n_spiketrains(40)
    mean = recording.active[UNIT].sum()
    _expect([len(_in_span(train)) for train in trains], mean, np.sqrt(mean))


@check_of(generation.compound_poisson_process)
def compound_poisson_process(call, recording):
    sparse = [recording.trains[unit] for unit in SPARSE]
    found = Complexity(sparse, sampling_rate=1 / MS, bin_size=1 * MS).pdf().magnitude.ravel()
    amplitudes = np.pad(found, (0, len(SPARSE) + 1 - len(found)))
    assert_allclose(
        amplitudes @ np.arange(5) * N_SAMPLES, recording.active[list(SPARSE)].sum(), rtol=1e-12
    )
    rate = mean_firing_rate(recording.trains[SPARSE[0]])
    trains = call(rate, amplitude_distribution=amplitudes, t_stop=N_SAMPLES * MS)
    assert len(trains) == len(SPARSE)
    mean = recording.active[SPARSE[0]].sum()
    _expect([len(_in_span(train)) for train in trains], mean, np.sqrt(4 * mean))


@check_of(generation.single_interaction_process)
def single_interaction_process(call, recording):
    pair = recording.active[list(SPARSE[:2])]
    together = (pair[0] & pair[1]).mean() * 1000
    rate = mean_firing_rate(recording.trains[UNIT])
    trains, coincidences = call(
        rate,
        coincidence_rate=together / (1000 * MS),
        t_stop=N_SAMPLES * MS,
        n_spiketrains=2,
        return_coincidences=True,
    )
    for train, joint in zip(trains, coincidences, strict=True):
        assert len(joint) == round(together)
        assert np.isin(_in_span(joint), _in_span(train)).all()
