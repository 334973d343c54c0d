"""The paper's figures of a network's indicators: 3, 4 and 6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.study.analysis.paper_order import (
    find_memorizing,
    select_measured,
    select_split,
    sort_names,
    unstack,
)
from ann2neo.study.analysis.published import read_published
from ann2neo.study.figures.palette import (
    COLORS,
    LABELS,
    MEMORIZING_COLOR,
    draw_legend,
    pick_color,
    pick_marker,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

_CLOUD = 8
"""Fewer values than this are shown as dots, without the outline of a density."""


def draw_figure3(results: Results) -> Figure | None:
    """Indicators against the generalization gap, a dot a network and condition, on training data.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no network has a generalization gap (training less validation accuracy).
    """
    frame = select_split(select_measured(results))
    frame = frame[frame["generalization_gap"].notna()]
    if not len(frame):
        return None
    figure, axes = _panels(2, 2, (9.0, 7.4))
    for axis, (quantity, label) in zip(axes.flat, LABELS.items(), strict=True):
        _dots(axis, frame, "generalization_gap", quantity)
        axis.set(xlabel="generalization gap (training − validation accuracy)", ylabel=label)
    _legend(figure, frame)
    return figure


def draw_figure4(results: Results) -> Figure | None:
    """Indicators by width, generalizing beside memorizing networks: dots, median, quartiles, density.

    Returns
    -------
    matplotlib.figure.Figure or None
        None without generalizing and memorizing networks.
    """
    frame = select_split(select_measured(results))
    memorizing = find_memorizing(results)
    frame = frame[frame["condition"].isin(["Generalizing", *memorizing])]
    if not len(frame):
        return None
    figure, axes = _panels(2, 2, (9.0, 7.4))
    widths = sorted(set(frame["width"]))
    for axis, (quantity, label) in zip(axes.flat, LABELS.items(), strict=True):
        for place, width in enumerate(widths):
            chosen = frame[(frame["width"] == width) & frame[quantity].notna()]
            is_memorizing = chosen["condition"].isin(memorizing)
            _cloud(axis, chosen[~is_memorizing], quantity, place - 0.06, -1, COLORS["Generalizing"])
            _cloud(axis, chosen[is_memorizing], quantity, place + 0.06, 1, MEMORIZING_COLOR)
        axis.set(xlabel="width of the observed layer", ylabel=label, xlim=(-0.6, len(widths) - 0.4))
        axis.set_xticks(range(len(widths)), [str(width) for width in widths])
    _legend(figure, frame, *([_pool()] if set(frame["condition"]) & set(memorizing) else []))
    return figure


def draw_figure6(results: Results) -> Figure | None:
    """Mean Fano factor against mean firing rate, with the line 1 − p of independent binary trains.

    Crosses are the paper's own numbers.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no network has both.
    """
    frame = select_measured(results)
    frame = frame[frame["firing_rate"].notna() & frame["fanofactor"].notna()]
    if not len(frame):
        return None
    figure, axis = _panels(1, 1, (7.0, 5.8))
    paper = _find_published_pairs()
    crosses = axis.plot(
        paper["firing_rate"], paper["fanofactor"], "x", color="#999999", ms=4, label="published"
    )
    line = axis.plot([0, 1], [1, 0], color="black", lw=1, label="independent: 1 − p")
    _dots(axis, frame, "firing_rate", "fanofactor")
    top = max(1.05, 1.05 * frame["fanofactor"].max())
    axis.set(xlabel=LABELS["firing_rate"], ylabel=LABELS["fanofactor"], xlim=(0, 1), ylim=(0, top))
    _legend(figure, frame, *line, *crosses)
    return figure


def _panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    figure = require("matplotlib.figure", extra="plot").Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns)
    for axis in np.atleast_1d(axes).flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: Figure, frame: pd.DataFrame, *others: Any) -> None:
    conditions = sort_names(set(frame["condition"]), "condition")
    draw_legend(figure, conditions, sort_names(set(frame["network"]), "network"), *others)


def _pool() -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=MEMORIZING_COLOR, lw=3, label="memorizing, all")


def _dots(axis: Axes, frame: pd.DataFrame, x: str, y: str) -> None:
    for (condition, network), group in frame.groupby(["condition", "network"], sort=False):
        axis.plot(
            group[x],
            group[y],
            pick_marker(str(network)),
            color=pick_color(str(condition)),
            markeredgecolor="white",
            markeredgewidth=0.5,
            ms=7,
            alpha=0.85,
        )


def _cloud(axis: Axes, group: pd.DataFrame, quantity: str, at: float, side: int, shade: str) -> None:
    """Dots, a bar from quartile to quartile with the median, half a density on one side."""
    values = group[quantity].to_numpy(dtype=float)
    if not values.size:
        return
    if values.size >= _CLOUD and np.ptp(values) > 0:
        from scipy.stats import gaussian_kde

        levels = np.linspace(values.min(), values.max(), 200)
        density = gaussian_kde(values)(levels)
        edge = at + side * 0.3 * density / density.max()
        axis.fill_betweenx(levels, at, edge, color=shade, alpha=0.2, lw=0)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axis.plot([at, at], [low, high], color=shade, lw=3, solid_capstyle="butt")
    axis.plot([at - 0.05, at + 0.05], [middle, middle], color=shade, lw=2)
    # Dots are spread sideways by their order, so that equal values stay visible.
    spread = at + side * (0.08 + 0.14 * (np.arange(values.size) % 5) / 5)
    for x, value, condition, network in zip(
        spread, values, group["condition"], group["network"], strict=True
    ):
        style: dict[str, Any] = {"color": pick_color(condition), "ms": 4, "mec": "white", "mew": 0.3}
        axis.plot(x, value, pick_marker(network), **style)


def _find_published_pairs() -> pd.DataFrame:
    numbers = pd.concat([read_published("firing_rate"), read_published("fano")])
    cell = ["network", "width", "dataset", "split", "condition"]
    return unstack(numbers.set_index([*cell, "quantity"])["value"], "quantity")
