"""Which patterns occur, and how far those of two recordings are the same."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ann2neo.spikes import pattern_kernels as kernels
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.counts import as_histogram
from ann2neo.statistics.patterns.histogram import PatternHistogram, check_alike, check_complete


class PatternTurnover(NamedTuple):
    """Numbers of distinct patterns that occur at one of two times only.

    Attributes
    ----------
    appeared, vanished : int
        Patterns that occur only after, and only before.
    """

    appeared: int
    vanished: int


def n_patterns(source: PatternHistogram | RasterLike) -> int:
    """Number of distinct patterns.

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes
        Of a raster: patterns of all its units together.

    Returns
    -------
    int
        Of a sketch an estimate, rounded; see `pattern_counts`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.n_patterns(np.array([[1, 0], [1, 1], [1, 0], [0, 0]]))
    3
    """
    histogram = as_histogram(source)
    return round(histogram.counts.size / histogram.kept_fraction)


def top_pattern_fraction(source: PatternHistogram | RasterLike) -> float:
    """Fraction of the samples that have the most frequent pattern, in (0, 1].

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the histogram is a sketch.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.top_pattern_fraction(np.array([[1, 0], [1, 1], [1, 0], [0, 0]]))
    0.5
    """
    histogram = check_complete(as_histogram(source))
    return int(histogram.counts.max()) / histogram.n_samples


def jaccard(
    before: PatternHistogram | RasterLike, after: PatternHistogram | RasterLike, *, min_count: int = 1
) -> float:
    """Jaccard index of the sets of patterns that occur: patterns in both over patterns in either.

    It compares which patterns there are, not which sample has which: see `spike_jaccard` for that.

    Parameters
    ----------
    before, after : PatternHistogram, or SpikeRaster or what `as_raster` takes
        Of equally many units. They may differ in samples.
    min_count : int
        Only patterns that occur this often; Hartmann et al. (2021) also take those seen more than 10
        times.

    Returns
    -------
    float
        In [0, 1]; NaN if neither has such a pattern. Of sketches an estimate; see `pattern_counts`.

    Raises
    ------
    TypeError, ValueError
        If the two differ in units or in the way patterns were counted, or `min_count` is not positive.

    References
    ----------
    Hartmann, Franzen and Brodehl, Frontiers in Artificial Intelligence 4 (2021) 642374.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.jaccard(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 1]]))
    0.5
    """
    min_count = check_count(min_count, "min_count")
    n_before, n_after, n_both = _set_sizes(as_histogram(before), as_histogram(after), min_count)
    n_either = n_before + n_after - n_both
    return n_both / n_either if n_either else math.nan


def weighted_jaccard(
    before: PatternHistogram | RasterLike, after: PatternHistogram | RasterLike
) -> float:
    """Jaccard index of the histograms: Σ min(c, c') / Σ max(c, c') over patterns.

    Parameters
    ----------
    before, after : PatternHistogram, or SpikeRaster or what `as_raster` takes
        Of equally many units. For unequal numbers of samples it stays below 1, whatever the patterns.

    Returns
    -------
    float
        In [0, 1]. For equal numbers of samples (1 − d) / (1 + d), d the total variation distance.

    Raises
    ------
    ValueError
        If the two differ in units or in the way patterns were counted, or are sketches.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.weighted_jaccard(np.array([[1], [1], [0]]), np.array([[1], [0], [0]]))
    0.5
    """
    one, two = check_complete(as_histogram(before)), check_complete(as_histogram(after))
    check_alike(one, two)
    _, smaller = _overlap(one.keys, one.counts, two.keys, two.counts)
    return smaller / (one.n_samples + two.n_samples - smaller)


def pattern_turnover(
    before: PatternHistogram | RasterLike, after: PatternHistogram | RasterLike
) -> PatternTurnover:
    """How many patterns appeared and how many vanished.

    Parameters
    ----------
    before, after : PatternHistogram, or SpikeRaster or what `as_raster` takes
        Of equally many units.

    Returns
    -------
    PatternTurnover
        ``appeared``, distinct patterns of `after` that are not in `before`, and ``vanished``, the
        reverse. Of sketches estimates, rounded.

    Raises
    ------
    ValueError
        If the two differ in units or in the way patterns were counted.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.pattern_turnover(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 1]]))
    PatternTurnover(appeared=0, vanished=1)
    """
    one, two = as_histogram(before), as_histogram(after)
    n_before, n_after, n_both = _set_sizes(one, two, 1)
    share = min(one.kept_fraction, two.kept_fraction)
    return PatternTurnover(round((n_after - n_both) / share), round((n_before - n_both) / share))


def _set_sizes(a: PatternHistogram, b: PatternHistogram, min_count: int) -> tuple[int, int, int]:
    """Patterns in one histogram, in the other and in both, among those that both would have kept."""
    check_alike(a, b)
    limit = min(a.limit, b.limit)
    kept = []
    for histogram in (a.below(limit), b.below(limit)):
        keys, counts = histogram.keys, histogram.counts
        if min_count > 1:
            often = counts >= min_count
            keys, counts = keys[often], counts[often]
            keys.flags.writeable = counts.flags.writeable = False
        kept.append((keys, counts))
    n_both, _ = _overlap(*kept[0], *kept[1])
    return len(kept[0][0]), len(kept[1][0]), n_both


def _overlap(
    a: np.ndarray, a_counts: np.ndarray, b: np.ndarray, b_counts: np.ndarray
) -> tuple[int, int]:
    result: tuple[int, int] = kernels.overlap(a, a_counts, b, b_counts, kernels.hash_keys(a.shape[1], 0))
    return result
