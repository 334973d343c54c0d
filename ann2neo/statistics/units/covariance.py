"""What the bits' covariance says of units together: population coupling, dimension, spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ann2neo.spikes.typing import Floats, RasterLike
from ann2neo.statistics.correlation import Correlation
from ann2neo.statistics.moments import center_products


def covariance(source: RasterLike | Correlation) -> Floats:
    """Covariance of every two units' bits, ddof 0, shape (n_units, n_units)."""
    seen = _pairs(source)
    return (
        center_products(seen.n_windows, seen.products, seen.sum[:, None], seen.sum) / seen.n_windows**2
    )


def population_coupling(source: RasterLike | Correlation) -> Floats:
    """Correlation of each unit's bits with the number of other units active.

    Parameters
    ----------
    source : SpikeRaster or what `as_raster` takes, or Correlation
        A `Correlation` of window 1 has seen a recording in chunks.

    Returns
    -------
    array of float, shape (n_units,)
        From −1 to 1. NaN for a unit that never changes, for one whose companions' sum does not, and for
        one alone.

    Notes
    -----
    Okun et al. (2015) give the mean surplus of others' spikes at a unit's spikes: the correlation times
    σ √((1 − p) / p) for a unit of rate p, σ the standard deviation of the number of others active.

    References
    ----------
    Okun et al., Nature 521 (2015) 511.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.population_coupling(np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [0, 0, 0]])).round(3)
    array([0.707, 0.707, 0.   ])
    """
    matrix = covariance(source)
    own = matrix.diagonal()
    with_others = matrix.sum(axis=1) - own
    # The variance of the sum over all units but one.
    others = matrix.sum() - 2 * with_others - own
    others[np.abs(others) <= 1e-12 * max(1.0, float(own.sum()))] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(others > 0, with_others / np.sqrt(own * others), np.nan), -1, 1)


@dataclass(frozen=True, eq=False)
class Eigenspectrum:
    """Eigenvalues of the bits' covariance, and what independent units of the same rates would give.

    Parameters
    ----------
    eigenvalues : array of float, shape (n_units,)
        Falling.
    noise_edge : float
        Largest eigenvalue that independent units of these rates give for many units and samples.
    participation_ratio : float
        (Σλ)² / Σλ²: from 1, units do as one, to n_units, independent units of one rate and without
        end samples. NaN if no unit changes.
    independent_ratio : float
        The participation ratio whose Σλ² is what independent units of these spike counts have on
        average, exactly.
    """

    eigenvalues: Floats
    noise_edge: float
    participation_ratio: float
    independent_ratio: float

    @property
    def n_above_noise(self) -> int:
        """Number of eigenvalues above the noise edge."""
        return int(np.count_nonzero(self.eigenvalues > self.noise_edge))


def eigenspectrum(source: RasterLike | Correlation) -> Eigenspectrum:
    """Spectrum of the covariance of units' bits, with its noise floor.

    Parameters
    ----------
    source : SpikeRaster or what `as_raster` takes, or Correlation
        As for `population_coupling`.

    Returns
    -------
    Eigenspectrum

    Notes
    -----
    The covariance has ddof 0. Independent units of variances v have, for n_units / n samples = γ, their
    eigenvalues below the edge of the generalized Marchenko–Pastur law, the least value over
    −1 / max v < m < 0 of −1/m + γ ⟨v / (1 + v m)⟩ (Silverstein and Choi 1995); a largest eigenvalue
    scatters around it by some share n^(−2/3).

    References
    ----------
    Silverstein and Choi, Journal of Multivariate Analysis 54 (1995) 295.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.random((5000, 1)) < 0.5
    >>> active = np.hstack([rng.random((5000, 40)) < 0.5, shared ^ (rng.random((5000, 10)) < 0.1)])
    >>> found = a2n.eigenspectrum(active)
    >>> found.n_above_noise, round(found.participation_ratio, 1), round(found.independent_ratio, 1)
    (1, 28.7, 49.5)
    """
    seen = _pairs(source)
    matrix = covariance(seen)
    variance, n = matrix.diagonal(), seen.n_windows
    total, squares = float(variance.sum()), float(np.sum(variance**2))
    values: Floats = np.linalg.eigvalsh(matrix)[::-1].astype(np.float64)
    if total == 0:
        return Eigenspectrum(values, 0.0, np.nan, np.nan)
    # Two independent units of given spike counts: a covariance of mean 0, variance v w / (n − 1).
    by_chance = squares + (total**2 - squares) / (n - 1)
    return Eigenspectrum(
        np.maximum(values, 0),
        _noise_edge(variance, n),
        total**2 / float(np.sum(matrix**2)),
        total**2 / by_chance,
    )


def _noise_edge(variance: Floats, n: int) -> float:
    from scipy.optimize import minimize_scalar

    v = variance[variance > 0]
    ratio = v.size / n
    # m = −s / max v with 0 < s < 1.
    scaled = v / v.max()

    def place(s: float) -> float:
        return 1 / s + ratio * float(np.mean(scaled / (1 - s * scaled)))

    return float(v.max() * minimize_scalar(place, bounds=(1e-9, 1 - 1e-9), method="bounded").fun)


def _pairs(source: RasterLike | Correlation) -> Correlation:
    seen = source if isinstance(source, Correlation) else Correlation().update(source)
    if seen.window != 1 or seen.n_windows < 2:
        raise ValueError(
            "source must be a recording, or a Correlation of window 1, of at least 2 samples; "
            f"got one of window {seen.window} and {seen.n_windows} samples"
        )
    return seen
