"""How much of the spread across units is sampling noise: the variance an indicator has in one unit."""

from __future__ import annotations

import numpy as np

from ann2neo.spikes.typing import Floats, Ints


def fanofactor_noise(spikes: Ints, fanofactors: Floats, window: int, n_windows: int) -> Floats:
    """Sampling variance of each unit's Fano factor (ddof=1), shape (n_units,).

    The relative variance is the exact one under permutation of the unit's samples, that of independent
    samples given their number of spikes; the absolute one follows without bias from the factor found:
    E[F² r / (1 + r)] = Var F for relative variance r. It is close to 2 F² / (n_windows + 1).

    Parameters
    ----------
    spikes : array of int64, shape (n_units,)
        In the windows.
    fanofactors : array of float, shape (n_units,)
        Of ddof 1; NaN stays.
    window, n_windows : int
    """
    relative = _relative_variance(spikes.astype(np.float64), window, n_windows)
    noise: Floats = fanofactors**2 * relative / (1 + relative)
    return noise


def firing_rate_noise(rates: Floats, n_samples: int) -> Floats:
    """Sampling variance of each unit's firing rate, if samples are independent: p (1 − p) / (n − 1)."""
    noise: Floats = (
        rates * (1 - rates) / (n_samples - 1) if n_samples > 1 else np.full_like(rates, np.nan)
    )
    return noise


def correct_cv_percent(values: Floats, noise: Floats, mean: float) -> float:
    """100 × standard deviation of the units' true values over `mean`.

    Variance (ddof=1) of the values less their mean sampling variance; 0 where noise accounts for all of
    the spread, NaN for fewer than two values.
    """
    if values.size < 2 or not mean > 0:
        return float("nan")
    variance = float(values.var(ddof=1) - noise.mean())
    return 100 * max(variance, 0.0) ** 0.5 / mean if variance == variance else float("nan")


def _relative_variance(k: Floats, window: int, n_windows: int) -> Floats:
    """Variance over squared mean of the Fano factor when every order of the samples is equally likely.

    With w samples in each of W windows and B = Σ c (c − 1) over the windows' counts,
    F = (B + K (1 − K / W)) / K · W / (W − 1), and E[B], E[B²] come from factorial moments
    w^(r) K^(r) / n^(r), as in `ann2neo.significance.fano_null`. 0 where the factor cannot vary.
    """
    w, m, n = float(window), float(n_windows), float(window) * n_windows
    rising = np.ones_like(k)
    moment, falling = [rising], 1.0
    for r in range(4):
        # K^(r) / n^(r), 0 beyond the number of spikes.
        rising = rising * np.maximum(k - r, 0) / max(n - r, 1)
        falling *= max(w - r, 0)
        moment.append(rising * falling)
    _, _, two, three, four = moment
    # Two windows' pairs of spikes: w^(2) w^(2) K^(4) / n^(4).
    across = rising * (w * (w - 1)) ** 2
    first = m * two
    second = m * (2 * two + 4 * three + four) + m * (m - 1) * across
    mean = first + k * (1 - k / m)
    variance = second - first**2
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Floats = np.where((mean > 0) & (variance > 1e-12 * mean**2), variance / mean**2, 0)
    return relative
