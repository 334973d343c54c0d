"""Rates, Fano factors and p-values of units: `plot_rates`, `plot_fano`, `plot_pvalues`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ann2neo.plotting.axes import COLORS, color_layers, finish, open_axes, print_name
from ann2neo.significance.combine import adjust_pvalues
from ann2neo.significance.result import TestResult
from ann2neo.spikes.argument_checks import check_level
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.rates import firing_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_rates(raster: RasterLike, ax: Axes | None = None) -> Axes:
    """Draw the firing rates of each layer's units in rising order.

    Read it like a distribution function on its side: a flat line is a layer whose units all fire alike,
    and where it lies on 0 units are silent.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from matplotlib.figure import Figure
    >>> ax = a2n.plot_rates(np.random.default_rng(0).random((300, 5)) < 0.2, Figure().subplots())
    >>> len(ax.get_lines()[0].get_ydata())
    5
    """
    raster = as_raster(raster)
    ax = open_axes(ax)
    rates, layers = firing_rate(raster), raster.units["layer"].to_numpy()
    for layer, color in color_layers(raster.layers).items():
        own = np.sort(rates[layers == layer])
        place = (np.arange(own.size) + 0.5) / own.size
        # A dot where a unit is, as far as dots can be told apart.
        style = "o-" if own.size <= 100 else "-"
        ax.plot(place, own, style, color=color, ms=3, label=f"{print_name(layer)} ({own.size:,} units)")
    ax.set(
        xlabel="units of the layer, by rate (fraction)",
        ylabel="firing rate (spikes per sample)",
        xlim=(0, 1),
        ylim=(-0.02, 1.02),
    )
    finish(ax, legend=True)
    return ax


def plot_fano(raster: RasterLike, ax: Axes | None = None, *, window: int = 100) -> Axes:
    """Draw each unit's Fano factor against its firing rate, beside 1 − p.

    A unit that fires independently at each sample, with probability p, has a Fano factor of 1 − p, not
    the 1 of a Poisson process: dots above that line are of units more variable, dots below of units more
    regular than independent samples.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    window : int
        Samples per window of `fanofactor`.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Silent units have no Fano factor and are not shown; the legend counts those that are.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from matplotlib.figure import Figure
    >>> ax = a2n.plot_fano(np.random.default_rng(0).random((900, 5)) < 0.2, Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['independent: 1 − p', 'units (5 of 5)']
    """
    raster = as_raster(raster)
    ax = open_axes(ax)
    rates, layers = firing_rate(raster), raster.units["layer"].to_numpy()
    fano = fanofactor(raster, window)
    ax.plot([0, 1], [1, 0], color="black", lw=1, label="independent: 1 − p")
    for layer, color in color_layers(raster.layers).items():
        own = layers == layer
        known = own & np.isfinite(fano)
        label = f"{print_name(layer)} ({known.sum():,} of {own.sum():,})"
        ax.plot(rates[known], fano[known], "o", color=color, ms=3.5, alpha=0.7, mew=0, label=label)
    top = max(1.05, 1.05 * np.nanmax(fano, initial=0))
    ax.set(
        xlabel="firing rate p (spikes per sample)",
        ylabel=f"Fano factor (windows of {window} samples)",
        xlim=(-0.02, 1.02),
        ylim=(0, top),
    )
    finish(ax, legend=True)
    return ax


def plot_pvalues(
    result: TestResult | npt.ArrayLike, ax: Axes | None = None, *, alpha: float = 0.05
) -> Axes:
    """Draw sorted p-values beside those that would be expected if every null hypothesis were true.

    Parameters
    ----------
    result : TestResult or array of float
        P-values; NaN are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    alpha : float
        Level in (0, 1) of Benjamini and Hochberg's line, at or below whose last crossing units reject.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a p-value lies outside [0, 1] or `alpha` outside (0, 1).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import ann2neo as a2n
    >>> ax = a2n.plot_pvalues([0.001, 0.2, 0.7], Figure().subplots())
    >>> ax.get_title(loc="left")
    '1 of 3 rejects after adjustment'
    """
    alpha = check_level(alpha, "alpha")
    pvalue = result.pvalue if isinstance(result, TestResult) else np.asarray(result, dtype=float).ravel()
    adjusted = adjust_pvalues(pvalue)
    known = np.sort(pvalue[~np.isnan(pvalue)])
    rejecting = int(np.count_nonzero(adjusted <= alpha))
    ax = open_axes(ax, (4.0, 3.8))
    place = (np.arange(known.size) + 0.5) / max(1, known.size)
    ax.plot([0, 1], [0, 1], color="black", lw=1, label="expected if all nulls hold")
    ax.plot([0, 1], [0, alpha], "--", color=COLORS[1], lw=1, label=f"Benjamini–Hochberg at {alpha:g}")
    ax.plot(place, known, "o", color=COLORS[0], ms=3, mew=0, label="p-values, sorted")
    ax.set(xlabel="fraction of the units tested", ylabel="p-value", xlim=(0, 1), ylim=(-0.02, 1.02))
    verb = "rejects" if rejecting == 1 else "reject"
    ax.set_title(
        f"{rejecting:,} of {known.size:,} {verb} after adjustment", fontsize="medium", loc="left"
    )
    finish(ax, legend=True)
    return ax
