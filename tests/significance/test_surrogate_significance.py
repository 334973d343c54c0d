"""surrogate_test: its p-values by hand, its level, its power, and the shortcut against the long way."""

import functools
import pickle
import random
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ann2neo import SpikeRaster
from ann2neo.significance.combine import adjust_pvalues
from ann2neo.significance.surrogate_laws.joint_adjustment import min_p
from ann2neo.significance.surrogate_laws.null_values import FanoFactors, find_fano_options
from ann2neo.significance.surrogate_methods.table import METHODS
from ann2neo.significance.surrogate_significance import surrogate_test
from ann2neo.significance.surrogates import surrogates
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.intervals import cv, isi
from ann2neo.statistics.rates import firing_rate
from tests.significance.surrogate_rasters import generator, independent, pairs, sticky

pytestmark = pytest.mark.filterwarnings(
    "ignore:a single unit of:UserWarning",
    "ignore:no Gaussian has all:UserWarning",
    "ignore:.* samples are few for:UserWarning",
)


quiet = functools.partial(surrogate_test, progress=False)


def drift(raster):
    """Spikes in the second half less those in the first."""
    first, second = np.array_split(raster.to_dense(), 2)
    return second.sum(axis=0) - first.sum(axis=0)


def with_first(raster):
    """Correlation with the first unit."""
    active = raster.to_dense()
    mean = active.mean(axis=0)
    both = (active & active[:, :1]).mean(axis=0)
    return (both - mean * mean[0]) / np.sqrt(mean * (1 - mean))


def serial(raster):
    """Sum of products of successive intervals."""
    unit, t = np.nonzero(raster.to_dense().T)
    isi, whole = np.diff(t), np.diff(unit) == 0
    both = whole[1:] & whole[:-1]
    return np.bincount(unit[1:-1][both], (isi[1:] * isi[:-1])[both], raster.n_units)


def entropy(raster):
    """Of the layer's patterns, in bits: one number."""
    _, counts = np.unique(raster.to_dense(), axis=0, return_counts=True)
    return stats.entropy(counts, base=2)


class Scripted:
    """A statistic that returns what it was told, call by call."""

    def __init__(self, *values):
        self.values = iter(values)

    def __call__(self, raster):
        return next(self.values)


TWO_UNITS = np.array([[0, 1], [1, 1], [1, 0]])


def test_pvalues_and_moments_by_hand():
    values = [[2.0, 5.0], [1.0, 5.0], [2.0, 4.0], [3.0, 1.0], [0.0, 1.0]]
    expected = {
        # unit 0: of 1 2 3 0 two are ≥ 2 and three ≤ 2; unit 1: of 5 4 1 1 one is ≥ 5 and all are ≤ 5
        "greater": [3 / 5, 2 / 5],
        "less": [4 / 5, 5 / 5],
        "two-sided": [1.0, 4 / 5],
    }
    for alternative, pvalue in expected.items():
        result = quiet(
            TWO_UNITS, Scripted(*values), n_surrogates=4, alternative=alternative, rng=generator()
        )
        np.testing.assert_array_equal(result.statistic, [2, 5])
        np.testing.assert_allclose(result.pvalue, pvalue, rtol=1e-15)
        np.testing.assert_allclose(result.columns["null_mean"], [1.5, 2.75], rtol=1e-15)
        np.testing.assert_allclose(result.columns["null_sd"], np.std(values[1:], axis=0, ddof=1))
        np.testing.assert_array_equal(result.columns["n_defined"], [4, 4])
        np.testing.assert_array_equal(result.columns["pvalue_adjusted"], adjust_pvalues(result.pvalue))


def test_undefined_values():
    nan = np.nan
    values = [[nan, 1.0], [1.0, 2.0], [2.0, nan], [3.0, 0.0]]
    result = quiet(TWO_UNITS, Scripted(*values), n_surrogates=3, alternative="greater", rng=generator())
    np.testing.assert_allclose(result.pvalue, [nan, 2 / 3])
    np.testing.assert_array_equal(result.columns["n_defined"], [3, 2])
    np.testing.assert_allclose(result.columns["null_mean"], [2, 1])
    np.testing.assert_allclose(result.columns["null_sd"], [1, np.sqrt(2)])
    never = quiet(TWO_UNITS, Scripted([1.0, 1.0], [nan, 1.0]), n_surrogates=1, rng=generator())
    np.testing.assert_allclose(never.pvalue, [nan, 1])
    np.testing.assert_allclose(never.columns["null_mean"], [nan, 1])
    np.testing.assert_allclose(never.columns["null_sd"], [nan, nan])


def test_equal_but_for_rounding_counts_as_equal():
    observed = 0.1 + 0.2
    result = quiet(
        TWO_UNITS, Scripted(observed, 0.3), n_surrogates=1, alternative="greater", rng=generator()
    )
    assert observed > 0.3
    assert result.pvalue[0] == 1


def test_infinite_values_are_ordered():
    values = ([np.inf, 0.0], [1.0, -np.inf], [np.inf, 1.0])
    result = quiet(TWO_UNITS, Scripted(*values), n_surrogates=2, alternative="greater", rng=generator())
    np.testing.assert_allclose(result.pvalue, [2 / 3, 2 / 3])


def test_moments_do_not_cancel():
    values = 1e9 + generator(1).random((201, 2))
    result = quiet(TWO_UNITS, Scripted(*values), n_surrogates=200, rng=generator())
    np.testing.assert_allclose(result.columns["null_sd"], values[1:].std(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(result.columns["null_mean"], values[1:].mean(axis=0), rtol=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_it_runs_the_surrogates_of_its_method(method):
    options = {"bin_shuffling": {"bin_size": 20}, "inhomogeneous": {"window": 30}}.get(method, {})
    raster = independent(150, 3, seed=1)
    seen = []
    quiet(
        raster,
        lambda r: (seen.append(r), pairs(r))[1],
        method=method,
        n_surrogates=4,
        rng=generator(5),
        **options,
    )
    assert seen[0] == raster
    assert seen[1:] == list(surrogates(raster, method, n_surrogates=4, rng=generator(5), **options))


fano_20 = functools.partial(fanofactor, window=20)

CALIBRATION = [
    ("permutation", fano_20, {}),
    ("permutation", pairs, {}),
    ("permutation", pairs, {"alternative": "greater"}),
    ("permutation", pairs, {"alternative": "less"}),
    ("permutation", drift, {}),
    ("sample_permutation", pairs, {}),
    ("bin_shuffling", pairs, {"bin_size": 50}),
    ("shuffle_isis", serial, {}),
    ("circular_shift", with_first, {}),
    ("bernoulli", fano_20, {}),
    ("inhomogeneous", with_first, {"window": 200}),
]


@pytest.mark.parametrize(("method", "statistic", "options"), CALIBRATION)
def test_level_for_independent_samples(method, statistic, options):
    raster = independent(1000, 401, seed=11)
    result = quiet(raster, statistic, method=method, n_surrogates=199, rng=generator(3), **options)
    # The first unit is tied to itself.
    rejected = np.count_nonzero(result.pvalue[1:] <= 0.05)
    low, high = stats.binom.interval(0.999, 400, 0.05)
    assert low <= rejected <= high


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3, 0.6, 0.9])
def test_level_at_low_and_high_rates(rate):
    active = generator(31).random((20_000, 1000)) < rate
    result = quiet(active, fanofactor, n_surrogates=199, rng=generator(32))
    low, high = stats.binom.interval(0.999, 1000, 0.05)
    assert low <= np.count_nonzero(result.pvalue <= 0.05) <= high


def test_rates_estimated_from_the_raster_err_on_the_safe_side():
    """Counts of surrogates vary and the raster's is their mean, which widens what follows the count."""
    raster = independent(1000, 400, seed=11)
    result = quiet(raster, pairs, method="bernoulli", n_surrogates=199, rng=generator(3))
    assert np.count_nonzero(result.pvalue <= 0.05) < stats.binom.interval(0.999, 400, 0.05)[0]


@pytest.mark.parametrize("spikes_a_sample", [0.1, 0.5, 2])
def test_trains_of_a_poisson_process_cut_to_one_a_sample_fulfil_the_poisson_null(spikes_a_sample):
    active = generator(8).poisson(spikes_a_sample, (1000, 400)) > 0
    test = functools.partial(quiet, active, method="poisson", n_surrogates=199, rng=generator(3))
    low, high = stats.binom.interval(0.999, 400, 0.05)
    assert low <= np.count_nonzero(test(fano_20).pvalue <= 0.05) <= high
    # Values that follow the spike count are on the safe side.
    for statistic in (cv, firing_rate):
        assert np.count_nonzero(test(statistic).pvalue <= 0.05) <= high


def test_profiles_estimated_from_the_raster_err_on_the_other_side_and_bin_shuffling_does_not():
    """Surrogates add their own chance to that of the profile, so that the raster looks too regular."""
    raster = independent(1000, 400, seed=12, rate=0.2)
    test = functools.partial(quiet, raster, n_surrogates=199, rng=generator(3))
    low, high = stats.binom.interval(0.999, 400, 0.05)
    found = test(fanofactor, method="inhomogeneous", window=100, alternative="less")
    assert 0.2 < np.mean(found.pvalue <= 0.05) < 0.4
    found = test(pairs, method="inhomogeneous", window=5)
    assert np.count_nonzero(found.pvalue <= 0.05) > high
    for bin_size in (5, 100):
        shuffled = test(pairs, method="bin_shuffling", bin_size=bin_size)
        assert low <= np.count_nonzero(shuffled.pvalue <= 0.05) <= high


def test_pvalues_of_the_fano_factor_are_uniform():
    raster = independent(3000, 1000, seed=21)
    result = quiet(
        raster,
        functools.partial(fanofactor, window=30),
        n_surrogates=499,
        alternative="less",
        rng=generator(2),
    )
    assert stats.kstest(result.pvalue, "uniform").pvalue > 0.001


def test_power_rises_with_correlation():
    rejected = [
        np.mean(
            quiet(sticky(1000, stay, 100, seed=4), pairs, n_surrogates=199, rng=generator(1)).pvalue
            <= 0.05
        )
        for stay in (0, 0.05, 0.1, 0.3)
    ]
    assert rejected == sorted(rejected)
    assert rejected[0] < 0.15
    assert rejected[-1] == 1


def test_power_rises_with_drift():
    trend = np.linspace(-1, 1, 2000)[:, None]
    rejected = []
    for slope in (0, 0.05, 0.1, 0.3):
        raster = SpikeRaster.from_dense(generator(8).random((2000, 100)) < 0.4 + slope * trend)
        result = quiet(raster, fanofactor, n_surrogates=199, alternative="greater", rng=generator(1))
        rejected.append(np.mean(result.pvalue <= 0.05))
    assert rejected == sorted(rejected)
    assert rejected[0] < 0.15
    assert rejected[-1] > 0.95


def test_methods_separate_their_nulls():
    """A drifting rate is no surprise to surrogates that keep it."""
    rate = np.linspace(0.1, 0.7, 2000)[:, None]
    raster = SpikeRaster.from_dense(generator(8).random((2000, 50)) < rate)
    options = {"n_surrogates": 199, "alternative": "greater", "rng": generator(1)}
    assert (quiet(raster, pairs, **options).pvalue <= 0.05).mean() > 0.95
    kept = quiet(raster, pairs, method="bin_shuffling", bin_size=50, **options)
    assert (kept.pvalue <= 0.05).mean() < 0.2


class TestFanoShortcut:
    def test_is_taken_for_this_packages_fano_factor_only(self):
        assert find_fano_options(fanofactor) == {"window": 100, "ddof": 0}
        assert find_fano_options(functools.partial(fanofactor, window=7, ddof=1)) == {
            "window": 7,
            "ddof": 1,
        }
        assert find_fano_options(functools.partial(fanofactor, [[1]])) is None
        assert find_fano_options(lambda raster: fanofactor(raster)) is None
        assert find_fano_options(pairs) is None

    @pytest.mark.parametrize(("n", "window", "ddof"), [(600, 20, 0), (610, 50, 1), (90, 40, 0)])
    def test_law_is_that_of_surrogates(self, n, window, ddof):
        rate = np.array([0.02, 0.1, 0.5, 0.97])
        raster = SpikeRaster.from_dense(generator(n).random((n, 4)) < rate)
        state = np.arange(1, 5, dtype=np.uint64)
        values = FanoFactors(raster.spike_counts, n, state, window=window, ddof=ddof)(range(1500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            drawn = surrogates(raster, "permutation", n_surrogates=1500, rng=generator(1))
            long_way = np.array([fanofactor(one, window, ddof=ddof) for one in drawn])
        for one, other in zip(values.T, long_way.T, strict=True):
            assert stats.ks_2samp(one[~np.isnan(one)], other[~np.isnan(other)]).pvalue > 0.001
            assert abs(np.isnan(one).mean() - np.isnan(other).mean()) < 0.05

    def test_result_is_that_of_the_long_way(self):
        raster = sticky(2000, 0.1, 20, seed=3)
        options = {"n_surrogates": 2000, "alternative": "less"}
        short = quiet(raster, fanofactor, rng=generator(1), **options)
        long = quiet(raster, lambda one: fanofactor(one), rng=generator(1), **options)
        np.testing.assert_array_equal(short.statistic, long.statistic)
        sd = long.columns["null_sd"]
        np.testing.assert_allclose(
            short.columns["null_mean"], long.columns["null_mean"], atol=5 * sd.max() / 30
        )
        np.testing.assert_allclose(short.columns["null_sd"], sd, rtol=0.2)
        np.testing.assert_allclose(short.pvalue, long.pvalue, atol=0.06)

    def test_chunks_add_up(self, monkeypatch):
        monkeypatch.setattr("ann2neo.significance.surrogate_laws.null_values._DRAWN_AT_ONCE", 1000)
        raster = independent(1000, 3, seed=2)
        result = quiet(raster, fanofactor, n_surrogates=100, rng=generator(1))
        assert (result.columns["n_defined"] == 100).all()
        exact = (1 - 1 / 10) * (1000 - raster.spike_counts) / 999
        np.testing.assert_allclose(result.columns["null_mean"], exact, atol=0.15)

    def test_constant_units(self):
        active = np.zeros((200, 3), bool)
        active[:, 1:] = [True, False]
        active[5, 2] = True
        result = quiet(
            active, functools.partial(fanofactor, window=10), n_surrogates=20, rng=generator()
        )
        np.testing.assert_allclose(result.pvalue, [np.nan, 1, 1])
        np.testing.assert_allclose(result.columns["null_mean"], [np.nan, 0, 0.95])
        np.testing.assert_allclose(result.columns["null_sd"], [np.nan, 0, 0], atol=1e-12)
        np.testing.assert_array_equal(result.columns["n_defined"], [0, 20, 20])

    def test_wrong_options_are_the_statistics_own_error(self):
        with pytest.raises(ValueError, match=r"window must .* 101"):
            quiet(np.ones((100, 1)), functools.partial(fanofactor, window=101), rng=generator())


@pytest.mark.parametrize("method", ["permutation", "bernoulli"])
def test_a_statistics_warning_is_shown_once(method):
    with pytest.warns(UserWarning, match="the last 50 of 250 samples") as caught:
        quiet(independent(250, 2, seed=1), fanofactor, method=method, n_surrogates=99, rng=generator())
    assert [warning.filename for warning in caught] == [__file__]


class TestOneNumber:
    def test_a_statistic_of_all_units(self):
        active = independent(2000, 5, seed=1).to_dense()
        active[:, 4] = active[:, 0]
        result = quiet(active, entropy, n_surrogates=99, alternative="less", rng=generator())
        assert result.to_frame()[["layer", "unit_index"]].to_numpy().tolist() == [["units", -1]]
        assert result.pvalue == [0.01]
        # All units together keep their patterns, and so the entropy.
        kept = quiet(active, entropy, method="sample_permutation", n_surrogates=99, rng=generator())
        assert kept.pvalue == [1]
        np.testing.assert_allclose(kept.columns["null_sd"], 0, atol=1e-14)

    def test_mean_over_units(self):
        active = sticky(500, 0.2, 4, seed=1).to_dense()
        active[:, 2] = False
        raster = SpikeRaster.from_dense(
            active, pd.DataFrame({"layer": ["a", "a", "b", "b"], "unit_index": [0, 1, 0, 1]})
        )
        result = quiet(
            raster, fanofactor, whole_layer=True, n_surrogates=99, alternative="greater", rng=generator()
        )
        assert result.statistic == [np.nanmean(fanofactor(raster))]
        assert result.units.to_numpy().tolist() == [["all", -1]]
        assert result.n_tested == 1
        assert result.parameters["whole_layer"]

    def test_mean_of_nothing_is_undefined(self):
        result = quiet(np.zeros((300, 2)), fanofactor, whole_layer=True, n_surrogates=9, rng=generator())
        assert np.isnan([result.statistic[0], result.pvalue[0], result.columns["null_mean"][0]]).all()


@pytest.mark.parametrize(
    "active", [np.ones((1, 1)), np.zeros((1, 1)), np.ones((70, 1)), np.zeros((70, 2)), np.eye(3)]
)
@pytest.mark.parametrize("method", METHODS)
def test_small_and_constant_rasters(active, method):
    options = {"bin_shuffling": {"bin_size": 3}, "inhomogeneous": {"bandwidth": 0.001}}.get(method, {})
    result = quiet(active, pairs, method=method, n_surrogates=3, rng=generator(), **options)
    assert result.n_units == result.n_tested == active.shape[1]
    if active.size == 1 or active.min() == active.max():
        assert (result.pvalue == 1).all()


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (
            [1.0, 2.0, 3.0],
            ValueError,
            r"\(2,\) or one number; <lambda> returned shape \(3,\)",
        ),
        ([[1.0, 2.0]], ValueError, r"returned shape \(1, 2\)"),
        (
            None,
            TypeError,
            "statistic must return real numbers, a number per unit; <lambda> returned None",
        ),
        (["a", "b"], TypeError, "statistic must return real numbers"),
        ([1j, 2j], TypeError, "statistic must return real numbers"),
    ],
)
def test_what_a_statistic_may_not_return(returned, error, message):
    with pytest.raises(error, match=message):
        quiet(TWO_UNITS, lambda raster: returned, rng=generator())


def test_a_statistic_is_a_function_of_numbers():
    with pytest.raises(TypeError, match=r"statistic must be a function of a raster.*got 'fanofactor'"):
        quiet(TWO_UNITS, "fanofactor", rng=generator())
    for active in (TWO_UNITS, np.array([[1, 1], [0, 1], [1, 1], [1, 0]])):
        with pytest.raises((TypeError, ValueError), match=r"statistic must return .*; isi returned"):
            quiet(active, isi, rng=generator())


def test_a_statistic_may_not_change_its_shape():
    with pytest.raises(
        ValueError, match=r"one shape, got \(2,\) for the raster and \(\) for a surrogate"
    ):
        quiet(TWO_UNITS, Scripted([1.0, 2.0], 3.0), n_surrogates=1, rng=generator())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_surrogates": 0}, ValueError, "n_surrogates must be at least 1, got 0"),
        ({"method": "shuffling"}, ValueError, "method must be one of"),
        ({"method": ["permutation"]}, ValueError, r"method must be one of .*got \['permutation'\]"),
        ({"alternative": ["less"]}, ValueError, r"alternative must be one of .*got \['less'\]"),
        ({"alternative": "both"}, ValueError, "alternative must be one of .*got 'both'"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
        ({"bin_size": 4}, TypeError, "takes the options"),
    ],
)
def test_faults_are_refused_before_the_statistic_is_called(arguments, error, message):
    with pytest.raises(error, match=message):
        quiet(TWO_UNITS, Scripted(), **{"rng": generator(), **arguments})


def test_results_are_reproducible_and_global_generators_left_alone():
    raster = independent(300, 3, seed=1)
    before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    for statistic in (fanofactor, pairs):
        one, same, other = (
            quiet(raster, statistic, n_surrogates=50, rng=generator(s)) for s in (1, 1, 2)
        )
        pd.testing.assert_frame_equal(one.to_frame(), same.to_frame())
        assert not one.to_frame().equals(other.to_frame())
    np.testing.assert_equal(np.random.get_state(legacy=False), before[0])  # noqa: NPY002
    assert random.getstate() == before[1]


def test_an_interrupt_leaves_nothing_behind(capsys):
    def interrupt(raster):
        if "surrogate" in raster.annotations:
            raise KeyboardInterrupt
        return pairs(raster)

    filters = list(warnings.filters)
    with pytest.raises(KeyboardInterrupt):
        surrogate_test(independent(300, 3, seed=1), interrupt, rng=generator())
    assert warnings.filters == filters
    assert capsys.readouterr().err == ""


def test_the_result_says_what_was_done():
    raster = independent(300, 3, seed=1)
    result = quiet(raster, functools.partial(fanofactor, window=30), n_surrogates=9, rng=generator())
    assert result.method == "fanofactor(window=30) against permutation surrogates"
    assert result.null == METHODS["permutation"].null
    assert result.parameters == {
        "method": "permutation",
        "n_surrogates": 9,
        "alternative": "two-sided",
        "whole_layer": False,
    }
    binned = quiet(raster, pairs, method="bin_shuffling", bin_size=30, n_surrogates=9, rng=generator())
    assert binned.method == "pairs against bin_shuffling surrogates"
    assert binned.parameters["bin_size"] == 30
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(binned)).to_frame(), binned.to_frame())


def test_a_floor_that_no_unit_can_pass_is_said():
    active = np.random.default_rng(0).random((300, 40)) < 0.3
    with pytest.warns(UserWarning, match="a single unit of 40 cannot be significant .* 1600 surrogates"):
        surrogate_test(active, fanofactor, rng=np.random.default_rng(1), n_surrogates=99)


def test_max_t_finds_single_units_and_holds_its_level():
    rng, n_layers, rejected = np.random.default_rng(2), 60, 0
    for _ in range(n_layers):
        active = rng.random((600, 40)) < 0.3
        found = surrogate_test(
            active, fanofactor, rng=rng, n_surrogates=199, adjust="max-t", progress=False
        )
        rejected += found.columns["pvalue_adjusted"].min() <= 0.05
    assert rejected <= stats.binom.ppf(0.9995, n_layers, 0.05)
    active = rng.random((6000, 128)) < 0.3
    active[:3000, 7], active[3000:, 7] = rng.random(3000) < 0.1, rng.random(3000) < 0.6
    found = surrogate_test(active, fanofactor, rng=rng, n_surrogates=199, adjust="max-t", progress=False)
    assert np.flatnonzero(found.columns["pvalue_adjusted"] <= 0.05).tolist() == [7]


def test_min_p_as_written():
    rng = np.random.default_rng(0)
    observed, values = rng.integers(5, size=4).astype(float), rng.integers(5, size=(30, 4)).astype(float)
    rows = np.vstack([observed, values])
    greater = (rows[None] >= rows[:, None]).mean(axis=1)
    less = (rows[None] <= rows[:, None]).mean(axis=1)
    for alternative, p in (
        ("greater", greater),
        ("less", less),
        ("two-sided", np.minimum(1, 2 * np.minimum(greater, less))),
    ):  # fmt: skip
        expected = (p.min(axis=1)[:, None] <= p[0] + 1e-12).mean(axis=0)
        np.testing.assert_allclose(min_p(observed, values, alternative), expected, rtol=1e-12)
    observed[1] = np.nan
    assert np.isnan(min_p(observed, values, "greater")).tolist() == [False, True, False, False]


def test_min_p_holds_its_level_and_finds_a_unit():
    rng, n_layers, rejected = np.random.default_rng(3), 60, 0
    for _ in range(n_layers):
        active = rng.random((600, 20)) < np.linspace(0.02, 0.6, 20)
        found = surrogate_test(
            active, fanofactor, rng=rng, n_surrogates=399, adjust="min-p", progress=False
        )
        rejected += np.nanmin(found.columns["pvalue_adjusted"]) <= 0.05
    assert rejected <= stats.binom.ppf(0.9995, n_layers, 0.05)
    active = rng.random((6000, 16)) < 0.3
    active[:3000, 7], active[3000:, 7] = rng.random(3000) < 0.1, rng.random(3000) < 0.6
    found = surrogate_test(active, fanofactor, rng=rng, n_surrogates=999, adjust="min-p", progress=False)
    assert np.flatnonzero(found.columns["pvalue_adjusted"] <= 0.05).tolist() == [7]


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_stopping_early_holds_the_level(alternative):
    rng = np.random.default_rng(4)
    active = rng.random((600, 500)) < 0.3
    found = surrogate_test(
        active,
        fanofactor,
        rng=rng,
        n_surrogates=999,
        stop_at=10,
        alternative=alternative,
        progress=False,
    )
    for level in (0.05, 0.01):
        assert np.sum(found.pvalue <= level) <= stats.binom.ppf(0.9995, 500, level)
    whole = surrogate_test(
        active, fanofactor, rng=rng, n_surrogates=999, alternative=alternative, progress=False
    )
    assert np.corrcoef(found.pvalue, whole.pvalue)[0, 1] > 0.9
    assert found.columns["n_defined"].mean() < 500


def test_stopping_early_goes_on_where_it_matters():
    rng = np.random.default_rng(5)
    active = rng.random((2000, 30)) < 0.3
    active[:1000, 7], active[1000:, 7] = rng.random(1000) < 0.1, rng.random(1000) < 0.6
    active[:, 8] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = surrogate_test(
            active, cv, method="permutation", rng=rng, n_surrogates=2000, stop_at=10, progress=False
        )
    assert found.pvalue[7] == pytest.approx(2 / 2001)
    assert found.columns["n_defined"][7] == 2000
    assert np.isnan(found.pvalue[8])
    assert np.median(found.columns["n_defined"]) < 300
    h, drawn = 10, found.columns["n_defined"]
    assert (found.pvalue[:7] >= 2 * h / drawn[:7] - 1e-12).all()


def test_stopping_early_needs_units_by_themselves():
    active = np.random.default_rng(0).random((400, 9)) < 0.3
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="stop_at must be None for a statistic of a unit that changes"):
        surrogate_test(
            active, lambda r: firing_rate(r) - firing_rate(r).mean() + cv(r),
            rng=rng, stop_at=3, progress=False,
        )  # fmt: skip
    with pytest.raises(ValueError, match="stop_at must be None with adjust='max-t'"):
        surrogate_test(active, cv, rng=rng, stop_at=3, adjust="max-t")
    with pytest.raises(ValueError, match="is one number for all units"):
        surrogate_test(active, lambda r: float(r.spike_counts.sum()), rng=rng, stop_at=3)
