"""How much patterns vary, and what they say of the label: entropies in bits, with their limits."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from ann2neo.spikes.argument_checks import check_choice, check_rng
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.counts import as_histogram
from ann2neo.statistics.patterns.entropy_estimators import ESTIMATORS
from ann2neo.statistics.patterns.histogram import PatternHistogram, check_complete
from ann2neo.statistics.patterns.joint_estimates import (
    cells_of,
    conditional,
    estimate_shuffled_excess,
    information,
)

EntropyEstimator: TypeAlias = Literal[
    "plug-in",
    "miller-madow",
    "chao-shen",
    "chao-wang-jost",
    "grassberger",
    "james-stein",
    "quadratic-extrapolation",
]
InformationEstimator: TypeAlias = EntropyEstimator | Literal["shuffle-corrected"]

SHUFFLE_CORRECTED = "shuffle-corrected"


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
    estimator : str
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
            twice (Chao, Wang and Jost 2013): the least biased where many patterns are unseen.
        ``"grassberger"``
            log₂ n − Σ c G(c) / (n ln 2) (Grassberger 2003), with the smaller bias of the two terms that
            G(c) = ψ(c) + ½(−1)ᶜ [ψ((c + 1) / 2) − ψ(c / 2)] has.
        ``"james-stein"``
            Plug-in of fractions that are drawn towards 2^-units for every pattern, as far as their noise
            says (Hausser and Strimmer 2009): good where patterns are near to equally likely.
        ``"quadratic-extrapolation"``
            Plug-in at n, n/2 and n/4 samples, continued to n = ∞ (Strong et al. 1998). NaN for n < 4.
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
    (2013) 1091. Grassberger, arXiv:physics/0307138 (2003). Hausser and Strimmer, Journal of Machine
    Learning Research 10 (2009) 1469. Strong et al., Physical Review Letters 80 (1998) 197.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 0], [1, 1], [1, 0], [1, 1]])
    >>> a2n.patterns.pattern_entropy(active), a2n.patterns.pattern_entropy(active, normalized=True)
    (1.0, 0.5)
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    histogram = check_complete(as_histogram(source))
    bits = ESTIMATORS[estimator](histogram.counts, histogram.n_units)
    if not normalized:
        return bits
    n = histogram.n_samples
    return bits / min(histogram.n_units, math.log2(n)) if n > 1 else math.nan


def conditional_entropy(
    source: PatternHistogram | RasterLike,
    labels: Any = None,
    *,
    estimator: EntropyEstimator = "plug-in",
) -> float:
    """Entropy of the patterns that is left once the label is known, H(A|L), in bits.

    Parameters
    ----------
    source : PatternHistogram with labels, or SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,), optional
        As for `pattern_counts`; of a raster, the column ``"label"`` by default. A histogram has its own.
    estimator : str
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
    histogram = _as_labeled_histogram(source, labels)
    return conditional(cells_of(histogram), histogram.n_units, ESTIMATORS[estimator])


def mutual_information(
    source: PatternHistogram | RasterLike,
    labels: Any = None,
    *,
    estimator: InformationEstimator = "plug-in",
    rng: np.random.Generator | None = None,
) -> float:
    """What the pattern says of the label, I(A;L) = H(A) − H(A|L), in bits.

    Parameters
    ----------
    source, labels
        As for `conditional_entropy`.
    estimator : str
        One of those of `pattern_entropy`, for both entropies, or ``"shuffle-corrected"``: H(A) by
        Chao, Wang and Jost, less the plug-in H(A|L) without what it misses of patterns whose units are
        shuffled within each label, whose entropy is known from the units' rates (Panzeri et al. 2007).
    rng : numpy.random.Generator, optional
        Required for ``"shuffle-corrected"``, for 10 shuffles.

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
    Panzeri, Senatore, Montemurro and Petersen, Journal of Neurophysiology 98 (2007) 1064, for the
    shuffle correction.

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
    check_choice(estimator, "estimator", (*ESTIMATORS, SHUFFLE_CORRECTED))
    histogram = _as_labeled_histogram(source, labels)
    cells, n_units = cells_of(histogram), histogram.n_units
    if estimator == SHUFFLE_CORRECTED:
        rest = conditional(cells, n_units, ESTIMATORS["plug-in"])
        missed = estimate_shuffled_excess(histogram, check_rng(rng))
        return ESTIMATORS["chao-wang-jost"](histogram.counts, n_units) - (rest - missed)
    bits = information(cells, n_units, estimator)
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


def _as_labeled_histogram(source: PatternHistogram | RasterLike, labels: Any) -> PatternHistogram:
    if isinstance(source, PatternHistogram):
        if labels is not None:
            raise ValueError("labels must be None: a histogram has its own")
        return source
    return as_histogram(source, "label" if labels is None else labels)
