"""Does an estimate still say how many samples there were?"""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.typing import Floats, Ints, RasterLike
from ann2neo.statistics.accumulators.checks import check_number
from ann2neo.statistics.patterns.counts import as_histogram
from ann2neo.statistics.patterns.entropy import EntropyEstimator
from ann2neo.statistics.patterns.entropy_estimators import ESTIMATORS, expect_plug_in
from ann2neo.statistics.patterns.histogram import PatternHistogram, check_complete
from ann2neo.statistics.patterns.joint_estimates import cells_of, conditional

_THINNED = 8
"""Random halves of the samples that are averaged over."""


def is_saturated(
    source: PatternHistogram | RasterLike,
    *,
    joint: bool = False,
    estimator: EntropyEstimator = "plug-in",
    tolerance: float = 0.1,
) -> bool:
    """Whether an estimate still says how many samples there were: it changes when they are halved.

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes
    joint : bool
        Whether either of the two entropies changes whose difference `mutual_information` is, H(A) and
        H(A|L); needs a histogram with labels.
    estimator : str
        Of `pattern_entropy`: the one whose estimate is to be relied on.
    tolerance : float
        Bits, above 0.

    Returns
    -------
    bool
        Whether the estimate from half of the samples, chosen by chance, differs by more than
        `tolerance` on average: exact for the plug-in one, else over 8 fixed choices. Where a bias falls
        as 1 / n, as the plug-in estimate's does in the end, the difference is the bias that is left.
        True where no pattern was seen twice, and where an estimate is not defined.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, `joint` is asked for without labels, or the histogram is a
        sketch.

    Notes
    -----
    An estimate that does not change can still be wrong: no estimator knows of patterns so rare that none
    of them was seen twice.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> [a2n.patterns.is_saturated(rng.random((1000, n_units)) < 0.5) for n_units in (4, 64)]
    [False, True]
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    tolerance = check_number(tolerance, "tolerance", "a positive number of bits", above=0)
    histogram = check_complete(as_histogram(source))
    cells = cells_of(histogram) if joint else _without_labels(histogram)
    if (histogram.counts == 1).all():
        # Nothing was seen twice: what an estimate says then, it brought along.
        return True
    half = histogram.n_samples // 2
    if estimator == "plug-in":
        whole, thinned = (
            _average_over_choices(cells, histogram.n_samples),
            _average_over_choices(cells, half),
        )
    else:
        whole = _estimate(cells, histogram.n_units, estimator)
        rng, halves = np.random.default_rng(0), []
        for _ in range(_THINNED):
            drawn = rng.multivariate_hypergeometric(cells[:, 2], half, method="marginals")
            kept = np.column_stack([cells[:, :2], drawn])[drawn > 0]
            halves.append(_estimate(kept, histogram.n_units, estimator))
        thinned = np.mean(halves, axis=0)
    return not np.abs(whole - thinned).max() <= tolerance


def _without_labels(histogram: PatternHistogram) -> Ints:
    """A joint histogram in which all samples have one label."""
    n = histogram.counts.size
    return np.column_stack([np.arange(n), np.zeros(n, np.int64), histogram.counts])


def _estimate(cells: Ints, n_units: int, estimator: str) -> Floats:
    """H(A) and H(A|L)."""
    estimate = ESTIMATORS[estimator]
    counts = np.bincount(cells[:, 0], cells[:, 2]).astype(np.int64)
    return np.array([estimate(counts[counts > 0], n_units), conditional(cells, n_units, estimate)])


def _average_over_choices(cells: Ints, size: int) -> Floats:
    """Means of the plug-in H(A) and H(A|L) over all choices of `size` of the samples."""
    of_patterns, of_labels = (
        np.bincount(cells[:, column], cells[:, 2]).astype(np.int64) for column in (0, 1)
    )
    bits = expect_plug_in(of_patterns[of_patterns > 0], size)
    joint = expect_plug_in(cells[:, 2], size)
    return np.array([bits, joint - expect_plug_in(of_labels[of_labels > 0], size)])
