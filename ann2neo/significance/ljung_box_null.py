"""The law of Ljung and Box's statistic when every order of a unit's samples is equally likely.

In long recordings the lags are as good as independent of one another, and the pairs of spikes at each
have a hypergeometric law, as those of neighbors have exactly: the statistic's law is that of a sum of
independent terms, and with many pairs its limit, the χ² law. In short ones a few spikes or pauses are
permuted; with many the law is a moved gamma law whose mean, variance and skewness depend smoothly on
the number of spikes, and are taken from a simulation.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import fft, special

from ann2neo.significance.fano_null import UNRESOLVED, pearson3, power
from ann2neo.significance.kernels.ljung_box import sequential_counts
from ann2neo.significance.kernels.rng import random_state, split_state
from ann2neo.significance.kernels.surrogates import permute
from ann2neo.spikes.lagged import LaggedCounts
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Bits, Floats, Ints
from ann2neo.spikes.words import n_words
from ann2neo.statistics.autocorrelation import autocorrelation_from_counts

# A recording is long that has so many samples per lag. From _LIMIT expected pairs at a lag on the χ² law
# will do there, and below a few of them, at all lags together, permutation has to.
_SAMPLES_PER_LAG, _LIMIT, _FEW_OF_ALL_LAGS = 1000, 1000, 10

# Expected pairs at a lag below which the trains of short recordings are permuted: nearly all where that
# costs next to nothing (samples times lags at most _CHEAP), fewer where there are many lags but also
# many samples, so that permuting is dear.
_FEW_PAIRS_OF_CHEAP, _CHEAP = 300, 100_000
_FEW_PAIRS, _FEW_PAIRS_OF_MANY_SAMPLES, _MANY_SAMPLES = 100, 20, 20_000

# Permutations: until so many have a statistic as large (Besag and Clifford), and at most so many. Past
# _LEAST only while _STEPS spikes and words last, which take some 1 to 2 s.
_ENOUGH, _MOST, _LEAST, _STEPS = 20, 50_000, 1000, 4 * 10**8

# Up to so many samples per lag, p-values this small decide about layers of hundreds of units, and the
# laws are off by a third there: these trains are permuted, too, but for those that no law errs about,
# and where there are many, so that the layer is not what a random order of samples would make it.
_FAR_OUT, _UNSURE, _CLEAR = 5000, 3e-4, 1e-8

_GRID, _DRAWS, _MICROSECONDS = 8, 4000, 1e6

# Of the law of a sum over lags: its places, and how many numbers of spikes are worked on together.
_PLACES, _CHUNK = 2048, 32


def pvalues(
    statistic: Floats, ones: Ints, n: int, max_lag: int, rng: np.random.Generator | None
) -> tuple[Floats, Bits]:
    """P-values of trains of `ones` spikes at `n` samples, and those found by permutation.

    NaN below two spikes or pauses.
    """
    rarer = np.minimum(ones, n - ones)
    pvalue, few = pvalues_by_law(statistic, rarer, n, max_lag)
    pvalue[rarer < 2] = np.nan
    permuted = few & (rarer >= 2)
    if n <= min(_MANY_SAMPLES, _FAR_OUT * max_lag):
        unsure = ~few & (pvalue > _CLEAR) & (pvalue < _UNSURE)
        if _MOST * _steps(rarer[unsure], n, max_lag).sum() <= _STEPS:
            permuted |= unsure
    if permuted.any():
        pvalue[permuted] = _permutation_pvalues(statistic[permuted], rarer[permuted], n, max_lag, rng)
    return pvalue, permuted


def pvalues_by_law(statistic: Floats, rarer: Ints, n: int, max_lag: int) -> tuple[Floats, Bits]:
    """P-values by the law for the number of `rarer` spikes or pauses, and where it is not to be used."""
    pairs = rarer**2.0 / n
    pvalue: Floats = special.chdtrc(max_lag, statistic)
    if n >= _SAMPLES_PER_LAG * max_lag:
        few = pairs < max(1, _FEW_OF_ALL_LAGS / max_lag)
        between, tail = ~few & (pairs < _LIMIT), _tail_of_lags
    else:
        most = _FEW_PAIRS if n <= _MANY_SAMPLES else _FEW_PAIRS_OF_MANY_SAMPLES
        few = pairs < (_FEW_PAIRS_OF_CHEAP if n * max_lag <= _CHEAP else most)
        between, tail = ~few, _gamma_pvalues
    if between.any():
        pvalue[between] = tail(statistic[between], rarer[between], n, max_lag)
    return pvalue, few


def _permutation_pvalues(
    statistic: Floats, rarer: Ints, n: int, max_lag: int, rng: np.random.Generator | None
) -> Floats:
    """Sequential p-values: h / l if the h-th as large is the l-th drawn, else (1 + #) / (1 + n).

    Valid at every level (Besag and Clifford, Biometrika 78 (1991) 301). The statistic sees no difference
    between spikes and pauses: the rarer of them are drawn.
    """
    # Without a generator of the caller's the draws are the same ones every time.
    state = random_state(np.random.default_rng([n, max_lag]) if rng is None else rng)
    # A unit's draws are its own, whatever units are tested beside it: they go by its spikes and
    # statistic, which is the same of the train backwards but for its last digits.
    keys = rarer.astype(np.uint64) << np.uint64(32) | statistic.astype(np.float32).view(np.uint32)
    states = split_state(state, keys)
    reached, drawn = np.zeros((2, rarer.size), np.int64)
    steps = _steps(rarer, n, max_lag)
    left, most, unclear = _STEPS, _LEAST, np.arange(rarer.size)
    while unclear.size:
        for unit in unclear:
            enough, orders = _ENOUGH - reached[unit], most - drawn[unit]
            found = sequential_counts(
                statistic[unit], rarer[unit], n, max_lag, enough, orders, states[unit]
            )
            reached[unit] += found[0]
            drawn[unit] += found[1]
            left -= int(steps[unit]) * found[1]
        # What is left goes to those that are not clear yet, a few rounds of it.
        unclear = unclear[reached[unclear] < _ENOUGH]
        more = min(3 * most, _MOST - most, left // max(1, int(steps[unclear].sum())))
        if more < most // 4:
            break
        most += more
    return np.where(reached == _ENOUGH, reached / drawn, (1 + reached) / (1 + drawn))


def _steps(rarer: Ints, n: int, max_lag: int) -> Ints:
    """What an order costs, by either way of `sequential_counts`, in units of some 4 ns."""
    words = n_words(n)
    found: Ints = np.minimum(2 * rarer, words * (5 + max_lag // 4)) + words // 4 + max_lag
    return found


def _tail_of_lags(statistic: Floats, rarer: Ints, n_samples: int, max_lag: int) -> Floats:
    """Upper tail of a sum of independent terms, one per lag, each of the pairs that neighbors have.

    K spikes have K less the number of their runs pairs of neighbors: hypergeometric, of n samples K − 1
    marked and K drawn. Against 400,000 permutations of 10,000 to 60,000 samples with 3 to 60 lags, tests
    of level .05, .01 and .001 reject at most 1.05, 1.1 and 1.2 times as often as they should.
    """
    numbers, which = np.unique(rarer, return_inverse=True)
    found = np.empty(rarer.size)
    for first in range(0, numbers.size, _CHUNK):
        chosen = (which >= first) & (which < first + _CHUNK)
        step, tail = _law_of_lags(
            numbers[first : first + _CHUNK, None].astype(float), n_samples, max_lag
        )
        row = which[chosen] - first
        # A place stands for half a step on either side.
        place = np.minimum(statistic[chosen] / step[row] + 0.5, _PLACES - 1.001)
        whole = place.astype(int)
        part = place - whole
        found[chosen] = tail[row, whole] * (1 - part) + tail[row, whole + 1] * part
    return np.clip(found, UNRESOLVED, 1)


def _law_of_lags(k: Floats, n: int, max_lag: int) -> tuple[Floats, Floats]:
    """Step and tail, at `_PLACES` steps from 0, of the statistic's law; a row per number of spikes."""
    rate = k / n
    mean, sd = k * rate, math.sqrt(n) * rate * (1 - rate)
    lowest = np.maximum(0, np.floor(mean - 9 * sd))
    pairs = lowest + np.arange(int((mean + 9 * sd + 30 - lowest).max()))
    with np.errstate(divide="ignore"):
        ratio = np.log(
            np.maximum((k - 1 - pairs) * (k - pairs), 0) / ((pairs + 1) * (n - 2 * k + 2 + pairs))
        )
    log = np.cumsum(np.pad(ratio[:, :-1], ((0, 0), (1, 0))), axis=1)
    chance = np.exp(log - log.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    term = (n + 2) / n * ((pairs - mean) / sd) ** 2
    farthest = np.where(chance > 1e-13, term, 0).max(axis=1, keepdims=True)
    step = (farthest + max_lag + 12 * np.sqrt(2 * max_lag + max_lag / mean)) / _PLACES
    place = np.minimum(term / step, _PLACES - 1.5)
    whole = place.astype(int)
    part = place - whole
    flat = (whole + _PLACES * np.arange(len(k))[:, None]).ravel()
    size = _PLACES * len(k)
    one = np.bincount(flat, (chance * (1 - part)).ravel(), size)
    one[1:] += np.bincount(flat, (chance * part).ravel(), size)[:-1]
    law = fft.irfft(power(fft.rfft(one.reshape(len(k), _PLACES), axis=1), max_lag), _PLACES, axis=1)
    return step[:, 0], np.cumsum(law[:, ::-1], axis=1)[:, ::-1]


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
    fewest = math.sqrt(_FEW_PAIRS_OF_MANY_SAMPLES * n_samples)
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
