"""Pictures of what the spikes of networks that learned wrong labels were good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.study.analysis.paper_order import full_name
from ann2neo.study.analysis.uses_findings import (
    NETWORK,
    READERS,
    SCORES,
    SPARE,
    summarize_labels,
    summarize_pruning,
    summarize_remedies,
)
from ann2neo.study.figures.palette import place_below
from ann2neo.study.figures.pattern_panels import make_panels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

CAPTIONS = {
    "uses_labels": "Left: how well each score tells which labels of the training samples are wrong, "
    "once the network has learned them (0.5: chance). Right: accuracy on test samples. Dots are seeds, "
    "lines their means with 95 % intervals.",
    "uses_pruning": "Accuracy on test samples with a share of the units of each hidden layer removed, "
    "those of lowest score first: without more training (left) and after a pass over half of the "
    "samples (right). Dots are seeds, lines their means.",
    "uses_stops": "What stopping by each criterion would have cost: accuracy on test samples at the "
    "best pass minus that at the pass chosen. A dot is a network; bars are means.",
    "uses_remedies": "What remedies leave of wrong labels learned by heart, and of accuracy on test "
    "samples. Dots are seeds, crosses their means.",
}
_COLORS = ("#0072b2", "#56b4e9", "#999999", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#000000")


def draw_uses_figures(results: Results) -> dict[str, Figure]:
    """The pictures of a study of networks that learned wrong labels.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        Those of `CAPTIONS` that there are numbers for, with network, width and data set behind where
        there are several of these. Empty if the study has no such networks.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    """
    made = {}
    varied = [name for name in NETWORK if len(set(results.uses[name])) > 1]
    for place, uses in results.uses.groupby(NETWORK, sort=False):
        said = dict(zip(NETWORK, place, strict=True))
        suffix = "".join(f"_{said[name]}" for name in varied)
        labels = uses[(uses["remedy"] == "") & (uses["condition"] != SPARE) & (uses["noise"] > 0)]
        parts: dict[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], Figure]]] = {
            "uses_labels": (labels, draw_labels),
            "uses_pruning": (_select(results.pruning, said), draw_pruning),
            "uses_stops": (_select(results.stopping, said), draw_stops),
            "uses_remedies": (uses[uses["remedy"] != ""], draw_remedies),
        }
        for name, (rows, draw) in parts.items():
            if len(rows):
                figure = draw(rows)
                network = f"{full_name(str(said['network']))} {said['width']}"
                figure.suptitle(f"{network}, {full_name(str(said['dataset']))}", fontsize=11)
                made[name + suffix] = figure
    return made


def draw_labels(uses: pd.DataFrame) -> Figure:
    """Areas under ROC curves, and accuracies, over the share of wrong labels."""
    figure, axes = make_panels(1, 2, (9, 3.2))
    found = summarize_labels(uses)
    for axis, measure, columns, label in (
        (axes[0, 0], "auc", SCORES, "area under the ROC curve"),
        (axes[0, 1], "accuracy", READERS, "accuracy on test samples"),
    ):
        rows = found[(found["measure"] == measure) & found["by"].isin(columns)]
        for number, (by, column) in enumerate(columns.items()):
            _draw_line(axis, rows[rows["by"] == by], "noise", _COLORS[number], by)
            axis.plot(uses["noise"], uses[column], ".", color=_COLORS[number], ms=4, alpha=0.5)
        axis.set(xlabel="share of wrong labels", ylabel=label, xticks=sorted(set(uses["noise"])))
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8)
    return figure


def draw_pruning(pruning: pd.DataFrame) -> Figure:
    """Accuracy over the share of units removed, a line per criterion."""
    figure, axes = make_panels(1, 2, (9, 3.2), sharey=True)
    found = summarize_pruning(pruning)
    criteria = [name for name in dict.fromkeys(found["criterion"]) if name != "none"]
    handles: list[Any] = []
    for axis, tuned in zip(axes[0], (False, True), strict=True):
        of_kind = found[found["tuned"] == tuned]
        whole = of_kind[of_kind["criterion"] == "none"]
        for number, criterion in enumerate(criteria):
            rows = pd.concat([whole, of_kind[of_kind["criterion"] == criterion]])
            # No intervals: those of seven lines, of few seeds, would hide the lines.
            line = axis.plot(rows["fraction"], rows["value"], color=_COLORS[number], label=criterion)
            handles += [] if tuned else line
            seeds = pruning[(pruning["tuned"] == tuned) & (pruning["criterion"] == criterion)]
            axis.plot(seeds["fraction"], seeds["test_accuracy"], ".", color=_COLORS[number], ms=3)
        axis.set(xlabel="share of units removed", title="tuned" if tuned else "as it is")
        axis.set(xticks=sorted(set(found["fraction"])), ylim=(0, 1))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("accuracy on test samples")
    place_below(figure, handles)
    return figure


def draw_stops(stopping: pd.DataFrame) -> Figure:
    """Gaps to the best pass, a row per criterion."""
    criteria = list(dict.fromkeys(stopping["criterion"]))
    figure, axes = make_panels(1, 1, (7, 0.4 * len(criteria) + 0.4))
    axis = axes[0, 0]
    for row, criterion in enumerate(criteria):
        gaps = stopping.loc[stopping["criterion"] == criterion, "gap"]
        axis.plot(gaps, np.full(len(gaps), row), "o", color=_COLORS[0], ms=4, alpha=0.5)
        axis.plot(gaps.mean(), row, "|", color="black", ms=16, mew=2)
    axis.set(xlabel="accuracy on test samples lost", yticks=range(len(criteria)))
    axis.set_yticklabels(criteria)
    axis.set_ylim(len(criteria) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def draw_remedies(uses: pd.DataFrame) -> Figure:
    """Accuracy over the share of wrong labels learned, a color per remedy."""
    figure, axes = make_panels(1, 1, (7, 3))
    axis = axes[0, 0]
    found = summarize_remedies(uses)
    handles = []
    for number, remedy in enumerate(dict.fromkeys(uses["remedy"])):
        color = _COLORS[number % len(_COLORS)]
        seeds = uses[uses["remedy"] == remedy]
        axis.plot(seeds["learned"], seeds["test_accuracy"], ".", color=color, ms=5, alpha=0.6)
        mean = found[found["remedy"] == remedy].set_index("measure")["value"]
        handles += axis.plot(
            mean["learned"], mean["test_accuracy"], "x", color=color, ms=9, mew=2, label=remedy
        )
    axis.set(xlabel="share of the wrong labels learned", ylabel="accuracy on test samples")
    axis.spines[["top", "right"]].set_visible(False)
    place_below(figure, handles)
    return figure


def _draw_line(axis: Axes, rows: pd.DataFrame, x: str, color: str, label: str) -> Any:
    """Means as a line, with the intervals that there are."""
    known = rows.dropna(subset="low")
    axis.vlines(known[x], known["low"], known["high"], color=color, lw=1, alpha=0.7)
    return axis.plot(rows[x], rows["value"], "-", color=color, lw=1.5, label=label)[0]


def _select(table: pd.DataFrame, said: Mapping[str, Any]) -> pd.DataFrame:
    chosen = np.ones(len(table), bool)
    for name, value in said.items():
        chosen &= (table[name] == value).to_numpy()
    return table[chosen]
