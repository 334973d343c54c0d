"""A picture of a pattern monitor's table: layers × time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.plotting.axes import open_axes, print_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEYS = ("step", "training_epoch", "probe", "layer")
_FRACTIONS = ("fraction", "jaccard", "coverage", "rate")


def plot_pattern_map(
    table: pd.DataFrame,
    column: str = "jaccard_previous",
    ax: Axes | None = None,
    *,
    probe: str | None = None,
) -> Axes:
    """Draw one column of a pattern monitor's table as a map of layers and training time.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `ann2neo.monitoring.PatternMonitor.to_frame` or `ann2neo.monitoring.Snapshots.replay`.
    column : str
        What is drawn: ``"jaccard_previous"`` or against another reference, ``"n_patterns"``,
        ``"top_pattern_fraction"``, or another column of numbers.
    ax : matplotlib.axes.Axes, optional
        Default: those of a new figure.
    probe : str, optional
        Which probe's rows, if there are several.

    Returns
    -------
    matplotlib.axes.Axes
        With the looks from left to right, evenly spaced, and the layers from the network's input,
        at the bottom, upwards. A color bar says the values; missing ones, such as a first look's
        against the one before, are left white. Fractions are colored from 0 to 1.

    Raises
    ------
    ValueError
        If there is no such column or probe, or several probes and none was named.

    References
    ----------
    Hartmann, Franzen and Brodehl, Frontiers in Artificial Intelligence 4 (2021) 642374: their figure 1
    has such maps.

    Examples
    --------
    >>> import keras, numpy as np, ann2neo as a2n
    >>> from ann2neo import monitoring
    >>> from matplotlib.figure import Figure
    >>> hidden = keras.layers.Dense(4, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    >>> monitor = monitoring.PatternMonitor({"probe": np.eye(3)})
    >>> for step in (0, 1, 2, 4):
    ...     monitor.observe(model, step)
    >>> ax = a2n.plot_pattern_map(monitor.to_frame(), "n_patterns", Figure().subplots())
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['hidden']
    """
    rows = _choose_probe(table, probe)
    if column not in rows.columns or column in _KEYS:
        known = [name for name in rows.columns if name not in _KEYS]
        raise ValueError(f"column must be one of {known}, got {column!r:.60}")
    layers = list(dict.fromkeys(rows["layer"]))
    steps = list(dict.fromkeys(rows["step"]))
    values = np.full((len(layers), len(steps)), np.nan)
    places = rows["layer"].map(layers.index), rows["step"].map(steps.index)
    values[places] = rows[column].to_numpy(np.float64)
    axes = open_axes(ax)
    top = 1.0 if any(sign in column for sign in _FRACTIONS) else None
    image = axes.imshow(
        np.ma.masked_invalid(values),
        aspect="auto",
        interpolation="nearest",
        origin="lower",
        vmin=0.0,
        vmax=top,
        cmap="viridis",
    )
    shown = range(0, len(steps), max(1, len(steps) // 8))
    axes.set_xticks(shown, [str(steps[place]) for place in shown])
    axes.set_yticks(range(len(layers)), [print_name(layer) for layer in layers])
    axes.set(xlabel="step", ylabel="layer")
    _draw_bar(axes, image, column)
    return axes


def _choose_probe(table: pd.DataFrame, probe: str | None) -> pd.DataFrame:
    missing = [name for name in ("step", "probe", "layer") if name not in table.columns]
    if missing or not len(table):
        raise ValueError(
            "table must be a pattern monitor's, with a row per step, probe and layer; got "
            f"{len(table)} rows of {list(table.columns)[:8]}"
        )
    probes = list(dict.fromkeys(table["probe"]))
    if probe is None and len(probes) > 1:
        raise ValueError(f"probe must be given with a table of several, one of {probes}")
    chosen = probes[0] if probe is None else probe
    if chosen not in probes:
        raise ValueError(f"probe must be one of {probes}, got {probe!r:.60}")
    return table[table["probe"] == chosen]


def _draw_bar(axes: Axes, image: Any, column: str) -> None:
    figure = axes.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=axes, label=column.replace("_", " "))
