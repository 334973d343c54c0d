"""Do patterns say anything of the label? The mutual information against permuted labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.significance.combine import adjust_pvalues
from ann2neo.significance.kernels.label_permutation import label_sum, permute_sums
from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.groups import group_units
from ann2neo.statistics.patterns.counts import encode_labels, select_words
from ann2neo.statistics.patterns.entropy import mutual_information
from ann2neo.statistics.patterns.histogram import count_histogram, count_patterns, pack_patterns

_ITEM = ("dataset_split", "sample_index")
"""Columns of the sample table that say which item of the data a sample belongs to."""

_AT_ONCE = 2**25
"""Samples gone through between two looks at the progress bar: some tenths of a second."""


def mutual_information_test(
    raster: RasterLike,
    labels: Any = None,
    *,
    rng: np.random.Generator,
    by: str | None = "layer",
    n_surrogates: int = 1000,
    progress: bool = True,
) -> TestResult:
    """Test the mutual information of patterns and labels against labels that are permuted.

    A pattern is one sample's bits across the units of a group (with ``conv_units="channels"``, one image
    position's bits across channels).

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,), optional
        Column of the sample table, or a label per sample. Default: the column ``"label"``.
    rng : numpy.random.Generator
    by : str or None
        Column of the unit table whose values make the groups; None: all units together.
    n_surrogates : int
        Permutations, at least 1. No p-value is below ``1 / (1 + n_surrogates)``.
    progress : bool
        Show a progress bar on runs of over a second.

    Returns
    -------
    TestResult
        A row per group, ``unit_index`` −1. ``statistic`` is `mutual_information` (plug-in), in bits, and
        ``pvalue`` (1 + #) / (1 + n_surrogates), # the number of permutations with at least this value.
        Columns: ``null_mean`` and ``null_sd`` (ddof=1, NaN for one permutation) of the permutations, in
        bits; ``estimate``, the mutual information by Chao, Wang and Jost's entropies
        (`mutual_information`), far less biased than the plug-in one where samples are few for the
        number of patterns; ``pvalue_adjusted`` (Benjamini–Hochberg over groups). With one label, or all
        patterns alike or each different, permutations change nothing and the p-value is 1.

    Raises
    ------
    TypeError, ValueError
        If there are no labels, one item of the data has several, or an argument is not as described.

    Notes
    -----
    Labels are permuted among the items of the data, told apart by ``sample_index`` (and
    ``dataset_split`` where there is one): the positions of an image share their label and keep sharing
    one, since they are not independent of each other. The p-value is valid at every number of
    permutations if items are exchangeable (Phipson and Smyth, Statistical Applications in Genetics and
    Molecular Biology 9 (2010) 39).

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> active = np.column_stack([rng.random(200) < 0.3 + 0.4 * labels, rng.random(200) < 0.5])
    >>> result = a2n.mutual_information_test(active, labels, rng=rng, progress=False)
    >>> print(f"{result.statistic[0]:.3f} {result.columns['null_mean'][0]:.3f} {result.pvalue[0]:.3f}")
    0.118 0.011 0.001
    """
    raster = as_raster(raster)
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    state = random_state(rng)
    item, codes = _labels_of_items(raster, "label" if labels is None else labels)
    groups = group_units(raster, by)
    encoded = encode_labels(raster, "label" if labels is None else labels)
    observed, null_mean, null_sd, n_greater = np.empty((4, len(groups)))
    with ProgressBar(len(groups) * n_surrogates, "permutations", progress=progress) as bar:
        for row, units in enumerate(groups.values()):
            law = _Permutations(_place_samples(raster, units), item, codes)
            null = np.empty(n_surrogates, np.int64)
            for part in law.parts(null):
                law.draw(state, part)
                bar.update(part.size)
            bits = law.bits(null)
            observed[row], null_mean[row] = law.bits(law.observed), bits.mean()
            null_sd[row] = bits.std(ddof=1) if n_surrogates > 1 else np.nan
            n_greater[row] = np.count_nonzero(null >= law.observed)
    pvalue = (1 + n_greater) / (1 + n_surrogates)
    estimates = np.array([_estimate(raster, units, encoded) for units in groups.values()])
    return TestResult(
        observed,
        pvalue,
        "labels are exchangeable among the items of the data, whatever their patterns",
        "mutual information of patterns and labels against permuted labels",
        {"by": by, "n_surrogates": n_surrogates},
        pd.DataFrame({"layer": [str(name) for name in groups], "unit_index": -1}),
        {
            "null_mean": null_mean,
            "null_sd": null_sd,
            "estimate": estimates,
            "pvalue_adjusted": adjust_pvalues(pvalue),
        },
    )


def _estimate(raster: SpikeRaster, units: np.ndarray, encoded: tuple[np.ndarray, np.ndarray]) -> float:
    """Chao, Wang and Jost's estimate of the mutual information, in bits."""
    histogram = count_histogram(select_words(raster, units), 0, raster.n_samples, encoded)
    return mutual_information(histogram, estimator="chao-wang-jost")


def _place_samples(raster: SpikeRaster, units: np.ndarray) -> np.ndarray:
    """Which of the distinct patterns of these units each sample has."""
    patterns = pack_patterns(select_words(raster, units), 0, raster.n_samples)
    _, _, place = count_patterns(patterns, np.ones(len(patterns), np.int64))
    return place


class _Permutations:
    """One group's patterns, to be counted again and again under permuted labels.

    n I(A;L) = Σ f(c_al) − Σ f(c_a) − Σ f(c_l) + f(n) with f(c) = c log₂ c, of which permutations change
    the first and, for items of unequal size, the third sum. As whole multiples of a small number they
    add up exactly, so that equal values are equal.
    """

    def __init__(self, place: np.ndarray, item: np.ndarray, codes: np.ndarray) -> None:
        self._n = place.size
        exact = np.arange(1, self._n + 1) * np.log2(np.arange(1, self._n + 1))
        self._one = 2.0 ** (60 - math.ceil(math.log2(exact[-1] + 1)))
        self._terms = np.concatenate([[0], np.rint(exact * self._one)]).astype(np.int64)
        counts = np.bincount(place)
        self._of_patterns = int(self._terms[counts].sum())
        # A pattern that occurs once adds f(1) = 0, whatever its label.
        kept = np.argsort(place, kind="stable")
        self._items = item[kept[counts[place[kept]] > 1]]
        self._starts = np.concatenate([[0], np.cumsum(counts[counts > 1])])
        self._sizes = np.bincount(item)
        self._n_labels = int(codes.max()) + 1
        self._codes = codes.copy()
        self.observed = label_sum(self._codes, *self._pairs)

    @property
    def _pairs(self) -> tuple[Any, ...]:
        return self._items, self._starts, self._sizes, self._n_labels, self._terms

    def parts(self, null: np.ndarray) -> Iterator[np.ndarray]:
        """`null` in parts that take a moment each."""
        size = max(1, _AT_ONCE // (self._items.size + self._codes.size))
        return (null[start : start + size] for start in range(0, null.size, size))

    def draw(self, state: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with the sums of as many permutations."""
        permute_sums(self._codes, *self._pairs, state, out)

    def bits(self, sums: Any) -> Any:
        """Mutual information, in bits, from the sum that `observed` and `draw` give."""
        information = (sums - self._of_patterns + self._terms[-1]) / (self._one * self._n)
        # Below 0 it is rounding of the terms.
        return np.maximum(information, 0)


def _labels_of_items(raster: SpikeRaster, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The item that each sample belongs to, and the label of each item, both as indices."""
    codes, _ = encode_labels(raster, labels)
    samples = raster.samples
    columns = [column for column in _ITEM if column in samples.columns]
    item = samples.groupby(columns, sort=False).ngroup().to_numpy()
    of_item = np.empty(item.max() + 1, np.int64)
    of_item[item] = codes
    wrong = np.flatnonzero(of_item[item] != codes)
    if wrong.size:
        raise ValueError(
            "labels must be the same for all samples of one item of the data; sample_index "
            f"{samples['sample_index'].iloc[wrong[0]]} has several"
        )
    return item, of_item
