"""Correlations of two units split into what their classes share and what is left within classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import Floats, RasterLike
from ann2neo.statistics.correlation import Correlation
from ann2neo.statistics.units.class_counts import ClassCounts, Labels
from ann2neo.statistics.units.tuning import Tuning


@dataclass(frozen=True, eq=False)
class SignalNoiseCorrelation:
    """Signal and noise correlation of every two units, shape (n_units, n_units) each.

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
        trials, ``"sample_index"``: the classes are then the samples, each shown several times.

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


class SignalNoise:
    """Accumulator of `signal_noise_correlation`; chunks may come in any order.

    Parameters
    ----------
    labels : str
        Column of the sample table that holds the classes, where `update` is given no labels.
    """

    def __init__(self, labels: str = "label") -> None:
        self._classes = ClassCounts(labels)
        self._products: Any = 0

    def update(self, chunk: RasterLike, labels: Labels | None = None) -> SignalNoise:
        """Add samples, as a `SpikeRaster` or what `as_raster` takes, and their labels."""
        raster = as_raster(chunk)
        self._classes.update(raster, labels)
        self._products = self._products + Correlation().update(raster).products
        return self

    def merge(self, later: SignalNoise) -> SignalNoise:
        """A new accumulator of what both have seen."""
        if not isinstance(later, SignalNoise):
            raise TypeError(f"later must be a SignalNoise, got {later!r:.80}")
        merged = SignalNoise(self._classes.labels)
        merged._classes = self._classes.merge(later._classes)
        merged._products = self._products + later._products
        return merged

    def result(self) -> SignalNoiseCorrelation:
        """The correlations over all samples seen."""
        found = self._classes.result()
        return SignalNoiseCorrelation(_signal(found), _noise(found, self._products))


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
