"""The part of the report on models of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.number_format import format_interval, format_number
from ann2neo.study.analysis.paper_order import find_memorizing, full_name
from ann2neo.study.analysis.process_findings import (
    SHOWN,
    judge_poisson,
    summarize_models,
    summarize_populations,
)
from ann2neo.study.figures.process_figures import CAPTIONS, draw_process_figures
from ann2neo.study.report.html import embed_figure, heads, make_table

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_READING = (
    "Each unit is described by a probability of activity that depends on nothing (bernoulli), the "
    "sample's class, the unit's last samples (markov), the place in the order (drift) or the time since "
    "its last activity (renewal); the best is that of least BIC. Gain: bits per sample, of samples held "
    "out, over bernoulli. Rejected: share of units whose intervals, rescaled by the model, reject it at "
    "5 %; where a model is right that share is 5 %. In random order samples are exchangeable whatever "
    "the network does: what a test of bernoulli rejects beyond 5 % there would be chance or a fault."
)
_POISSON = (
    "Poisson counts of a unit's rate are what the paper tests. A unit is active at most once in a "
    "sample, so counts in windows vary less than Poisson's by the factor 1 − rate whatever the network: "
    "how often that null is rejected, and how many bits it loses, tells the rates of the units and no "
    "more. The null that fits such trains is bernoulli, independent samples of the same rate."
)
_EACH = (
    "Mean over seeds; small: 95 % interval by Student's t, and the difference to Generalizing within "
    "seeds with its own."
)
_DRAWN = (
    "Recorded → mean of drawn populations, means over seeds; small: seeds in which the recorded value "
    "lies in the range of the drawn ones, which it does in 95 of 100 cases if 39 were drawn by its law."
)


def has_processes(results: Results) -> bool:
    """Whether the study fitted models of the process, or tried to."""
    return len(results.processes) > 0 or "process" in set(results.cells["kind"])


def write_processes(results: Results) -> Markup:
    """Pictures, models and populations as tables, and what they say of the paper's second hypothesis."""
    heading = element("h2", "Models of the process")
    if not len(results.processes):
        return Markup(heading + element("p", "No network whose units were modeled has numbers."))
    parts = [heading, element("p", _READING)]
    for name, figure in draw_process_figures(results).items():
        caption = next(text for key, text in CAPTIONS.items() if name.startswith(key))
        parts.append(embed_figure(figure, name, caption))
    found = summarize_models(results.processes)
    parts += [element("h3", "Which model"), _model_table(found)]
    parts += [element("h3", "Poisson"), element("p", _POISSON)]
    said = judge_poisson(found, find_memorizing(results))
    parts.append(element("ul", *(element("li", text) for text in said)))
    parts += [element("h3", "Populations"), _population_table(summarize_populations(results.simulated))]
    return Markup("".join(parts))


def _model_table(found: pd.DataFrame) -> Markup:
    """A row per place and condition, the columns numbers of models."""
    columns = {
        ("bernoulli", "best_fraction"): "best: bernoulli",
        ("class", "best_fraction"): "class",
        ("markov", "best_fraction"): "markov",
        ("drift", "best_fraction"): "drift",
        ("renewal", "best_fraction"): "renewal",
        ("class", "gain"): "gain: class",
        ("poisson", "gain"): "poisson",
        ("bernoulli", "rejected"): "rejected: bernoulli",
        ("bernoulli", "fano_rejected"): "by Fano: bernoulli",
        ("poisson", "fano_rejected"): "poisson",
    }
    rows = []
    for place, of_place in found.groupby(SHOWN, sort=False):
        said = {
            (row["model"], row["measure"], row["compared_with"]): row
            for row in of_place.to_dict("records")
        }
        rows.append((_make_heading(place), [_cell(said, *column) for column in columns]))
    return make_table(_EACH, [heads("", *columns.values())], rows)


def _make_heading(place: tuple[Any, ...]) -> Markup:
    network, width, dataset, split, order, condition = place
    small = f"{full_name(str(network))} {width} {full_name(str(dataset))} {split}, {order} order"
    return Markup(f"{element('span', condition)}<br>{element('small', small)}")


def _cell(said: dict[Any, Any], model: str, measure: str) -> Markup:
    row: Any = said.get((model, measure, ""))
    if row is None:
        return element("td", "–")
    small = [element("small", format_interval(row, 3))]
    difference = said.get((model, measure, "Generalizing"))
    if difference is not None:
        value = format_number(difference["value"], 3, sign=True)
        small.append(element("small", f"{value} {format_interval(difference, 3)}"))
    return element("td", format_number(row["value"], 3), *small)


def _population_table(found: pd.DataFrame) -> Markup:
    """A row per place, condition and population, a column per quantity."""
    quantities = list(dict.fromkeys(found["quantity"]))
    rows = []
    for place, of_place in found.groupby([*SHOWN, "population"], sort=False):
        said = {row["quantity"]: row for row in of_place.to_dict("records")}
        cells = [
            element(
                "td",
                f"{format_number(said[name]['observed'], 2)} → "
                f"{format_number(said[name]['simulated'], 2)}",
                element("small", f"{said[name]['n_inside']} of {said[name]['n']}"),
            )
            for name in quantities
        ]
        rows.append((Markup(f"{_make_heading(place[:-1])}<br>{element('small', place[-1])}"), cells))
    return make_table(_DRAWN, [heads("", *quantities)], rows)
