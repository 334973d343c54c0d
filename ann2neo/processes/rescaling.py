"""Goodness of fit by time rescaling in discrete time."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstwo

from ann2neo.processes.fit import ProcessFit
from ann2neo.processes.kernels import rescale_intervals
from ann2neo.significance.combine import adjust_pvalues
from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, RasterLike

LEAST_INTERVALS = 20


def rescaling_test(
    fit: ProcessFit,
    raster: RasterLike,
    *,
    rng: np.random.Generator,
    min_intervals: int = LEAST_INTERVALS,
) -> TestResult:
    """Test whether a fitted model describes each unit, by rescaled intervals between spikes.

    Parameters
    ----------
    fit : ProcessFit
        Of `fit_process`.
    raster : SpikeRaster or what `as_raster` takes
        What was fitted. (For ``"glm"`` with `units`, the units that were fitted.)
    rng : numpy.random.Generator
        For the fractions that fill up a spike's sample, and for the half of the samples.
    min_intervals : int
        Units with fewer intervals have no p-value.

    Returns
    -------
    TestResult
        ``statistic``: Kolmogorov and Smirnov's distance of the rescaled intervals from the exponential
        law. Columns ``n_intervals`` and ``pvalue_adjusted`` (Benjamini–Hochberg over units). NaN for
        units with fewer than `min_intervals` intervals.

    Raises
    ------
    TypeError, ValueError
        If `raster` is not what was fitted, or `rng` is no Generator.

    Notes
    -----
    An interval's probabilities p of a spike become Σ −log(1 − p) over the samples without one, and for
    the spike's own −log(1 − r p), r uniform on [0, 1): exponential of mean 1 in discrete time too
    (Haslinger, Pipa and Brown 2010). The first spike begins the first interval; the time after
    the last is left out.

    Parameters fitted to the same intervals would make these too regular and p-values too large. The test
    therefore estimates them from a random half of the samples (the order or kind of a model from all):
    then the distance has, for many intervals, the law it has with parameters known (Durbin 1976).

    References
    ----------
    Haslinger, Pipa and Brown, Neural Computation 22 (2010) 2477. Durbin, in Gaenssler and Révész (eds.),
    Empirical Distributions and Processes (1976) 33.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> active = np.column_stack([np.repeat(rng.random(1000) < 0.3, 2), rng.random(2000) < 0.3])
    >>> fit = a2n.fit_process(active)
    >>> a2n.rescaling_test(fit, active, rng=rng).pvalue < 0.01
    array([ True, False])
    """
    source = as_raster(raster)
    min_intervals = check_count(min_intervals, "min_intervals")
    if source.n_units != fit.n_units or source.n_samples != fit.n_samples:
        raise ValueError(
            f"raster must be what was fitted, {fit.n_units} units × {fit.n_samples} samples, "
            f"got {source.n_units} × {source.n_samples}"
        )
    for name in ("layer", "unit_index"):
        other = np.flatnonzero(source.units[name].to_numpy() != fit.units[name].to_numpy())
        if other.size:
            raise ValueError(
                f"raster must have the units that were fitted, got {name} "
                f"{source.units[name].iloc[other[0]]!r} for {fit.units[name].iloc[other[0]]!r} in row "
                f"{other[0]} of the unit table"
            )
    state = random_state(rng)
    half = rng.integers(0, 2, source.n_samples)
    statistic, pvalue = np.full((2, fit.n_units), np.nan)
    n_intervals = np.zeros(fit.n_units, np.int64)
    for unit, probability in enumerate(_estimate_from_half(fit, source, half)):
        distance, n = _measure(fit, source, unit, probability, state)
        n_intervals[unit] = n
        if n >= min_intervals:
            statistic[unit], pvalue[unit] = distance, kstwo.sf(distance, n)
    return TestResult(
        statistic,
        np.clip(pvalue, 0, 1),
        f"the unit's process is the model {fit.name!r}",
        "Kolmogorov–Smirnov test of intervals rescaled in discrete time",
        {"model": fit.name, "min_intervals": min_intervals},
        fit.units,
        {"n_intervals": n_intervals, "pvalue_adjusted": adjust_pvalues(pvalue)},
    )


def _estimate_from_half(fit: ProcessFit, raster: SpikeRaster, half: np.ndarray) -> Floats:
    """Probabilities of cells, from the samples of one half."""
    counts = fit.model.cells.count(raster, half, 2)[:, 0]
    return fit.model.estimate(counts, choice=fit.estimate.choice, smooth=True).probability


def _measure(
    fit: ProcessFit, raster: SpikeRaster, unit: int, probability: Floats, state: np.ndarray
) -> tuple[float, int]:
    """Distance of one unit's rescaled intervals from the exponential law, and their number."""
    cells = fit.model.cells
    history = cells.history
    row = raster.words[unit]
    rescaled = np.empty(max(1, int(np.bitwise_count(row).sum())))
    n = rescale_intervals(
        row,
        np.ascontiguousarray(probability),
        cells.codes,
        history.groups,
        history.transitions,
        history.n_groups,
        0,
        state,
        rescaled,
    )
    if n == 0:
        return np.nan, 0
    law = -np.expm1(-np.sort(rescaled[:n]))
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - law).max(), (law - steps[:-1]).max())), n
