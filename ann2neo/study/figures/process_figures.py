"""Pictures of the models that describe units, and of populations drawn of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.study.analysis.paper_order import full_name, sort_names
from ann2neo.study.analysis.process_findings import SHOWN, summarize_models
from ann2neo.study.figures.palette import pick_color, place_below
from ann2neo.study.figures.pattern_panels import make_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

CAPTIONS = {
    "process_models": "Left: share of the units that change which each model describes best by BIC, "
    "mean over seeds. Right: bits per sample, held out, by which the samples' class tells a unit's "
    "activity beyond its rate; dots are seeds, bars means with 95 % intervals.",
    "process_populations": "Populations drawn of the units' models (range over draws, one bar per "
    "seed) and those recorded (black). Bernoulli: rates alone; class: rates per class, units "
    "independent given the class; correlated: rates and pair correlations.",
}
_MODELS = {
    "bernoulli": "#666666",
    "class": "#0072b2",
    "markov": "#009e73",
    "drift": "#e69f00",
    "renewal": "#cc79a7",
}
_POPULATIONS = {"bernoulli": "#666666", "class": "#0072b2", "correlated": "#d55e00"}


def draw_process_figures(results: Results) -> dict[str, Figure]:
    """The pictures of a study's models of the process.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"process_models"`` and ``"process_populations"``, with network, width, data set, split and
        order behind where there are several of these. Empty if the study fitted no models.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    """
    made = {}
    keys = SHOWN[:-1]
    varied = [name for name in keys if len(set(results.processes[name])) > 1]
    for place, processes in results.processes.groupby(keys, sort=False):
        said = dict(zip(keys, place, strict=True))
        suffix = "".join(f"_{str(said[name]).replace(' ', '-')}" for name in varied)
        same = (results.simulated[keys] == list(place)).all(axis=1)
        figures = {
            "process_models": draw_models(processes),
            "process_populations": draw_populations(results.simulated[same]),
        }
        title = ", ".join(full_name(str(said[name])) for name in keys if name != "width")
        for name, figure in figures.items():
            figure.suptitle(f"{title}, width {said['width']}", fontsize=11)
            made[name + suffix] = figure
    return made


def draw_models(processes: pd.DataFrame) -> Figure:
    """Shares of units that each model describes best, and what the class adds."""
    from matplotlib.patches import Patch

    conditions = sort_names(set(processes["condition"]), "condition")
    found = summarize_models(processes)
    found = found[found["compared_with"] == ""]
    figure, axes = make_panels(1, 2, (9, 0.5 * len(conditions) + 1))
    shares, gains = axes[0]
    best = found[found["measure"] == "best_fraction"].set_index(["condition", "model"])["value"]
    models = [model for model in _MODELS if model in set(processes["model"])]
    for row, condition in enumerate(conditions):
        left = 0.0
        for model in models:
            width = float(best.get((condition, model), 0.0))
            shares.barh(row, width, left=left, color=_MODELS[model], height=0.7)
            left += width
    shares.set(xlabel="share of units", xlim=(0, 1), yticks=range(len(conditions)))
    shares.set_yticklabels(conditions)
    gain = found[(found["measure"] == "gain") & (found["model"] == "class")].set_index("condition")
    seeds = processes[processes["model"] == "class"]
    for row, condition in enumerate(conditions):
        _draw_interval(gains, row, gain.loc[condition], pick_color(condition))
        dots = seeds.loc[seeds["condition"] == condition, "gain"]
        gains.plot(dots, [row] * len(dots), "o", color=pick_color(condition), ms=4, alpha=0.6)
    gains.set(xlabel="bits per sample by the class", yticks=range(len(conditions)), yticklabels=[])
    for axis in axes[0]:
        axis.set_ylim(len(conditions) - 0.5, -0.5)
        axis.spines[["top", "right"]].set_visible(False)
    place_below(figure, [Patch(color=_MODELS[model], label=model) for model in models])
    return figure


def _draw_interval(axis: Axes, row: int, found: Any, color: str) -> None:
    if pd.notna(found["low"]):
        axis.plot([found["low"], found["high"]], [row, row], "-", color=color, lw=1.5)
    axis.plot(found["value"], row, "|", color=color, ms=14, mew=2)


def draw_populations(simulated: pd.DataFrame) -> Figure:
    """Each quantity of populations, recorded and drawn, by condition."""
    from matplotlib.lines import Line2D

    conditions = sort_names(set(simulated["condition"]), "condition")
    quantities = list(dict.fromkeys(simulated["quantity"]))
    figure, axes = make_panels(len(quantities), 1, (7.5, 1.5), sharex=True)
    seeds = sorted(set(simulated["seed"]))
    for axis, quantity in zip(axes[:, 0], quantities, strict=True):
        rows = simulated[simulated["quantity"] == quantity]
        for row in rows.to_dict("records"):
            kind = list(_POPULATIONS).index(row["population"])
            step = (kind * len(seeds) + seeds.index(row["seed"]) + kind) / (3 * len(seeds) + 4)
            place = conditions.index(row["condition"]) - 0.4 + 0.8 * step
            color = _POPULATIONS[row["population"]]
            axis.plot([place, place], [row["least"], row["most"]], "-", color=color, lw=3)
            # A range may be too narrow to be seen.
            axis.plot(place, row["simulated"], ".", color=color, ms=5)
            axis.plot(place, row["observed"], "_", color="black", ms=5, mew=1.2)
        axis.set_ylabel(
            quantity.replace(" factor", "\nfactor").replace("pattern ", "pattern\n"), fontsize=8
        )
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xticks(range(len(conditions)), conditions, fontsize=8)
    handles = [Line2D([], [], color=color, lw=3, label=name) for name, color in _POPULATIONS.items()]
    handles.append(Line2D([], [], marker="_", ls="", color="black", label="recorded"))
    place_below(figure, handles)
    return figure
