"""Colors and symbols of the pictures: a condition and a network look the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ann2neo.study.analysis.paper_order import full_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colors (jfly.uni-koeln.de/color), which people with any color vision tell apart; the
# first three as in the demo.
COLORS = {
    "Generalizing": "#0072b2",
    "MemRetrainLast": "#d55e00",
    "Random": "#666666",
    "MemRandomLast": "#e69f00",
    "MemRetrainAll": "#cc79a7",
}
RANDOM_LABELS_COLOR = COLORS["MemRetrainLast"]
MEMORIZING_COLOR = "#000000"
"""Of all memorizing conditions together: none of theirs."""
MARKERS = {"mlp": "o", "cnn": "s", "densenet121": "^", "resnet": "D"}
LABELS = {
    "firing_rate": "mean firing rate MFR (spikes per sample)",
    "cv_firing_rate_percent": "CV of firing rates (%)",
    "fanofactor": "mean Fano factor MF",
    "cv_fanofactor_percent": "CV of Fano factors (%)",
}
_OTHER_COLOR = "#009e73"
_OTHER_MARKER = "P"


def pick_color(condition: str) -> str:
    """The color of a condition; one for all that the paper does not have."""
    return COLORS.get(condition, _OTHER_COLOR)


def pick_marker(network: str) -> str:
    """The symbol of a network."""
    return MARKERS.get(network, _OTHER_MARKER)


def draw_legend(figure: Figure, conditions: list[str], networks: list[str], *others: Any) -> None:
    """Name colors and symbols below the panels."""
    from matplotlib.lines import Line2D

    dot: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    handles: list[Any] = [
        Line2D([], [], marker="o", color=pick_color(c), label=c, **dot) for c in conditions
    ]
    handles += [
        Line2D(
            [],
            [],
            marker=pick_marker(n),
            markerfacecolor="none",
            color="black",
            label=full_name(n),
            **dot,
        )
        for n in networks
    ]
    place_below(figure, [*handles, *others])


def place_below(figure: Figure, handles: list[Any]) -> None:
    """A legend below all panels, in four columns at most: five run out of the narrowest figure."""
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
        fontsize=9,
    )
