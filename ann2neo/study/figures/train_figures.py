"""The paper's figures of trains and of training: 2 and 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.study.analysis.paper_order import LAYER, full_name, sort_names
from ann2neo.study.figures.palette import COLORS, RANDOM_LABELS_COLOR, pick_color, place_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

_UNITS = 64
_POINTS = 2000
_WIDTHS = ["#08306b", "#2171b5", "#4292c6", "#8ebfe0"]


def draw_figure2(results: Results, *, rng: np.random.Generator) -> Figure | None:
    """Trains of one network beside Poisson processes of the same mean rate.

    A row per condition of the first network that has spikes, which the title names: observed trains of
    up to 64 units; as many simulated Poisson processes with their mean rate; the spikes of each observed
    unit counted over time, with the mean and the band that holds 95 % of such processes at each moment.

    Parameters
    ----------
    results : Results
    rng : numpy.random.Generator
        For the simulated processes.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if the results hold no spikes.
    """
    whose, trains = _trains(results)
    if not trains:
        return None
    plain = require("matplotlib.figure", extra="plot")
    figure = plain.Figure(figsize=(10.0, 0.9 + 1.75 * len(trains)), layout="constrained")
    figure.suptitle(whose, fontsize=10, x=0.01, ha="left")
    axes = figure.subplots(len(trains), 3, squeeze=False, sharex=True)
    for row, (condition, active) in zip(axes, trains.items(), strict=True):
        n_samples, n_units = active.shape
        rate = float(active.mean())
        events = [np.sort(rng.uniform(0, n_samples, k)) for k in rng.poisson(rate * n_samples, n_units)]
        shade = pick_color(condition)
        _raster(row[0], [np.flatnonzero(train) + 0.5 for train in active.T], shade)
        _raster(row[1], events, "black")
        _counts(row[2], active, rate, shade)
        row[0].set_title(f"{condition}: observed, mean rate {rate:.2f}", fontsize=9, loc="left")
        row[1].set_title(f"Poisson, rate {rate:.2f}", fontsize=9, loc="left")
        row[2].set_title("spikes counted; Poisson mean, 95 %", fontsize=9, loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("sample")
    drawn: Figure = figure
    return drawn


def draw_figure5(results: Results) -> Figure | None:
    """Mean firing rate while training, first on true labels, then on random ones.

    A row per network and data set: the whole course, and the switch of labels enlarged. A line per width
    (mean over seeds): full on training data, dotted on test data.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if the study monitored no switch of labels.
    """
    courses = results.switch
    if not len(courses):
        return None
    rows = list(courses.groupby(["network", "dataset"], sort=False))
    plain = require("matplotlib.figure", extra="plot")
    figure = plain.Figure(figsize=(10.0, 0.7 + 2.5 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False, sharey="row")
    for (whole, zoomed), ((network, dataset), of_row) in zip(axes, rows, strict=True):
        switch = int(of_row.loc[of_row["labels"] == "true", "step"].max())
        last = int(of_row["step"].max())
        # Of the whole course: with few batches a pass, true labels may have no look but the one before.
        one_pass = max(1, round(last / max(1, of_row["training_epoch"].max())))
        whole.set_title(f"{full_name(str(network))}, {full_name(str(dataset))}", fontsize=10, loc="left")
        zoomed.set_title(
            "around the switch of labels: one pass before, two after", fontsize=10, loc="left"
        )
        near = max(0, switch - one_pass), min(last, switch + 2 * one_pass)
        for axis, (first, end) in ((whole, (0, last)), (zoomed, near)):
            _courses(axis, of_row[of_row["step"].between(first, end)], _shades(courses))
            axis.axvspan(first, switch, color=COLORS["Generalizing"], alpha=0.08, lw=0)
            axis.axvspan(switch, end, color=RANDOM_LABELS_COLOR, alpha=0.08, lw=0)
            axis.set(xlim=(first, end), ylim=(0, None))
            axis.spines[["top", "right"]].set_visible(False)
        whole.set_ylabel("MFR")
    for axis in axes[-1]:
        axis.set_xlabel("batches trained")
    _course_legend(figure, courses)
    drawn: Figure = figure
    return drawn


def _trains(results: Results) -> tuple[str, dict[str, np.ndarray]]:
    """The first network and split that has spikes, in words; condition → spikes, samples by units."""
    keys = pd.DataFrame(
        list(results.spikes), columns=["network", "width", "dataset", "condition", "seed", "split"]
    )
    if not len(keys):
        return "", {}
    first = keys.iloc[0][[*LAYER, "split"]]
    same = keys[(keys[[*LAYER, "split"]] == first).all(axis=1)].set_index("condition", drop=False)
    chosen = same.loc[sort_names(set(same["condition"]), "condition")]
    trains = {
        key[3]: results.spikes[key].to_dense()[:, :_UNITS]
        for key in chosen.itertuples(index=False, name=None)
    }
    n_samples, n_units = next(iter(trains.values())).shape
    whose = (
        f"{full_name(first['network'])} {first['width']}, {full_name(first['dataset'])}, "
        f"{first['split']} data, seed {first['seed']}: the first {n_samples} samples recorded, "
        f"{n_units} of {first['width']} units; mean rates are of these"
    )
    return whose, trains


def _raster(axis: Axes, trains: list[np.ndarray], shade: str) -> None:
    axis.eventplot(trains, colors=shade, linewidths=0.7, linelengths=0.8)
    axis.set(ylim=(-1, len(trains)), ylabel="unit")


def _counts(axis: Axes, active: np.ndarray, rate: float, shade: str) -> None:
    from scipy.stats import poisson

    time = np.arange(1, len(active) + 1)
    axis.plot(time, active.cumsum(axis=0), color=shade, lw=0.5, alpha=0.5)
    if rate > 0:
        for edge in poisson.interval(0.95, rate * time):
            axis.plot(time, edge, "--", color="black", lw=1)
    axis.plot(time, rate * time, color="black", lw=1.2)
    axis.set(ylabel="spikes", xlim=(0, len(active)))


def _courses(axis: Axes, rows: pd.DataFrame, shades: dict[Any, Any]) -> None:
    for (width, probe), group in rows.groupby(["width", "probe"]):
        mean = group.groupby("step")["firing_rate"].mean()
        # More points than the picture has pixels only blacken it.
        mean = mean.iloc[:: max(1, len(mean) // _POINTS)]
        style = ":" if probe == "test" else "-"
        axis.plot(mean.index, mean, style, color=shades[width], lw=1)


def _shades(courses: pd.DataFrame) -> dict[Any, Any]:
    """A blue a width, the wider the lighter."""
    from matplotlib.colors import LinearSegmentedColormap

    widths = sorted(set(courses["width"]))
    blues = LinearSegmentedColormap.from_list("widths", _WIDTHS)
    return {width: blues(k / max(1, len(widths) - 1)) for k, width in enumerate(widths)}


def _course_legend(figure: Figure, courses: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=shade, label=f"width {width}") for width, shade in _shades(courses).items()
    ]
    styles = {"train": "-", "test": ":"}
    handles += [
        Line2D([], [], color="black", ls=styles[probe], label=f"{probe} data")
        for probe in sort_names(set(courses["probe"]) & set(styles), "split")
    ]
    handles += [
        Patch(color=COLORS["Generalizing"], alpha=0.15, label="true labels"),
        Patch(color=RANDOM_LABELS_COLOR, alpha=0.15, label="random labels"),
    ]
    place_below(figure, handles)
