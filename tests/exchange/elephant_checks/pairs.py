"""elephant.spike_train_correlation, dissimilarity and synchrony: what units do together."""

import elephant.spike_train_correlation
import elephant.spike_train_dissimilarity
import elephant.spike_train_synchrony
import numpy as np
import pytest
from elephant.conversion import BinnedSpikeTrain
from numpy.testing import assert_allclose, assert_array_equal

from tests.exchange.elephant_checks.recording import (
    ALWAYS_ON,
    MS,
    N_SAMPLES,
    SILENT,
    SPARSE,
    TWINS,
    Recording,
    check_of,
)

CLOSE = {"rtol": 1e-12, "atol": 1e-12}
PAIR = (4, 5)


def _bin(recording, units, width=1):
    return BinnedSpikeTrain([recording.trains[unit] for unit in units], bin_size=width * MS)


@check_of(elephant.spike_train_correlation.covariance)
def covariance(call, recording: Recording):
    for width in (1, 10):
        counts = recording.active.reshape(len(recording.active), -1, width).sum(axis=2)
        found = call(_bin(recording, range(len(recording.active)), width))
        assert_allclose(found, np.cov(counts), **CLOSE)
        assert not found[[SILENT, ALWAYS_ON]].any()


@check_of(elephant.spike_train_correlation.correlation_coefficient)
def correlation_coefficient(call, recording):
    found = call(_bin(recording, recording.varied))
    assert_allclose(found, np.corrcoef(recording.active[recording.varied]), **CLOSE)
    assert found[0, 1] == pytest.approx(1, abs=1e-12)
    with np.errstate(invalid="ignore"):
        constant = call(_bin(recording, [SILENT, ALWAYS_ON, 4]))
    assert np.isnan(constant[:2]).all()
    assert constant[2, 2] == pytest.approx(1, rel=1e-12)


@check_of(elephant.spike_train_correlation.cross_correlation_histogram)
def cross_correlation_histogram(call, recording):
    first, second = recording.active[list(PAIR)].astype(int)
    found, lags = call(*(_bin(recording, [unit]) for unit in PAIR), window=[-20, 20])
    assert_array_equal(lags, np.arange(-20, 21))
    expected = [
        np.sum(
            first[max(0, -lag) : N_SAMPLES - max(0, lag)] * second[max(0, lag) : N_SAMPLES + min(0, lag)]
        )
        for lag in lags
    ]
    assert_array_equal(found.magnitude.ravel(), expected)


@check_of(elephant.spike_train_correlation.spike_time_tiling_coefficient)
def spike_time_tiling_coefficient(call, recording):
    trains = recording.trains
    for i, j in (PAIR, (2, 5), TWINS):
        # dt between two samples, so that no interval ends on a spike
        assert_allclose(
            call(trains[i], trains[j], dt=2.5 * MS),
            _tile(recording, i, j, 2.5),
            rtol=1e-12,
            atol=1e-12,
        )
    assert call(trains[TWINS[0]], trains[TWINS[1]], dt=2.5 * MS) == 1
    assert np.isnan(call(trains[SILENT], trains[4], dt=2.5 * MS))


def _tile(recording, i, j, dt):
    """Cutts & Eglen 2014, eq. 1; tiled time counted in half-samples."""
    times = [recording.times(unit) for unit in (i, j)]
    near = [np.mean(np.abs(a[:, None] - b).min(axis=1) <= dt) for a, b in (times, times[::-1])]
    centres = np.arange(0, N_SAMPLES, 0.5) + 0.25
    tiled = [np.mean(np.abs(centres[:, None] - t).min(axis=1) < dt) for t in times]
    terms = [(p - t) / (1 - p * t) if p * t < 1 else 1 for p, t in zip(near, tiled[::-1], strict=True)]
    return np.mean(terms)


@check_of(elephant.spike_train_correlation.spike_train_timescale)
def spike_train_timescale(call, recording):
    unit, longest = 4, 20
    centred = recording.active[unit] - recording.active[unit].mean()
    found = call(_bin(recording, [unit]), longest * MS)
    lags = np.arange(1, longest + 1)
    products = [np.sum(recording.active[unit][lag:] & recording.active[unit][:-lag]) for lag in lags]
    correlation = (np.array(products) - recording.active[unit].sum() ** 2 / N_SAMPLES) / np.sum(
        centred**2
    )
    assert found.units == MS
    assert_allclose(found.item(), 2 * np.trapezoid((correlation / correlation[0]) ** 2), rtol=1e-9)


@check_of(elephant.spike_train_dissimilarity.van_rossum_distance)
def van_rossum_distance(call, recording):
    tau, units = 5.0, (SILENT, *SPARSE)
    times = [recording.times(unit) for unit in units]

    def overlap(a, b):
        return np.exp(-np.abs(a[:, None] - b) / tau).sum()

    expected = [[overlap(a, a) + overlap(b, b) - 2 * overlap(a, b) for b in times] for a in times]
    found = call([recording.trains[unit] for unit in units], tau * MS)
    assert_allclose(found**2, expected, rtol=1e-10, atol=1e-10)


@check_of(elephant.spike_train_dissimilarity.victor_purpura_distance)
def victor_purpura_distance(call, recording):
    trials, cost = recording.trial_lists[0], 0.3
    units = (SILENT, *SPARSE)
    times = [np.flatnonzero(recording.active_trials[0, unit]) for unit in units]
    expected = [[_edits(a, b, cost) for b in times] for a in times]
    assert_allclose(call([trials[unit] for unit in units], cost / MS), expected, **CLOSE)


def _edits(a, b, cost):
    """The edit distance's recursion, as Victor & Purpura 1996 give it."""
    table = np.add.outer(np.arange(len(a) + 1.0), np.arange(len(b) + 1.0))
    for i, j in np.ndindex(len(a), len(b)):
        moved = table[i, j] + cost * abs(a[i] - b[j])
        table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, moved)
    return table[-1, -1]


@check_of(elephant.spike_train_synchrony.spike_contrast)
def spike_contrast(call, recording):
    sparse = [recording.trains[unit] for unit in SPARSE]
    found, trace = call(sparse, return_trace=True, min_bin=1 * MS)
    assert 0 <= found < 1
    products = np.multiply(trace.contrast, trace.active_spiketrains)
    assert_allclose(trace.synchrony, products, **CLOSE)
    assert found == max(trace.synchrony)
    assert_allclose(np.diff(np.log(trace.bin_size.magnitude)), np.log(0.9), rtol=1e-12)
    assert call(sparse[::-1], min_bin=1 * MS) == pytest.approx(found, rel=1e-12)
    _, twins = call([recording.trains[unit] for unit in TWINS], return_trace=True, min_bin=1 * MS)
    assert_allclose(twins.active_spiketrains, 1, rtol=1e-12)


@check_of(elephant.spike_train_synchrony.Synchrotool)
def synchrotool(call, recording):
    trains, together = recording.trains, recording.active.sum(axis=0)
    tool = call(trains, sampling_rate=1 / MS, bin_size=1 * MS)
    tool.annotate_synchrofacts()
    for unit in recording.varied:
        found = trains[unit].array_annotations["complexity"]
        assert_array_equal(found, together[recording.active[unit]])
    threshold = int(np.median(together))
    kept = tool.delete_synchrofacts(threshold=threshold, mode="delete")
    for unit, train in enumerate(kept):
        assert_array_equal(
            train.magnitude, np.flatnonzero(recording.active[unit] & (together < threshold))
        )
