"""A picture of tuning: units × classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann2neo.statistics.units.tuning import Tuning


def plot_tuning(found: Tuning, ax: Any) -> Any:
    """Draw activation probabilities as a heat map, units sorted by their preferred class.

    Parameters
    ----------
    found : Tuning
        Of `tuning`.
    ax : matplotlib.axes.Axes
        Where to draw; a color bar is put beside it.

    Returns
    -------
    array of int, shape (n_units,)
        The units in the order of the rows: by preferred class, within it by falling selectivity; those
        that prefer none come last.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from matplotlib.figure import Figure
    >>> labels = np.array([0, 0, 1, 1])
    >>> active = np.column_stack([labels == 1, labels == 0, labels == 2])
    >>> a2n.plot_tuning(a2n.tuning(active, labels), Figure().subplots())
    array([1, 0, 2])
    """
    preferred = np.where(found.preferred_class < 0, len(found.classes), found.preferred_class)
    order = np.lexsort([-np.nan_to_num(found.selectivity), preferred])
    image = ax.imshow(
        found.probability[order], aspect="auto", interpolation="nearest", vmin=0, vmax=1, cmap="viridis"
    )
    every = max(1, len(found.classes) // 20)
    places = np.arange(0, len(found.classes), every)
    ax.set_xticks(places, [str(name) for name in found.classes[places]])
    ax.set(xlabel="class", ylabel="unit, by preferred class")
    ax.figure.colorbar(image, ax=ax, label="activation probability")
    return order
