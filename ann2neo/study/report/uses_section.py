"""The part of the report on networks that learned wrong labels, and what their spikes are good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.number_format import format_interval, format_number
from ann2neo.study.analysis.paper_order import full_name
from ann2neo.study.analysis.uses_findings import (
    NETWORK,
    OVER_LOSS,
    OVER_PIXELS,
    READERS,
    SCORES,
    summarize_labels,
    summarize_pruning,
    summarize_remedies,
    summarize_removal,
    summarize_stops,
)
from ann2neo.study.figures.uses_figures import CAPTIONS, draw_uses_figures
from ann2neo.study.report.html import embed_figure, heads, make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from ann2neo.study.cells.result_tables import Results

_MEAN = "Mean over seeds; small: 95 % interval by Student's t."
_LABELS = (
    "Networks learned labels of which a share is wrong, until they gave most of these. Area under the "
    "ROC curve: how often a wrong label has a higher score than a right one. Patterns, activations and "
    "pixels are scored by class means (see label_suspicion); the loss early in training needs the "
    "training's history, the others the final network alone, pixels not even that."
)
_READ = (
    "Accuracy on test samples, by true labels. Nearest: the vote, by the labels learned, of the "
    "training samples most alike."
)
_STOPS = (
    "Accuracy on test samples at the best pass, minus that at the pass each criterion chooses; mean "
    "over networks of all shares of wrong labels and seeds, its interval, and the worst network. None "
    "needs true labels; noisy validation accuracy needs samples held out."
)
_PRUNING = (
    "A share of each hidden layer's units is removed, those of lowest score first. Tuned: a pass over "
    "half of the training samples, at a quarter of the learning rate."
)
_REMOVAL = (
    "Units of a hidden layer, or of all, that were silent at the samples looked at, and what of their "
    "removal test samples notice; means over seeds, changes the largest of all."
)
_REMEDIES = (
    "Trained for the same number of passes. Penalties on rates and on pattern entropy act on all hidden "
    "layers."
)


def has_uses(results: Results) -> bool:
    """Whether the study has networks that learned wrong labels, or tried to."""
    return len(results.uses) > 0 or "uses" in set(results.cells["kind"])


def write_uses(results: Results) -> Markup:
    """Pictures and tables of what was tried."""
    heading = element("h2", "What the spikes are good for")
    if not len(results.uses):
        return Markup(heading + element("p", "No network that learned wrong labels has numbers."))
    parts = [heading]
    for name, figure in draw_uses_figures(results).items():
        caption = next(text for key, text in CAPTIONS.items() if name.startswith(key))
        parts.append(embed_figure(figure, name, caption))
    labels = summarize_labels(results.uses)
    scores = [*SCORES, OVER_LOSS, OVER_PIXELS]
    parts += [element("h3", "Wrong labels found"), element("p", _LABELS)]
    parts.append(_tabulate(labels[labels["measure"] == "auc"], "noise", "by", scores, _say_noise))
    parts += [element("h3", "Test samples read"), element("p", _READ)]
    accuracy = labels[labels["measure"] == "accuracy"]
    parts.append(_tabulate(accuracy, "noise", "by", list(READERS), _say_noise))
    if len(results.pruning):
        found = summarize_pruning(results.pruning)
        column = [
            f"{fraction:.0%} removed{', tuned' if tuned else ''}"
            for fraction, tuned in zip(found["fraction"], found["tuned"], strict=True)
        ]
        found = found.assign(column=column).sort_values(["tuned", "fraction"], kind="stable")
        columns = list(dict.fromkeys(found["column"]))
        parts += [element("h3", "Units removed by criteria"), element("p", _PRUNING)]
        parts.append(_tabulate(found, "criterion", "column", columns, str))
    if len(results.removal):
        parts += [element("h3", "Silent units removed"), element("p", _REMOVAL)]
        parts.append(_tabulate_removal(summarize_removal(results.removal)))
    if len(results.stopping):
        parts += [element("h3", "When to stop"), element("p", _STOPS)]
        parts.append(_tabulate_stops(summarize_stops(results.stopping, results.uses)))
    remedies = summarize_remedies(results.uses)
    if len(remedies):
        parts += [element("h3", "Remedies"), element("p", _REMEDIES)]
        measures = ["test_accuracy", "learned"]
        parts.append(_tabulate(remedies, "remedy", "measure", measures, str))
    return Markup("".join(parts))


def _tabulate(
    found: pd.DataFrame, row: str, column: str, columns: list[str], say: Callable[[Any], str]
) -> Markup:
    """A row per network and value of `row`, a column per value of `column`."""
    rows = []
    for place, of_place in found.groupby([*NETWORK, row], sort=False):
        said = {one[column]: one for one in of_place.to_dict("records")}
        cells = [
            element(
                "td",
                format_number(said[name]["value"], 3),
                element("small", format_interval(said[name], 3)),
            )
            if name in said
            else element("td", "–")
            for name in columns
        ]
        rows.append((_make_heading(place[:-1], say(place[-1])), cells))
    names = [name.replace("_", " ") for name in columns]
    return make_table(_MEAN, [heads("", *names)], rows)


def _tabulate_stops(found: pd.DataFrame) -> Markup:
    rows = [
        (
            _make_heading([row[name] for name in NETWORK], row["criterion"]),
            [
                element("td", format_number(row["value"], 3), element("small", format_interval(row, 3))),
                format_number(row["worst"], 3),
                row["n"],
            ],
        )
        for row in found.to_dict("records")
    ]
    return make_table(_MEAN, [heads("", "mean gap", "worst", "networks")], rows)


def _tabulate_removal(found: pd.DataFrame) -> Markup:
    rows = [
        (
            _make_heading([row[name] for name in NETWORK], row["condition"]),
            [
                row["layer"],
                row["n_samples"],
                format_number(row["n_silent"], 1),
                format_number(row["n_firing"], 1),
                row["most_changed"],
                format_number(row["largest_change"], 3),
            ],
        )
        for row in found.to_dict("records")
    ]
    titles = (
        "layer",
        "samples",
        "silent",
        "firing on test",
        "predictions changed",
        "largest change of a logit",
    )
    return make_table("Silent units.", [heads("", *titles)], rows)


def _make_heading(place: Any, name: str) -> Markup:
    network, width, dataset = place
    small = f"{full_name(str(network))} {width} {full_name(str(dataset))}"
    return Markup(f"{element('span', name)}<br>{element('small', small)}")


def _say_noise(noise: float) -> str:
    return f"{noise:.0%} wrong"
