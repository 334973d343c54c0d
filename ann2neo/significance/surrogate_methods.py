"""The methods of `surrogates`: each says what it preserves and what it destroys."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ann2neo.significance.kernels import surrogates as draws
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.accumulator_checks import check_number
from ann2neo.statistics.windows import count_in_windows

Draw = Callable[[], np.ndarray]
"""Makes the words of one surrogate raster."""


def permutation(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """Each unit's samples in random order, each unit for itself.

    Preserves each unit's spike count. Destroys everything that depends on the order of samples, and what
    ties units to one another and to labels.
    """
    return _into_zeros(raster, state, draws.permute, raster.spike_counts, raster.n_samples)


def sample_permutation(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """The samples of all units in one random order, under labels that stay.

    Preserves which patterns there are across units and how often, and so every correlation at lag 0.
    Destroys everything that depends on the order of samples, and what ties patterns to labels.
    """

    def draw() -> np.ndarray:
        order, words = np.empty(raster.n_samples, np.int64), np.empty_like(raster.words)
        draws.random_order(state, order)
        kernels.gather(raster.words, order, words)
        return words

    return draw


def shuffle_isis(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """Each unit's intervals between spikes in random order.

    Preserves a unit's intervals and their frequencies, its spike count, first and last spike. Destroys
    the order of intervals, so their serial correlation and the rate profile, and what ties units to one
    another and to labels.
    """
    return _into_zeros(raster, state, draws.shuffle_intervals, raster.words, raster.spike_counts)


def bin_shuffling(raster: SpikeRaster, state: np.ndarray, *, bin_size: int) -> Draw:
    """Each unit's samples in random order within consecutive bins of `bin_size`, the last one shorter.

    Preserves the spike count of each unit in each bin. Destroys the order of samples within bins and
    what ties units to one another there.
    """
    bin_size = min(check_count(bin_size, "bin_size"), raster.n_samples)
    counts = _bin_counts(raster, bin_size)
    return _into_zeros(raster, state, draws.permute_in_bins, counts, bin_size, raster.n_samples)


def circular_shift(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """Each unit's train turned round by its own random number of samples, 0 included.

    Preserves a unit's train but for the place where it is cut: spike count, circular autocorrelation,
    intervals but for the one across the cut. Destroys what ties units to one another and to labels.
    """

    def draw() -> np.ndarray:
        words = np.empty_like(raster.words)
        draws.rotate(raster.words, raster.n_samples, state, words)
        return words

    return draw


def bernoulli(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """Each sample active independently with the unit's firing rate as probability.

    Preserves the firing rate in expectation: the spike count is binomial. Destroys all else. Silent and
    always-on units stay so.
    """
    n_samples = raster.n_samples
    return _by_bins(raster, state, raster.spike_counts[:, None], np.array([n_samples]), n_samples)


def poisson(raster: SpikeRaster, state: np.ndarray) -> Draw:
    """A homogeneous Poisson process cut to one spike per sample, of the rate that leaves the unit's.

    A process of λ spikes per sample leaves independent samples, each active with probability
    1 − exp(−λ): this is the firing rate r where λ = −log(1 − r), so that the law is `bernoulli`'s.
    """
    return bernoulli(raster, state)


def inhomogeneous(
    raster: SpikeRaster, state: np.ndarray, *, window: int | None = None, bandwidth: float | None = None
) -> Draw:
    """Each sample active independently with the unit's rate around it as probability.

    Preserves each unit's rate profile in expectation: its mean in every `window` samples, or smoothed
    over `bandwidth` seconds. Destroys what is faster, and what ties units beyond common changes of rate.
    A profile narrower than a few intervals between spikes preserves the train itself. With `bandwidth`
    the profiles take 4 bytes per sample and unit.
    """
    if (window is None) == (bandwidth is None):
        raise TypeError(
            "inhomogeneous takes one of window, in samples, and bandwidth, in seconds, "
            f"got window={window!r} and bandwidth={bandwidth!r}"
        )
    if bandwidth is not None:
        return _into_zeros(raster, state, draws.bernoulli_profile, _profiles(raster, bandwidth))
    bin_size = min(check_count(window, "window"), raster.n_samples)
    counts = _bin_counts(raster, bin_size)
    sizes = np.full(counts.shape[1], bin_size)
    sizes[-1] = raster.n_samples - bin_size * (counts.shape[1] - 1)
    return _by_bins(raster, state, counts, sizes, bin_size)


METHODS: dict[str, Callable[..., Draw]] = {
    method.__name__: method
    for method in (
        permutation,
        sample_permutation,
        shuffle_isis,
        bin_shuffling,
        circular_shift,
        bernoulli,
        poisson,
        inhomogeneous,
    )
}
"""Name → function of a raster, the state of a random generator and options that returns a Draw."""


def chosen(method: str, options: dict[str, Any]) -> Callable[..., Draw]:
    """The function of a method, if it exists and knows the options."""
    check_choice(method, "method", METHODS)
    parameters = list(inspect.signature(METHODS[method]).parameters.values())[2:]
    unknown = [name for name in options if name not in {one.name for one in parameters}]
    missing = [one.name for one in parameters if one.default is one.empty and one.name not in options]
    if unknown or missing:
        raise TypeError(
            f"{method} takes the options {[one.name for one in parameters]}, got {list(options)}"
        )
    return METHODS[method]


def _bin_counts(raster: SpikeRaster, bin_size: int) -> np.ndarray:
    """Spikes in consecutive bins, shape (n_units, n_bins); the last bin may be shorter."""
    n_bins, rest = divmod(raster.n_samples, bin_size)
    counts = count_in_windows(raster, bin_size, n_bins)
    if rest == 0:
        return counts
    return np.hstack([counts, raster.spike_counts[:, None] - counts.sum(axis=1, keepdims=True)])


def _profiles(raster: SpikeRaster, bandwidth: float) -> np.ndarray:
    """Each unit's train smoothed over `bandwidth` seconds, float32, shape (n_units, n_samples)."""
    from scipy import fft

    n_samples = raster.n_samples
    most = n_samples * raster.sampling_period
    domain = f"a positive number of seconds, up to the recording's {most:.6g}"
    bandwidth = check_number(bandwidth, "bandwidth", domain, above=0)
    if bandwidth > most:
        raise ValueError(f"bandwidth must be {domain}, got {bandwidth!r}")
    sigma = bandwidth / raster.sampling_period
    # In cosines the reflected kernel is a product; it is positive and of variance sigma² exactly.
    transfer = np.exp(sigma**2 * (np.cos(np.pi * np.arange(n_samples) / n_samples) - 1))
    profiles = np.empty((raster.n_units, n_samples), np.float32)
    train = np.empty(n_samples)
    for unit, profile in enumerate(profiles):
        train[:] = 0
        train[raster.spike_indices(unit)] = 1
        profile[:] = np.clip(fft.idct(fft.dct(train) * transfer), 0, 1)
    return profiles


def _into_zeros(
    raster: SpikeRaster, state: np.ndarray, kernel: Callable[..., None], *arguments: Any
) -> Draw:
    """Draw by a kernel that sets bits of words that are zero."""

    def draw() -> np.ndarray:
        words = np.zeros_like(raster.words)
        kernel(*arguments, state, words)
        return words

    return draw


def _by_bins(
    raster: SpikeRaster,
    state: np.ndarray,
    numerators: np.ndarray,
    denominators: np.ndarray,
    bin_size: int,
) -> Draw:
    """Draw of independent samples, of a probability for each unit and bin."""
    fractions = numerators.astype(np.uint64), denominators.astype(np.uint64)
    return _into_zeros(raster, state, draws.bernoulli, *fractions, bin_size, raster.n_samples)
