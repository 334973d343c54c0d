"""Tables of the pattern statistics, a row per layer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers
from ann2neo.statistics.groups import group_units
from ann2neo.statistics.patterns.counts import pattern_counts
from ann2neo.statistics.patterns.entropy import (
    conditional_entropy,
    mutual_information,
    pattern_coverage,
    pattern_entropy,
)
from ann2neo.statistics.patterns.flips import mean_distance, same_samples, spikes_in_both
from ann2neo.statistics.patterns.histogram import PatternHistogram
from ann2neo.statistics.patterns.saturation import is_saturated
from ann2neo.statistics.patterns.sets import (
    jaccard,
    n_patterns,
    pattern_turnover,
    top_pattern_fraction,
    weighted_jaccard,
)


def summarize_patterns(
    raster: RasterLike, by: str | None = "layer", *, labels: Any = None, workers: Workers = 1
) -> pd.DataFrame:
    """Statistics of the patterns of each layer, a row per group of units.

    A pattern is one sample's bits across the units of the group (with ``conv_units="channels"``, one
    image position's bits across channels).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: patterns of all units together.
    labels : str or array of shape (n_samples,), optional
        As for `pattern_counts`; adds the last three columns.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        As for `accumulate`: the result is the same.

    Returns
    -------
    pandas.DataFrame
        The index holds the groups in the order of their first unit (``"all"`` for None). Columns, of the
        functions of the same name where there is one:

        ``n_units``, ``n_samples``, ``n_patterns``
            Bits per pattern, patterns, and distinct ones.
        ``entropy``, ``entropy_fraction``, ``entropy_miller_madow``, ``entropy_chao_shen``
            `pattern_entropy`, in bits; the plug-in estimate also as a fraction of its maximum.
        ``coverage``, ``saturated``
            `pattern_coverage` and `is_saturated` of the plug-in entropy.
        ``top_pattern_fraction``, ``pattern_distance``
            As the functions.
        ``silent_fraction``, ``always_on_fraction``
            Fraction of units that fire at no sample (dead) and at every sample.
        ``conditional_entropy``, ``mutual_information``, ``joint_saturated``
            Of patterns and labels, plug-in, in bits; `is_saturated` of the mutual information.

    Raises
    ------
    ValueError
        If there is no column `by` or `labels`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> found = a2n.patterns.summarize_patterns(active)
    >>> print(found[["n_patterns", "entropy", "coverage", "always_on_fraction"]].T.round(3))
    layer               units
    n_patterns          3.000
    entropy             1.522
    coverage            0.800
    always_on_fraction  0.333
    """
    raster = as_recording(raster)
    spikes, groups = raster.spike_counts, group_units(raster, by)
    rows = [
        {
            **pattern_columns(histogram, spikes[groups[name]]),
            **(label_columns(histogram) if labels is not None else {}),
        }
        for name, histogram in pattern_counts(raster, by, labels=labels, workers=workers).items()
    ]
    return pd.DataFrame(rows, index=pd.Index(list(groups), name=by))


def compare_patterns(before: RasterLike, after: RasterLike, by: str | None = "layer") -> pd.DataFrame:
    """How far two recordings of the same samples differ, a row per group of units.

    Parameters
    ----------
    before, after : SpikeRaster or what `as_raster` takes
        The same units and samples, at two moments of training, say.
    by : str or None
        As for `summarize_patterns`.

    Returns
    -------
    pandas.DataFrame
        Indexed as that of `summarize_patterns`. Columns:

        ``flip_rate``
            Fraction of the group's bits that differ.
        ``spike_jaccard``
            Bits that are on in both over those in either, all units together; NaN without spikes.
        ``jaccard``, ``weighted_jaccard``
            Of the patterns that occur, and of their histograms.
        ``appeared``, ``vanished``
            Distinct patterns only in `after`, and only in `before`.

    Raises
    ------
    ValueError
        If the two differ in units or samples.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> print(a2n.patterns.compare_patterns(np.eye(3), np.eye(3)[[0, 2, 2]]).T.round(2))
    layer             units
    flip_rate          0.22
    spike_jaccard      0.50
    jaccard            0.67
    weighted_jaccard   0.50
    appeared           0.00
    vanished           1.00
    """
    one, two = same_samples(before, after)
    groups = _same_groups(one, two, by)
    both, either = spikes_in_both(one, two)
    first, second = pattern_counts(one, by), pattern_counts(two, by)
    rows = [
        comparison_columns(first[name], second[name], int(both[units].sum()), int(either[units].sum()))
        for name, units in groups.items()
    ]
    return pd.DataFrame(rows, index=pd.Index(list(groups), name=by))


def pattern_columns(histogram: PatternHistogram, spike_counts: np.ndarray) -> dict[str, Any]:
    """A row of `summarize_patterns`, from the histogram and the spikes of each unit."""
    n = histogram.n_samples
    return {
        "n_units": histogram.n_units,
        "n_samples": histogram.n_samples,
        "n_patterns": n_patterns(histogram),
        "entropy": pattern_entropy(histogram),
        "entropy_fraction": pattern_entropy(histogram, normalized=True),
        "entropy_miller_madow": pattern_entropy(histogram, estimator="miller-madow"),
        "entropy_chao_shen": pattern_entropy(histogram, estimator="chao-shen"),
        "coverage": pattern_coverage(histogram),
        "saturated": is_saturated(histogram),
        "top_pattern_fraction": top_pattern_fraction(histogram),
        "pattern_distance": mean_distance(spike_counts, n),
        "silent_fraction": float((spike_counts == 0).mean()),
        "always_on_fraction": float((spike_counts == n).mean()),
    }


def label_columns(histogram: PatternHistogram) -> dict[str, Any]:
    """What labels add to a row of `summarize_patterns`, from a histogram that has them."""
    return {
        "conditional_entropy": conditional_entropy(histogram),
        "mutual_information": mutual_information(histogram),
        "joint_saturated": is_saturated(histogram, joint=True),
    }


def comparison_columns(
    before: PatternHistogram,
    after: PatternHistogram,
    n_both: int,
    n_either: int,
    *,
    min_count: int = 1,
) -> dict[str, Any]:
    """A row of `compare_patterns`, from histograms and the bits that are on in both and in either.

    `min_count` is for `jaccard`.
    """
    return {
        "flip_rate": (n_either - n_both) / (after.n_samples * after.n_units),
        "spike_jaccard": n_both / n_either if n_either else float("nan"),
        "jaccard": jaccard(before, after, min_count=min_count),
        "weighted_jaccard": weighted_jaccard(before, after),
        **pattern_turnover(before, after)._asdict(),
    }


def _same_groups(one: SpikeRaster, two: SpikeRaster, by: str | None) -> dict[Hashable, np.ndarray]:
    groups, others = group_units(one, by), group_units(two, by)
    if list(groups) != list(others) or not all(map(np.array_equal, groups.values(), others.values())):
        raise ValueError(f"before and after must have the same units in each {by}")
    return groups
