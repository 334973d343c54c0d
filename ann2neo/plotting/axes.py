"""What the pictures share: axes to draw on, colors of layers, a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ann2neo.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colors (jfly.uni-koeln.de/color), which people with any color vision tell apart.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")


def open_axes(ax: Axes | None, size: tuple[float, float] = (5.0, 3.5)) -> Axes:
    """`ax`, or axes of a new figure of `pyplot`, of a size in inches."""
    if ax is not None:
        return ax
    pyplot = require("matplotlib.pyplot", extra="plot")
    axes: Axes = pyplot.subplots(figsize=size, layout="constrained")[1]
    return axes


def color_layers(layers: list[str]) -> dict[str, str]:
    """A color per layer; after seven they come again."""
    return {layer: COLORS[place % len(COLORS)] for place, layer in enumerate(layers)}


def finish(ax: Axes, *, legend: bool) -> None:
    """Take away the frame's right and upper side, and name what was drawn."""
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize="small")


def print_name(name: str) -> str:
    """A name as text: in Matplotlib ``$`` begins a formula."""
    return name.replace("$", r"\$")
