"""elephant.statistics, conversion, neo_tools, trials, sta: what one unit does."""

import elephant.conversion
import elephant.neo_tools
import elephant.sta
import elephant.statistics
import elephant.trials
import elephant.utils
import neo
import numpy as np
import pytest
import quantities as pq
from elephant.kernels import GaussianKernel
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import (
    ALWAYS_ON,
    MS,
    N_SAMPLES,
    N_TRIALS,
    SILENT,
    SPARSE,
    Recording,
    check_of,
)

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@check_of(elephant.statistics.isi)
def isi(call, recording: Recording):
    for unit, train in enumerate(recording.trains):
        intervals = call(train)
        assert intervals.units == MS
        assert_array_equal(intervals.magnitude, np.diff(recording.times(unit)))


@check_of(elephant.statistics.mean_firing_rate)
def mean_firing_rate(call, recording):
    found = [call(train).rescale(pq.Hz).item() for train in recording.trains]
    assert_allclose(found, recording.active.mean(axis=1) * 1000, **CLOSE)
    assert found[SILENT] == 0
    assert found[ALWAYS_ON] == pytest.approx(1000, rel=1e-12)


@check_of(elephant.statistics.fanofactor)
def fanofactor(call, recording):
    for unit in range(len(recording.active)):
        counts = recording.active_trials[:, unit].sum(axis=1)
        found = call([trial[unit] for trial in recording.trial_lists])
        if unit == SILENT:
            assert np.isnan(found)
        else:
            assert_allclose(found, counts.var() / counts.mean(), **CLOSE)
    assert call([trial[ALWAYS_ON] for trial in recording.trial_lists]) == 0


@check_of(elephant.statistics.cv, "elephant.statistics.cv")
def cv(call, recording):
    for unit in recording.varied:
        intervals = np.diff(recording.times(unit))
        found = call(elephant.statistics.isi(recording.trains[unit]))
        assert_allclose(found, intervals.std() / intervals.mean(), **CLOSE)
    assert call(elephant.statistics.isi(recording.trains[ALWAYS_ON])) == 0


def _pairs(recording, unit):
    intervals = np.diff(recording.times(unit))
    return intervals[:-1], intervals[1:]


@check_of(elephant.statistics.cv2)
def cv2(call, recording):
    for unit in (*recording.varied, ALWAYS_ON):
        first, second = _pairs(recording, unit)
        expected = np.mean(2 * np.abs(second - first) / (second + first))
        assert_allclose(call(elephant.statistics.isi(recording.trains[unit])), expected, **CLOSE)
    with pytest.warns(UserWarning, match="input size is too small"):
        assert np.isnan(call(elephant.statistics.isi(recording.trains[SILENT]), with_nan=True))


@check_of(elephant.statistics.lv)
def lv(call, recording):
    for unit in (*recording.varied, ALWAYS_ON):
        first, second = _pairs(recording, unit)
        expected = 3 * np.mean(((second - first) / (second + first)) ** 2)
        assert_allclose(call(elephant.statistics.isi(recording.trains[unit])), expected, **CLOSE)


@check_of(elephant.statistics.lvr)
def lvr(call, recording):
    for unit in recording.varied:
        first, second = _pairs(recording, unit)
        total = first + second
        for refractory in (0, 0.5):
            terms = (1 - 4 * first * second / total**2) * (1 + 4 * refractory / total)
            found = call(elephant.statistics.isi(recording.trains[unit]), R=refractory * MS)
            assert_allclose(found, 3 * terms.mean(), **CLOSE)


@check_of(elephant.statistics.instantaneous_rate)
def instantaneous_rate(call, recording):
    sigma, at = 5.0, np.arange(N_SAMPLES)
    distance = at[:, None] - at
    gauss = np.exp(-0.5 * (distance / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma) * 1000
    gauss[np.abs(distance) > 5 * sigma] = 0
    options = {"sampling_period": 1 * MS, "kernel": GaussianKernel(sigma * MS)}
    found = call(recording.trains, **options)
    assert found.units == pq.Hz
    assert_allclose(found.magnitude, gauss @ recording.active.T, rtol=1e-9, atol=1e-9)
    corrected = call(recording.trains, border_correction=True, **options)
    assert_allclose(corrected.magnitude.sum(axis=0) / 1000, recording.active.sum(axis=1), **CLOSE)


@check_of(elephant.statistics.time_histogram)
def time_histogram(call, recording):
    counts = recording.active.reshape(-1, N_SAMPLES // 5, 5).sum(axis=(0, 2))
    found = call(recording.trains, bin_size=5 * MS)
    assert_array_equal(found.magnitude.ravel(), counts)
    assert found.sampling_period == 5 * MS
    mean = call(recording.trains, bin_size=5 * MS, output="mean").magnitude.ravel()
    assert_allclose(mean, counts / len(recording.active), **CLOSE)


@check_of(elephant.statistics.Complexity)
def complexity(call, recording):
    together = recording.active.sum(axis=0)
    found = call(recording.trains, sampling_rate=1 / MS, bin_size=1 * MS)
    assert_array_equal(found.complexity_histogram, np.bincount(together))
    assert_array_equal(found.time_histogram.magnitude.ravel(), together)
    assert_allclose(
        found.pdf().magnitude.ravel()[: together.max() + 1], np.bincount(together) / N_SAMPLES, **CLOSE
    )
    assert_array_equal(found.epoch.array_annotations["complexity"], together)


@check_of(elephant.statistics.optimal_kernel_bandwidth)
def optimal_kernel_bandwidth(call, recording):
    train = recording.trains[SPARSE[0]]
    found = call(train.magnitude)
    assert found["optw"] in found["w"]
    # Elephant stops its search when the cost changes by less than a thousandth.
    assert found["C"][list(found["w"]).index(found["optw"])] == pytest.approx(found["C"].min(), rel=1e-3)
    at, density = found["t"], found["y"]
    assert_allclose(np.trapezoid(density, at), 1, rtol=0.05)
    given = call(train.magnitude, bandwidth=np.array([2.0, 20.0, 200.0]))
    assert given["optw"] == given["w"][np.argmin(given["C"])]


@check_of(elephant.conversion.BinnedSpikeTrain)
def binned_spike_train(call, recording):
    binned = call(recording.trains, bin_size=1 * MS)
    assert binned.shape == recording.active.shape
    assert binned.is_binary
    assert_array_equal(binned.to_array(), recording.active)
    assert_array_equal(binned.to_bool_array(), recording.active)
    assert_array_equal(binned.get_num_of_spikes(axis=1), recording.active.sum(axis=1))
    assert binned.sparsity == recording.active.mean()
    for found, unit in zip(binned.spike_indices, range(len(recording.active)), strict=True):
        assert_array_equal(found, recording.times(unit))
    # The way back raises for a silent train.
    varied = call([recording.trains[unit] for unit in recording.varied], bin_size=1 * MS)
    for found, unit in zip(varied.to_spike_trains(spikes="left"), recording.varied, strict=True):
        assert_array_equal(found.magnitude, recording.times(unit))
    wide = call(recording.trains, bin_size=20 * MS)
    assert_array_equal(wide.to_array(), recording.active.reshape(-1, N_SAMPLES // 20, 20).sum(axis=2))


@check_of(elephant.conversion.binarize)
def binarize(call, recording):
    # Not the silent unit, whose last spike Elephant asks for; and it adds t_stop, where no sample is.
    for unit in (ALWAYS_ON, *recording.varied):
        train = recording.trains[unit]
        assert_array_equal(call(train), np.append(recording.active[unit], False))
        last = (N_SAMPLES - 1) * MS
        assert_array_equal(call(train, t_stop=last), recording.active[unit])


@check_of(elephant.conversion.discretise_spiketimes)
def discretise_spiketimes(call, recording):
    for unit, found in enumerate(call(recording.trains, 1 / MS)):
        assert_array_equal(found.magnitude, recording.times(unit))


@check_of(elephant.neo_tools.get_all_spiketrains)
def get_all_spiketrains(call, recording):
    found = call(recording.trials)
    assert len(found) == N_TRIALS * len(recording.active)
    assert_array_equal([len(train) for train in found], recording.active_trials.sum(axis=2).ravel())


@check_of(elephant.neo_tools.get_all_epochs)
def get_all_epochs(call, recording):
    assert [epoch.name for epoch in call(recording.trials)] == ["samples"] * N_TRIALS


@check_of(elephant.neo_tools.extract_neo_attributes)
def extract_neo_attributes(call, recording):
    found = call(recording.trains[4], skip_array=True)
    assert (found["layer"], found["unit_index"]) == ("activations", 4)
    assert found["t_stop"] == N_SAMPLES * MS


@check_of(elephant.utils.get_common_start_stop_times)
def get_common_start_stop_times(call, recording):
    assert call(recording.trains) == (0 * MS, N_SAMPLES * MS)


@check_of(elephant.utils.check_neo_consistency)
def check_neo_consistency(call, recording):
    call(recording.trains, object_type=neo.SpikeTrain)
    with pytest.raises(ValueError, match="t_stop"):
        call([recording.trains[2], recording.trial_lists[0][2]], object_type=neo.SpikeTrain)


@check_of(elephant.sta.spike_triggered_average)
def spike_triggered_average(call, recording):
    signal = neo.AnalogSignal(recording.activations, units="dimensionless", sampling_rate=1 / MS)
    units = SPARSE[2:]
    found = call(
        signal[:, units], [recording.trains[unit] for unit in units], (-2 * MS, 3 * MS)
    ).magnitude
    for column, unit in enumerate(units):
        times = recording.times(unit).astype(int)
        times = times[(times >= 2) & (times <= N_SAMPLES - 3)]
        expected = [recording.activations[times + lag, unit].mean() for lag in range(-2, 3)]
        assert_allclose(found[:, column], expected, **CLOSE)


@check_of(elephant.trials.TrialsFromBlock)
def trials_from_block(call, recording):
    _check_trials(call(recording.trials), recording)


@check_of(elephant.trials.TrialsFromLists)
def trials_from_lists(call, recording):
    trials = call(recording.trial_lists)
    _check_trials(trials, recording)
    found = elephant.statistics.fanofactor(trials)
    counts = recording.active_trials.sum(axis=2)[:, recording.varied]
    assert_allclose(np.array(found)[recording.varied], counts.var(axis=0) / counts.mean(axis=0), **CLOSE)


def _check_trials(trials, recording):
    assert trials.n_trials == N_TRIALS
    assert trials.n_spiketrains_trial_by_trial == [len(recording.active)] * N_TRIALS
    for number, trial in enumerate(recording.active_trials):
        trains = trials.get_spiketrains_from_trial_as_list(number)
        for train, active in zip(trains, trial, strict=True):
            assert_array_equal(train.magnitude, np.flatnonzero(active))
