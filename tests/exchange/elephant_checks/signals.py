"""Elephant's functions of signals, given what a recording has of them: rates, counts, activations."""

import elephant.causality.granger as granger
import elephant.current_source_density as csd
import elephant.phase_analysis as phases
import elephant.signal_processing as processing
import elephant.spectral as spectral
import elephant.spike_train_generation as generation
import elephant.sta
import elephant.waveform_features
import neo
import numpy as np
import quantities as pq
from elephant.kernels import GaussianKernel
from elephant.statistics import instantaneous_rate
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import MS, N_SAMPLES, SILENT, Recording, check_of

PAIR = [4, 5]


def rate(recording: Recording, units=PAIR) -> neo.AnalogSignal:
    """Smoothed firing rates of some units, (n_samples, n_units)."""
    trains = [recording.trains[unit] for unit in units]
    kernel = GaussianKernel(10 * MS)
    return instantaneous_rate(trains, sampling_period=1 * MS, kernel=kernel, border_correction=True)


def activation(recording: Recording, units=PAIR) -> neo.AnalogSignal:
    """What the units computed, of which their spikes say only whether it is above 0."""
    return neo.AnalogSignal(recording.activations[:, units], units="dimensionless", sampling_rate=1 / MS)


def analytic(recording: Recording) -> np.ndarray:
    """Phases of two units' activations, (2, n_samples)."""
    return np.angle(processing.hilbert(activation(recording)).magnitude).T


@check_of(processing.zscore)
def zscore(call, recording):
    found = call(rate(recording), inplace=False).magnitude
    assert_allclose([found.mean(axis=0), found.std(axis=0)], [[0, 0], [1, 1]], atol=1e-9)


@check_of(processing.butter)
def butter(call, recording):
    slow = call(rate(recording), lowpass_frequency=20 * pq.Hz)
    assert slow.shape == (N_SAMPLES, 2)
    assert (
        np.abs(np.diff(slow.magnitude, axis=0)).mean()
        < np.abs(np.diff(rate(recording).magnitude, axis=0)).mean()
    )


@check_of(processing.cross_correlation_function)
def cross_correlation_function(call, recording):
    standard = processing.zscore(activation(recording), inplace=False)
    found = call(standard, [0, 1], n_lags=10, scaleopt="biased").magnitude.ravel()
    assert_allclose(found[10], np.corrcoef(recording.activations[:, PAIR].T)[0, 1], rtol=1e-9)


@check_of(processing.wavelet_transform)
def wavelet_transform(call, recording):
    assert call(activation(recording), frequency=[20.0, 40.0]).shape == (N_SAMPLES, 2, 2)


@check_of(processing.hilbert)
def hilbert(call, recording):
    assert_allclose(
        call(activation(recording)).magnitude.real, recording.activations[:, PAIR], atol=1e-9
    )


@check_of(processing.rauc)
def rauc(call, recording):
    expected = np.trapezoid(np.abs(recording.activations[:, PAIR]), dx=1, axis=0)
    assert_allclose(call(activation(recording)).rescale(MS).magnitude, expected, rtol=1e-9)


@check_of(processing.derivative)
def derivative(call, recording):
    found = call(activation(recording)).rescale(1 / MS).magnitude
    assert_allclose(found, np.diff(recording.activations[:, PAIR], axis=0), atol=1e-9)


@check_of(spectral.welch_psd)
def welch_psd(call, recording):
    frequencies, density = call(activation(recording), frequency_resolution=10 * pq.Hz)
    assert frequencies[-1] <= 500 * pq.Hz
    assert (density.magnitude >= 0).all()


@check_of(spectral.multitaper_psd)
def multitaper_psd(call, recording):
    frequencies, density = call(processing.zscore(activation(recording), inplace=False))
    assert density.shape == (2, len(frequencies))
    # Parseval: the density's integral is the variance.
    assert_allclose(density.magnitude.sum(axis=1) * float(frequencies[1]), 1, rtol=0.1)


@check_of(spectral.segmented_multitaper_psd)
def segmented_multitaper_psd(call, recording):
    assert np.isfinite(call(activation(recording), n_segments=4)[1].magnitude).all()


@check_of(spectral.multitaper_cross_spectrum)
def multitaper_cross_spectrum(call, recording):
    _, found = call(activation(recording))
    assert_allclose(found[0, 1].magnitude, found[1, 0].magnitude.conj(), rtol=1e-9)


@check_of(spectral.segmented_multitaper_cross_spectrum)
def segmented_multitaper_cross_spectrum(call, recording):
    _, found = call(activation(recording), n_segments=4)
    assert_allclose(found[0, 1].magnitude, found[1, 0].magnitude.conj(), rtol=1e-9)


@check_of(spectral.multitaper_coherence)
def multitaper_coherence(call, recording):
    one, other = activation(recording, PAIR[:1]), activation(recording, PAIR[1:])
    _, coherence, _ = call(one, other, n_segments=4)
    assert ((np.asarray(coherence) >= 0) & (np.asarray(coherence) <= 1 + 1e-9)).all()


@check_of(spectral.welch_coherence)
def welch_coherence(call, recording):
    one, other = activation(recording, PAIR[:1]), activation(recording, PAIR[1:])
    _, coherence, _ = call(one, other)
    assert ((coherence >= 0) & (coherence <= 1 + 1e-9)).all()


@check_of(spectral.welch_cohere, "elephant.spectral.welch_cohere")
def welch_cohere(call, recording):
    one, other = activation(recording, PAIR[:1]), activation(recording, PAIR[1:])
    assert_array_equal(call(one, other)[1], spectral.welch_coherence(one, other)[1])


@check_of(phases.spike_triggered_phase)
def spike_triggered_phase(call, recording):
    signal = processing.hilbert(activation(recording, PAIR[:1]))
    found, _, times = call(signal, recording.trains[PAIR[0]], interpolate=False)
    assert_array_equal(times[0].magnitude, recording.times(PAIR[0]))
    at = recording.times(PAIR[0]).astype(int)
    assert_allclose(
        np.exp(1j * np.asarray(found[0])), np.exp(1j * analytic(recording)[0, at]), atol=1e-9
    )


@check_of(phases.phase_locking_value)
def phase_locking_value(call, recording):
    one, other = analytic(recording)
    assert_allclose(call(one[None], one[None]), 1, rtol=1e-12)
    expected = np.abs(np.mean(np.exp(1j * (one - other).reshape(10, -1)), axis=0))
    assert_allclose(call(one.reshape(10, -1), other.reshape(10, -1)), expected, rtol=1e-9)


@check_of(phases.mean_phase_vector)
def mean_phase_vector(call, recording):
    one, _ = analytic(recording)
    mean = np.mean(np.exp(1j * one))
    assert_allclose(call(one), (np.angle(mean), np.abs(mean)), rtol=1e-9)


@check_of(phases.phase_difference)
def phase_difference(call, recording):
    one, other = analytic(recording)
    assert_allclose(np.exp(1j * call(one, other)), np.exp(1j * (one - other)), atol=1e-9)


@check_of(phases.weighted_phase_lag_index)
def weighted_phase_lag_index(call, recording):
    trials = recording.activations[:, PAIR].T.reshape(2, 10, -1)
    with np.errstate(invalid="ignore"):  # at frequency 0, where there is no phase
        _, found = call(*trials, sampling_frequency=1000)
    inside = np.asarray(found)[1:-1]
    assert ((inside >= 0) & (inside <= 1 + 1e-9)).all()


@check_of(elephant.sta.spike_field_coherence)
def spike_field_coherence(call, recording):
    coherence, _ = call(activation(recording, PAIR[:1]), recording.trains[PAIR[0]])
    found = coherence.magnitude
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


@check_of(granger.pairwise_granger)
def pairwise_granger(call, recording):
    leading = recording.active[PAIR[0]].astype(float)
    noise = recording.active[PAIR[1]].astype(float)
    led = np.roll(leading, 1) + 0.1 * noise
    found = call(np.column_stack([leading, led]), max_order=2)
    assert found.directional_causality_x_y > 1
    assert found.directional_causality_y_x < 0.1


@check_of(granger.conditional_granger)
def conditional_granger(call, recording):
    assert call(recording.active[[4, 5, 6]].T.astype(float), max_order=2) < 0.1


@check_of(granger.pairwise_spectral_granger)
def pairwise_spectral_granger(call, recording):
    one, other = activation(recording, PAIR[:1]), activation(recording, PAIR[1:])
    frequencies, found = call(one, other, n_segments=4, num_iterations=300, term_crit=1e-6)
    assert len(frequencies) == len(found.directional_causality_x_y)


@check_of(granger.Causality)
def causality(call, recording):
    assert call(1, 2, 3, 4).total_interdependence == 4


@check_of(generation.threshold_detection)
def threshold_detection(call, recording):
    active = recording.active[PAIR[0]]
    onsets = np.flatnonzero(active & ~np.roll(active, 1))
    found = call(activation(recording, PAIR[:1]), threshold=0 * pq.dimensionless)
    assert_allclose(found.rescale(MS).magnitude, onsets[onsets > 0])
    assert len(found) < active.sum()


@check_of(generation.peak_detection)
def peak_detection(call, recording):
    found = call(activation(recording, PAIR[:1]), threshold=0 * pq.dimensionless)
    assert recording.active[PAIR[0], np.rint(found.rescale(MS).magnitude).astype(int)].all()


@check_of(generation.spike_extraction)
def spike_extraction(call, recording):
    signal = activation(recording, PAIR[:1])
    found = call(signal, threshold=0 * pq.dimensionless, interval=(0 * MS, 1 * MS))
    assert found.waveforms.shape[0] == len(found)


@check_of(csd.estimate_csd)
def estimate_csd(call, recording):
    at = np.array([[0.0], [1.0], [2.0]]) * pq.mm
    assert call(activation(recording, [4, 5, 6]), at, method="StandardCSD").shape == (N_SAMPLES, 3)
    # What it finds depends on where the "electrodes" are, and units have no place in space.
    assert not recording.block.segments[0].analogsignals


@check_of(csd.generate_lfp)
def generate_lfp(call, recording):
    def source(positions):
        return np.exp(-((positions - 0.5) ** 2))

    assert call(source, x_positions=np.linspace(0, 1, 5)).shape[1] == 5


@check_of(elephant.waveform_features.waveform_width)
def waveform_width(call, recording):
    assert recording.trains[PAIR[0]].waveforms is None
    assert call(np.array([0, 1, -2, 3, 0.0])) == 1


@check_of(elephant.waveform_features.waveform_snr)
def waveform_snr(call, recording):
    assert recording.trains[SILENT].waveforms is None
    assert call(np.random.default_rng(0).normal(size=(5, 1, 20))) > 0
