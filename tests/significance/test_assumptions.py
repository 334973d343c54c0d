"""The battery: what it says of trains whose faults are known."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ann2neo import SpikeRaster
from ann2neo.significance.assumptions import ASSUMPTIONS, _verdict, poisson_assumptions
from ann2neo.significance.dispersion import fano_test
from ann2neo.significance.independence import ljung_box_test

N, UNITS = 5000, 40


def make_layers(**layers):
    units = [
        pd.DataFrame({"layer": name, "unit_index": np.arange(active.shape[1])})
        for name, active in layers.items()
    ]
    return SpikeRaster.from_dense(
        np.concatenate(list(layers.values()), axis=1), pd.concat(units, ignore_index=True)
    )


@pytest.fixture(scope="module")
def battery():
    rng = np.random.default_rng(1)
    t = np.linspace(0, 1, N)[:, None]
    # Class-sorted samples, each class with its own rate.
    rate = rng.random((10, UNITS)).repeat(N // 10, axis=0)
    return poisson_assumptions(
        make_layers(
            independent=rng.random((N, UNITS)) < rng.uniform(0.3, 0.9, UNITS),
            rare=rng.random((N, UNITS)) < 0.02,
            busy=rng.random((N, UNITS)) < 0.995,
            sticky=np.cumsum(rng.random((N, UNITS)) < 0.4, axis=0) % 2 == 1,
            drifting=rng.random((N, UNITS)) < 0.2 + 0.6 * t,
            sorted=rng.random((N, UNITS)) < rate,
            silent=np.zeros((N, 3), bool),
        )
    )


@pytest.mark.parametrize(("layer", "violated"), [
    ("independent", {"fano_poisson"}),
    ("rare", set()),
    ("busy", {"fano_poisson"}),
    ("sticky", {"ljung_box", "runs", "fano_bernoulli", "fano_poisson"}),
    ("drifting", {"ljung_box", "runs", "fano_bernoulli"}),
    ("sorted", {"ljung_box", "runs", "fano_bernoulli", "fano_poisson"}),
])  # fmt: skip
def test_verdicts(battery, layer, violated):
    table = battery.verdicts().set_index(["layer", "test"])
    found = table.loc[layer]
    # Drift and the grid pull the Fano factor apart.
    tests = [test for test in found.index if (layer, test) != ("drifting", "fano_poisson")]
    for test in tests:
        verdict = found["verdict"][test]
        if test == "adf":
            # Steps of the rate may look like a random walk.
            assert verdict == "no unit root" or layer == "sorted"
        else:
            # Windows of 100 hide most of what is sticky over two samples.
            assert verdict.startswith("violated") if test in violated else verdict == "holds"
            assert verdict != "violated by some" or (layer, test[:4]) == ("sticky", "fano")
        assert found["n_tested"][test] == UNITS


def test_one_unit_of_twenty_is_enough():
    active = np.random.default_rng(0).random((2000, 20)) < 0.3
    active[:, 0] = np.arange(2000) < 700
    found = poisson_assumptions(active).verdicts().set_index("test")
    for test in ("ljung_box", "runs", "fano_bernoulli"):
        assert found["verdict"][test] == "violated by some"
        assert found["fraction_rejecting"][test] == 1 / 20
    # One step of the rate: a random walk is not excluded, which says nothing.
    assert found["verdict"]["adf"] == "undecided"


@pytest.mark.parametrize(
    ("test", "share", "verdict"),
    [
        ("runs", 0.0, "holds"),
        ("runs", 0.01, "violated by some"),
        ("runs", 0.5, "violated by some"),
        ("runs", 0.51, "violated"),
        ("adf", 0.0, "undecided"),
        ("adf", 0.99, "undecided"),
        ("adf", 1.0, "no unit root"),
        ("adf", np.nan, "untested"),
        ("runs", np.nan, "untested"),
    ],
)
def test_verdict_of_a_fraction(test, share, verdict):
    assert _verdict(test, share) == verdict


@pytest.mark.parametrize("adjust", ["benjamini-hochberg", "holm"])
def test_independent_layers_hold_but_for_alpha_of_them(adjust):
    rng = np.random.default_rng(7)
    raster = make_layers(**{f"layer {k}": rng.random((2000, 10)) < 0.4 for k in range(150)})
    verdicts = poisson_assumptions(raster, adjust=adjust).verdicts()
    for test in ("runs", "fano_bernoulli"):
        missed = (verdicts["verdict"][verdicts["test"] == test] != "holds").sum()
        assert missed <= stats.binom.isf(0.0005, 150, 0.05)


@pytest.mark.parametrize("rate", [0.003, 0.01, 0.045, 0.05, 0.1, 0.955, 0.99, 0.997])
def test_independent_layers_hold_at_low_and_high_rates(rate):
    rng = np.random.default_rng(9)
    raster = make_layers(**{f"layer {k}": rng.random((10_000, 25)) < rate for k in range(40)})
    verdicts = poisson_assumptions(raster).verdicts()
    for test in ("ljung_box", "runs", "fano_bernoulli"):
        found = verdicts[verdicts["test"] == test]
        missed = found["verdict"].str.startswith("violated").sum()
        assert missed <= stats.binom.isf(0.0005, 40, 0.05)
        assert (found["n_tested"] == 25).all()


def test_units_without_a_pvalue_are_left_out_and_counted():
    active = np.random.default_rng(10).random((10_000, 30)) < np.repeat([0, 0.5, 1], 10)
    found = poisson_assumptions(active).verdicts().set_index("test").loc["ljung_box"]
    assert found[["n_units", "n_tested", "fraction_rejecting", "verdict"]].tolist() == [
        30,
        10,
        0,
        "holds",
    ]


def test_silent_layers_are_untested(battery):
    table = battery.verdicts()
    silent = table[table["layer"] == "silent"]
    assert (silent["verdict"] == "untested").all()
    assert silent[["fraction_rejecting", "pvalue", "paper_pearson"]].isna().to_numpy().all()
    assert list(table["test"].unique()) == list(ASSUMPTIONS)


def test_frame_has_a_row_a_unit(battery):
    frame = battery.to_frame()
    assert len(frame) == 6 * UNITS + 3
    for name, test in battery.tests.items():
        np.testing.assert_array_equal(frame[f"{name}_pvalue"], test.pvalue)
        chosen = frame["layer"] == "drifting"
        share = (
            battery.verdicts().set_index(["layer", "test"]).loc[("drifting", name), "fraction_rejecting"]
        )
        assert frame.loc[chosen, f"{name}_rejects"].mean() == pytest.approx(share)
    assert not frame.loc[frame["layer"] == "silent", "runs_rejects"].any()


def test_layers_are_adjusted_apart(battery):
    rng = np.random.default_rng(1)
    raster = make_layers(a=rng.random((1000, 30)) < 0.5, b=rng.random((1000, 30)) < 0.5)
    both = poisson_assumptions(raster, alpha=0.4, adjust="holm").verdicts()
    alone = poisson_assumptions(raster.select(layer="b"), alpha=0.4, adjust="holm").verdicts()
    pd.testing.assert_frame_equal(both[both["layer"] == "b"].reset_index(drop=True), alone)


def test_the_tests_are_those_called_one_by_one():
    active = np.random.default_rng(2).random((1000, 5)) < 0.3
    battery = poisson_assumptions(active, window=50, max_lag=4)
    np.testing.assert_array_equal(
        battery.tests["ljung_box"].pvalue, ljung_box_test(active, max_lag=4).pvalue
    )
    for null in ("bernoulli", "poisson"):
        expected = fano_test(active, window=50, null=null)
        np.testing.assert_array_equal(battery.tests[f"fano_{null}"].pvalue, expected.pvalue)
        assert battery.tests[f"fano_{null}"].null == expected.null


def test_repr_shows_the_verdicts(battery):
    assert "violated" in repr(battery)
    assert "untested" in repr(battery)


def test_one_warning_for_a_remainder():
    active = np.random.default_rng(3).random((1050, 2)) < 0.3
    with pytest.warns(UserWarning, match="last 50") as caught:
        poisson_assumptions(active)
    assert [warning.filename for warning in caught] == [__file__]


def test_512_units_of_60000_samples_take_less_than_a_second():
    rng = np.random.default_rng(4)
    raster = SpikeRaster.from_dense(rng.random((60_000, 512), np.float32) < rng.random(512))
    poisson_assumptions(raster)
    # Processor time: other work on the machine does not count.
    start = time.process_time()
    poisson_assumptions(raster)
    assert time.process_time() - start < 1


def test_faults_are_named():
    active = np.eye(400, dtype=bool)
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\), got 5"):
        poisson_assumptions(active, alpha=5)
    with pytest.raises(TypeError, match=r"alpha must be a number in \(0, 1\), got 'a'"):
        poisson_assumptions(active, alpha="a")
    with pytest.raises(ValueError, match=r"method must be one of .*'sidak'"):
        poisson_assumptions(active, adjust="sidak")
    with pytest.raises(ValueError, match="window must"):
        poisson_assumptions(active, window=300)


def test_effect_sizes_by_hand():
    # Rates 1/4 and 3/4 of the halves; lag 1 and runs from the train itself.
    train = np.concatenate([np.arange(100) % 4 == 0, np.arange(100) % 4 != 0])
    found = poisson_assumptions(train[:, None], window=10, max_lag=2).verdicts().set_index("test")
    assert found.loc["adf", "effect_size"] == pytest.approx(0.5)
    runs = 1 + np.sum(train[1:] != train[:-1])
    assert found.loc["runs", "effect_size"] == pytest.approx(runs / 101)
    deviation = train - 0.5
    r = np.sum(deviation[1:] * deviation[:-1]) / np.sum(deviation**2)
    assert found.loc["ljung_box", "effect_size"] == pytest.approx(abs(r))
    counts = train.reshape(-1, 10).sum(axis=1)
    fano = counts.var() / counts.mean()
    assert found.loc["fano_bernoulli", "effect_size"] == pytest.approx(fano / (19 / 20 * 100 / 199))


def test_combined_verdicts_hold_their_level_for_units_driven_by_the_same_samples():
    rng, n_layers = np.random.default_rng(11), 40
    rejected = dict.fromkeys(("ljung_box", "runs", "fano_bernoulli"), 0)
    for _ in range(n_layers):
        shared, own = rng.standard_normal((1000, 1)), rng.standard_normal((1000, 100))
        layer = np.sqrt(0.95) * shared + np.sqrt(0.05) * own < 0
        verdicts = poisson_assumptions(layer).verdicts().set_index("test")
        for test in rejected:
            rejected[test] += verdicts.loc[test, "pvalue"] <= 0.05
    assert max(rejected.values()) <= stats.binom.isf(0.0005, n_layers, 0.05)


def test_family_wise_error_of_64_units():
    rng, n_layers = np.random.default_rng(12), 40
    missed = dict.fromkeys(("ljung_box", "runs", "fano_bernoulli"), 0)
    for _ in range(n_layers):
        active = rng.random((1000, 64), np.float32) < rng.uniform(0.05, 0.95, 64).astype(np.float32)
        verdicts = poisson_assumptions(active).verdicts().set_index("test")["verdict"]
        for test in missed:
            missed[test] += verdicts[test] != "holds"
    assert max(missed.values()) <= stats.binom.isf(0.0005, n_layers, 0.05)
