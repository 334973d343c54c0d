"""How activation probabilities are distributed over the units of a layer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints, RasterLike
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.groups import group_units
from ann2neo.statistics.units.beta_binomial import fit_beta_binomial

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RARE = 0.01


def rate_distribution(raster: RasterLike, by: str | None = "layer") -> pd.DataFrame:
    """Distribution of the activation probability over units, a row per group of units.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: all units together.

    Returns
    -------
    pandas.DataFrame
        The index holds the groups in the order of their first unit (``"all"`` for None). Columns, of the
        units' rates (`firing_rate`) unless said otherwise:

        ``n_units``, ``mean``
            Number of units and mean rate; 1 − mean is the sparsity that NeuroBench's
            ``ActivationSparsity`` gives for rectified layers.
        ``q05``, ``q25``, ``q50``, ``q75``, ``q95``
            Quantiles.
        ``skewness``
            Third standardized moment (biased, as ``scipy.stats.skew``); NaN if all rates are equal.
        ``rare_fraction``
            Share of units that fire, at fewer than 1 % of samples.
        ``silent_fraction``, ``always_on_fraction``
            Share of units that fire at no sample (dead) and at every sample.
        ``zero_fraction``
            Mean share of zeros: the average percentage of zeros (APoZ) of Hu et al. (2016), as a share.
        ``treves_rolls``
            ⟨r⟩² / ⟨r²⟩ (Treves and Rolls 1991): 1 for equal rates, 1 / n_units if one unit alone fires.
            NaN if none does.
        ``gini``
            Gini index ``Σ_ij |r_i − r_j| / (2 n Σ r)``: 0 for equal rates, 1 − 1 / n_units if one unit
            alone fires. NaN if none does.
        ``log10_mean``, ``log10_sd``
            Of log₁₀ rate (density) over the units that fire, ddof 0; NaN if none does.
        ``beta_mean``, ``beta_dispersion``
            Beta-binomial fit of the spike counts by maximum likelihood: mean, and 1 / (a + b + 1), which
            is free of the binomial noise that the length of a recording adds. See `fit_beta_binomial`.

    Raises
    ------
    ValueError
        If the unit table has no column `by`.

    See Also
    --------
    log10_rate_histogram : the distribution itself.
    RateDistribution : the same for a recording in chunks.

    References
    ----------
    Hu, Peng, Tai and Tang, Network trimming, arXiv:1607.03250 (2016). Treves and Rolls, Network 2 (1991)
    371.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])
    >>> found = a2n.rate_distribution(active)
    >>> found.loc["units", ["mean", "q50", "silent_fraction", "treves_rolls", "gini"]].round(3)
    mean               0.417
    q50                0.250
    silent_fraction    0.333
    treves_rolls       0.490
    gini               0.533
    Name: units, dtype: float64
    """
    return RateDistribution(by).update(raster).result()


def log10_rate_histogram(
    raster: RasterLike, by: str | None = "layer", *, bins: int | Sequence[float] = 20
) -> pd.DataFrame:
    """Number of units by log₁₀ of their rate ("feature density"), a row per group of units.

    Parameters
    ----------
    raster, by
        As for `rate_distribution`.
    bins : int or sequence of float
        Bins of equal width from log₁₀(1 / n_samples), one spike, to 0; or edges, rising. A rate on an
        edge counts to the bin above, and the last edge to the last bin.

    Returns
    -------
    pandas.DataFrame
        Columns: ``silent``, then an interval of log₁₀ rate each. Units beyond given edges are in none.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])
    >>> a2n.log10_rate_histogram(active, bins=[-1, -0.5, 0]).to_numpy()
    array([[1, 1, 1]])
    """
    seen = RateDistribution(by).update(raster)
    return seen.histogram(bins)


class RateDistribution(Accumulator):
    """Accumulator of `rate_distribution` and `log10_rate_histogram`; chunks may come in any order.

    Parameters
    ----------
    by : str or None
        As for `rate_distribution`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> seen = a2n.RateDistribution().update(np.eye(4)[:2]).update(np.eye(4)[2:])
    >>> seen.result()["mean"].item()
    0.25
    """

    _any_order = True
    _settings = ("by",)

    def __init__(self, by: str | None = "layer") -> None:
        super().__init__()
        self.by = by
        self.n_spikes: Ints | None = None
        self._groups: dict[Hashable, npt.NDArray[Any]] = {}

    def result(self) -> pd.DataFrame:
        """The table, as `rate_distribution`."""
        counts = self._counts()
        rows = [_describe(counts[units], self.n_samples) for units in self._groups.values()]
        return pd.DataFrame(rows, index=pd.Index(list(self._groups), name=self.by))

    def histogram(self, bins: int | Sequence[float] = 20) -> pd.DataFrame:
        """The table, as `log10_rate_histogram`."""
        counts = self._counts()
        if isinstance(bins, (int, np.integer)):
            edges = np.linspace(
                np.log10(1 / self.n_samples) if self.n_samples > 1 else -1.0, 0, max(bins, 0) + 1
            )
        else:
            edges = np.asarray(bins, float)
        if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
            raise ValueError(f"bins must be an int of at least 1 or rising edges, got {bins!r:.80}")
        rows = []
        for units in self._groups.values():
            fire = counts[units][counts[units] > 0]
            heights, _ = np.histogram(np.log10(fire / self.n_samples), edges)
            rows.append([len(units) - fire.size, *heights.tolist()])
        intervals = [f"[{low:.3g}, {high:.3g})" for low, high in pairwise(edges)]
        return pd.DataFrame(
            rows, index=pd.Index(list(self._groups), name=self.by), columns=["silent", *intervals]
        )

    def _counts(self) -> Ints:
        if self.n_spikes is None:
            raise ValueError("no samples yet: call update first")
        return self.n_spikes

    def _update(self, chunk: SpikeRaster) -> None:
        self._groups = self._groups or group_units(chunk, self.by)
        self._add(chunk.spike_counts)

    def _merge(self, later: RateDistribution) -> None:
        self._groups = self._groups or later._groups
        if later.n_spikes is not None:
            self._add(later.n_spikes)

    def _add(self, n_spikes: Ints) -> None:
        self.n_spikes = n_spikes if self.n_spikes is None else self.n_spikes + n_spikes


def _describe(counts: Ints, n_samples: int) -> dict[str, float]:
    rates = counts / n_samples
    fire = rates[rates > 0]
    log10 = np.log10(fire)
    mean, dispersion = fit_beta_binomial(counts, n_samples)
    quantiles = np.quantile(rates, QUANTILES)
    return {
        "n_units": rates.size,
        "mean": float(rates.mean()),
        **{f"q{100 * q:02.0f}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
        "skewness": _skewness(counts),
        "rare_fraction": float(np.mean((rates > 0) & (rates < RARE))),
        "silent_fraction": float(np.mean(counts == 0)),
        "always_on_fraction": float(np.mean(counts == n_samples)),
        "zero_fraction": float(np.mean(n_samples - counts)) / n_samples,
        "treves_rolls": treves_rolls(rates),
        "gini": gini(rates),
        "log10_mean": float(log10.mean()) if fire.size else np.nan,
        "log10_sd": float(log10.std()) if fire.size else np.nan,
        "beta_mean": mean,
        "beta_dispersion": dispersion,
    }


def treves_rolls(rates: Floats) -> float:
    """Sparseness ⟨r⟩² / ⟨r²⟩ of Treves and Rolls (1991); NaN if all rates are 0."""
    square = float(np.mean(rates**2))
    return float(np.mean(rates)) ** 2 / square if square > 0 else np.nan


def gini(rates: Floats) -> float:
    """Gini index of rates of at least 0; NaN if all are 0."""
    total, n = float(rates.sum()), rates.size
    if total == 0:
        return np.nan
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return max(0.0, float(ranks @ np.sort(rates)) / (n * total))


def _skewness(counts: Ints) -> float:
    if counts.min() == counts.max():
        return np.nan
    centered = counts - counts.mean()
    return float(np.mean(centered**3) / np.mean(centered**2) ** 1.5)
