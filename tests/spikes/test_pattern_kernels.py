"""The compiled loops over patterns, each against NumPy on the dense array."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ann2neo import SpikeRaster
from ann2neo.spikes import pattern_kernels as kernels
from tests.strategies import dense

SIZES = (1, 7, 63, 64, 65, 128, 1000)


def pack(active):
    """Patterns by NumPy: little bit order, zero tail."""
    width = -(-active.shape[1] // 64) * 64
    wide = np.pad(np.asarray(active, bool), ((0, 0), (0, width - active.shape[1])))
    return np.packbits(wide, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def transpose(active):
    raster = SpikeRaster.from_dense(active)
    patterns = np.empty((raster.n_samples, -(-raster.n_units // 64)), np.uint64)
    kernels.transpose(raster.words, 0, patterns)
    return patterns


def hashes(patterns, lane=0):
    found = np.empty(len(patterns), np.uint64)
    kernels.hashes(patterns, kernels.hash_keys(patterns.shape[1], lane), found)
    return found


def sparse_patterns(n_units, n_on):
    """Every pattern with up to `n_on` units on."""
    sets = [s for k in range(n_on + 1) for s in itertools.combinations(range(n_units), k)]
    active = np.zeros((len(sets), n_units), bool)
    for row, units in zip(active, sets, strict=True):
        row[list(units)] = True
    return active


@settings(max_examples=40)
@given(dense(max_units=130))
def test_transpose(active):
    np.testing.assert_array_equal(transpose(active), pack(active))


@pytest.mark.parametrize("n_units", SIZES)
@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 200])
def test_transpose_at_word_boundaries(n_units, n_samples):
    active = np.random.default_rng(n_units).random((n_samples, n_units)) < 0.5
    np.testing.assert_array_equal(transpose(active), pack(active))


@pytest.mark.parametrize("lane", [0, 1, 2])
@pytest.mark.parametrize(("n_units", "n_on"), [(16, 16), (128, 2), (64, 3)])
def test_hashes_of_alike_patterns_differ_and_spread_evenly(n_units, n_on, lane):
    found = hashes(pack(sparse_patterns(n_units, min(n_on, 4))), lane)
    assert np.unique(found).size == found.size
    for shift in (58, 29, 0):
        cells = np.bincount(((found >> np.uint64(shift)) & np.uint64(63)).astype(int), minlength=64)
        assert stats.chisquare(cells).pvalue > 1e-6


def test_hash_by_hand():
    # Lemire and Kaser's sums in Python integers.
    pattern = np.array([[2**63 + 5, 2**40 + 7]], np.uint64)
    keys = [int(key) for key in kernels.hash_keys(2, 0)]
    halves = [5, 2**31, 7, 2**8]
    a, b = keys[0], keys[1]
    for i, half in enumerate(halves):
        a += keys[i + 2 + 2 * (i // 2)] * half
        b += keys[i + 4 + 2 * (i // 2)] * half
    mixed = ((a % 2**64) >> 32 << 32) | ((b % 2**64) >> 32)
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    assert int(hashes(pattern)[0]) == mixed ^ (mixed >> 31)


def test_keys_are_those_of_splitmix64():
    # The first outputs for seed 0, of the reference C code by Vigna (prng.di.unimi.it/splitmix64.c).
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert kernels.hash_keys(1, 0)[:3].tolist() == first


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 130), st.integers(0, 2**32))
def test_cap_distances(n_samples, n_units, seed):
    active = np.random.default_rng(seed).random((n_samples, n_units)) < 0.4
    pairs = itertools.combinations(active, 2)
    expected = sum(min(int((a != b).sum()), n_units // 2) for a, b in pairs)
    assert kernels.cap_distances(pack(active), n_units // 2) == expected


@settings(max_examples=40)
@given(dense(max_units=4), st.integers(0, 2**32))
def test_spikes_in_both(active, seed):
    other = active ^ (np.random.default_rng(seed).random(active.shape) < 0.3)
    both, either = np.empty((2, active.shape[1]), np.int64)
    words = [SpikeRaster.from_dense(a).words for a in (active, other)]
    kernels.spikes_in_both(*words, both, either)
    np.testing.assert_array_equal(both, (active & other).sum(axis=0))
    np.testing.assert_array_equal(either, (active | other).sum(axis=0))
