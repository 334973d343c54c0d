"""What Elephant makes of a unit without spikes, by function; see `page`."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import elephant.asset.asset as asset
import elephant.cell_assembly_detection
import elephant.change_point_detection
import elephant.conversion as conversion
import elephant.cubic
import elephant.functional_connectivity
import elephant.gpfa
import elephant.phase_analysis
import elephant.signal_processing
import elephant.spade
import elephant.spike_train_correlation as correlation
import elephant.spike_train_dissimilarity as dissimilarity
import elephant.spike_train_surrogates as surrogates
import elephant.spike_train_synchrony as synchrony
import elephant.sta
import elephant.statistics as statistics
import elephant.unitary_event_analysis as ue
import numpy as np
from elephant.conversion import BinnedSpikeTrain
from elephant.kernels import GaussianKernel

from tests.exchange.elephant_checks.recording import MS, N_SAMPLES, SILENT, SPARSE, Recording
from tests.exchange.elephant_checks.signals import activation


def _train(recording: Recording):
    return recording.trains[SILENT]


def _among(recording: Recording):
    return [recording.trains[unit] for unit in (SILENT, *SPARSE)]


def _bin(trains):
    return BinnedSpikeTrain(trains, bin_size=1 * MS)


def _trials(recording, *units):
    return [[trial[unit] for unit in units] for trial in recording.trial_lists]


def _intervals(recording):
    return statistics.isi(_train(recording))


def _contrast(recording):
    return synchrony.spike_contrast(_among(recording), min_bin=1 * MS) > 0


def _mine(function):
    options = {"bin_size": 1 * MS, "winlen": 1, "min_spikes": 2, "min_occ": 3}

    def mine(recording):
        found = function(_among(recording), **options)
        patterns = found["patterns"] if isinstance(found, dict) else found[0]
        units = {
            unit for one in patterns for unit in (one["neurons"] if isinstance(one, dict) else one[0])
        }
        return [] if 0 not in units else units

    return mine


def _fitted(recording):
    model = elephant.gpfa.GPFA(bin_size=5 * MS, x_dim=2, em_max_iters=3)
    n_units = len(model.fit(_trials(recording, SILENT, 4, 5, 6)).params_estimated["d"])
    return "left out" if n_units == 3 else "differs"


CALLS: dict[str, Callable[[Recording], Any]] = {
    "statistics.isi": _intervals,
    "statistics.mean_firing_rate": lambda r: statistics.mean_firing_rate(_train(r)).item(),
    "statistics.fanofactor": lambda r: statistics.fanofactor([t[SILENT] for t in r.trial_lists]),
    "statistics.cv": lambda r: statistics.cv(_intervals(r)),
    "statistics.cv2": lambda r: statistics.cv2(_intervals(r)),
    "statistics.lv": lambda r: statistics.lv(_intervals(r)),
    "statistics.lvr": lambda r: statistics.lvr(_intervals(r), R=0 * MS),
    "statistics.instantaneous_rate": lambda r: (
        statistics.instantaneous_rate(
            _train(r), sampling_period=1 * MS, kernel=GaussianKernel(5 * MS), border_correction=True
        ).magnitude
    ),
    "statistics.time_histogram": lambda r: (
        statistics.time_histogram([_train(r)], bin_size=1 * MS).magnitude
    ),
    "statistics.Complexity": lambda r: (
        statistics.Complexity(
            [_train(r)], bin_size=1 * MS, sampling_rate=1 / MS
        ).time_histogram.magnitude
    ),
    "statistics.complexity_pdf": lambda r: statistics.complexity_pdf(
        [_train(r)], bin_size=1 * MS
    ).magnitude.ravel()[1:],
    "statistics.optimal_kernel_bandwidth": lambda r: statistics.optimal_kernel_bandwidth(
        _train(r).magnitude
    ),
    "statistics.sskernel": lambda r: statistics.sskernel(_train(r).magnitude),
    "conversion.BinnedSpikeTrain": lambda r: _bin([_train(r)]).to_array(),
    "conversion.binarize": lambda r: conversion.binarize(_train(r)),
    "conversion.discretise_spiketimes": lambda r: conversion.discretise_spiketimes([_train(r)], 1 / MS)[
        0
    ],
    "spike_train_correlation.covariance": lambda r: correlation.covariance(_bin(_among(r)))[0],
    "spike_train_correlation.correlation_coefficient": lambda r: correlation.correlation_coefficient(
        _bin(_among(r))
    )[0],
    "spike_train_correlation.corrcoef": lambda r: correlation.corrcoef(_bin(_among(r)))[0],
    "spike_train_correlation.cross_correlation_histogram": lambda r: (
        correlation.cross_correlation_histogram(_bin([_train(r)]), _bin([r.trains[4]]))[0].magnitude
    ),
    "spike_train_correlation.spike_time_tiling_coefficient": lambda r: (
        correlation.spike_time_tiling_coefficient(_train(r), r.trains[4], dt=0.5 * MS)
    ),
    "spike_train_correlation.spike_train_timescale": lambda r: correlation.spike_train_timescale(
        _bin([_train(r)]), 20 * MS
    ),
    "spike_train_dissimilarity.van_rossum_distance": lambda r: dissimilarity.van_rossum_distance(
        [_train(r), _train(r)], 5 * MS
    ),
    "spike_train_dissimilarity.victor_purpura_distance": lambda r: dissimilarity.victor_purpura_distance(
        [_train(r), _train(r)], 0.3 / MS
    ),
    "spike_train_synchrony.spike_contrast": _contrast,
    "spike_train_synchrony.Synchrotool": lambda r: synchrony.Synchrotool(
        _among(r), sampling_rate=1 / MS, bin_size=1 * MS
    ).delete_synchrofacts(threshold=2, in_place=False, mode="delete")[0],
    "spike_train_surrogates.dither_spikes": lambda r: surrogates.dither_spikes(
        _train(r), dither=10 * MS
    )[0],
    "spike_train_surrogates.dither_spike_train": lambda r: surrogates.dither_spike_train(
        _train(r), shift=10 * MS
    )[0],
    "spike_train_surrogates.jitter_spikes": lambda r: surrogates.jitter_spikes(
        _train(r), bin_size=20 * MS
    )[0],
    "spike_train_surrogates.randomise_spikes": lambda r: surrogates.randomise_spikes(_train(r))[0],
    "spike_train_surrogates.shuffle_isis": lambda r: surrogates.shuffle_isis(_train(r))[0],
    "spike_train_surrogates.bin_shuffling": lambda r: surrogates.bin_shuffling(
        _bin([_train(r)]), max_displacement=5
    )[0].to_array(),
    "spike_train_surrogates.JointISI": lambda r: surrogates.JointISI(
        _train(r), dither=10 * MS
    ).dithering(1)[0],
    "spike_train_surrogates.trial_shifting": lambda r: surrogates.trial_shifting(
        [t[SILENT] for t in r.trial_lists], dither=10 * MS
    )[0][0],
    "spike_train_surrogates.surrogates": lambda r: surrogates.surrogates(
        _train(r), method="dither_spikes", dt=10 * MS
    )[0],
    "change_point_detection.multiple_filter_test": lambda r: (
        elephant.change_point_detection.multiple_filter_test(
            np.array([100]) * MS, _train(r), N_SAMPLES * MS, 5, n_surrogates=20, time_step=5 * MS
        )[0]
    ),
    "cell_assembly_detection.cell_assembly_detection": lambda r: [
        one
        for one in elephant.cell_assembly_detection.cell_assembly_detection(_bin(_among(r)), 2)
        if 0 in one["neurons"]
    ],
    "cubic.cubic": lambda r: elephant.cubic.cubic(
        statistics.time_histogram([_train(r)], bin_size=1 * MS)
    )[1],
    "functional_connectivity.total_spiking_probability_edges": lambda r: (
        elephant.functional_connectivity.total_spiking_probability_edges(_bin(_among(r)), max_delay=10)[
            0
        ][0]
    ),
    "gpfa.GPFA": _fitted,
    "asset.asset.ASSET": lambda r: asset.ASSET([_train(r)], bin_size=10 * MS).intersection_matrix(),
    "spade.spade": _mine(elephant.spade.spade),
    "spade.concepts_mining": _mine(elephant.spade.concepts_mining),
    "sta.spike_triggered_average": lambda r: (
        elephant.sta.spike_triggered_average(
            activation(r, [4]), [_train(r)], (-2 * MS, 3 * MS)
        ).magnitude
    ),
    "sta.spike_field_coherence": lambda r: (
        elephant.sta.spike_field_coherence(activation(r, [4]), _train(r))[0].magnitude
    ),
    "phase_analysis.spike_triggered_phase": lambda r: elephant.phase_analysis.spike_triggered_phase(
        elephant.signal_processing.hilbert(activation(r, [4])), _train(r), interpolate=False
    ),
    "unitary_event_analysis.jointJ_window_analysis": lambda r: ue.jointJ_window_analysis(
        _trials(r, SILENT, 4), 1 * MS, 50 * MS, 10 * MS, pattern_hash=[3]
    )["Js"],
    "unitary_event_analysis.hash_from_pattern": lambda r: ue.hash_from_pattern(
        r.active[[SILENT]].astype(int)
    ),
    "unitary_event_analysis.n_emp_mat": lambda r: ue.n_emp_mat(r.active[[SILENT, 4]].astype(int), [3])[
        0
    ],
    "unitary_event_analysis.n_exp_mat": lambda r: ue.n_exp_mat(r.active[[SILENT, 4]].astype(int), [3]),
    "neo_tools.extract_neo_attributes": lambda r: (
        "layer" in elephant.neo_tools.extract_neo_attributes(_train(r), skip_array=True)
    ),
}
"""Name without ``elephant.`` → a call with a unit that never spikes, as the page says to call it."""


def describe(name: str, recording: Recording) -> str:
    """What comes of it, in the words of the page: one of `page.SILENT_UNITS`."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = CALLS[name](recording)
    except (ValueError, IndexError):
        return "raises"
    if isinstance(found, str):
        return found
    if isinstance(found, (bool, np.bool_)):
        return "as others" if found else "differs"
    values = np.asarray(getattr(found, "magnitude", found), dtype=float)
    if values.size == 0:
        return "empty"
    if np.isnan(values).all():
        return "NaN"
    return "0" if not values.any() else "differs"
