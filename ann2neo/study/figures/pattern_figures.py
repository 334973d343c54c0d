"""Pictures of how activation patterns settle, after Hartmann, Franzen and Brodehl (2021)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.study.analysis.number_format import format_interval, format_number
from ann2neo.study.analysis.paper_order import full_name
from ann2neo.study.analysis.pattern_findings import MOMENTS, describe_layers, find_in_patterns
from ann2neo.study.analysis.pattern_numbers import family, is_block_output, relative_depth, sort_by_kind
from ann2neo.study.figures.palette import place_below
from ann2neo.study.figures.pattern_panels import (
    DEPTHS,
    arrange_panels,
    average_looks,
    blocks_title,
    depth_colors,
    label_outside,
    make_panels,
    network_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

CAPTIONS = {
    "pattern_maps": "Activation patterns of every rectifier (up: deeper) during training, means "
    "over seeds; the strip at the left is the untrained network. Batch normalization is by the "
    "samples looked at. From the top: entropy in shares of its maximum; weighted Jaccard index to "
    "the initial patterns; to the final ones. Of each kind of network the one with about three "
    "blocks a stage.",
    "entropy_by_depth": "Entropy of the patterns, in shares of its maximum, against relative "
    "depth of the rectifier, 0 the first and 1 the last; a line per number of blocks a stage, "
    "mean and standard deviation over seeds. Early: after about a tenth of a pass over the "
    "training data. Kinds of network of one number of blocks only are shown where there are no "
    "others. Close to 1 nearly all patterns seen differ, and the entropy says no more than that.",
    "settling": "Weighted Jaccard index to the final patterns during training, a line "
    "per rectifier, means over seeds. τ: Kendall's between depth and the moment at which half of "
    "the range is crossed, mean over seeds and its 95 % interval; 1 is bottom-up.",
}
_MAPS = {
    "entropy_fraction": "entropy (share)",
    "weighted_jaccard_initial": "weighted Jaccard to initial",
    "weighted_jaccard_final": "weighted Jaccard to final",
}
_MOMENT_TITLES = {
    "early": "early: a tenth of a pass",
    "half": "after half of training",
    "end": "at the end",
}
_BLOCKS = 3


def draw_pattern_figures(results: Results) -> dict[str, Figure]:
    """The pictures of a study's activation patterns.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"pattern_maps"``, ``"entropy_by_depth"`` and ``"settling"``, each of the function of that name;
        one of each data set or probe where there are several: ``"settling_mnist"``,
        ``"settling_mnist_test"``. Empty if the study followed no patterns.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Examples
    --------
    >>> from ann2neo.study.figures.pattern_figures import draw_pattern_figures
    >>> draw_pattern_figures(results)["settling"].savefig("settling.png")  # doctest: +SKIP
    """
    made = {}
    varied = [c for c in ("dataset", "probe") if len(set(results.patterns[c])) > 1]
    for key, patterns in results.patterns.groupby(["dataset", "probe"], sort=False):
        said = dict(zip(["dataset", "probe"], key, strict=True))
        suffix = "".join(f"_{said[column]}" for column in varied)
        figures = {
            "pattern_maps": draw_pattern_maps(patterns),
            "entropy_by_depth": draw_entropy_by_depth(describe_layers(patterns)),
            "settling": draw_settling(patterns),
        }
        for name, figure in figures.items():
            if varied:
                names = ", ".join(full_name(str(said[column])) for column in varied)
                figure.suptitle(names, fontsize=11)
            made[name + suffix] = figure
    return made


def draw_pattern_maps(patterns: pd.DataFrame) -> Figure:
    """Layers by steps: entropy, and weighted Jaccard index to the initial and the final patterns.

    A column per kind of network, of those whose number of blocks is nearest to three; means over seeds.

    Parameters
    ----------
    patterns : pandas.DataFrame
        `Results.patterns`, of one data set and probe.

    Returns
    -------
    matplotlib.figure.Figure
    """
    networks = list(_nearest(patterns).groupby("network", sort=False))
    n_rows, columns = arrange_panels(len(networks))
    figure, axes = make_panels(len(_MAPS) * n_rows, columns, (10.0, 1.7))
    for first in range(n_rows):
        for row, (quantity, label) in enumerate(_MAPS.items()):
            here = axes[len(_MAPS) * first + row]
            least = _least(patterns[quantity]) if quantity == "entropy_fraction" else 0.0
            of_row = networks[first * columns : (first + 1) * columns]
            for axis, (_, looks) in zip(here, of_row, strict=False):
                mesh = _map(axis, looks, quantity, least)
                if row == 0:
                    axis.set_title(network_title(looks), fontsize=9, loc="left")
            figure.colorbar(mesh, ax=here, pad=0.01).set_label(label, fontsize=8)
            label_outside(here[None], len(of_row), "", "rectifier")
        for axis in here:
            axis.set_xlabel("batches trained")
    return figure


def draw_entropy_by_depth(layers: pd.DataFrame) -> Figure:
    """Entropy against relative depth: early, after half of the training and at its end.

    A row per kind of network, of those with several numbers of blocks per stage, if any; a line
    per number of blocks, mean ± standard deviation (ddof=1) over seeds.

    Parameters
    ----------
    layers : pandas.DataFrame
        What `describe_layers` says, of one data set and probe.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = family(layers)
    several = layers.groupby(kinds)["blocks"].transform("nunique") > 1
    shown = layers[several] if several.any() else layers
    shades = _shades(sorted(set(shown["blocks"])))
    rows = list(shown.groupby(kinds[shown.index], sort=False))
    figure, axes = make_panels(len(rows), len(MOMENTS), (10.0, 2.3), sharex=True, sharey=True)
    for row, (kind, of_kind) in zip(axes, rows, strict=True):
        for axis, moment in zip(row, MOMENTS, strict=True):
            for blocks in sorted(set(of_kind["blocks"])):
                of_blocks = of_kind[of_kind["blocks"] == blocks]
                _profile(axis, of_blocks, f"entropy_fraction_{moment}", shades[blocks])
            axis.set_title(f"{kind}, {_MOMENT_TITLES[moment]}", fontsize=9, loc="left")
            axis.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("entropy, share of maximum")
    for axis in axes[-1]:
        axis.set_xlabel("relative depth")
    _profile_legend(figure, shades)
    return figure


def draw_settling(patterns: pd.DataFrame) -> Figure:
    """Weighted Jaccard index to the final patterns, a line per layer, a panel per network.

    Parameters
    ----------
    patterns : pandas.DataFrame
        `Results.patterns`, of one data set and probe.

    Returns
    -------
    matplotlib.figure.Figure
    """
    layers = describe_layers(patterns)
    found = find_in_patterns(layers)
    found = found[(found["finding"] == "settling") & (found["compared_with"] == "")]
    taus = {row["network"]: row for row in found.to_dict("records")}
    networks = list(sort_by_kind(patterns).groupby("network", sort=False))
    n_rows, columns = arrange_panels(len(networks))
    figure, axes = make_panels(n_rows, columns, (10.0, 2.3), sharex=True, sharey=True)
    depths = depth_colors()
    for axis, (network, looks) in zip(axes.flat, networks, strict=False):
        means = average_looks(looks, "weighted_jaccard_final")
        where = relative_depth(means.columns, len(means.columns))
        for place, depth in zip(where, means, strict=True):
            axis.plot(means.index / means.index[-1], means[depth], color=depths(place), lw=1)
        axis.set_title(f"{network_title(looks)}\n{_tau(taus.get(network))}", fontsize=9, loc="left")
        axis.set(xlim=(0, 1), ylim=(0, 1.02))
        axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axis.spines[["top", "right"]].set_visible(False)
    label_outside(axes, len(networks), "share of training", "weighted Jaccard")
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=depths), ax=axes, aspect=20 * n_rows, pad=0.01)
    bar.set_label("relative depth")
    return figure


def _nearest(patterns: pd.DataFrame) -> pd.DataFrame:
    """Of each kind of network the one whose number of blocks is nearest to three, the smaller of two."""
    kinds = family(patterns)
    far = (patterns["blocks"] - _BLOCKS).abs() + (patterns["blocks"] > _BLOCKS) / 2
    return patterns[far == far.groupby(kinds).transform("min")]


def _least(shares: pd.Series) -> float:
    """A tenth at or below all values: where a scale that ends at 1 may begin."""
    return float(np.floor(10 * shares.min()) / 10)


def _map(axis: Axes, looks: pd.DataFrame, quantity: str, least: float) -> Any:
    """Layers by steps on a logarithmic axis, and the untrained network in a strip at the left."""
    means = average_looks(looks, quantity)
    steps = means.index.to_numpy(dtype=float)
    values = means.to_numpy(dtype=float).T
    edges = _edges(steps[steps > 0])
    depth = np.arange(len(values) + 1) + 0.5
    colors: dict[str, Any] = {"vmin": least, "vmax": 1, "cmap": DEPTHS, "rasterized": True}
    mesh = axis.pcolormesh(edges, depth, values[:, steps > 0], **colors)
    ticks = {10.0**k: f"{10**k:,}" for k in range(9) if edges[0] <= 10**k <= edges[-1]}
    if steps[0] == 0:
        # In parts of the axis, which is logarithmic: a strip of 6 %, a gap of 2 %.
        part = (edges[-1] / edges[0]) ** 0.02
        axis.pcolormesh([edges[0] / part**4, edges[0] / part], depth, values[:, :1], **colors)
        ticks[edges[0] / part**2.5] = "0"
    axis.set_xscale("log")
    axis.set_xticks(list(ticks), list(ticks.values()))
    axis.minorticks_off()
    axis.yaxis.set_major_locator(require("matplotlib.ticker", extra="plot").MaxNLocator(5, integer=True))
    axis.spines[:].set_visible(False)
    return mesh


def _edges(steps: np.ndarray) -> np.ndarray:
    """Borders between looks, in the middle between their logarithms."""
    inner = np.sqrt(steps[1:] * steps[:-1])
    first = steps[0] ** 2 / inner[0] if len(inner) else steps[0] / 2
    last = steps[-1] ** 2 / inner[-1] if len(inner) else steps[0] * 2
    return np.array([first, *inner, last])


def _profile(axis: Axes, layers: pd.DataFrame, quantity: str, shade: Any) -> None:
    """Mean and standard deviation over seeds against relative depth; dots at the outputs of blocks."""
    by = layers.assign(output=is_block_output(layers)).groupby("depth")
    mean, sd = by[quantity].mean(), by[quantity].std()
    where = relative_depth(mean.index, len(mean))
    dots = np.flatnonzero(by["output"].first()).tolist()
    axis.plot(where, mean, "o-", color=shade, lw=1.2, ms=3, markevery=dots)
    axis.fill_between(where, mean - sd, mean + sd, color=shade, alpha=0.2, lw=0)


def _profile_legend(figure: Figure, shades: dict[int, Any]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=shade, label=blocks_title(blocks)) for blocks, shade in shades.items()
    ]
    place_below(
        figure,
        [*handles, Line2D([], [], color="black", marker="o", ms=3, ls="", label="behind a block")],
    )


def _shades(blocks: list[int]) -> dict[int, Any]:
    colors = depth_colors()
    return {count: colors(k / max(1, len(blocks) - 1)) for k, count in enumerate(blocks)}


def _tau(found: dict[Hashable, Any] | None) -> str:
    if found is None:
        return "τ not defined"
    said = f"τ = {format_number(found['value'], 2)}"
    return said if np.isnan(found["low"]) else f"{said} {format_interval(found)}"
