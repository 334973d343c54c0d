"""The paper's figures 2 to 6, of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ann2neo.study.figures.indicator_figures import draw_figure3, draw_figure4, draw_figure6
from ann2neo.study.figures.train_figures import draw_figure2, draw_figure5

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ann2neo.study.cells.result_tables import Results

CAPTIONS = {
    "figure2": "Observed trains of the network, samples and units named at the top, a row per "
    "condition, "
    "and simulated Poisson processes of the mean rate they have there. Right: the spikes of each unit "
    "counted (color), the mean and 95 % band of such Poisson processes (black).",
    "figure3": "Indicators against the generalization gap, a dot per network, condition and seed; "
    "training data.",
    "figure4": "Indicators by the width of the observed layer, generalizing (left of each pair) and "
    "memorizing networks (right; bars: all of them): every network, median, quartiles; from eight "
    "networks the density.",
    "figure5": "Mean firing rate during training, when true labels (blue) are replaced by random ones "
    "(orange); means over seeds.",
    "figure6": "Mean Fano factor against mean firing rate, a dot per network, condition, seed and data "
    "split: those of both splits look alike. The line is that of units which fire "
    "independently at each sample: F = 1 − p. Silent units, which have no Fano factor, and few windows, "
    "whose variance (ddof 0) is too small, put dots below it. Crosses: the paper's numbers, misprints "
    "included.",
}


def draw_figures(results: Results) -> dict[str, Figure]:
    """The firing-rate paper's figures 2 to 6, as far as the results have what they show.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        ``"figure2"`` (trains and simulated Poisson processes, where the results hold spikes),
        ``"figure3"`` (indicators against generalization gap), ``"figure4"`` (by width), ``"figure5"``
        (during training, where the study monitored a switch of labels), ``"figure6"`` (mean Fano factor
        against mean firing rate). ``results.csv`` alone is enough for 3, 4 and 6.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Notes
    -----
    The processes simulated for figure 2 are drawn from a generator of their own with a fixed seed, so
    that the same results give the same picture; `train_figures.figure2` takes one.

    Examples
    --------
    >>> from ann2neo.study.figures.paper_figures import draw_figures
    >>> draw_figures(results)["figure6"].savefig("figure6.png")  # doctest: +SKIP
    """
    made = {
        "figure2": draw_figure2(results, rng=np.random.default_rng(0)),
        "figure3": draw_figure3(results),
        "figure4": draw_figure4(results),
        "figure5": draw_figure5(results),
        "figure6": draw_figure6(results),
    }
    return {name: figure for name, figure in made.items() if figure is not None}
