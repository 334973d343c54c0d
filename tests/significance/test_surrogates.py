"""Surrogates: what each method preserves, what it destroys, and that every draw is equally likely."""

import random
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from ann2neo import SpikeRaster
from ann2neo.significance.kernels import fano_permutation
from ann2neo.significance.kernels import rng as rng_kernels
from ann2neo.significance.kernels import surrogates as draws
from ann2neo.significance.surrogate_methods.independent_samples import smooth_profiles
from ann2neo.significance.surrogate_methods.method import describe_method
from ann2neo.significance.surrogate_methods.table import METHODS
from ann2neo.significance.surrogate_significance import surrogate_test
from ann2neo.significance.surrogates import surrogates
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.rates import firing_rate
from tests.strategies import rasters

pytestmark = pytest.mark.filterwarnings(
    "ignore:no Gaussian has all:UserWarning", "ignore:.* samples are few for:UserWarning"
)

OPTIONS = {"bin_shuffling": {"bin_size": 20}, "inhomogeneous": {"window": 50}}
KEEP_COUNTS = ["permutation", "sample_permutation", "shuffle_isis", "bin_shuffling", "circular_shift"]


def draw_surrogates(raster, method, n_surrogates=1, seed=0, **options):
    options = options or OPTIONS.get(method, {})
    return list(
        surrogates(raster, method, n_surrogates=n_surrogates, rng=np.random.default_rng(seed), **options)
    )


def sticky(n_samples, stay, n_units, seed, rate=0.5):
    """Two-state Markov trains: a state is drawn anew with probability 1 − stay."""
    rng = np.random.default_rng(seed)
    states = rng.random((n_samples, n_units)) < rate
    keep = rng.random((n_samples, n_units)) < stay
    for t in range(1, n_samples):
        states[t] = np.where(keep[t], states[t - 1], states[t])
    return states


@pytest.fixture(scope="module")
def structured():
    """6,000 samples of four sticky units, the last a copy of the first; labels follow the first unit."""
    active = sticky(6000, 0.6, 4, seed=1)
    active[:, 3] = active[:, 0]
    samples = pd.DataFrame({"sample_index": np.arange(6000)[::-1], "label": active[:, 0].astype(int)})
    return SpikeRaster.from_dense(active, samples=samples, annotations={"network": "mlp"})


def lag_one(active):
    """Autocorrelation at lag 1 of each unit."""
    return np.array([np.corrcoef(train[1:], train[:-1])[0, 1] for train in np.asarray(active, float).T])


def alike(a, b):
    """Correlation at lag 0."""
    return np.corrcoef(np.asarray(a, float), np.asarray(b, float))[0, 1]


def intervals(active):
    return [np.diff(np.flatnonzero(train)) for train in active.T]


# Of a correlation of 6,000 independent samples: five standard deviations.
NONE_LEFT = 5 / np.sqrt(6000)


@pytest.mark.parametrize("method", KEEP_COUNTS)
def test_spike_counts_are_kept(structured, method):
    for surrogate in draw_surrogates(structured, method, 5):
        np.testing.assert_array_equal(surrogate.spike_counts, structured.spike_counts)


@pytest.mark.parametrize("method", ["permutation", "sample_permutation", "bernoulli", "poisson"])
def test_order_of_samples_is_destroyed(structured, method):
    assert lag_one(structured.to_dense()).min() > 0.5
    for surrogate in draw_surrogates(structured, method, 5):
        assert np.abs(lag_one(surrogate.to_dense())).max() < NONE_LEFT


@pytest.mark.parametrize(
    "method", [m for m in METHODS if m not in ("sample_permutation", "bin_shuffling", "correlated")]
)
def test_ties_between_units_and_to_labels_are_destroyed(structured, method):
    label = structured.samples["label"]
    # Sticky trains have fewer independent samples: (1 + 0.36) / (1 − 0.36) for the product of two.
    margin = NONE_LEFT * np.sqrt(2.2)
    for surrogate in draw_surrogates(structured, method, 5):
        active = surrogate.to_dense()
        assert abs(alike(active[:, 0], active[:, 3])) < margin
        assert abs(alike(active[:, 0], label)) < margin


def test_sample_permutation_keeps_patterns_and_cuts_them_from_labels(structured):
    before = structured.to_dense()
    (surrogate,) = draw_surrogates(structured, "sample_permutation")
    after = surrogate.to_dense()
    for active in (before, after):
        assert (active[:, 0] == active[:, 3]).all()
    patterns, counts = np.unique(before, axis=0, return_counts=True)
    patterns_after, counts_after = np.unique(after, axis=0, return_counts=True)
    np.testing.assert_array_equal(patterns, patterns_after)
    np.testing.assert_array_equal(counts, counts_after)
    pd.testing.assert_frame_equal(surrogate.samples, structured.samples)
    assert abs(alike(after[:, 0], surrogate.samples["label"])) < NONE_LEFT


def test_shuffle_isis_keeps_intervals_and_ends(structured):
    before = structured.to_dense()
    for surrogate in draw_surrogates(structured, "shuffle_isis", 3):
        after = surrogate.to_dense()
        for old, new, train, drawn in zip(
            intervals(before), intervals(after), before.T, after.T, strict=True
        ):
            np.testing.assert_array_equal(np.sort(old), np.sort(new))
            assert not np.array_equal(old, new)
            np.testing.assert_array_equal(np.flatnonzero(train)[[0, -1]], np.flatnonzero(drawn)[[0, -1]])


def test_shuffle_isis_destroys_rate_profile_and_order_of_intervals():
    active = np.random.default_rng(3).random((6000, 2)) < np.linspace(0.1, 0.7, 6000)[:, None]
    raster = SpikeRaster.from_dense(active)

    def trend(values):
        return stats.spearmanr(np.arange(values.size), values).statistic

    assert all(trend(isis) < -0.3 for isis in intervals(active))
    for surrogate in draw_surrogates(raster, "shuffle_isis", 3):
        shuffled = surrogate.to_dense()
        assert all(abs(trend(isis)) < 5 / np.sqrt(isis.size) for isis in intervals(shuffled))
        assert abs(trend(shuffled[:, 0].reshape(60, 100).sum(axis=1))) < 5 / np.sqrt(60)


def test_bin_shuffling_keeps_counts_of_bins_and_destroys_order_within():
    active = sticky(6030, 0.6, 3, seed=5)
    raster = SpikeRaster.from_dense(active)
    edges = np.arange(0, 6030, 100)
    for surrogate in draw_surrogates(raster, "bin_shuffling", 3, bin_size=100):
        after = surrogate.to_dense()
        np.testing.assert_array_equal(
            np.add.reduceat(after, edges, axis=0, dtype=int),
            np.add.reduceat(active, edges, axis=0, dtype=int),
        )
        # What is left at lag 1 is the rate's change between bins.
        assert lag_one(after).max() < 0.15 < 0.5 < lag_one(active).min()


def test_circular_shift_turns_each_unit_by_its_own_shift(structured):
    before = structured.to_dense()
    (surrogate,) = draw_surrogates(structured, "circular_shift")
    shifts = []
    for train, drawn in zip(before.T, surrogate.to_dense().T, strict=True):
        fits = [s for s in range(train.size) if np.array_equal(np.roll(train, s), drawn)]
        shifts += fits
    assert len(set(shifts)) == 4


def test_every_shift_is_equally_likely():
    active = np.zeros((5, 5000), bool)
    active[1] = True
    (surrogate,) = draw_surrogates(SpikeRaster.from_dense(active), "circular_shift")
    assert stats.chisquare(surrogate.to_dense().sum(axis=1)).pvalue > 0.001


@pytest.mark.parametrize("method", ["bernoulli", "poisson"])
def test_counts_of_independent_samples_are_binomial(structured, method):
    counts = np.array([one.spike_counts for one in draw_surrogates(structured, method, 400)])
    p = structured.spike_counts / 6000
    sd = np.sqrt(6000 * p * (1 - p))
    # 99.9 % intervals of the mean and the variance of 400 counts.
    assert np.all(np.abs(counts.mean(axis=0) - 6000 * p) < 3.3 * sd / np.sqrt(400))
    low, high = stats.chi2.ppf([0.0005, 0.9995], 399) / 399
    ratio = counts.var(axis=0, ddof=1) / sd**2
    assert np.all((low < ratio) & (ratio < high))


@pytest.mark.parametrize("options", [{"window": 100}, {"bandwidth": 0.04}])
def test_inhomogeneous_keeps_the_profile_and_destroys_what_is_faster(options):
    slow = 0.4 + 0.3 * np.sin(2 * np.pi * np.arange(6030) / 3000)
    active = sticky(6030, 0.6, 3, seed=6, rate=slow[:, None])
    active[:, 2] = False
    raster = SpikeRaster.from_dense(active)
    drawn = draw_surrogates(raster, "inhomogeneous", 200, **options)
    # The total is kept in expectation: its variance is at most n/4.
    totals = np.array([one.spike_counts for one in drawn])
    assert np.all(np.abs(totals.mean(axis=0) - raster.spike_counts) < 3.3 * np.sqrt(6030 / 4 / 200))
    assert (totals[:, 2] == 0).all()
    profile = np.mean([one.to_dense()[:, 0] for one in drawn], axis=0)
    assert alike(profile, slow) > 0.85
    blocks = profile[:6000].reshape(-1, 500).mean(axis=1)
    expected = active[:6000, 0].reshape(-1, 500).mean(axis=1)
    # Smoothing over 40 samples moves a little of a block's spikes into the next.
    assert np.abs(blocks - expected).max() < (0.02 if "window" in options else 0.04)
    rest = np.array([one.to_dense()[:, 0] for one in drawn[:20]]) - profile
    assert abs(np.mean(rest[:, 1:] * rest[:, :-1]) / np.mean(rest**2)) < NONE_LEFT


def test_smoothed_profile_is_a_reflected_convolution():
    active = np.random.default_rng(0).random((130, 2)) < 0.2
    bandwidth, reach = 4.0, 129
    kernel = special.ive(np.abs(np.arange(-reach, reach + 1)), bandwidth**2)
    raster = SpikeRaster.from_dense(active)
    # A smoother twice as slow to sample has the same shape over twice the time.
    slow = SpikeRaster.from_dense(active, sampling_period=0.002)
    np.testing.assert_array_equal(smooth_profiles(slow, 0.008), smooth_profiles(raster, 0.004))
    for profile, train in zip(smooth_profiles(raster, bandwidth / 1000), active.T, strict=True):
        padded = np.pad(train.astype(float), reach, mode="symmetric")
        np.testing.assert_allclose(profile, np.convolve(padded, kernel, "valid"), atol=1e-7)
        assert profile.sum() == pytest.approx(train.sum(), rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_constant_units(method):
    active = np.zeros((130, 2), bool)
    active[:, 1] = True
    for options in ({"window": 7}, {"bandwidth": 0.003}) if method == "inhomogeneous" else ({},):
        for surrogate in draw_surrogates(SpikeRaster.from_dense(active), method, 5, **options):
            assert surrogate.spike_counts[0] == 0
            assert surrogate.spike_counts[1] == 130


@pytest.mark.parametrize("method", METHODS)
@given(raster=rasters(), seed=st.integers(0, 2**32), size=st.integers(1, 210))
@settings(max_examples=30)
def test_everything_but_the_spikes_is_kept(method, raster, seed, size):
    options = {"bin_shuffling": {"bin_size": size}, "inhomogeneous": {"window": size}}.get(method, {})
    words = raster.words.copy()
    drawn = draw_surrogates(raster, method, 2, seed, **options)
    again = draw_surrogates(raster, method, 2, seed, **options)
    np.testing.assert_array_equal(raster.words, words)
    for surrogate, same in zip(drawn, again, strict=True):
        # A raster refuses spikes beyond its samples.
        assert surrogate == same
        assert surrogate.n_samples == raster.n_samples
        assert surrogate.sampling_period == raster.sampling_period
        pd.testing.assert_frame_equal(surrogate.units, raster.units)
        pd.testing.assert_frame_equal(surrogate.samples, raster.samples)
        kept = {k: v for k, v in surrogate.annotations.items() if not k.startswith("surrogate")}
        assert kept == {k: v for k, v in raster.annotations.items() if not k.startswith("surrogate")}
        assert surrogate.annotations["surrogate"] == method
        for name, value in options.items():
            assert surrogate.annotations[f"surrogate_{name}"] == value
        if method in KEEP_COUNTS:
            np.testing.assert_array_equal(surrogate.spike_counts, raster.spike_counts)


@given(rasters(), st.integers(1, 210))
def test_counts_of_bins_are_kept_at_every_size(raster, bin_size):
    edges = np.arange(0, raster.n_samples, bin_size)
    (surrogate,) = draw_surrogates(raster, "bin_shuffling", bin_size=bin_size)
    before, after = (
        np.add.reduceat(one.to_dense(), edges, axis=0, dtype=int) for one in (raster, surrogate)
    )
    np.testing.assert_array_equal(before, after)


@given(rasters(), st.integers(0, 99))
def test_intervals_and_turns_of_any_raster(raster, seed):
    before = raster.to_dense()
    shuffled = draw_surrogates(raster, "shuffle_isis", seed=seed)[0].to_dense()
    for old, new in zip(intervals(before), intervals(shuffled), strict=True):
        np.testing.assert_array_equal(np.sort(old), np.sort(new))
    for train, drawn in zip(
        before.T, draw_surrogates(raster, "circular_shift", seed=seed)[0].to_dense().T, strict=True
    ):
        assert any(np.array_equal(np.roll(train, s), drawn) for s in range(train.size))


@pytest.mark.parametrize("method", METHODS)
def test_draws_differ_and_the_generator_moves_on(structured, method):
    rng = np.random.default_rng(0)
    options = OPTIONS.get(method, {})
    drawn = [
        one
        for _ in range(2)
        for one in surrogates(structured, method, n_surrogates=2, rng=rng, **options)
    ]
    for one, other in combinations(drawn, 2):
        assert not np.array_equal(one.words, other.words)


@pytest.mark.parametrize("method", METHODS)
def test_global_generators_are_left_alone(structured, method):
    before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    draw_surrogates(structured, method)
    np.testing.assert_equal(np.random.get_state(legacy=False), before[0])  # noqa: NPY002
    assert random.getstate() == before[1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "shuffle"}, ValueError, "method must be one of .*permutation.*got 'shuffle'"),
        ({"n_surrogates": 0}, ValueError, "n_surrogates must be at least 1, got 0"),
        ({"n_surrogates": 1.5}, TypeError, "n_surrogates must be an int"),
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator, got 3"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng must be"),
        ({"bin_size": 3}, TypeError, r"permutation takes the options \[\], got \['bin_size'\]"),
        ({"method": "bin_shuffling"}, TypeError, r"takes the options \['bin_size'\], got \[\]"),
        ({"method": "bin_shuffling", "bin_size": 0}, ValueError, "bin_size must be at least 1, got 0"),
        ({"method": "inhomogeneous"}, TypeError, "takes one of window, in samples, and bandwidth, in"),
        ({"method": "inhomogeneous", "window": 5, "bandwidth": 3}, TypeError, "takes one of"),
        ({"method": "inhomogeneous", "window": 0}, ValueError, "window must be at least 1"),
        ({"method": "inhomogeneous", "bandwidth": 0}, ValueError, "bandwidth must be a positive"),
        ({"method": "inhomogeneous", "bandwidth": np.nan}, ValueError, "bandwidth must be a positive"),
        ({"method": "inhomogeneous", "bandwidth": 3}, ValueError, "up to the recording's 0.004, got 3"),
        ({"method": "inhomogeneous", "bandwidth": "a"}, TypeError, "number of seconds.*got 'a'"),
        ({"method": ["permutation"]}, ValueError, r"method must be one of .*got \['permutation'\]"),
    ],
)
def test_faults_are_refused_at_once(arguments, error, message):
    arguments = {"method": "permutation", "rng": np.random.default_rng(0), **arguments}
    with pytest.raises(error, match=message):
        surrogates(np.eye(4, dtype=bool), **arguments)


def state(seed=0):
    return rng_kernels.random_state(np.random.default_rng(seed))


def test_generator_is_xoshiro256_plus_plus():
    """Against the reference algorithm (prng.di.unimi.it/xoshiro256plusplus.c) in Python's integers."""
    mask = 2**64 - 1

    def rotate(x, k):
        return (x << k | x >> 64 - k) & mask

    s = [1, 2, 3, 4]
    expected = []
    for _ in range(100):
        expected.append((rotate((s[0] + s[3]) & mask, 23) + s[0]) & mask)
        shifted = s[1] << 17 & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 45)
    words, drawn = tuple(np.array([1, 2, 3, 4], np.uint64)), []
    for _ in range(100):
        bits, words = rng_kernels.next_bits(tuple(map(np.uint64, words)))
        drawn.append(int(bits))
    assert drawn == expected
    assert list(map(int, words)) == s


@pytest.mark.parametrize(("n", "k"), [(6, 1), (6, 3), (7, 5), (66, 2)])
def test_every_choice_of_k_of_n_is_equally_likely(n, k):
    places = {choice: i for i, choice in enumerate(combinations(range(n), k))}
    counts = np.full(50 * len(places) + 5000, k)
    words = np.zeros((counts.size, -(-n // 64)), np.uint64)
    draws.permute(counts, n, state(n), words)
    dense = SpikeRaster(words, n).to_dense()
    found = np.bincount(
        [places[tuple(np.flatnonzero(column))] for column in dense.T], minlength=len(places)
    )
    assert stats.chisquare(found).pvalue > 0.001


def test_every_order_is_equally_likely():
    generator, orders, order = state(), {}, np.empty(4, np.int64)
    for _ in range(12000):
        draws.random_order(generator, order)
        orders[tuple(order)] = orders.get(tuple(order), 0) + 1
    assert len(orders) == 24
    assert stats.chisquare(list(orders.values())).pvalue > 0.001


def test_every_order_of_intervals_is_equally_likely():
    active = np.zeros((14, 12000), bool)
    active[[1, 2, 4, 7, 12]] = True
    (surrogate,) = draw_surrogates(SpikeRaster.from_dense(active), "shuffle_isis")
    orders, counts = np.unique(intervals(surrogate.to_dense()), axis=0, return_counts=True)
    np.testing.assert_array_equal(orders, list(permutations((1, 2, 3, 5))))
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize(
    ("numerator", "denominator"), [(1, 3), (1, 1000), (999, 1000), (5, 8), (2**52, 2**53)]
)
def test_bernoulli_bits_have_their_probability_and_are_independent(numerator, denominator):
    n = 640_000
    words = np.zeros((1, n // 64), np.uint64)
    fraction = np.array([[numerator]], np.uint64), np.array([denominator], np.uint64)
    draws.bernoulli(*fraction, n, n, state(1), words)
    bits = SpikeRaster(words, n).to_dense()[:, 0]
    p = numerator / denominator
    assert abs(bits.mean() - p) < 3.3 * np.sqrt(p * (1 - p) / n)
    both = np.mean(bits[1:] & bits[:-1])
    assert abs(both - p**2) < 5 * np.sqrt(p**2 * (1 - p**2) / n) + 1e-5
    # Each of a word's 64 places alike.
    assert stats.chisquare(bits.reshape(-1, 64).sum(axis=0)).pvalue > 0.001


@pytest.mark.parametrize(
    ("n", "window", "k"), [(7, 2, 4), (8, 4, 3), (9, 3, 8), (10, 3, 1), (5, 5, 2), (6, 1, 3)]
)
def test_window_sums_have_the_law_of_permutations(n, window, k):
    """Against all choices of k of n samples."""
    law = {}
    for choice in combinations(range(n), k):
        counts = np.bincount(np.array(choice) // window, minlength=n // window)[: n // window]
        key = (counts.sum(), (counts**2).sum())
        law[key] = law.get(key, 0) + 1
    draws = 40_000
    sums, squares = np.empty((2, draws, 1), np.int64)
    fano_permutation.window_sums(np.array([k]), n, window, state(n + k), sums, squares)
    keys, found = np.unique(np.hstack([sums, squares]), axis=0, return_counts=True)
    expected = np.array(list(law.values())) / sum(law.values()) * draws
    observed = dict(zip(map(tuple, keys.tolist()), found, strict=True))
    assert set(observed) <= set(law)
    if len(law) > 1:
        assert stats.chisquare([observed.get(key, 0) for key in law], expected).pvalue > 0.001


@pytest.mark.parametrize(("n", "window", "k"), [(1000, 30, 300), (2000, 100, 1950), (3000, 2500, 700)])
def test_window_sums_agree_with_shuffling(n, window, k):
    raster = SpikeRaster.from_dense((np.arange(n) < k)[:, None])
    rng = np.random.default_rng(n)
    train = raster.to_dense()[:, 0].astype(np.int64)
    n_windows = n // window
    shuffled = np.array([rng.permutation(train)[: n_windows * window] for _ in range(4000)])
    brute = shuffled.reshape(4000, n_windows, window).sum(axis=2)
    sums, squares = np.empty((2, 4000, 1), np.int64)
    fano_permutation.window_sums(np.array([k]), n, window, state(n), sums, squares)
    assert stats.ks_2samp(sums[:, 0], brute.sum(axis=1)).pvalue > 0.001
    assert stats.ks_2samp(squares[:, 0], (brute**2).sum(axis=1)).pvalue > 0.001


def test_permuted_rasters_and_permuted_counts_have_one_law():
    raster = SpikeRaster.from_dense(np.random.default_rng(2).random((2000, 1)) < 0.3)
    k = raster.spike_counts
    many = SpikeRaster(np.repeat(raster.words, 3000, axis=0), 2000)
    (surrogate,) = draw_surrogates(many, "permutation")
    whole = fanofactor(surrogate, window=50)
    sums, squares = np.empty((2, 3000, 1), np.int64)
    fano_permutation.window_sums(k, 2000, 50, state(4), sums, squares)
    mean = sums / 40
    assert stats.ks_2samp(whole, ((squares / 40 - mean**2) / mean)[:, 0]).pvalue > 0.001
    # The exact mean (ddof=0): (1 − 1/W)(n − K)/(n − 1).
    assert np.mean(whole) == pytest.approx(
        (1 - 1 / 40) * (2000 - k[0]) / 1999, abs=4 * np.std(whole) / 55
    )


def test_a_method_is_one_object_and_the_docstring_lists_each():
    for name, method in METHODS.items():
        assert method.name == name
        assert f"{method.call}\n" in surrogates.__doc__
        said = " ".join(surrogates.__doc__.split())
        assert f"Preserves {method.preserves}. Destroys {method.destroys}." in said
    assert "{methods}" not in surrogates.__doc__
    assert METHODS["inhomogeneous"].call == "``inhomogeneous`` (window or bandwidth)"


def test_a_new_method_is_one_line(monkeypatch):
    @describe_method("reversal in time changes nothing", preserves="intervals", destroys="direction")
    def reverse(raster, *, twice=False):
        backward = slice(None) if twice else slice(None, None, -1)
        words = SpikeRaster.from_dense(raster.to_dense()[backward]).words
        return lambda state: words

    monkeypatch.setitem(METHODS, reverse.name, reverse)
    raster = SpikeRaster.from_dense(np.random.default_rng(0).random((70, 3)) < 0.4)
    (drawn,) = draw_surrogates(raster, "reverse")
    np.testing.assert_array_equal(drawn.to_dense(), raster.to_dense()[::-1])
    (drawn,) = draw_surrogates(raster, "reverse", twice=True)
    assert drawn.annotations["surrogate_twice"] is True
    with pytest.raises(TypeError, match=r"reverse takes the options \['twice'\], got \['bin_size'\]"):
        draw_surrogates(raster, "reverse", bin_size=3)
    rng = np.random.default_rng(0)
    result = surrogate_test(
        raster, firing_rate, method="reverse", rng=rng, adjust="max-t", progress=False
    )
    assert result.null == "reversal in time changes nothing"
