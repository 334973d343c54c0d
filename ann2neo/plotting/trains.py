"""Spike trains as dots: `plot_raster`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ann2neo.exchange.neo.block import to_spiketrains
from ann2neo.extras import require
from ann2neo.plotting.axes import color_layers, open_axes, print_name
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.typing import RasterLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_raster(
    raster: RasterLike, ax: Axes | None = None, *, n_samples: int = 200, n_units: int = 64
) -> Axes:
    """Draw spike trains by viziphant's `rasterplot`: a row per unit, a tick per spike.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        Select others with ``raster.select`` first.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    n_samples : int
        Samples drawn, from the first one on.
    n_units : int
        Units drawn, the first ones of each layer; more are black paper.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If viziphant is not installed.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from matplotlib.figure import Figure
    >>> ax = a2n.plot_raster(np.random.default_rng(0).random((300, 5)) < 0.2, Figure().subplots())
    >>> ax.get_xlabel()
    'sample (1 ms each)'
    """
    draw = require("viziphant.rasterplot", extra="plot").rasterplot
    raster = as_raster(raster)
    n_samples = min(check_count(n_samples, "n_samples"), raster.n_samples)
    n_units = check_count(n_units, "n_units")
    layers = raster.units["layer"].to_numpy()
    first = {layer: np.flatnonzero(layers == layer)[:n_units] for layer in raster.layers}
    chosen = raster.select(units=np.concatenate(list(first.values())), samples=np.arange(n_samples))
    ax = open_axes(ax, (7.0, 0.8 + 0.05 * chosen.n_units))
    trains, colors, below = to_spiketrains(chosen), color_layers(raster.layers), 0
    centers = []
    for layer, units in first.items():
        # viziphant draws each list from row 0 on: empty ones lift it.
        empty = [trains[0].time_slice(trains[0].t_start, trains[0].t_start)] * below
        own = trains[below : below + units.size]
        draw([*empty, *own], axes=ax, color=colors[layer], marker="|", s=9)
        centers.append(below + (units.size - 1) / 2)
        below += units.size
        if below < chosen.n_units:
            ax.axhline(below - 0.5, color="0.8", lw=0.8)
    period = 1000 * raster.sampling_period
    ax.set(
        xlabel=f"sample ({period:g} ms each)" if period == 1 else f"time (ms, {period:g} per sample)",
        ylabel="",
        xlim=(-period, (n_samples + 1) * period),
        ylim=(-1, chosen.n_units),
    )
    names = [f"{print_name(layer)}\n{units.size} units" for layer, units in first.items()]
    ax.set_yticks(centers, names)
    return ax
