"""What goes wrong where Elephant's functions are called as for recorded neurons; see `page`."""

import contextlib
import io
from collections.abc import Callable

import elephant.change_point_detection
import elephant.conversion
import elephant.cubic
import elephant.gpfa
import elephant.kernels
import elephant.spade
import elephant.spike_train_correlation as correlation
import elephant.spike_train_generation as generation
import elephant.spike_train_surrogates as surrogates
import elephant.spike_train_synchrony
import elephant.statistics as statistics
import elephant.unitary_event_analysis as ue
import neo
import numpy as np
import pytest
import quantities as pq

import ann2neo as a2n
from tests.exchange.elephant_checks.recording import ALWAYS_ON, MS, N_SAMPLES, TWINS, Recording

FAULTS: dict[str, Callable[[Recording], None]] = {}
"""Name → what shows the fault that the page tells of."""


def fault_of(*names: str) -> Callable[[Callable], Callable]:
    """Enter what shows the fault of some functions into the table."""

    def enter(show: Callable[[Recording], None]) -> Callable[[Recording], None]:
        FAULTS.update(dict.fromkeys((f"elephant.{name}" for name in names), show))
        return show

    return enter


def independent(rate: float, n_units: int, seed: int = 0) -> list[neo.SpikeTrain]:
    """Units that fire independently at each sample."""
    active = np.random.default_rng(seed).random((N_SAMPLES, n_units)) < rate
    return a2n.to_spiketrains(active)


@fault_of("statistics.lvr")
def refractoriness_is_longer_than_intervals(recording):
    intervals = statistics.isi(recording.trains[7])
    assert statistics.lvr(intervals) > 4 * statistics.lvr(intervals, R=0 * MS)


@fault_of("statistics.fanofactor")
def a_layer_is_no_set_of_trials(recording):
    counts = recording.active.sum(axis=1)
    found = statistics.fanofactor(recording.trains)
    assert found == pytest.approx(counts.var() / counts.mean())
    assert found > 50


@fault_of("statistics.instantaneous_rate")
def rates_fall_at_the_edges(recording):
    with pytest.raises(ValueError, match="list of spike trains"):
        statistics.instantaneous_rate(recording.trains, sampling_period=1 * MS)
    kernel = elephant.kernels.GaussianKernel(20 * MS)
    always = statistics.instantaneous_rate(
        recording.trains[ALWAYS_ON], sampling_period=1 * MS, kernel=kernel
    )
    assert always.magnitude[0, 0] == pytest.approx(500, rel=0.05)


@fault_of("statistics.Complexity")
def no_bins(recording):
    with pytest.raises(ValueError, match="bin_size"):
        statistics.Complexity(recording.trains)


@fault_of("conversion.binarize")
def t_stop_is_one_more_sample(recording):
    assert len(elephant.conversion.binarize(recording.trains[4])) == N_SAMPLES + 1


@fault_of(
    "spike_train_correlation.spike_time_tiling_coefficient",
    "spike_train_correlation.sttc",
)
def every_spike_has_a_neighbor(recording):
    one, other = independent(0.5, 2)
    assert correlation.spike_time_tiling_coefficient(one, other) == 1
    assert abs(correlation.spike_time_tiling_coefficient(one, other, dt=0.5 * MS)) < 0.1


@fault_of("spike_train_synchrony.spike_contrast")
def shortest_bin_is_ten_samples(recording):
    trains = [recording.trains[unit] for unit in recording.varied]
    contrast = elephant.spike_train_synchrony.spike_contrast
    assert contrast(trains) < 0.75 * contrast(trains, min_bin=1 * MS)


@fault_of("change_point_detection.multiple_filter_test", "change_point_detection.empirical_parameters")
def no_time_step(recording):
    test = elephant.change_point_detection.multiple_filter_test
    options = {"t_final": N_SAMPLES * MS, "alpha": 5, "n_surrogates": 20}
    with pytest.raises(AttributeError):
        test(np.array([100, 200]) * MS, recording.trains[4], **options)
    with pytest.raises(ValueError, match="multiple of time_step"):
        test(np.array([100]) * MS, recording.trains[4], time_step=7 * MS, **options)
    assert test(np.array([100]) * MS, recording.trains[ALWAYS_ON], time_step=5 * MS, **options) != [[]]


@fault_of("gpfa.GPFA")
def equal_and_constant_units_have_no_inverse(recording):
    for units in ([*TWINS, 5, 6], [ALWAYS_ON, 4, 5, 6]):
        trials = [[trial[unit] for unit in units] for trial in recording.trial_lists]
        model = elephant.gpfa.GPFA(bin_size=5 * MS, x_dim=2, em_max_iters=2)
        with pytest.raises(ValueError, match="rank deficient"), quiet():
            model.fit(trials)


@fault_of("cubic.cubic")
def counts_of_binary_trains_vary_less_than_poisson(recording):
    for rate in (0.1, 0.8):
        counts = statistics.time_histogram(independent(rate, 10), bin_size=1 * MS)
        with pytest.raises(ValueError, match="less than the mean"):
            elephant.cubic.cubic(counts)
    with pytest.raises(ValueError, match="less than the mean"):
        elephant.cubic.cubic(statistics.time_histogram(recording.trains, bin_size=1 * MS))


@fault_of("spade.spade", "spade.concepts_mining", "spade.pvalue_spectrum")
def every_set_of_units_is_a_pattern(recording):
    with quiet():
        found = elephant.spade.spade(
            independent(0.8, 10), bin_size=1 * MS, winlen=1, min_spikes=2, min_occ=3, n_surr=0
        )
    assert len(found["patterns"]) == 2**10 - 10 - 1


@fault_of("unitary_event_analysis.jointJ_window_analysis")
def spikes_in_a_bin_are_cut_to_one(recording):
    trials = [[trial[unit] for unit in (6, 7)] for trial in recording.trial_lists]
    found = ue.jointJ_window_analysis(trials, pattern_hash=[3])["n_emp"].sum()
    together = recording.active[6] & recording.active[7]
    # All that is left is whether both were active in five samples.
    bins = recording.active[[6, 7]].reshape(2, -1, 5).any(axis=2).all(axis=0).sum()
    assert found == bins
    assert found != together.sum()


@fault_of("unitary_event_analysis.hash_from_pattern")
def more_units_than_bits(recording):
    differing = np.ones((64, 2), int)
    differing[-1, 1] = 0
    assert len(set(ue.hash_from_pattern(differing))) == 1
    assert len(set(ue.hash_from_pattern(differing[1:]))) == 2


@fault_of(
    "spike_train_surrogates.dither_spikes",
    "spike_train_surrogates.dither_spike_train",
    "spike_train_surrogates.jitter_spikes",
    "spike_train_surrogates.randomise_spikes",
    "spike_train_surrogates.surrogates",
    "spike_train_surrogates.trial_shifting",
)
def spikes_leave_the_grid(recording):
    train = recording.trains[7]
    made = {
        "dither_spikes": surrogates.dither_spikes(train, dither=10 * MS),
        "dither_spike_train": surrogates.dither_spike_train(train, shift=10 * MS),
        "jitter_spikes": surrogates.jitter_spikes(train, bin_size=20 * MS),
        "randomise_spikes": surrogates.randomise_spikes(train),
        "surrogates": surrogates.surrogates(train, method="dither_spikes", dt=10 * MS),
        "trial_shifting": surrogates.trial_shifting(
            [t[7] for t in recording.trial_lists], dither=10 * MS
        )[0],
    }
    for found, *_ in made.values():
        assert np.mean(found.magnitude % 1 > 1e-6) > 0.9
    for name in ("dither_spikes", "jitter_spikes", "randomise_spikes"):
        samples = np.floor(made[name][0].magnitude)
        assert len(samples) - len(np.unique(samples)) > 0.1 * len(train)


@fault_of(
    *(
        f"spike_train_generation.{name}"
        for name in (
            "StationaryPoissonProcess",
            "StationaryGammaProcess",
            "StationaryLogNormalProcess",
            "StationaryInverseGaussianProcess",
            "NonStationaryPoissonProcess",
            "NonStationaryGammaProcess",
            "homogeneous_poisson_process",
            "inhomogeneous_poisson_process",
            "homogeneous_gamma_process",
            "inhomogeneous_gamma_process",
            "single_interaction_process",
            "compound_poisson_process",
            "cpp",
        )
    )
)
def processes_have_no_grid(recording):
    made = generation.StationaryPoissonProcess(800 * pq.Hz, t_stop=N_SAMPLES * MS).generate_spiketrain()
    samples = np.floor(made.rescale(MS).magnitude)
    assert len(samples) - len(np.unique(samples)) > 0.2 * len(samples)


@fault_of("waveform_features.waveform_width", "waveform_features.waveform_snr")
def there_are_no_waveforms(recording):
    assert all(train.waveforms is None for train in recording.trains)


@fault_of("current_source_density.estimate_csd", "current_source_density.generate_lfp")
def there_are_no_electrodes(recording):
    assert not recording.block.segments[0].analogsignals
    assert not {"x", "y", "z", "coordinates"} & set(recording.trains[0].annotations)


@contextlib.contextmanager
def quiet():
    """SPADE and GPFA print as they go."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
