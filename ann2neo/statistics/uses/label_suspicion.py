"""Samples whose patterns do not fit the label they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.patterns.classes import count_by_class
from ann2neo.statistics.patterns.histogram import pack_patterns
from ann2neo.statistics.uses.nearest_patterns import read_labels

_SAMPLES = 4096


@dataclass(frozen=True, eq=False)
class LabelSuspicion:
    """How little the label of each sample fits its pattern; made by `label_suspicion`.

    Attributes
    ----------
    score : array of float, shape (n_samples,)
        In [−1, 1]; above 0 where another class is nearer than the sample's own. NaN for the only sample
        of its class.
    nearest_label : array, shape (n_samples,)
        The label of the nearest other class.
    n_suspected : float
        Estimate of how many labels are wrong; see `label_suspicion`.
    """

    score: npt.NDArray[np.float64]
    nearest_label: npt.NDArray[Any]
    n_suspected: float

    def to_frame(self) -> pd.DataFrame:
        """A row per sample, the most suspicious first; the index is the sample's position."""
        table = pd.DataFrame({"score": self.score, "nearest_label": self.nearest_label})
        return table.sort_values("score", ascending=False, kind="stable")


def label_suspicion(raster: RasterLike, labels: str | npt.ArrayLike = "label") -> LabelSuspicion:
    """Score each sample by how much nearer its pattern lies to another class than to its own.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        One layer, a sample per input: the last hidden layer of a network trained on these labels.
    labels : str or array of shape (n_samples,)
        The labels trained on, right and wrong ones, or the column of the sample table that has them.

    Returns
    -------
    LabelSuspicion
        Its ``score``: the mean Hamming distance to the other samples of the own class, minus that to the
        samples of the nearest other class, over the number of units.

    Raises
    ------
    ValueError
        If there is not a label per sample, one is missing, or all are the same.

    See Also
    --------
    nearest_patterns : what the most similar samples are labeled.

    Notes
    -----
    The distance to a class is that to its mean pattern, Σ|bit − mean|, which is the mean distance to its
    samples; the sample itself is left out of its own class. Counts are whole numbers, so that the scores
    are exact up to one division each.

    **n_suspected.** Each sample's score is computed once more under every label but its own and the
    nearest one's: that is what scores of wrong labels look like. If wrong labels fall on classes at
    random, half of them score above the median of these, and hardly a right one does: n_suspected is
    twice the number of samples above it, at most all of them. It is biased upward where right samples
    lie far from their class (a blurred class, a network that has learned little), and downward where
    labels are mistaken for similar classes, whose patterns are near, and where a network of several
    layers has learned wrong labels by heart, so that its last one draws them in: on MNIST about half of
    them were counted then. On CIFAR-10, whose classes lie near each other, 1,712 of 10,000 samples were
    counted where no label was wrong. The order of the scores does not depend on it.

    **What it is good for.** After a network has learned noisy labels by heart, its own loss says little
    of which are wrong, its patterns still do. With the training history at hand, the loss early in
    training is better. See the page "What works and what does not".

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a, b = [1, 1, 0, 0], [0, 0, 1, 1]
    >>> active = np.array([a, a, [1, 0, 0, 0], b, b, [0, 1, 1, 1]])
    >>> found = a2n.label_suspicion(active, ["a", "a", "b", "b", "b", "b"])
    >>> found.score.round(2).tolist()
    [-0.75, -0.75, 0.58, -0.67, -0.67, -0.25]
    >>> found.nearest_label[2]
    'a'
    """
    raster = as_raster(raster)
    codes, distinct = read_labels(raster, labels)
    sizes = np.bincount(codes).astype(np.float64)
    n_units = raster.n_units
    per_class = count_by_class(raster.words, codes, distinct.size).astype(np.float64)
    score = np.empty(raster.n_samples)
    nearest = np.empty(raster.n_samples, np.int64)
    wrong: list[npt.NDArray[np.float64]] = []
    for first in range(0, raster.n_samples, _SAMPLES):
        bits = _unpack(raster.words, first, raster.n_samples)
        own = codes[first : first + _SAMPLES]
        rows = np.arange(own.size)
        # Whole numbers below 2 ** 53: exact.
        apart = per_class.sum(axis=1) + bits @ (sizes[:, np.newaxis] - 2 * per_class).T
        to_class = apart / (sizes * n_units)
        with np.errstate(invalid="ignore"):
            to_own = apart[rows, own] / ((sizes[own] - 1) * n_units)
        to_others = to_class.copy()
        to_others[rows, own] = np.inf
        near = to_others.argmin(axis=1)
        score[first : first + own.size] = to_own - to_others[rows, near]
        nearest[first : first + own.size] = near
        wrong.append(_score_wrong_labels(to_class, own))
    return LabelSuspicion(score, distinct[nearest], _count_wrong(score, np.concatenate(wrong)))


def _unpack(words: npt.NDArray[np.uint64], first: int, n_samples: int) -> npt.NDArray[np.float64]:
    patterns = pack_patterns(words, first, min(first + _SAMPLES, n_samples))
    bits = np.unpackbits(patterns.view(np.uint8), axis=1, bitorder="little")
    return bits[:, : len(words)].astype(np.float64)


def _score_wrong_labels(
    to_class: npt.NDArray[np.float64], own: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Scores of the samples under labels that are neither their own nor the nearest class's."""
    best = to_class.argmin(axis=1)
    scores = to_class - to_class.min(axis=1, keepdims=True)
    free = np.ones(scores.shape, bool)
    rows = np.arange(own.size)
    free[rows, own] = free[rows, best] = False
    if to_class.shape[1] == 2:
        # Of two classes there is no third: the one that is not the nearest.
        free = np.arange(2) != best[:, np.newaxis]
    found: npt.NDArray[np.float64] = scores[free]
    return found


def _count_wrong(score: npt.NDArray[np.float64], wrong: npt.NDArray[np.float64]) -> float:
    known = score[np.isfinite(score)]
    if not known.size or not wrong.size:
        return float("nan")
    above = int(np.count_nonzero(known > np.median(wrong)))
    return float(min(known.size, 2 * above))
