"""The multiple-filter test: Elephant's change points at Elephant's thresholds, and its p-values."""

import math

import numpy as np
import pytest
import quantities as pq
from elephant import change_point_detection as mft
from scipy import stats

from ann2neo import as_raster, change_point_test
from ann2neo.exchange.elephant.methods import seed_globals
from ann2neo.significance.change_points import _compare_counts, _find_points, _simulate_null


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def steps():
    n, rng = np.arange(4000), generator(0)
    active = np.stack(
        [
            rng.random(4000) < np.where(n < 2500, 0.2, 0.6),
            rng.random(4000) < 0.3,
            np.zeros(4000, bool),
            np.ones(4000, bool),
            n % 4 == 0,
            n == 7,
            rng.random(4000) < np.where((n < 1200) | (n >= 2800), 0.15, 0.6),
        ],
        axis=1,
    )
    return as_raster(active)


def test_finds_steps_and_flags_what_it_cannot_test(steps):
    result = change_point_test(steps, [250, 500], rng=generator(1), n_surrogates=200, progress=False)
    found = result.columns
    np.testing.assert_array_equal(found["n_change_points"], [1, 0, np.nan, np.nan, np.nan, np.nan, 2])
    flags = ["", "", "silent", "always on", "equal intervals", "few spikes", ""]
    assert found["flag"].tolist() == flags
    assert found["change_points"][0] == pytest.approx([2500], abs=50)
    assert found["change_points"][6] == pytest.approx([1200, 2800], abs=50)
    assert found["window_sizes"][0] == [250]
    assert found["change_points"][1:6].tolist() == [[]] * 5
    assert result.units.equals(steps.units)
    np.testing.assert_array_equal(np.isnan(result.pvalue), [flag != "" for flag in flags])
    np.testing.assert_array_equal(np.isnan(result.statistic), np.isnan(result.pvalue))
    assert result.pvalue[[0, 6]] == pytest.approx(1 / 201)
    assert result.pvalue[1] > 0.05
    assert dict(result.parameters) == {
        "window_sizes": [250, 500],
        "time_step": 10,
        "alpha": 0.05,
        "n_surrogates": 200,
    }
    assert result.to_frame()["change_points"][0] == found["change_points"][0]


@pytest.mark.parametrize("seed", range(6))
def test_points_are_elephants(seed):
    """A sample is 1/8 s here, exact in binary, so that Elephant does not err by rounding."""
    rng = generator(seed)
    rates = np.repeat(rng.random(5), 200)
    spikes = as_raster((rng.random(1000) < rates)[:, None]).spike_indices(0)
    sizes, step = [48, 96, 240], 24
    null = _simulate_null(sizes, 1000, step, 50, rng)
    threshold = null.threshold(0.2)
    parameters = np.array([np.array(sizes) / 8, null.mean, null.sd**2])
    theirs = mft.multiple_filter_test(
        window_sizes=np.array(sizes) / 8 * pq.s,
        spiketrain=(spikes + 0.5) / 8 * pq.s,
        t_final=125 * pq.s,
        alpha=20.0,
        time_step=step / 8 * pq.s,
        test_quantile=threshold,
        test_param=parameters,
    )
    wanted = sorted(
        (round(float(time) * 8), size)
        for size, times in zip(sizes, theirs, strict=True)
        for time in times
    )
    processes = null.normalize([np.abs(_compare_counts(spikes, h, step, 1000)) for h in sizes])
    assert _find_points(processes, sizes, step, threshold) == wanted
    for size, process in zip(sizes, processes, strict=True):
        train, h = (spikes + 0.5) / 8 * pq.s, size / 8 * pq.s
        _, one = mft._filter_process(step / 8 * pq.s, h, train, 125 * pq.s, parameters)
        np.testing.assert_allclose(process, one, atol=1e-10)


def test_null_is_elephants():
    """Both draw the same limit processes: means, spreads and quantiles agree within their errors."""
    ours = _simulate_null([40, 80], 1000, 8, 2000, generator(2))
    with seed_globals(generator(3)):
        quantile, parameters = mft.empirical_parameters(
            np.array([5.0, 10.0]) * pq.s, 125 * pq.s, 5.0, 1000, 1 * pq.s
        )
    np.testing.assert_allclose(ours.mean, parameters[1], rtol=0.02)
    np.testing.assert_allclose(ours.sd**2, parameters[2], rtol=0.2)
    assert ours.threshold(0.05) == pytest.approx(quantile, abs=0.25)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2, 0.951])
def test_units_with_change_points_are_those_that_are_significant(alpha):
    active = generator(4).random((600, 60)) < np.linspace(0.1, 0.5, 600)[:, None]
    found = change_point_test(
        active, [40, 100], rng=generator(1), n_surrogates=99, alpha=alpha, progress=False
    )
    rejected = found.significant(alpha=alpha, adjust=None)
    assert rejected.sum() > 0
    np.testing.assert_array_equal(found.columns["n_change_points"] > 0, rejected)


def test_pvalues_of_units_of_constant_rate_spread_evenly():
    """With 300 spikes per window and more the asymptotic law is near."""
    active = generator(5).random((6000, 200)) < 0.4
    found = change_point_test(active, [1000, 2000], rng=generator(6), progress=False)
    assert stats.kstest(found.pvalue, "uniform").pvalue > 0.001
    assert np.mean(found.pvalue <= 0.05) < 0.11


def test_no_point_where_no_pvalue_can_be_so_small(steps):
    found = change_point_test(
        steps, [250], rng=generator(1), n_surrogates=18, alpha=0.05, progress=False
    )
    assert np.nansum(found.columns["n_change_points"]) == 0
    assert np.nanmin(found.pvalue) == pytest.approx(1 / 19)


def test_time_steps_on_which_elephant_fails(steps):
    short = steps.select(units=[0], samples=np.arange(2000, 4000))
    with pytest.raises(ValueError, match="broadcast"):
        mft.empirical_parameters([180] * pq.ms, 2000 * pq.ms, 5, 2, time_step=9 * pq.ms)
    found = change_point_test(short, [180], rng=generator(), n_surrogates=50, time_step=9)
    assert found.columns["change_points"][0] == pytest.approx([500], abs=50)


def test_reproducible_and_whatever_the_process_draws(steps):
    one = steps.select(units=[0])
    pvalues = [
        change_point_test(one, [400], rng=generator(s), n_surrogates=20).statistic[0] for s in (1, 1, 2)
    ]
    assert pvalues[0] == pvalues[1] != pvalues[2]
    assert math.isfinite(pvalues[0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"window_sizes": []}, ValueError, "window_sizes must ascend"),
        ({"window_sizes": [200, 100]}, ValueError, "window_sizes must ascend"),
        ({"window_sizes": [2000]}, ValueError, "below n_samples / 2 = 2000, got"),
        ({"window_sizes": [0]}, ValueError, "window_sizes must be at least 1"),
        ({"window_sizes": [0.5]}, TypeError, "window_sizes must be an int"),
        ({"window_sizes": 200}, TypeError, "window_sizes must be a sequence of int.*got 200"),
        ({"window_sizes": "200"}, TypeError, "window_sizes must be a sequence of int.*got '200'"),
        ({"alpha": "a"}, TypeError, r"alpha must be a number in \(0, 1\), got 'a'"),
        ({"time_step": 30}, ValueError, r"time_step must divide every window size, \[200\], got 30"),
        ({"alpha": 5}, ValueError, r"alpha must lie in \(0, 1\), got 5"),
        ({"n_surrogates": 1}, ValueError, "n_surrogates must be an int of at least 2|at least 2"),
        ({"rng": None}, TypeError, "rng must be a numpy.random.Generator"),
    ],
)
def test_faults_are_refused(steps, arguments, error, message):
    arguments = {"window_sizes": [200], "rng": generator(), "n_surrogates": 50, **arguments}
    with pytest.raises(error, match=message):
        change_point_test(steps, **arguments)
