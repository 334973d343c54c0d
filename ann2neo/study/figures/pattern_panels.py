"""What the pictures of activation patterns have in common: panels, colors of depths, names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.study.analysis.pattern_numbers import family

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 4
"""Panels side by side, at most."""

DEPTHS = "viridis"
"""A map whose lightness grows evenly, so that it reads the same without color."""


def make_panels(rows: int, columns: int, size: tuple[float, float], **shared: Any) -> tuple[Figure, Any]:
    """A figure of a width, for all of it, and a height a row, both in inches."""
    plain = require("matplotlib.figure", extra="plot")
    figure = plain.Figure(figsize=(size[0], 0.8 + size[1] * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def arrange_panels(n: int) -> tuple[int, int]:
    """Rows and columns of `n` panels."""
    columns = min(_COLUMNS, n)
    return -(-n // columns), columns


def label_outside(axes: Any, n: int, xlabel: str, ylabel: str) -> None:
    """Labels at the left and below the lowest panel of each column; places left over stay empty."""
    for place, axis in enumerate(axes.flat):
        column = place % axes.shape[1]
        if place >= n:
            axis.set_visible(False)
            continue
        if place + axes.shape[1] >= n:
            axis.set_xlabel(xlabel)
            axis.tick_params(labelbottom=True)
        if column == 0:
            axis.set_ylabel(ylabel)


def average_looks(looks: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean over seeds, a row per step and a column per depth."""
    means = looks.groupby(["step", "depth"])[quantity].mean()
    return means.reset_index().pivot(index="step", columns="depth", values=quantity)  # noqa: PD010


def depth_colors() -> Any:
    """Colors of depths, without the yellows that white paper swallows."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[DEPTHS](np.linspace(0, 0.9, 256)))


def blocks_title(blocks: int) -> str:
    """``3 blocks a stage``."""
    return f"{blocks} block{'' if blocks == 1 else 's'} a stage"


def network_title(looks: pd.DataFrame) -> str:
    """What a network is called, of rows that are all its own."""
    return f"{family(looks.iloc[:1]).iloc[0]}, {blocks_title(looks['blocks'].iloc[0])}"
