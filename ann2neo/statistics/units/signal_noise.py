"""Correlations of two units split into what their classes share and what is left within classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints, RasterLike
from ann2neo.statistics.correlation import Correlation
from ann2neo.statistics.patterns.counts import encode_labels
from ann2neo.statistics.units.class_counts import SPLIT, LabeledCounts, Labels
from ann2neo.statistics.units.tuning import Tuning


@dataclass(frozen=True, eq=False)
class SignalNoiseCorrelation:
    """Signal and noise correlation of every two units.

    Attributes
    ----------
    signal, noise : array, shape (n_units, n_units)
        Symmetric; the diagonal is 1, or NaN as row and column are where a unit does not vary.
    """

    signal: Floats
    noise: Floats


def signal_noise_correlation(raster: RasterLike, labels: Labels | None = None) -> SignalNoiseCorrelation:
    """Signal and noise correlation of every two units.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    labels : str or array of shape (n_samples,), optional
        Column of the sample table, or a label per sample; default ``"label"``. Of a recording with
        trials, ``"sample_index"``: the classes are then the samples of each data split, each shown
        several times.

    Returns
    -------
    SignalNoiseCorrelation
        ``signal``: Pearson correlation over classes of the units' activation probabilities, classes
        weighing alike; NaN where a unit has one probability for all, or for fewer than two classes.
        ``noise``: correlation over samples of the bits less the probability of their class; NaN where a
        unit does not vary within any class, so for one sample per class.

    Raises
    ------
    ValueError
        If there are no labels, or one is missing.

    See Also
    --------
    SignalNoise : the same for a recording in chunks.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1], [1, 1], [1, 0], [0, 1], [0, 0], [0, 0]])
    >>> found = a2n.signal_noise_correlation(active, [0, 0, 1, 1, 2, 2])
    >>> found.signal[0, 1].round(3), found.noise[0, 1].round(3)
    (np.float64(1.0), np.float64(-1.0))
    """
    return SignalNoise().update(raster, labels).result()


class SignalNoise(LabeledCounts):
    """Accumulator of `signal_noise_correlation`; chunks may come in any order.

    Parameters
    ----------
    labels : str
        Column of the sample table that holds the classes, where `update` is given no labels.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> seen = a2n.SignalNoise()
    >>> for active, labels in ([[[1, 1], [1, 0]], [0, 1]], [[[0, 0], [0, 1]], [0, 1]]):
    ...     seen = seen.update(np.array(active), labels)
    >>> seen.result().noise.round(3)
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, labels: str = "label") -> None:
        super().__init__(labels)
        self._products: Any = 0

    def result(self) -> SignalNoiseCorrelation:
        """The correlations over all samples seen."""
        found = self._tune()
        return SignalNoiseCorrelation(_signal(found), _noise(found, self._products))

    def _encode(self, piece: SpikeRaster, labels: Labels) -> tuple[Ints, npt.NDArray[Any]]:
        """As of all labels, but samples of one index in two data splits are different ones."""
        samples = piece.samples
        if isinstance(labels, str) and labels == "sample_index" and SPLIT in samples.columns:
            labels = np.asarray(samples[SPLIT].astype(str) + "/" + samples[labels].astype(str), object)
        return encode_labels(piece, labels)

    def _count(self, chunk: SpikeRaster, codes: Ints, classes: npt.NDArray[Any]) -> None:
        super()._count(chunk, codes, classes)
        self._products = self._products + Correlation().update(chunk).products

    def _merge(self, later: Self) -> None:
        super()._merge(later)
        self._products = self._products + later._products


def _signal(found: Tuning) -> Floats:
    rates = found.probability
    centered = rates - rates.mean(axis=1, keepdims=True)
    # A unit of one probability for all classes is left with rounding.
    centered[found.preferred_class < 0] = 0
    return _normalize(centered @ centered.T)


def _noise(found: Tuning, products: Any) -> Floats:
    within = products - (found.n_spikes / found.n_samples) @ found.n_spikes.T
    varies = ((found.n_spikes > 0) & (found.n_spikes < found.n_samples)).any(axis=1)
    within[~varies] = 0
    within[:, ~varies] = 0
    return _normalize(within)


def _normalize(products: Floats) -> Floats:
    own = products.diagonal()
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.clip(products / np.sqrt(np.outer(own, own)), -1, 1)
    np.fill_diagonal(found, np.where(own > 0, 1.0, np.nan))
    return found
