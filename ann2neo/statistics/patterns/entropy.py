"""How much patterns vary, and what they say of the label: entropies in bits, with their limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ann2neo.spikes.argument_checks import check_choice
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.counts import as_histogram
from ann2neo.statistics.patterns.histogram import PatternHistogram, check_complete

SATURATED_ABOVE = 1 - math.exp(-1)
"""Distinct patterns per sample from which on an entropy estimate is called saturated.

n samples of n equally likely patterns show this fraction of distinct ones. More of them mean an entropy
beyond log₂ n, which no plug-in estimate can exceed: it says how many samples there were.
"""


def pattern_entropy(
    source: PatternHistogram | RasterLike, *, estimator: str = "plug-in", normalized: bool = False
) -> float:
    """Shannon entropy of the patterns, in bits.

    A pattern is one sample's bits across units (with ``conv_units="channels"``, one image position's
    bits across channels).

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes
        Of a raster: the patterns of all its units together. For each layer see `pattern_counts` or
        `summarize_patterns`.
    estimator : {"plug-in", "miller-madow", "chao-shen", "chao-wang-jost"}
        With p = c / n the fraction of each of K patterns seen, f₁ the number of patterns seen once and
        C = 1 − f₁ / n:

        ``"plug-in"``
            −Σ p log₂ p, too low by about (K' − 1) / (2 n ln 2) for K' possible patterns.
        ``"miller-madow"``
            Plug-in + (K − 1) / (2 n ln 2) (Miller 1955).
        ``"chao-shen"``
            −Σ Cp log₂(Cp) / (1 − (1 − Cp)ⁿ): allows for unseen patterns (Chao and Shen 2003).
        ``"chao-wang-jost"``
            From the slope of the accumulation curve of patterns, extrapolated by those seen once and
            twice (Chao, Wang and Jost 2013): the least biased of the four.
    normalized : bool
        As a fraction of the largest entropy that the plug-in estimate can have,
        ``min(n_units, log2(n))``; the other estimates can exceed it.

    Returns
    -------
    float
        0 for a single pattern. NaN for Chao–Shen where every pattern occurs once (C = 0), one sample
        included; normalized, NaN for one sample.

    Raises
    ------
    ValueError
        If `estimator` is none of these, or the histogram is a sketch.

    Notes
    -----
    Where nearly every sample has its own pattern, every estimate says how many samples there were: see
    `is_saturated`.

    References
    ----------
    Miller, in Quastler (ed.), Information Theory in Psychology (1955) 95. Chao and Shen, Environmental
    and Ecological Statistics 10 (2003) 429. Chao, Wang and Jost, Methods in Ecology and Evolution 4
    (2013) 1091.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 0], [1, 1], [1, 0], [1, 1]])
    >>> a2n.patterns.pattern_entropy(active), a2n.patterns.pattern_entropy(active, normalized=True)
    (1.0, 0.5)
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    histogram = check_complete(as_histogram(source))
    bits = ESTIMATORS[estimator](histogram.counts)
    if not normalized:
        return bits
    n = histogram.n_samples
    return bits / min(histogram.n_units, math.log2(n)) if n > 1 else math.nan


def conditional_entropy(
    source: PatternHistogram | RasterLike, labels: Any = None, *, estimator: str = "plug-in"
) -> float:
    """Entropy of the patterns that is left once the label is known, H(A|L), in bits.

    Parameters
    ----------
    source : PatternHistogram with labels, or SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,), optional
        As for `pattern_counts`; of a raster, the column ``"label"`` by default. A histogram has its own.
    estimator : {"plug-in", "miller-madow", "chao-shen", "chao-wang-jost"}
        As for `pattern_entropy`, used within each label.

    Returns
    -------
    float
        Σ p(l) H(A | L = l) with the labels' fractions p(l) in the data, which need not be equal. NaN
        where a label's entropy is: for Chao–Shen, if all of its samples have different patterns.

    Raises
    ------
    ValueError
        If there are no labels, or an argument is not as described.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[0, 0], [0, 1], [1, 1], [1, 1]])
    >>> a2n.patterns.conditional_entropy(active, labels=[0, 0, 1, 1])
    0.5
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    return _conditional(_as_labeled_histogram(source, labels), ESTIMATORS[estimator])


def mutual_information(
    source: PatternHistogram | RasterLike, labels: Any = None, *, estimator: str = "plug-in"
) -> float:
    """What the pattern says of the label, I(A;L) = H(A) − H(A|L), in bits.

    Parameters
    ----------
    source, labels, estimator
        As for `conditional_entropy`.

    Returns
    -------
    float
        The plug-in estimate lies between 0 and the smaller of H(A) and H(L). The others are differences
        of corrected entropies and may fall outside; NaN where one of these is.

    Raises
    ------
    ValueError
        If there are no labels, or an argument is not as described.

    See Also
    --------
    mutual_information_test : against labels that are permuted.

    Notes
    -----
    The plug-in estimate is too high, and where nearly every sample has its own pattern it is H(L)
    whatever the patterns have to do with the labels: each pattern then occurs with one label only. The
    example shows it for patterns drawn at random. Look at ``is_saturated(histogram, joint=True)``, and
    compare with the mean over permuted labels that `mutual_information_test` gives.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(1000) % 2
    >>> few, many = rng.random((1000, 2)) < 0.5, rng.random((1000, 64)) < 0.5
    >>> [round(a2n.patterns.mutual_information(active, labels), 3) for active in (few, many)]
    [0.001, 1.0]
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    histogram = _as_labeled_histogram(source, labels)
    estimate = ESTIMATORS[estimator]
    bits = estimate(histogram.counts) - _conditional(histogram, estimate)
    # Below 0 a plug-in estimate is rounding.
    return max(0.0, bits) if estimator == "plug-in" else bits


def pattern_coverage(source: PatternHistogram | RasterLike) -> float:
    """Fraction of the distribution that the patterns seen make up: 1 − (patterns seen once) / n.

    Good and Turing's estimate (Good, Biometrika 40 (1953) 237) of the probability that the next sample
    has a pattern seen before.

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes

    Returns
    -------
    float
        From 0, every sample with its own pattern, to 1.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.pattern_coverage(np.array([[1, 0], [1, 0], [1, 0], [0, 0]]))
    0.75
    """
    histogram = check_complete(as_histogram(source))
    return 1 - float(np.count_nonzero(histogram.counts == 1)) / histogram.n_samples


def is_saturated(source: PatternHistogram | RasterLike, *, joint: bool = False) -> bool:
    """Whether there are so many distinct patterns that an entropy only says how many samples there were.

    Parameters
    ----------
    source : PatternHistogram, or SpikeRaster or what `as_raster` takes
    joint : bool
        Count distinct pairs of pattern and label, on which `conditional_entropy` and
        `mutual_information` depend; needs a histogram with labels.

    Returns
    -------
    bool
        Whether distinct / n > 1 − 1/e ≈ 0.632, the fraction that n samples of n equally likely patterns
        show: above, the entropy of equally likely patterns lies beyond log₂ n, which no plug-in estimate
        can exceed. At least 2 · distinct / n − 1 of the samples then have a pattern seen once. True for
        one sample.

    Raises
    ------
    ValueError
        If `joint` is asked for without labels, or the histogram is a sketch.

    Notes
    -----
    A mutual information is biased well before: of equally likely patterns and 10 equally frequent labels
    that are independent, the plug-in estimate is 0.75 bits where their pairs reach this fraction.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> [a2n.patterns.is_saturated(rng.random((1000, n_units)) < 0.5) for n_units in (4, 64)]
    [False, True]
    """
    histogram = check_complete(as_histogram(source))
    distinct = len(_cells(histogram)) if joint else histogram.counts.size
    return distinct / histogram.n_samples > SATURATED_ABOVE


def _plug_in(counts: np.ndarray) -> float:
    share, times = _shares(counts)
    return float(np.sum(times * share * -np.log2(share)))


def _miller_madow(counts: np.ndarray) -> float:
    return _plug_in(counts) + (counts.size - 1) / (2 * math.log(2) * int(counts.sum()))


def _chao_shen(counts: np.ndarray) -> float:
    n = int(counts.sum())
    share, times = _shares(counts)
    covered = 1 - np.count_nonzero(counts == 1) / n
    if covered == 0:
        return math.nan
    adjusted = covered * share
    with np.errstate(divide="ignore"):
        # 1 − (1 − Cp)ⁿ, to full precision for small Cp.
        seen = -np.expm1(n * np.log1p(-adjusted))
    return float(np.sum(times * adjusted * -np.log2(adjusted) / seen))


def _chao_wang_jost(counts: np.ndarray) -> float:
    n = int(counts.sum())
    values, times = np.unique(counts, return_counts=True)
    once, twice = int(times[values == 1].sum()), int(times[values == 2].sum())
    seen = float(np.sum(times * values / n * (special.digamma(n) - special.digamma(values))))
    if once == 0:
        return seen / math.log(2)
    # Chao and Jost's estimate of the mean frequency of patterns seen once; unbiased for none twice.
    doubletons, singletons = (twice, once) if twice else (1, once - 1)
    unseen = 2 * doubletons / ((n - 1) * singletons + 2 * doubletons)
    return (seen + once / n * _unseen_sum(unseen, n)) / math.log(2)


def _unseen_sum(unseen: float, n: int) -> float:
    """Σ_{r ≥ n} (1 − A)^(r − n + 1) / r for A = `unseen`: what lies beyond the n samples."""
    rest = 1 - unseen
    if unseen * n < 1:
        # −log A less the first terms; (1 − A)ⁿ is not small, so that little cancels.
        r = np.arange(1, n)
        return float((-math.log(unseen) - np.sum(rest**r / r)) * rest ** (1 - n))
    terms = np.arange(math.ceil(40 / unseen))
    return float(np.sum(rest ** (terms + 1) / (n + terms)))


ESTIMATORS: dict[str, Callable[[np.ndarray], float]] = {
    "plug-in": _plug_in,
    "miller-madow": _miller_madow,
    "chao-shen": _chao_shen,
    "chao-wang-jost": _chao_wang_jost,
}
"""Estimators of an entropy in bits, from counts of at least 1."""


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each fraction of the samples that a pattern has, and the number of patterns that have it."""
    values, times = np.unique(counts, return_counts=True)
    return values / counts.sum(), times


def _conditional(histogram: PatternHistogram, estimate: Callable[[np.ndarray], float]) -> float:
    cells = _cells(histogram)
    cells = cells[np.argsort(cells[:, 1], kind="stable")]
    starts = np.flatnonzero(np.diff(cells[:, 1])) + 1
    parts = np.split(cells[:, 2], starts)
    return sum(int(part.sum()) / histogram.n_samples * estimate(part) for part in parts)


def _as_labeled_histogram(source: PatternHistogram | RasterLike, labels: Any) -> PatternHistogram:
    if isinstance(source, PatternHistogram):
        if labels is not None:
            raise ValueError("labels must be None: a histogram has its own")
        return source
    return as_histogram(source, "label" if labels is None else labels)


def _cells(histogram: PatternHistogram) -> np.ndarray:
    if histogram.cells is None:
        raise ValueError("source must have labels: give labels to pattern_counts")
    return histogram.cells
