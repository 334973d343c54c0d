"""Bits compared one by one: unit by unit between two recordings, sample by sample within one."""

from __future__ import annotations

import math

import numpy as np

from ann2neo.spikes import pattern_kernels as kernels
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.histogram import pack_patterns


def flip_rate(before: RasterLike, after: RasterLike) -> np.ndarray:
    """Fraction of the samples at which a unit's bit differs between two recordings of the same samples.

    Parameters
    ----------
    before, after : SpikeRaster or what `as_raster` takes
        The same units, by position, and the same samples, at two moments of training, say.

    Returns
    -------
    array of float, shape (n_units,)
        In [0, 1]. Its mean over a layer's units is the layer's flip rate: the normalized Hamming
        distance between a sample's two patterns, averaged over samples; see `compare_patterns`.

    Raises
    ------
    ValueError
        If the two differ in their number of units, or in ``sample_index`` or ``dataset_split``.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.flip_rate(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 1]]))
    array([0. , 0.5])
    """
    one, two = same_samples(before, after)
    both, either = spikes_in_both(one, two)
    result: np.ndarray = (either - both) / one.n_samples
    return result


def spike_jaccard(before: RasterLike, after: RasterLike) -> np.ndarray:
    """Jaccard index of a unit's spikes: samples at which it is active in both, over those in either.

    It compares sample by sample; see `jaccard` for which patterns occur at all.

    Parameters
    ----------
    before, after : SpikeRaster or what `as_raster` takes
        The same units, by position, and the same samples.

    Returns
    -------
    array of float, shape (n_units,)
        In [0, 1]; NaN for a unit silent in both.

    Raises
    ------
    ValueError
        If the two differ in their number of units, or in ``sample_index`` or ``dataset_split``.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.spike_jaccard(np.array([[1, 0], [1, 0]]), np.array([[1, 0], [0, 0]]))
    array([0.5, nan])
    """
    both, either = spikes_in_both(*same_samples(before, after))
    with np.errstate(invalid="ignore"):
        result: np.ndarray = both / either
        return result


def pattern_distance(raster: RasterLike) -> float:
    """Mean fraction of units in which the patterns of two samples differ, over all pairs of samples.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        All its units together; of a layer: ``raster.select(layer=…)``, or `summarize_patterns`.

    Returns
    -------
    float
        The normalized Hamming distance, in [0, 1]: about 1/2 for bits that are on half of the time, and
        at most n / (2 (n − 1)). NaN for one sample.

    See Also
    --------
    overfitting_underfitting_indicator : the same, each distance capped.

    Notes
    -----
    A unit with k spikes over n samples differs in k (n − k) of the n (n − 1) / 2 pairs: no pair is
    looked at.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.pattern_distance(np.array([[1, 0, 0, 1], [1, 1, 1, 1]]))
    0.5
    """
    raster = as_raster(raster)
    return mean_distance(raster.spike_counts, raster.n_samples)


def overfitting_underfitting_indicator(raster: RasterLike) -> float:
    """The Overfitting–Underfitting Indicator (OUI) of one layer, over all pairs of samples.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        One layer, a sample per input: of a convolution all positions (``conv_units="all"``).

    Returns
    -------
    float
        Mean over pairs of samples of min(d, h) / h, d the number of units in which their patterns differ
        and h = n_units // 2: 0 where all patterns are the same, near 1 where they are unrelated. NaN for
        one sample or one unit.

    Notes
    -----
    As the authors' released code computes it, which draws 28 pairs of a batch where this takes all, and
    averages over layers. Without the cap it would be ``pattern_distance * n_units / h``. Time grows with
    the square of the number of samples: some 0.1 s for 10,000 of 64 units; `SpikeRaster.select` some.

    References
    ----------
    Fernández-Hernández, Mestre, Dolz, Duato and Quintana-Ortí, arXiv:2504.17160 (2025).

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 0]])
    >>> a2n.patterns.overfitting_underfitting_indicator(active)
    0.8333333333333334
    """
    raster = as_raster(raster)
    n, cap = raster.n_samples, raster.n_units // 2
    if n < 2 or cap == 0:
        return math.nan
    patterns = pack_patterns(raster.words, 0, n)
    result: float = 2 * kernels.cap_distances(patterns, cap) / (n * (n - 1) * cap)
    return result


def same_samples(before: RasterLike, after: RasterLike) -> tuple[SpikeRaster, SpikeRaster]:
    """Two rasters, refused unless they hold equally many units at the same samples."""
    one, two = as_raster(before), as_raster(after)
    for name in ("n_units", "n_samples"):
        first, second = getattr(one, name), getattr(two, name)
        if first != second:
            raise ValueError(f"before and after must have the same {name}, got {first} and {second}")
    for name in ("sample_index", "dataset_split"):
        both = name in one.samples.columns and name in two.samples.columns
        if both and not np.array_equal(one.samples[name], two.samples[name]):
            raise ValueError(f"before and after must hold the same samples: their {name} differs")
    return one, two


def mean_distance(spike_counts: np.ndarray, n_samples: int) -> float:
    """`pattern_distance` from the units' numbers of spikes."""
    if n_samples < 2:
        return math.nan
    pairs = sum(k * (n_samples - k) for k in spike_counts.tolist())
    result: float = 2 * pairs / (n_samples * (n_samples - 1) * spike_counts.size)
    return result


def spikes_in_both(one: SpikeRaster, two: SpikeRaster) -> tuple[np.ndarray, np.ndarray]:
    """Samples at which each unit is active in both rasters, and in either."""
    both, either = np.empty((2, one.n_units), np.int64)
    kernels.spikes_in_both(one.words, two.words, both, either)
    return both, either
