"""What patterns and single units say of a sample's class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike, Words
from ann2neo.statistics.patterns.counts import encode_labels


def class_separation(raster: RasterLike, labels: str | npt.ArrayLike = "label") -> float:
    """How much nearer patterns of one class lie to each other than patterns at large.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        One layer.
    labels : str or array of shape (n_samples,)
        Column of the sample table, or a label per sample: true ones, those trained on, or the classes a
        network predicts.

    Returns
    -------
    float
        1 − (mean Hamming distance over pairs of samples of one class) / (mean over all pairs): 0 where
        classes say nothing of patterns, slightly below by chance, 1 where each class has one pattern of
        its own. NaN if all patterns are the same or no class has two samples.

    Raises
    ------
    ValueError
        If there is not a label per sample, or one is missing.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    >>> round(a2n.patterns.class_separation(active, [0, 0, 1, 1]), 4)  # 1 − (1/2) / (7/6)
    0.5714
    """
    raster = as_raster(raster)
    codes, distinct = encode_labels(raster, labels)
    counts = count_by_class(raster.words, codes, distinct.size)
    return separation_of_counts(counts, np.bincount(codes, minlength=distinct.size))


def unit_information(
    raster: RasterLike, labels: str | npt.ArrayLike = "label"
) -> npt.NDArray[np.float64]:
    """Mutual information, in bits, of each unit alone and the labels.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,)
        As for `class_separation`.

    Returns
    -------
    array of float, shape (n_units,)
        Plug-in estimates in [0, 1]: too high by about (n_classes − 1) / (2 n_samples ln 2).

    Raises
    ------
    ValueError
        If there is not a label per sample, or one is missing.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.patterns.unit_information(np.array([[1, 0], [1, 1], [0, 0], [0, 1]]), [0, 0, 1, 1])
    array([1., 0.])
    """
    raster = as_raster(raster)
    codes, distinct = encode_labels(raster, labels)
    counts = count_by_class(raster.words, codes, distinct.size)
    return information_of_counts(counts, np.bincount(codes, minlength=distinct.size))


def count_by_class(words: Words, codes: npt.NDArray[np.int64], n_classes: int) -> npt.NDArray[np.int64]:
    """Spikes of each unit at the samples of each class, shape (n_classes, n_units)."""
    counts = np.empty((n_classes, len(words)), np.int64)
    bits = np.zeros(64 * words.shape[1], bool)
    for code in range(n_classes):
        bits[: codes.size] = codes == code
        mask = np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64)
        counts[code] = np.bitwise_count(words & mask).sum(axis=1, dtype=np.int64)
    return counts


def separation_of_counts(counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> float:
    """`class_separation` from spikes per class and unit, and samples per class."""
    # A unit with k spikes in n samples differs in k (n − k) of their pairs.
    within = int((counts * (sizes[:, np.newaxis] - counts)).sum())
    pairs = int((sizes * (sizes - 1) // 2).sum())
    n, total = int(sizes.sum()), counts.sum(axis=0)
    overall = int((total * (n - total)).sum())
    if not pairs or not overall:
        return float("nan")
    return 1 - (within / pairs) / (overall / (n * (n - 1) // 2))


def information_of_counts(
    counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """`unit_information` from spikes per class and unit, and samples per class."""
    n = int(sizes.sum())
    joint = np.stack([counts, sizes[:, np.newaxis] - counts]) / n
    classes, states = sizes / n, joint.sum(axis=1)
    entropies = (
        -xlogy(classes, classes).sum()
        - xlogy(states, states).sum(axis=0)
        + xlogy(joint, joint).sum((0, 1))
    )
    found: npt.NDArray[np.float64] = np.maximum(entropies, 0) / np.log(2)
    return found
