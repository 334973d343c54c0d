"""Populations of given rates and correlations: a Gaussian cut at thresholds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from ann2neo.significance.populations.latent_correlations import both_above, solve_latent
from ann2neo.significance.populations.nearest_correlation import find_nearest_correlation
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_count, check_rng
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints, Words
from ann2neo.spikes.words import freeze, n_words

_AT_ONCE = 2**21
"""Gaussian numbers drawn at a time."""
_ROUNDING = 1e-9
"""Probabilities so near to a bound are at it."""
_CHANGED = 1e-6
"""Largest change of a latent correlation that is not worth a warning."""


@dataclass(frozen=True, eq=False, repr=False)
class DichotomizedGaussian:
    """A population of binary units with given rates and pair correlations.

    Unit i is active where the i-th of correlated Gaussians lies above a threshold; all that rates and
    pairs leave open is as this makes it. `fit_dichotomized_gaussian` makes one.

    Parameters
    ----------
    thresholds : array of float, shape (n_units,)
        −Φ⁻¹(rate): infinite for a unit that is silent or always on.
    latent : array of float, shape (n_units, n_units)
        Correlations of the Gaussians.
    root : array of float, shape (n_units, n_units)
        ``root @ root.T`` is `latent`.
    """

    thresholds: Floats
    latent: Floats
    root: Floats

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.thresholds.size

    @property
    def rates(self) -> Floats:
        """Probability of each unit to be active, shape (n_units,)."""
        return np.asarray(ndtr(-self.thresholds), np.float64)

    @property
    def correlations(self) -> Floats:
        """Correlations of the units' bits that the population has, shape (n_units, n_units).

        NaN where a unit is silent or always on; the diagonal is 1 elsewhere.
        """
        p, found = self.rates, np.full(self.latent.shape, np.nan)
        changes = np.flatnonzero((p > 0) & (p < 1))
        found[changes, changes] = 1.0
        i, j = _pairs(changes)
        level = -self.thresholds
        both = both_above(level[i], level[j], self.latent[i, j])
        found[i, j] = found[j, i] = (both - p[i] * p[j]) / _scale(p, i, j)
        return found

    def draw(self, n_samples: int, *, rng: np.random.Generator) -> SpikeRaster:
        """Draw independent samples of the population.

        Parameters
        ----------
        n_samples : int
        rng : numpy.random.Generator

        Returns
        -------
        SpikeRaster
            Of one layer, ``"units"``.
        """
        n_samples = check_count(n_samples, "n_samples")
        return SpikeRaster(freeze(self.draw_words(n_samples, rng=check_rng(rng))), n_samples)

    def draw_words(self, n_samples: int, *, rng: np.random.Generator) -> Words:
        """The packed words of `draw`."""
        words = np.zeros((self.n_units, n_words(n_samples)), np.uint64)
        size = max(64, _AT_ONCE // self.n_units)
        for start in range(0, n_samples, size):
            shape = min(size, n_samples - start), self.n_units
            kernels.pack_above(rng.standard_normal(shape) @ self.root.T, self.thresholds, words, start)
        return words

    def __repr__(self) -> str:
        p = self.rates
        return f"DichotomizedGaussian: {self.n_units:,} units, rates {p.min():.3g} to {p.max():.3g}"


def fit_dichotomized_gaussian(rates: npt.ArrayLike, correlations: npt.ArrayLike) -> DichotomizedGaussian:
    """Population of binary units with given rates and correlations, by a Gaussian cut at thresholds.

    Parameters
    ----------
    rates : array of float, shape (n_units,)
        Probability of each unit to be active, in [0, 1].
    correlations : array of float, shape (n_units, n_units)
        Pearson correlations of the units' bits, symmetric, as `correlation` gives them. Those of a unit
        that is silent or always on are not looked at, nor is the diagonal.

    Returns
    -------
    DichotomizedGaussian
        Its ``draw(n_samples, rng=…)`` gives a raster.

    Raises
    ------
    ValueError
        If a rate lies outside [0, 1], the matrix is not symmetric, or two units of these rates cannot
        have their correlation; the message names the pair and what it can have.

    Warns
    -----
    UserWarning
        If no Gaussian has all of these pairs at once. The nearest one (Higham 2002) takes its place; the
        warning says by how much a correlation of units differs at most. Rates are kept in any case.

    Notes
    -----
    The Gaussians' correlation ρ of a pair solves Φ₂(γᵢ, γⱼ, ρ) = P(both active), γ = Φ⁻¹(rate) (Emrich
    and Piedmonte 1991). What a pair can reach are the bounds of Fréchet: of two units of rates p and q,
    P(both active) from max(0, p + q − 1) to min(p, q). Of all populations with these rates and pairs
    this one comes near to the one of most entropy, but is not it (Macke et al. 2009).

    References
    ----------
    Emrich and Piedmonte, The American Statistician 45 (1991) 302. Macke, Berens, Ecker, Tolias and
    Bethge, Neural Computation 21 (2009) 397.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> wanted = np.array([[1, 0.3, -0.1], [0.3, 1, 0.2], [-0.1, 0.2, 1]])
    >>> made = a2n.fit_dichotomized_gaussian([0.5, 0.2, 0.1], wanted)
    >>> raster = made.draw(200_000, rng=np.random.default_rng(0))
    >>> np.allclose(a2n.firing_rate(raster), [0.5, 0.2, 0.1], atol=0.005)
    True
    >>> np.allclose(a2n.correlation(raster), wanted, atol=0.01)
    True
    """
    p = np.asarray(rates, np.float64)
    matrix = np.asarray(correlations, np.float64)
    _check(p, matrix)
    i, j = _pairs(np.flatnonzero((p > 0) & (p < 1)))
    # At the bounds but for rounding is at the bounds; what lies beyond is refused.
    wanted = matrix[i, j] * _scale(p, i, j) + p[i] * p[j]
    least, most = np.maximum(p[i] + p[j] - 1, 0), np.minimum(p[i], p[j])
    _check_reachable(p, matrix, i, j, wanted < least - _ROUNDING, wanted > most + _ROUNDING)
    level, latent = ndtri(p), np.eye(p.size)
    latent[i, j] = latent[j, i] = solve_latent(level[i], level[j], np.clip(wanted, least, most))
    nearest, root = find_nearest_correlation(latent)
    made = DichotomizedGaussian(-level, nearest, root)
    if np.abs(nearest - latent).max() > _CHANGED:
        change = np.abs(made.correlations[i, j] - matrix[i, j]).max()
        warnings.warn(
            "no Gaussian has all of these correlations at once; the nearest takes its place, in which "
            f"correlations of units differ by up to {change:.3g}",
            stacklevel=find_stacklevel(),
        )
    return made


def _pairs(units: Ints) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(units.size, 1)
    return units[first], units[second]


def _scale(p: Floats, i: Ints, j: Ints) -> Floats:
    return np.sqrt(p[i] * (1 - p[i]) * p[j] * (1 - p[j]))


def _check(p: Floats, matrix: Floats) -> None:
    if p.ndim != 1 or p.size == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"rates must have shape (n_units,) and lie in [0, 1], got {p!r:.80}")
    if matrix.shape != (p.size, p.size):
        raise ValueError(f"correlations must have shape {(p.size, p.size)}, got {matrix.shape}")
    i, j = _pairs(np.flatnonzero((p > 0) & (p < 1)))
    wrong = np.flatnonzero(~(np.abs(matrix[i, j] - matrix[j, i]) <= 1e-9))
    if wrong.size:
        a, b = int(i[wrong[0]]), int(j[wrong[0]])
        raise ValueError(
            "correlations must be symmetric and finite where both units change, got "
            f"{matrix[a, b]:.4g} for units {a} and {b} and {matrix[b, a]:.4g} for {b} and {a}"
        )


def _check_reachable(
    p: Floats, matrix: Floats, i: Ints, j: Ints, low: npt.NDArray[np.bool_], high: npt.NDArray[np.bool_]
) -> None:
    wrong = np.flatnonzero(low | high)
    if wrong.size == 0:
        return
    a, b = i[wrong[:1]], j[wrong[:1]]
    bounds = [
        ((both - p[a] * p[b]) / _scale(p, a, b)).item()
        for both in (np.maximum(p[a] + p[b] - 1, 0), np.minimum(p[a], p[b]))
    ]
    more = f"; {wrong.size - 1} more pairs are out of reach" if wrong.size > 1 else ""
    raise ValueError(
        f"correlations must be such as the rates allow: units {a.item()} and {b.item()}, of rates "
        f"{p[a].item():.4g} and {p[b].item():.4g}, can have {bounds[0]:.4g} to {bounds[1]:.4g}, "
        f"got {matrix[a, b].item():.4g}{more}"
    )
