"""Intervals by resampling: SciPy's ends for the same resamples, and what they cover."""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ann2neo as a2n
from ann2neo.significance.resampling.bootstrap import depends_on_order
from ann2neo.significance.resampling.intervals import find_ends
from ann2neo.significance.resampling.sources import Samples

QUIET = {"progress": False}


def trains(n_samples=400, rates=(0.1, 0.3, 0.5), seed=0):
    return np.random.default_rng(seed).random((n_samples, len(rates))) < rates


@pytest.mark.parametrize(("ours", "scipys"), [("bca", "BCa"), ("percentile", "percentile")])
@pytest.mark.parametrize("seed", range(4))
def test_ends_are_scipys(ours, scipys, seed):
    rng = np.random.default_rng(seed)
    values = rng.gamma(1.5, size=25)
    found = stats.bootstrap((values,), np.mean, n_resamples=400, method=scipys, rng=rng)
    left_out = np.array([np.delete(values, k).mean() for k in range(values.size)])[:, None]
    low, high = find_ends(
        np.array([values.mean()]), found.bootstrap_distribution[:, None], 0.95, ours,
        lambda: left_out, values.size,
    )  # fmt: skip
    np.testing.assert_allclose([low[0], high[0]], found.confidence_interval, rtol=1e-12)


def test_student_ends_are_students():
    rng = np.random.default_rng(0)
    values = rng.normal(size=6)
    drawn = values[rng.integers(6, size=(200_000, 6))].mean(axis=1)[:, None]
    low, high = find_ends(values.mean(keepdims=True), drawn, 0.95, "student", lambda: None, 6)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([low[0], high[0]], expected, atol=0.01 * (expected[1] - expected[0]))


def test_networks_without_a_value_do_not_count():
    # A network of silent units has no Fano factor: three of five are left.
    rng = np.random.default_rng(1)
    networks = [rng.random((400, 20)) < rate for rate in (0.0, 0.2, 0.0, 0.3, 0.5)]
    found = a2n.bootstrap(networks, a2n.fanofactor, "networks", rng=rng, n_resamples=20_000, **QUIET)
    assert found.parameters["method"] == "student"
    values = [a2n.fanofactor(network).mean() for network in networks]
    values = np.array([value for value in values if not np.isnan(value)])
    assert values.size == 3
    reach = stats.t.ppf(0.975, 2) * found.standard_error[0] * np.sqrt(3 / 2)
    assert found.high[0] == pytest.approx(values.mean() + reach)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_rates_of_samples_are_scipys(method):
    active = trains(150)
    rng = np.random.default_rng(3)
    found = a2n.bootstrap(active, a2n.firing_rate, rng=rng, n_resamples=4000, method=method, **QUIET)
    for unit in range(3):
        theirs = stats.bootstrap(
            (active[:, unit],), np.mean, n_resamples=4000, rng=rng,
            method="BCa" if method == "bca" else method,
        )  # fmt: skip
        ends = found.low[unit], found.high[unit]
        # A sample more or less, and its rounding.
        np.testing.assert_allclose(ends, theirs.confidence_interval, atol=1.01 / 150)
        assert found.standard_error[unit] == pytest.approx(theirs.standard_error, rel=0.06)


def test_fast_ways_follow_the_same_law():
    active = a2n.as_raster(trains(2000))
    rng = np.random.default_rng(1)
    window = functools.partial(a2n.fanofactor, window=50, ddof=1)
    for statistic, block in ((a2n.firing_rate, 1), (window, 50)):
        fast = a2n.bootstrap(
            active, statistic, rng=rng, block=block, n_resamples=1500, method="percentile", **QUIET
        )
        slow = Samples(active, statistic, block, step=block)
        drawn = np.concatenate(list(slow.draw(rng, 600)))
        np.testing.assert_allclose(fast.value, slow.value, rtol=1e-12)
        np.testing.assert_allclose(fast.standard_error, drawn.std(axis=0, ddof=1), rtol=0.15)
        np.testing.assert_allclose(fast.low, np.quantile(drawn, 0.025, axis=0), rtol=0.08)


def test_jackknife_of_the_fast_ways():
    active = a2n.as_raster(trains(120))
    from ann2neo.significance.resampling.fast_samples import Rates, WindowedCounts

    np.testing.assert_allclose(
        Rates(active).leave_out(), Samples(active, a2n.firing_rate, 1).leave_out(), rtol=1e-12
    )
    fano = functools.partial(a2n.fanofactor, window=10)
    np.testing.assert_allclose(
        WindowedCounts(active, 10, 0).leave_out(), Samples(active, fano, 10).leave_out(), rtol=1e-12
    )


def test_order_is_looked_at():
    raster, rng = a2n.as_raster(trains()), np.random.default_rng(0)
    assert depends_on_order(a2n.cv, raster, rng)
    assert not depends_on_order(a2n.firing_rate, raster, rng)
    assert not depends_on_order(a2n.patterns.pattern_entropy, raster, rng)
    with pytest.raises(ValueError, match="block must be given: cv changes with the order of samples"):
        a2n.bootstrap(raster, a2n.cv, rng=rng, **QUIET)
    found = a2n.bootstrap(raster, a2n.cv, rng=rng, block=40, n_resamples=99, **QUIET)
    assert found.parameters["block"] == 40
    assert (found.low < found.high).all()


def test_blocks_allow_for_order():
    # A train that keeps its state for some 20 samples: its rate is known far less well.
    rng = np.random.default_rng(0)
    slow = np.cumsum(rng.random((4000, 40)) < 0.05, axis=0) % 2 == 1
    truth = np.sqrt(np.mean((slow.mean(axis=0) - 0.5) ** 2))
    single = a2n.bootstrap(slow, a2n.firing_rate, rng=rng, n_resamples=200, **QUIET)
    blocks = a2n.bootstrap(slow, a2n.firing_rate, rng=rng, n_resamples=200, block=200, **QUIET)
    assert single.standard_error.mean() < truth / 2
    assert blocks.standard_error.mean() == pytest.approx(truth, rel=0.25)


def test_units_within_layers():
    units = pd.DataFrame({"layer": ["a"] * 12 + ["b"] * 8, "unit_index": [*range(12), *range(8)]})
    rates = np.r_[np.linspace(0.05, 0.4, 12), np.linspace(0.5, 0.9, 8)]
    raster = a2n.SpikeRaster.from_dense(trains(500, rates), units)
    rng = np.random.default_rng(0)
    found = a2n.bootstrap(raster, a2n.firing_rate, "units", rng=rng, **QUIET)
    assert found.to_frame()["layer"].tolist() == ["a", "b"]
    for layer, low, high in zip("ab", found.low, found.high, strict=True):
        values = a2n.firing_rate(raster.select(layer=layer))
        theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, rng=rng).confidence_interval
        np.testing.assert_allclose([low, high], theirs, atol=0.02)


def test_every_statistic_of_summarize_has_an_interval():
    rng = np.random.default_rng(0)
    raster = a2n.as_raster(trains(2000, rng.uniform(0.1, 0.9, 30)))
    for over, options in (("units", {}), ("samples", {"block": 100, "n_resamples": 50})):
        found = a2n.bootstrap(raster, a2n.summarize, over, rng=rng, **options, **QUIET).to_frame()
        table = a2n.summarize(raster)
        np.testing.assert_allclose(found["value"], table.iloc[0].to_numpy(float), rtol=1e-12)
        assert found["statistic"].tolist() == table.columns.tolist()
        varies = ~found["statistic"].isin(["n_units", "silent_fraction", "always_on_fraction"])
        assert (found["low"] < found["high"])[varies].all()


def test_units_of_summarize_are_those_of_rasters():
    # The quick way over units' sums, against rasters put together.
    raster = a2n.as_raster(trains(1000, np.linspace(0.1, 0.9, 10)))
    quick = a2n.bootstrap(raster, a2n.summarize, "units", rng=np.random.default_rng(5), n_resamples=20,
                          method="percentile", **QUIET)  # fmt: skip
    slow = a2n.bootstrap(raster, lambda r: a2n.summarize(r), "units", rng=np.random.default_rng(5),
                         n_resamples=20, method="percentile", **QUIET)  # fmt: skip
    np.testing.assert_allclose(quick.low, slow.low, rtol=1e-9)
    np.testing.assert_allclose(quick.high, slow.high, rtol=1e-9)


def test_networks():
    rng = np.random.default_rng(0)
    networks = [trains(300, rng.uniform(0.2, 0.4, 10), seed) for seed in range(8)]
    found = a2n.bootstrap(networks, a2n.firing_rate, "networks", rng=rng, method="bca", **QUIET)
    means = [active.mean() for active in networks]
    theirs = stats.bootstrap((means,), np.mean, n_resamples=4000, rng=rng)
    assert found.value[0] == pytest.approx(np.mean(means))
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], theirs.confidence_interval, atol=0.2 * theirs.standard_error
    )
    table = a2n.bootstrap(networks, a2n.summarize, "networks", rng=rng, n_resamples=50, **QUIET)
    assert table.to_frame()["statistic"].tolist() == a2n.summarize(networks[0]).columns.tolist()


def test_undefined_and_constant():
    active = trains(200, (0, 0.5, 1))
    rng = np.random.default_rng(0)
    found = a2n.bootstrap(
        active, functools.partial(a2n.fanofactor, window=20), rng=rng, block=20, **QUIET
    )
    assert np.isnan(found.value[0])
    assert found.n_defined.tolist() == [0, 1000, 1000]
    assert np.isnan([found.low[0], found.low[2]]).all()
    assert np.isfinite(found.low[1])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"over": "layers"}, ValueError, "over must be one of"),
        ({"method": "t"}, ValueError, "method must be one of"),
        ({"n_resamples": 1}, ValueError, "n_resamples must be at least 2"),
        ({"confidence": 95}, ValueError, "confidence must"),
        ({"block": 300}, ValueError, "block must lie in"),
        ({"over": "units", "block": 3}, ValueError, "block must be None"),
        ({"over": "networks"}, TypeError, "source must be a sequence of rasters"),
        ({"statistic": 3}, TypeError, "statistic must be a function"),
        ({"statistic": lambda _: "x"}, TypeError, "statistic must return numbers"),
        ({"rng": 3}, TypeError, "rng must"),
    ],
)
def test_arguments(options, error, said):
    given = {"statistic": a2n.firing_rate, "rng": np.random.default_rng(0), **QUIET, **options}
    with pytest.raises(error, match=said):
        a2n.bootstrap(trains(), **given)


@pytest.mark.parametrize("method", ["bca", "percentile", "student"])
def test_coverage_over_networks(method):
    # A seeded slice of tests/calibration/coverage.py, on numbers alone.
    from tests.calibration.coverage import cover_networks

    share = cover_networks(method, n_networks=20, n_simulations=300, seed=0)
    low, high = {"bca": (0.88, 0.97), "percentile": (0.88, 0.97), "student": (0.92, 0.98)}[method]
    assert low < share < high
