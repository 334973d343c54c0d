"""Firing rates that change in time, by a kernel over the spikes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import signal, special

from ann2neo.spikes.argument_checks import as_seconds
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.lagged import unpack_samples
from ann2neo.spikes.typing import RasterLike, TimeLike
from ann2neo.statistics.accumulators.checks import check_number

_VALUES_AT_ONCE = 2**21


class _Shape(NamedTuple):
    """A kernel of standard deviation 1: its density, where half its mass lies, its least half width."""

    density: Callable[[np.ndarray], np.ndarray]
    median: float
    min_cutoff: float


# The definitions of elephant.kernels, with sigma = 1.
_SHAPES = {
    "rectangular": _Shape(lambda z: (np.abs(z) < math.sqrt(3)) / math.sqrt(12), 0, math.sqrt(3)),
    "triangular": _Shape(
        lambda z: np.maximum(0, 1 - np.abs(z) / math.sqrt(6)) / math.sqrt(6), 0, math.sqrt(6)
    ),
    "epanechnikovlike": _Shape(
        lambda z: 0.75 / math.sqrt(5) * np.maximum(0, 1 - z * z / 5), 0, math.sqrt(5)
    ),
    "gaussian": _Shape(lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi), 0, 3),
    "laplacian": _Shape(lambda z: np.exp(-math.sqrt(2) * np.abs(z)) / math.sqrt(2), 0, 3),
    "exponential": _Shape(lambda z: (z >= 0) * np.exp(-np.maximum(z, 0)), math.log(2), 3),
    "alpha": _Shape(
        lambda z: 2 * np.maximum(z, 0) * np.exp(-math.sqrt(2) * np.maximum(z, 0)),
        float(special.gammaincinv(2, 0.5)) / math.sqrt(2),
        3,
    ),
}

KERNELS = tuple(_SHAPES)
"""Names of the kernels of `instantaneous_rate`."""


def instantaneous_rate(
    raster: RasterLike,
    kernel: str,
    bandwidth: TimeLike,
    *,
    cutoff: float = 5.0,
    center_kernel: bool = True,
    border_correction: bool = False,
) -> np.ndarray:
    """Firing rate of each unit at each sample, spikes smoothed with a kernel.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    kernel : {"rectangular", "triangular", "epanechnikovlike", "gaussian", "laplacian", "exponential", \
"alpha"}
        Those of ``elephant.kernels``; the last two look back only, but for `center_kernel`.
    bandwidth : float or quantities.Quantity
        Standard deviation of the kernel (Elephant's sigma), positive; numbers are seconds.
    cutoff : float
        Kernels end this many standard deviations on either side of their center. At least 3; for
        rectangular √3, triangular √6, epanechnikovlike √5.
    center_kernel : bool
        Put the kernel's median, not its origin, on the spike.
    border_correction : bool
        Make up for the part of the kernel beyond the ends of the recording, and scale each unit to its
        number of spikes. For the Gaussian kernel only, as in Elephant. Without, rates fall towards half
        at the ends.

    Returns
    -------
    array of float, shape (n_units, n_samples)
        In Hz, at least 0; all 0 for a silent unit.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    As ``elephant.statistics.instantaneous_rate`` at the raster's sampling period, to rounding; for
    ``alpha``, whose median Elephant finds by search, to some 1e-8 of the peak. Its ``trim=True`` are
    columns ``h`` to ``n_samples - h`` of this array, ``h = ceil(cutoff * bandwidth / sampling_period)``.
    As there, the kernel's values at ``2h + 1`` points from −cutoff to cutoff standard deviations weigh
    successive samples. Unless ``cutoff * bandwidth`` is a whole number of samples, these points lie
    closer than a sample, and rates come out too high, at most ``h / (h - 1)`` times. And as there the
    border correction is that of each sample's left edge: a train played backwards does not quite get its
    rate backwards.

    Beyond the result itself some 100 MB are in use, whatever the number of units; and some 100 bytes
    per sample if a unit has over 10⁶. The result is 64 times as large as the recording, 8 bytes per
    unit and sample, so that a recording on disk is simply loaded: of a large one ``select`` units, or
    samples with ``h`` more at either side, whose rates are then left out.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> train = np.array([[0], [0], [0], [1], [0], [0], [0]])
    >>> a2n.instantaneous_rate(train, "triangular", 0.001).round()
    array([[  0.,  75., 242., 408., 242.,  75.,   0.]])
    """
    shape = _check_shape(kernel, cutoff)
    if border_correction and kernel != "gaussian":
        raise ValueError(f"border_correction must be False but for the gaussian kernel, got {kernel!r}")
    said = as_seconds(bandwidth, "bandwidth")
    width = check_number(said, "bandwidth", "a positive number of seconds", above=0)
    raster = as_raster(raster)
    sigma = width / raster.sampling_period
    weights = _weights(shape, sigma, cutoff, center_kernel, raster.n_samples) / width
    rates = np.empty((raster.n_units, raster.n_samples))
    at_once = max(1, _VALUES_AT_ONCE // raster.n_samples)
    for first in range(0, raster.n_units, at_once):
        active = unpack_samples(raster.words[first : first + at_once], 0, raster.n_samples)
        part = signal.oaconvolve(active.astype(float), weights[None], mode="same", axes=1)
        # Of numbers that are not negative; the transform leaves some at −1e-16.
        np.maximum(part, 0, out=rates[first : first + at_once])
    if border_correction:
        _correct_borders(rates, sigma, raster.spike_counts / raster.sampling_period)
    return rates


def _check_shape(kernel: str, cutoff: float) -> _Shape:
    if kernel not in KERNELS:
        raise ValueError(f"kernel must be one of {KERNELS}, got {kernel!r:.80}")
    shape = _SHAPES[kernel]
    lowest = f"a finite number of at least {shape.min_cutoff:.4g} for the {kernel} kernel"
    if check_number(cutoff, "cutoff", lowest) < shape.min_cutoff:
        raise ValueError(f"cutoff must be {lowest}, got {cutoff!r}")
    return shape


def _weights(
    shape: _Shape, sigma: float, cutoff: float, center_kernel: bool, n_samples: int
) -> np.ndarray:
    """The kernel at points a sample apart (nearly: see the notes above), its center in the middle.

    `sigma` in samples; density for a standard deviation of 1. No longer than can reach from one end
    of the recording to the other.
    """
    # 0.029 s / 0.001 s is 29.000000000000004: not a reason for one more point.
    half = max(1, math.ceil(cutoff * sigma * (1 - 1e-12)))
    reach = min(half, n_samples - 1)
    places = np.arange(-reach, reach + 1) / half * cutoff
    return shape.density(places + (shape.median if center_kernel else 0))


def _correct_borders(rates: np.ndarray, sigma: float, spikes_per_second: np.ndarray) -> None:
    """Divide by the fraction of the kernel inside the recording, then scale to the number of spikes.

    `spikes_per_second`: each unit's number of spikes over the length of one sample.
    """
    n_samples = rates.shape[1]
    # As in Elephant, from the left edge of each sample.
    to_start = np.arange(n_samples) / (math.sqrt(2) * sigma)
    to_stop = np.arange(n_samples, 0, -1) / (math.sqrt(2) * sigma)
    rates *= 2 / (special.erf(to_stop) + special.erf(to_start))
    total = rates.sum(axis=1)
    scale = np.divide(spikes_per_second, total, out=np.ones_like(total), where=total > 0)
    rates *= scale[:, None]
