"""The law of Ljung and Box's statistic when every order of a unit's samples is equally likely.

Three ways, by how far that law is from its limit, the χ² law. Where spikes (or pauses) are so few that
the pairs at a lag can be counted on fingers, the train itself is permuted. Where there are many and the
lags are few against the samples, the χ² law is right. Between, the law is a moved gamma law whose mean,
variance and skewness depend smoothly on the number of spikes: they are taken from a simulation.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import special

from ann2neo.significance.fano_null import pearson3
from ann2neo.significance.kernels.ljung_box import sequential_counts
from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.kernels.surrogates import permute
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Bits, Floats, Ints
from ann2neo.spikes.words import n_words
from ann2neo.statistics.autocorrelation import autocorrelation_from_counts

# Expected pairs at a lag up to which trains are permuted, and that in long recordings, where permuting
# is dear; from _MANY_PAIRS on the χ² law will do if there are _SAMPLES_PER_LAG samples per lag.
_FEW_PAIRS, _FEW_PAIRS_OF_LONG, _LONG = 100, 20, 20_000
_MANY_PAIRS, _SAMPLES_PER_LAG = 100, 1000

# Permutations: until so many have a statistic as large (Besag and Clifford), and at most so many, fewer
# where many units have to be permuted: _STEPS spikes and words are some 3 to 5 s.
_ENOUGH, _MOST, _LEAST, _STEPS = 20, 20_000, 1000, 10**9

_GRID, _DRAWS, _MICROSECONDS = 8, 4000, 1e6


def pvalues(
    statistic: Floats, ones: Ints, n: int, max_lag: int, rng: np.random.Generator | None
) -> tuple[Floats, Bits]:
    """P-values of trains of `ones` spikes at `n` samples, and those found by permutation.

    NaN below two spikes or pauses.
    """
    rarer = np.minimum(ones, n - ones)
    pairs = rarer**2.0 / n
    few = pairs < (_FEW_PAIRS if n <= _LONG else _FEW_PAIRS_OF_LONG)
    pvalue: Floats = special.chdtrc(max_lag, statistic)
    between = ~few & ((pairs < _MANY_PAIRS) | (n < _SAMPLES_PER_LAG * max_lag))
    if between.any():
        pvalue[between] = _gamma_pvalues(statistic[between], rarer[between], n, max_lag)
    pvalue[rarer < 2] = np.nan
    permuted = few & (rarer >= 2)
    if permuted.any():
        pvalue[permuted] = _permutation_pvalues(statistic[permuted], rarer[permuted], n, max_lag, rng)
    return pvalue, permuted


def _permutation_pvalues(
    statistic: Floats, rarer: Ints, n: int, max_lag: int, rng: np.random.Generator | None
) -> Floats:
    """Sequential p-values: h / l if the h-th as large is the l-th drawn, else (1 + #) / (1 + n).

    Valid at every level (Besag and Clifford, Biometrika 78 (1991) 301). The statistic sees no difference
    between spikes and pauses: the rarer of them are drawn.
    """
    # Without a generator of the caller's the draws are the same ones every time.
    state = random_state(np.random.default_rng([n, max_lag]) if rng is None else rng)
    steps = int(rarer.sum()) + rarer.size * (n_words(n) + max_lag)
    most = min(_MOST, max(_LEAST, _STEPS // steps))
    found = np.empty(rarer.size)
    for unit, (observed, k) in enumerate(zip(statistic.tolist(), rarer.tolist(), strict=True)):
        reached, drawn = sequential_counts(observed, k, n, max_lag, _ENOUGH, most, state)
        found[unit] = reached / drawn if reached == _ENOUGH else (1 + reached) / (1 + drawn)
    return found


def _gamma_pvalues(statistic: Floats, rarer: Ints, n_samples: int, max_lag: int) -> Floats:
    """Upper tail of the moved gamma law of the simulated moments."""
    mean, variance, skewness = (
        _terms(rarer, n_samples) @ weights for weights in _moment_weights(n_samples, max_lag)
    )
    tail: Floats = pearson3(-(statistic - mean) / np.sqrt(variance), -skewness)
    return tail


def _terms(rarer: Ints, n_samples: int) -> Floats:
    """What the moments are linear in: 1, one over expected pairs, one over the train's spread."""
    rate = rarer / n_samples
    return np.column_stack(
        [np.ones(rarer.size), 1 / (n_samples * rate**2), 1 / (n_samples * rate * (1 - rate))]
    )


@functools.lru_cache(maxsize=32)
def _moment_weights(n_samples: int, max_lag: int) -> Floats:
    """Mean, variance and skewness of the statistic over permutations, fitted over numbers of spikes."""
    fewest = math.sqrt(_FEW_PAIRS_OF_LONG * n_samples)
    ones = np.unique(np.geomspace(fewest, n_samples / 2, _GRID).astype(int))
    cost = 5 + max_lag * (0.2 + 0.001 * n_words(n_samples)) + 0.05 * n_words(n_samples)
    n_draws = int(min(_DRAWS, max(500, _MICROSECONDS / (_GRID * cost))))
    state = random_state(np.random.default_rng([n_samples, max_lag]))
    moments = []
    for k in ones:
        q = _simulate(int(k), n_samples, max_lag, n_draws, state)
        centered = q - q.mean()
        moments.append([q.mean(), q.var(ddof=1), np.mean(centered**3) / np.mean(centered**2) ** 1.5])
    terms = _terms(ones, n_samples)
    if ones.size < 2 * terms.shape[1]:
        terms = terms * [1, 0, 0]
    weights: Floats = np.linalg.lstsq(terms, np.array(moments), rcond=None)[0].astype(np.float64)
    return weights.T


def _simulate(ones: int, n_samples: int, max_lag: int, n_draws: int, state: np.ndarray) -> Floats:
    """The statistic of random trains of `ones` spikes."""
    at_once = max(1, min(n_draws, 2**22 // (n_words(n_samples) + max_lag)))
    found = []
    for start in range(0, n_draws, at_once):
        size = min(at_once, n_draws - start)
        words = np.zeros((size, n_words(n_samples)), np.uint64)
        permute(np.full(size, ones), n_samples, state, words)
        table = LaggedCounts.of(SpikeRaster(words, n_samples), max_lag)
        found.append(ljung_box_statistic(autocorrelation_from_counts(table)[:, 1:], n_samples))
    return np.concatenate(found)


def ljung_box_statistic(autocorrelation: Floats, n_samples: int) -> Floats:
    """Q = n (n + 2) Σ_k r_k² / (n − k) from the autocorrelations at lags 1, 2, …"""
    lags = np.arange(1, autocorrelation.shape[1] + 1)
    statistic: Floats = (
        n_samples * (n_samples + 2.0) * np.sum(autocorrelation**2 / (n_samples - lags), axis=1)
    )
    return statistic
