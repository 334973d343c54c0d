"""Rates with their confidence intervals, and the fit of the intervals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

import ann2neo as a2n
from ann2neo import SpikeRaster
from ann2neo.significance.kernels import interval_bins
from ann2neo.significance.poisson_fit import _bins, _chi_square, fit_poisson
from tests.spikes.stores import small_chunks
from tests.strategies import dense, rasters

RATES = [0.01, 0.05, 0.1, 0.3, 0.6, 0.9]


def independent(n_samples, rate, n_units, seed):
    return SpikeRaster.from_dense(np.random.default_rng(seed).random((n_samples, n_units)) < rate)


def in_band(rejected, n, level=0.05):
    low, high = stats.binom.interval(0.999, n, level)
    return low <= rejected <= high


@given(dense(max_units=4))
def test_confidence_intervals_agree_with_statsmodels(active):
    n = len(active)
    fit = fit_poisson(active, confidence=0.9)
    for unit, spikes in enumerate(active.sum(axis=0)):
        low, high = proportion_confint(spikes, n, alpha=0.1, method="beta")
        found = fit.loc[unit, ["bernoulli_low", "bernoulli_high"]].to_numpy(float)
        np.testing.assert_allclose(found, [low, high], rtol=1e-9, atol=1e-12)
        low, high = confint_poisson(int(spikes), n, method="exact-c", alpha=0.1)
        found = fit.loc[unit, ["poisson_low", "poisson_high"]].to_numpy(float)
        np.testing.assert_allclose(found, [np.nan_to_num(low), high], rtol=1e-9, atol=1e-12)


@given(rasters(max_units=4))
def test_the_rate_lies_in_its_intervals(raster):
    fit = fit_poisson(raster)
    np.testing.assert_array_equal(fit["n_spikes"], raster.spike_counts)
    for law in ("bernoulli", "poisson"):
        assert (fit[f"{law}_low"] <= fit["rate"]).all()
        assert (fit["rate"] <= fit[f"{law}_high"]).all()
    assert list(fit["layer"]) == list(raster.units["layer"])


def test_rule_of_three():
    # No spike in n samples: the bound is 1 − 0.025^(1/n), that is 3.69/n for Poisson.
    fit = fit_poisson(np.zeros((100, 1), bool)).iloc[0]
    assert fit["bernoulli_high"] == pytest.approx(1 - 0.025**0.01, rel=1e-12)
    assert fit["poisson_high"] == pytest.approx(-np.log(0.025) / 100, rel=1e-12)
    assert fit["bernoulli_low"] == fit["poisson_low"] == 0


@pytest.mark.parametrize("rate", RATES)
def test_coverage(rate):
    fit = fit_poisson(independent(2000, rate, 1000, seed=1))
    covered = (fit["bernoulli_low"] <= rate) & (rate <= fit["bernoulli_high"])
    # Exact intervals cover at least as often as they say.
    assert covered.sum() >= stats.binom.isf(0.9995, 1000, 0.95)
    covered = (fit["poisson_low"] <= rate) & (rate <= fit["poisson_high"])
    assert covered.sum() >= stats.binom.isf(0.9995, 1000, 0.95)


@pytest.mark.parametrize("rate", RATES)
def test_geometric_fit_holds_its_level(rate):
    pvalue = fit_poisson(independent(20_000, rate, 1000, seed=2))["geometric_pvalue"]
    assert not pvalue.isna().any()
    assert in_band((pvalue <= 0.05).sum(), 1000)
    assert in_band((pvalue <= 0.01).sum(), 1000, 0.01)


@pytest.mark.parametrize(("n", "mean"), [(60, 30), (600, 3), (5000, 1000)])
def test_exponential_fit_holds_its_level_on_exponential_intervals(n, mean):
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(2000):
        intervals = rng.exponential(mean, n)
        rate = 1 / intervals.mean()
        share = np.exp(-rate)
        width, n_bins = _bins(n, share)
        place = np.minimum(intervals // width, n_bins - 1).astype(int)
        counts = np.bincount(place, minlength=n_bins)
        rejected += _chi_square(counts, width, share, -share, 1 / rate**2)[1] <= 0.05
    assert in_band(rejected, 2000)


def test_exponential_fit_rejects_whole_numbers():
    share = [
        np.mean(fit_poisson(independent(60_000, rate, 200, seed=4))["exponential_pvalue"] <= 0.05)
        for rate in (0.01, 0.1, 0.3)
    ]
    assert share[0] < 0.12
    assert 0.3 < share[1] < 0.8
    assert share[2] == 1


def test_power_rises_with_refractoriness():
    # Waiting r samples after a spike takes the short intervals away.
    rng = np.random.default_rng(5)
    power = []
    for wait in (0, 1, 2, 4):
        active = np.zeros((4000, 100), bool)
        for unit in range(100):
            times = np.cumsum(rng.geometric(0.05, 400) + wait)
            active[times[times < 4000], unit] = True
        power.append(np.mean(fit_poisson(active)["geometric_pvalue"] <= 0.05))
    assert power == sorted(power)
    assert power[0] < 0.2
    assert power[-1] > 0.8


def test_hand_computed_fit():
    # 40 intervals of 1 and 40 of 3: mean 2, rate 1/2, bins of one sample; 80 · ½^j must stay ≥ 10 in
    # the last two bins: (0,1] (1,2] (2,3] (3,∞) expect 40, 20, 10, 10 and hold 40, 0, 40, 0.
    intervals = np.array([1] * 40 + [3] * 40)
    times = np.concatenate([[0], np.cumsum(intervals)])
    fit = fit_poisson(np.isin(np.arange(times[-1] + 1), times)[:, None]).iloc[0]
    assert fit["n_intervals"] == 80
    assert fit["geometric"] == pytest.approx(20 + 30**2 / 10 + 10, rel=1e-12)
    assert fit["geometric_pvalue"] < 1e-20


def test_degenerate_units():
    t = np.arange(500)
    fit = fit_poisson(np.column_stack([t < 0, t >= 0, t < 15]))
    assert (
        fit[["geometric", "geometric_pvalue", "exponential", "exponential_pvalue"]]
        .isna()
        .to_numpy()
        .all()
    )
    assert fit["n_intervals"].tolist() == [0, 499, 14]


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"confidence must lie in \(0, 1\), got 95"):
        fit_poisson(np.eye(3, dtype=bool), confidence=95)
    with pytest.raises(TypeError, match=r"confidence must be a number in \(0, 1\), got 'a'"):
        fit_poisson(np.eye(3, dtype=bool), confidence="a")


def test_a_store_is_read_in_parts_with_the_same_fit(tmp_path):
    rates = [0, 0.01, 0.2, 0.5, 0.97, 1]
    active = np.random.default_rng(3).random((3000, 6)) < rates
    # A pause over several chunks, and intervals across their edges.
    active[400:900, 2] = False
    raster = a2n.as_raster(active)
    with small_chunks(6, words=3), a2n.open_raster(raster.save(tmp_path / "store.zarr")) as stored:
        assert len(list(stored.chunks())) > 5
        pd.testing.assert_frame_equal(fit_poisson(stored), fit_poisson(raster))


@given(spikes=st.sets(st.integers(0, 699), min_size=0), seed=st.integers(0, 99))
def test_intervals_are_binned_as_numpy_does(spikes, seed):
    active = np.isin(np.arange(700), list(spikes))
    intervals = np.diff(np.flatnonzero(active))
    width = seed % 7 + 1
    for n_bins in (2, 3, 9):
        counts, last = np.zeros(n_bins, np.int64), np.full(1, -1, np.int64)
        ends, start = np.full((1, 2), -1, np.int64), 0
        for part in np.array_split(active, seed % 5 + 1):
            words = a2n.as_raster(part[:, None]).words
            interval_bins.note_ends(words, start, ends)
            offsets = np.array([0, n_bins])
            interval_bins.bin_intervals(words, start, last, np.array([width]), offsets, counts)
            start += part.size
        expected = np.bincount(np.minimum((intervals - 1) // width, n_bins - 1), minlength=n_bins)
        np.testing.assert_array_equal(counts, expected)
        found = np.flatnonzero(active)
        assert ends[0].tolist() == ([found[0], found[-1]] if found.size else [-1, -1])
