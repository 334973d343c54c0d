"""The Fano factor's laws: enumeration, simulation, and how often each null is rejected."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ann2neo import SpikeRaster
from ann2neo.significance import fano_null
from ann2neo.significance.dispersion import _against_poisson, _pvalue, fano_test
from ann2neo.statistics.fano import fanofactor
from tests.strategies import dense

RATES = [0.01, 0.05, 0.1, 0.3, 0.6, 0.9]


def independent(n_samples, rate, n_units, seed):
    return SpikeRaster.from_dense(np.random.default_rng(seed).random((n_samples, n_units)) < rate)


def in_band(rejected, n, level=0.05):
    low, high = stats.binom.interval(0.999, n, level)
    return low <= rejected <= high


def enumerate_windows(window, n_windows, ones):
    """Values of A and their probabilities, over all ways to fill the windows."""
    law = {}
    for counts in itertools.product(range(window + 1), repeat=n_windows):
        if sum(counts) == ones:
            pairs = sum(c * (c - 1) // 2 for c in counts)
            ways = np.prod([comb(window, c) for c in counts])
            law[pairs] = law.get(pairs, 0) + ways / comb(window * n_windows, ones)
    values = np.array(sorted(law))
    return values, np.array([law[v] for v in values])


@pytest.mark.parametrize(("window", "n_windows"), [(1, 3), (2, 2), (2, 4), (3, 3), (5, 3), (3, 5)])
def test_moments_and_exact_law_by_enumeration(window, n_windows):
    for ones in range(window * n_windows + 1):
        values, probability = enumerate_windows(window, n_windows, ones)
        mean = probability @ values
        variance = probability @ (values - mean) ** 2
        found = fano_null.moments([ones], window, n_windows)
        np.testing.assert_allclose([found[0][0], found[1][0]], [mean, variance], atol=1e-12)
        lower, upper, _ = fano_null.tails(values, np.full(values.size, ones), window, n_windows)
        if variance < 1e-12:
            assert np.isnan([lower, upper]).all()
            continue
        third = probability @ (values - mean) ** 3
        np.testing.assert_allclose(found[2][0], third / variance**1.5, atol=1e-9)
        np.testing.assert_allclose(lower, np.cumsum(probability), atol=1e-12)
        np.testing.assert_allclose(upper, np.cumsum(probability[::-1])[::-1], atol=1e-12)


@pytest.mark.parametrize("ones", [60, 3000, 30_000, 59_000])
def test_moments_by_simulation(ones):
    rng = np.random.default_rng(ones)
    counts = rng.multivariate_hypergeometric([100] * 600, ones, size=4000)
    pairs = (counts * (counts - 1) // 2).sum(axis=1)
    mean, variance, skewness = (float(m[0]) for m in fano_null.moments([ones], 100, 600))
    assert abs(pairs.mean() - mean) < 4 * np.sqrt(variance / 4000)
    assert pairs.var() == pytest.approx(variance, rel=0.12)
    assert stats.skew(pairs) == pytest.approx(skewness, abs=0.2)


def test_mean_of_the_fano_factor_is_the_closed_form():
    raster = independent(6000, 0.3, 3, seed=1)
    result = fano_test(raster)
    spikes, n, windows = result.columns["n_spikes"], 6000, 60
    expected = (1 - 1 / windows) * (n - spikes) / (n - 1)
    np.testing.assert_allclose(result.columns["null_mean"], expected, rtol=1e-12)
    # F = (2A + K)/K − K/W
    mean, _, _ = fano_null.moments(spikes, 100, windows)
    np.testing.assert_allclose(2 * mean / spikes + 1 - spikes / windows, expected, rtol=1e-9)
    np.testing.assert_allclose(result.statistic, fanofactor(raster), rtol=1e-14)


def convolve_windows(window, n_windows, ones):
    """Values of A and their probabilities, by adding one window after the other."""
    c = np.arange(window + 1)
    chance = stats.binom.pmf(c, window, ones / (window * n_windows))
    c = c[: ones + 1][chance[: ones + 1] > 1e-15]
    squares = (c - ones // n_windows) ** 2
    law = np.zeros((ones + 1, 4 * squares.max()))
    law[0, 0] = 1
    for _ in range(n_windows):
        before, law = law, np.zeros_like(law)
        for one, square, p in zip(c, squares, chance[c], strict=True):
            law[one:, square:] += p * before[: ones + 1 - one, : law.shape[1] - square]
    probability = law[ones] / law[ones].sum()
    values = np.flatnonzero(probability)
    # Σ (c − m)² = 2A + K − 2 m K + W m²
    m = ones // n_windows
    return (values - ones + 2 * m * ones - n_windows * m**2) // 2, probability[values]


@pytest.mark.parametrize(
    ("window", "n_windows", "ones"),
    [
        (150, 2, 137),
        (150, 2, 199),
        (500, 2, 40),
        (60, 3, 90),
        (200, 3, 210),
        (100, 4, 200),
        (100, 5, 120),
    ],
)
def test_law_of_few_windows_is_exact(window, n_windows, ones):
    values, probability = convolve_windows(window, n_windows, ones)
    lower, upper, _ = fano_null.tails(values, np.full(values.size, ones), window, n_windows)
    np.testing.assert_allclose(lower, np.clip(np.cumsum(probability), 1e-10, 1), atol=1e-11)
    np.testing.assert_allclose(upper, np.clip(np.cumsum(probability[::-1])[::-1], 1e-10, 1), atol=1e-11)
    # So no level is exceeded, whatever K is.
    for alternative in ("two-sided", "less", "greater"):
        pvalue = _pvalue(lower, upper, alternative)
        for level in (0.05, 0.01, 0.001):
            assert probability[pvalue <= level].sum() <= level + 1e-10


def test_two_windows_are_one_hypergeometric():
    # 5,000 and 5,100 of 10,100 spikes in windows of 15,000, or a more even split.
    active = np.zeros((30_000, 1), bool)
    active[:5000] = active[-5100:] = True
    law = stats.hypergeom(30_000, 10_100, 15_000)
    upper = fano_test(active, window=15_000, alternative="greater").pvalue[0]
    assert upper == pytest.approx(2 * law.cdf(5000), rel=1e-8)
    lower = fano_test(active, window=15_000, alternative="less").pvalue[0]
    assert lower == pytest.approx(law.cdf(5100) - law.cdf(4999), rel=1e-8)


@pytest.mark.parametrize("ones", [1250, 1400, 1600])
def test_the_smooth_law_continues_the_exact_one(ones):
    # Just beyond the switch the exact law is still computable: both must tell the same.
    found = fano_null.moments([ones], 100, 600)
    assert np.prod(fano_null._grid(ones, found[1][0], 100, 600)) > fano_null._GRID
    law = fano_null._exact_laws([ones], found[1][0], 100, 600)[ones]
    mean, variance, skewness = (np.full(law.values.size, m[0]) for m in found)
    below, above = fano_null._smooth_tails(law.values, mean, variance, skewness)
    np.testing.assert_allclose(below, law.below, atol=3e-4)
    np.testing.assert_allclose(above, law.above, atol=3e-4)


@pytest.mark.parametrize("rate", RATES)
def test_bernoulli_null_holds_its_level(rate):
    raster = independent(60_000, rate, 1000, seed=2)
    for alternative in ("two-sided", "less", "greater"):
        result = fano_test(raster, alternative=alternative)
        assert in_band(np.sum(result.pvalue <= 0.05), 1000)


@pytest.mark.parametrize("rate", [0.0003, 0.001, 0.9995])
def test_few_spikes_are_tested_conservatively(rate):
    result = fano_test(independent(60_000, rate, 1000, seed=3))
    tested = ~np.isnan(result.pvalue)
    assert np.sum(result.pvalue[tested] <= 0.05) <= stats.binom.isf(0.0005, tested.sum(), 0.05)


@pytest.mark.parametrize(("rate", "low", "high"), [
    (0.01, 0.03, 0.07), (0.05, 0.10, 0.17), (0.1, 0.38, 0.48), (0.3, 1, 1), (0.9, 1, 1),
])  # fmt: skip
def test_poisson_null_rejects_independent_binary_trains(rate, low, high):
    # 5, 13, 43 and 100 % in the project's notes on the firing-rate paper.
    result = fano_test(independent(60_000, rate, 1000, seed=4), null="poisson")
    assert low <= np.mean(result.pvalue <= 0.05) <= high


@pytest.mark.parametrize("mean", [1, 5, 50])
def test_poisson_null_holds_its_level_on_poisson_counts(mean):
    counts = np.random.default_rng(5).poisson(mean, (2000, 600))
    _, lower, upper, _, _ = _against_poisson(
        counts.sum(axis=1), (counts**2).sum(axis=1), counts.shape[1]
    )
    assert in_band(np.sum(_pvalue(lower, upper, "two-sided") <= 0.05), 2000)


def test_poisson_golden():
    # Counts 1, 2, 3: mean 2, variance 1, F = 1/2; Γ(1, scale 1): P(F ≤ 1/2) = 1 − e^(−1/2).
    active = np.array([1, 0, 0, 1, 1, 0, 1, 1, 1])[:, None]
    result = fano_test(active, window=3, null="poisson", alternative="less")
    assert result.statistic[0] == pytest.approx(0.5, rel=1e-14)
    assert result.pvalue[0] == pytest.approx(1 - np.exp(-0.5), rel=1e-14)


def test_bernoulli_golden():
    # Two spikes in two windows of two: together in 2 of 6 orders (F = 1), apart in 4 (F = 0).
    together = fano_test(np.array([[1], [1], [0], [0]]), window=2, alternative="greater")
    assert together.pvalue[0] == pytest.approx(1 / 3, rel=1e-12)
    apart = fano_test(np.array([[1], [0], [0], [1]]), window=2, alternative="less")
    assert apart.pvalue[0] == pytest.approx(2 / 3, rel=1e-12)
    assert (together.statistic[0], apart.statistic[0]) == (1, 0)


def test_power_rises_with_drift_and_correlation():
    rng = np.random.default_rng(6)
    t = np.linspace(-1, 1, 6000)[:, None]
    power = [
        np.mean(fano_test(rng.random((6000, 200)) < 0.3 + d * t).pvalue <= 0.05)
        for d in (0, 0.05, 0.1, 0.3)
    ]
    assert power == sorted(power)
    assert power[0] < 0.12
    assert power[-1] > 0.95
    alternating = np.cumsum(rng.random((6000, 200)) < 0.7, axis=0) % 2 == 1
    assert np.mean(fano_test(alternating, alternative="less").pvalue <= 0.05) > 0.95


@settings(max_examples=60)
@given(dense(max_samples=120, max_units=3), st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_order_inside_and_of_windows_does_not_matter(active, window, random):
    n_windows = len(active) // window
    if n_windows < 2:
        return
    active = active[: n_windows * window]
    windows = np.array(np.split(active, n_windows))
    random.shuffle(order := list(range(n_windows)))
    shuffled = windows[order][:, ::-1].reshape(active.shape)
    for null in ("bernoulli", "poisson"):
        first, second = (fano_test(a, window, null=null) for a in (active, shuffled))
        np.testing.assert_array_equal(first.statistic, second.statistic)
        np.testing.assert_array_equal(first.pvalue, second.pvalue)
    # Pauses are as clustered as spikes.
    pauses = fano_test(~active, window)
    np.testing.assert_allclose(pauses.pvalue, fano_test(active, window).pvalue, atol=1e-12)


def test_degenerate_units():
    t = np.arange(200)
    active = np.column_stack([t < 0, t >= 0, t == 7, t % 3 == 0])
    bernoulli = fano_test(active, window=20)
    assert np.isnan(bernoulli.pvalue).tolist() == [True, True, True, False]
    assert np.isnan(bernoulli.statistic).tolist() == [True, False, False, False]
    poisson = fano_test(active, window=20, null="poisson")
    assert np.isnan(poisson.pvalue).tolist() == [True, False, False, False]
    assert np.isnan(fano_test(active, window=1).pvalue).all()


def test_a_remainder_is_left_out_with_a_warning():
    active = independent(250, 0.3, 2, seed=7)
    with pytest.warns(UserWarning, match="the last 50 of 250 samples are left out") as caught:
        result = fano_test(active)
    assert [warning.filename for warning in caught] == [__file__]
    expected = fano_test(active.select(samples=np.arange(200)))
    np.testing.assert_array_equal(result.pvalue, expected.pvalue)


def test_faults_are_named():
    active = np.eye(10, dtype=bool)
    with pytest.raises(ValueError, match=r"window must fit at least 2 × .* got 6"):
        fano_test(active, window=6)
    with pytest.raises(ValueError, match=r"null must be one of .*, got 'binomial'"):
        fano_test(active, window=5, null="binomial")
    with pytest.raises(ValueError, match=r"null must be one of .*, got \['poisson'\]"):
        fano_test(active, window=5, null=["poisson"])
    with pytest.raises(ValueError, match=r"alternative must be one of .*, got 'both'"):
        fano_test(active, window=5, alternative="both")
