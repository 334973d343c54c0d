"""Unitary events, assemblies, patterns, trajectories, connectivity and change points."""

import contextlib
import io

import elephant.asset.asset
import elephant.cell_assembly_detection
import elephant.change_point_detection
import elephant.cubic
import elephant.functional_connectivity
import elephant.gpfa
import elephant.spade
import elephant.unitary_event_analysis as ue
import numpy as np
import pytest
import quantities as pq
import scipy.stats
from elephant.conversion import BinnedSpikeTrain
from elephant.statistics import time_histogram
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import MS, SPARSE, TWINS, Recording, check_of

PAIR = (4, 5)
BOTH = 3
"""Hash of the pattern in which both units of a pair are active."""


def _bin(recording, units=SPARSE):
    """As Elephant bins them, (n_units, n_samples) of int."""
    trains = [recording.trains[unit] for unit in units]
    return BinnedSpikeTrain(trains, bin_size=1 * MS).to_bool_array().astype(int)


def _bin_trials(recording):
    """As Elephant bins them, (n_trials, 2, n_samples of a trial) of int."""
    trials = [[trial[unit] for unit in PAIR] for trial in recording.trial_lists]
    return np.array(
        [BinnedSpikeTrain(trial, bin_size=1 * MS).to_bool_array() for trial in trials]
    ).astype(int)


def _pair(recording):
    """What NumPy says they are."""
    return recording.active_trials[:, list(PAIR)].astype(int)


@check_of(ue.hash_from_pattern)
def hash_from_pattern(call, recording: Recording):
    expected = 2 ** np.arange(3, -1, -1) @ recording.active[list(SPARSE)]
    assert_array_equal(call(_bin(recording)), expected)


@check_of(ue.inverse_hash_from_pattern)
def inverse_hash_from_pattern(call, recording):
    hashes = ue.hash_from_pattern(_bin(recording))
    assert_array_equal(call(hashes, len(SPARSE)), recording.active[list(SPARSE)])


@check_of(ue.n_emp_mat)
def n_emp_mat(call, recording):
    pair = recording.active[list(PAIR)]
    for pattern, (first, second) in {3: (1, 1), 2: (1, 0), 1: (0, 1)}.items():
        counts, places = call(_bin(recording, PAIR), [pattern])
        expected = np.flatnonzero((pair[0] == first) & (pair[1] == second))
        assert_array_equal(counts, [len(expected)])
        assert_array_equal(places[0], expected)


@check_of(ue.n_emp_mat_sum_trial)
def n_emp_mat_sum_trial(call, recording):
    pair = _pair(recording)
    counts, places = call(_bin_trials(recording), [BOTH])
    assert_array_equal(counts, [pair.prod(axis=1).sum()])
    for trial, found in zip(pair, places, strict=True):
        assert_array_equal(found[0], np.flatnonzero(trial.all(axis=0)))


@check_of(ue.n_exp_mat)
def n_exp_mat(call, recording):
    first, second = recording.active[list(PAIR)].mean(axis=1)
    expected = np.array([first * second, first * (1 - second)]) * recording.active.shape[1]
    assert_allclose(call(_bin(recording, PAIR), [3, 2]), expected, rtol=1e-12)


def _expect_by_trial(pair):
    return (pair.mean(axis=2).prod(axis=1) * pair.shape[2]).sum()


@check_of(ue.n_exp_mat_sum_trial)
def n_exp_mat_sum_trial(call, recording):
    pair = _pair(recording)
    found = _bin_trials(recording)
    assert_allclose(call(found, [BOTH]), [_expect_by_trial(pair)], rtol=1e-12)
    average = pair.mean(axis=(0, 2)).prod() * pair[:, 0].size
    assert_allclose(call(found, [BOTH], method="analytic_TrialAverage"), [average], rtol=1e-12)


@check_of(ue.gen_pval_anal)
def gen_pval_anal(call, recording):
    pair = _pair(recording)
    probability, expected = call(_bin_trials(recording), [BOTH])
    assert_allclose(expected, [_expect_by_trial(pair)], rtol=1e-12)
    for count in (0, 5, 40):
        assert_allclose(probability([count]), scipy.stats.poisson.sf(count - 1, expected), rtol=1e-9)


@check_of(ue.jointJ)
def joint_surprise(call, recording):
    trials, pair = _bin_trials(recording), _pair(recording)
    probability, _ = ue.gen_pval_anal(trials, [BOTH])
    count, _ = ue.n_emp_mat_sum_trial(trials, [BOTH])
    p = scipy.stats.poisson.sf(pair.prod(axis=1).sum() - 1, _expect_by_trial(pair))
    assert_allclose(call(probability(count)), np.log10((1 - p) / p), rtol=1e-9)


@check_of(ue.jointJ_window_analysis)
def joint_surprise_in_windows(call, recording):
    pair = _pair(recording)
    trials = [[trial[unit] for unit in PAIR] for trial in recording.trial_lists]
    found = call(trials, bin_size=1 * MS, win_size=50 * MS, win_step=10 * MS, pattern_hash=[BOTH])
    windows = [pair[:, :, start : start + 50] for start in range(0, 51, 10)]
    assert_array_equal(found["n_emp"].ravel(), [window.prod(axis=1).sum() for window in windows])
    # Elephant keeps these in float32
    assert_allclose(found["n_exp"].ravel(), [_expect_by_trial(w) for w in windows], rtol=1e-6)
    rates = [window.mean(axis=(0, 2)) for window in windows]
    assert_allclose(found["rate_avg"].rescale(1 / MS).magnitude[:, 0], rates, rtol=1e-6)


@check_of(elephant.cell_assembly_detection.cell_assembly_detection)
def cell_assembly_detection(call, recording):
    binned = BinnedSpikeTrain([recording.trains[unit] for unit in SPARSE], bin_size=1 * MS)
    twins = [one for one in call(binned, max_lag=3) if sorted(one["neurons"]) == [0, 1]]
    assert len(twins) == 1
    assert_array_equal(twins[0]["lags"], [0])
    assert_array_equal(twins[0]["times"].magnitude, recording.times(TWINS[0]))
    assert_array_equal(twins[0]["signature"][-1], [2, recording.active[TWINS[0]].sum()])
    assert twins[0]["pvalue"][0] < 1e-6


def _mine(call, recording, **options):
    """SPADE prints how long it took."""
    with contextlib.redirect_stdout(io.StringIO()):
        sparse = [recording.trains[unit] for unit in SPARSE]
        return call(sparse, bin_size=1 * MS, winlen=1, min_spikes=2, min_occ=3, **options)


@check_of(elephant.spade.spade)
def spade(call, recording):
    found = _mine(call, recording, n_surr=0)["patterns"]
    by_units = {tuple(sorted(pattern["neurons"])): pattern for pattern in found}
    together = recording.active[list(TWINS)].all(axis=0)
    assert_array_equal(np.sort(by_units[0, 1]["times"].magnitude), np.flatnonzero(together))
    for units, pattern in by_units.items():
        joint = recording.active[[SPARSE[unit] for unit in units]].all(axis=0)
        assert pattern["signature"] == (len(units), joint.sum())


@check_of(elephant.spade.concepts_mining)
def concepts_mining(call, recording):
    concepts, _ = _mine(call, recording)
    found = {tuple(sorted(units)): np.sort(windows) for units, windows in concepts}
    assert_array_equal(found[0, 1], np.flatnonzero(recording.active[TWINS[0]]))
    for units, windows in found.items():
        joint = recording.active[[SPARSE[unit] for unit in units]].all(axis=0)
        assert_array_equal(windows, np.flatnonzero(joint))


@check_of(elephant.gpfa.GPFA)
def gpfa(call, recording):
    units = [unit for unit in recording.varied if unit not in TWINS]
    trials = [[trial[unit] for unit in units] for trial in recording.trial_lists]
    with contextlib.redirect_stdout(io.StringIO()):
        model = call(bin_size=5 * MS, x_dim=2, em_max_iters=20)
        latent = model.fit_transform(trials)
    assert [trajectory.shape for trajectory in latent] == [(2, 20)] * len(trials)
    likelihoods = model.fit_info["log_likelihoods"]
    assert likelihoods[-1] > likelihoods[0]
    assert model.params_estimated["d"].shape == (len(units),)


@check_of(elephant.asset.asset.ASSET)
def asset(call, recording):
    analysis = call(recording.trains, bin_size=10 * MS)
    counts = recording.active.reshape(len(recording.active), -1, 10).sum(axis=2)
    found = analysis.intersection_matrix()
    assert analysis.is_symmetric()
    assert_array_equal(found, counts.T @ counts)


@check_of(elephant.functional_connectivity.total_spiking_probability_edges)
def total_spiking_probability_edges(call, recording):
    weights, delays = call(
        BinnedSpikeTrain([recording.trains[u] for u in SPARSE], bin_size=1 * MS), max_delay=10
    )
    assert weights.shape == delays.shape == (4, 4)
    assert np.isfinite(weights).all()
    assert ((delays >= 0) & (delays <= 10)).all()
    # The first two units are the same, so they drive and are driven alike.
    assert_allclose(weights[0], weights[1], rtol=1e-12)
    assert_allclose(weights[:, 0], weights[:, 1], rtol=1e-12)


@check_of(elephant.cubic.cubic)
def cubic(call, recording):
    counts = 2 * recording.active[TWINS[0]]
    order, pvalues, cumulants, aborted = call(
        time_histogram([recording.trains[u] for u in TWINS], bin_size=1 * MS)
    )
    expected = [scipy.stats.kstat(counts, n) for n in (1, 2, 3)]
    assert_allclose(np.ravel(cumulants), expected, rtol=1e-10)
    assert not aborted
    assert order == 2
    assert pvalues[0] < 0.05 <= pvalues[-1]


@check_of(elephant.change_point_detection.multiple_filter_test)
def multiple_filter_test(call, recording):
    windows = np.array([100, 200]) * MS
    options = {"t_final": 1000 * MS, "alpha": 5, "n_surrogates": 50, "time_step": 5 * MS}
    assert call(windows, recording.trains[PAIR[0]], **options) == [[], []]
    jumping = recording.trains[PAIR[0]].time_slice(500 * MS, 1000 * MS)
    jumping.t_start = 0 * pq.s
    found = [time for times in call(windows, jumping, **options) for time in times]
    assert found
    assert np.allclose([float(time) for time in found], 500, atol=60)


@check_of(elephant.spade.pvalue_spectrum)
def pvalue_spectrum(call, recording):
    spectrum = _mine(call, recording, dither=15 * MS, n_surr=10)
    pvalues = np.array([row[-1] for row in spectrum], dtype=float)
    assert_allclose(pvalues * 10, np.round(pvalues * 10), atol=1e-9)
    for size in {row[0] for row in spectrum}:
        rows = sorted((int(row[1]), row[2]) for row in spectrum if row[0] == size)
        assert (np.diff([p for _, p in rows]) <= 0).all()
    assert pvalues.max() == pytest.approx(1)
