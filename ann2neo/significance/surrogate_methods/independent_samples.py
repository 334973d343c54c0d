"""Methods that draw each sample anew, independently, of a probability taken from the raster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ann2neo.significance.kernels import surrogates as draws
from ann2neo.significance.surrogate_methods.bins import count_in_bins
from ann2neo.significance.surrogate_methods.method import Draw, describe_method, draw_into_zeros
from ann2neo.spikes.argument_checks import as_seconds, check_count
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.accumulators.checks import check_number


@describe_method(
    "samples are independent with the unit's firing rate as probability",
    preserves="firing rate in expectation: the spike count is binomial",
    destroys="all else",
)
def bernoulli(raster: SpikeRaster) -> Draw:
    """Each sample active independently with the unit's firing rate as probability.

    Silent and always-on units stay so.
    """
    n_samples = raster.n_samples
    return _draw_bins(raster, raster.spike_counts[:, None], np.array([n_samples]), n_samples)


@describe_method(
    "spikes are a homogeneous Poisson process, cut to one per sample",
    preserves="firing rate in expectation: the law is that of ``bernoulli``",
    destroys="all else",
)
def poisson(raster: SpikeRaster) -> Draw:
    """A homogeneous Poisson process cut to one spike per sample, of the rate that leaves the unit's.

    A process of λ spikes per sample leaves independent samples, each active with probability
    1 − exp(−λ): this is the firing rate r where λ = −log(1 − r), so that the law is `bernoulli`'s.
    """
    return bernoulli.prepare(raster)


@describe_method(
    "samples are independent with the unit's rate around them as probability",
    preserves="rate profile of each unit in expectation: its mean in every `window` samples, or "
    "smoothed over `bandwidth` seconds",
    destroys="what is faster than the profile; ties between units beyond common changes of rate",
)
def inhomogeneous(
    raster: SpikeRaster, *, window: int | None = None, bandwidth: float | None = None
) -> Draw:
    """Each sample active independently with the unit's rate around it as probability.

    A profile narrower than a few intervals between spikes preserves the train itself. With `bandwidth`
    the profiles take 4 bytes per sample and unit.
    """
    if (window is None) == (bandwidth is None):
        raise TypeError(
            "inhomogeneous takes one of window, in samples, and bandwidth, in seconds, "
            f"got window={window!r} and bandwidth={bandwidth!r}"
        )
    if bandwidth is not None:
        profiles = smooth_profiles(raster, bandwidth)
        return draw_into_zeros(raster, draws.bernoulli_profile, profiles)
    bin_size = min(check_count(window, "window"), raster.n_samples)
    counts = count_in_bins(raster, bin_size)
    sizes = np.full(counts.shape[1], bin_size)
    sizes[-1] = raster.n_samples - bin_size * (counts.shape[1] - 1)
    return _draw_bins(raster, counts, sizes, bin_size)


def smooth_profiles(raster: SpikeRaster, bandwidth: float) -> npt.NDArray[np.float32]:
    """Each unit's train smoothed over `bandwidth` seconds, shape (n_units, n_samples)."""
    from scipy import fft

    n_samples = raster.n_samples
    most = n_samples * raster.sampling_period
    domain = f"a positive number of seconds, up to the recording's {most:.6g}"
    bandwidth = check_number(as_seconds(bandwidth, "bandwidth"), "bandwidth", domain, above=0)
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


def _draw_bins(
    raster: SpikeRaster,
    numerators: npt.NDArray[np.int64],
    denominators: npt.NDArray[np.int64],
    bin_size: int,
) -> Draw:
    """Draw of independent samples, of a probability for each unit and bin."""
    fractions = numerators.astype(np.uint64), denominators.astype(np.uint64)
    return draw_into_zeros(raster, draws.bernoulli, *fractions, bin_size, raster.n_samples)
