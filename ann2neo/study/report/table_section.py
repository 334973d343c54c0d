"""The tables' part of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.number_format import format_number, format_pvalue
from ann2neo.study.analysis.paper_order import full_name
from ann2neo.study.analysis.paper_tables import ALIKE, tabulate
from ann2neo.study.report.html import heads, make_table

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_TITLES = {
    "accuracy": "Accuracy (the paper's table 1)",
    "firing_rate": "Firing rates and their variation (table 2)",
    "fano": "Mean Fano factors (table 5)",
    "networks": "Firing rates between conditions, over networks",
    "ks": "Firing rates between conditions (the paper's tests of table 2)",
    "ks_splits": "Firing rates between training and test data (the paper's tests of table 2)",
}
_QUANTITIES = {
    "accuracy_percent": ("%", 2),
    "firing_rate": ("MFR", 3),
    "cv_firing_rate_percent": ("CV %", 1),
    "fanofactor": ("MF", 3),
}
_CAPTION = (
    "Large: measured; mean ± standard deviation over seeds (how many), if there are several. Small: "
    "published (difference measured − published)."
)
_STOPPED = (
    "Some networks were trained until they had a given training accuracy (stopped_by is accuracy; see "
    "the configuration). Where that is the published one, the two agree because they were made to."
)
_NETWORKS_CAPTION = (
    "Difference of the mean firing rates, the second condition less the first, over networks of other "
    "seeds (how many); small: its 95 % interval, the p-value of its signs changed at random, Hedges' g. "
    "Of n pairs of networks the p-value cannot be below 2 / 2ⁿ. This says something of conditions; the "
    "paper's tests, below, of two networks."
)
_KS_CAPTION = (
    "Kolmogorov–Smirnov distance of the firing rates, mean over seeds; small: the smallest p-value and "
    f"the seeds whose p-value is at least {ALIKE}. The test takes units for independent, which those of "
    "a trained layer are not"
)


def write_tables(results: Results) -> Markup:
    """Every table of `tabulate`, with the flags of published numbers as notes."""
    parts = [element("h2", "Tables")]
    tables = tabulate(results)
    del tables["fano_spread"]  # It has a section of its own.
    for name, frame in tables.items():
        parts.append(element("h3", _TITLES[name]))
        if not len(frame):
            parts.append(element("p", "The study has no such number."))
        elif name == "networks":
            parts.append(_pair_table(frame, _network_cell, _NETWORKS_CAPTION))
        elif name in ("ks", "ks_splits"):
            parts.append(_ks_table(name, frame))
        else:
            parts.append(_number_table(name, frame))
        if name == "accuracy" and (results.indicators["stopped_by"] == "accuracy").any():
            parts.append(element("p", _STOPPED))
    if not len(results.units):
        parts.append(
            element("p", "Without the firing rates of units there are no tests between conditions.")
        )
    return Markup("".join(parts))


def _number_table(name: str, frame: pd.DataFrame) -> Markup:
    columns = list(dict.fromkeys((c[0], c[1]) for c in frame.columns.to_list()))
    cells = {column: _records(frame, column) for column in columns}
    notes: dict[str, int] = {}
    rows = [
        (
            _make_heading(frame, place),
            [_cell(cells[column][place], column[1], name, notes) for column in columns],
        )
        for place in range(len(frame))
    ]
    shown = make_table(_CAPTION, _head(columns), rows)
    listed = [
        element("li", element("span", text, class_="flag"), id=f"{name}-{count}")
        for text, count in notes.items()
    ]
    about = element("p", "Published numbers that cannot be right, or are doubtful:") if listed else ""
    return Markup(shown + element("div", about, element("ol", *listed), class_="notes"))


def _records(frame: pd.DataFrame, above: Any) -> list[dict[str, Any]]:
    """What stands below a heading, a row each."""
    below: pd.DataFrame = frame[above]
    return [{str(part): value for part, value in row.items()} for row in below.to_dict("records")]


def _head(columns: list[tuple[str, str]]) -> list[list[Markup]]:
    groups: dict[str, int] = {}
    for condition, _ in columns:
        groups[condition] = groups.get(condition, 0) + 1
    upper = [element("th", "", rowspan=2)]
    upper += [element("th", c, colspan=n, scope="colgroup", class_="group") for c, n in groups.items()]
    return [upper, heads(*(_QUANTITIES[quantity][0] for _, quantity in columns))]


def _make_heading(frame: pd.DataFrame, place: int) -> Markup:
    """A row's name: network and width, then data set and split."""
    values = dict(zip(frame.index.names, frame.index[place], strict=True))
    data = " ".join([full_name(values["dataset"]), values.get("split", "")]).strip()
    network = f"{full_name(values['network'])} {values['width']}"
    return Markup(f"{element('span', network)} {element('small', data)}")


def _cell(parts: dict[str, Any], quantity: str, name: str, notes: dict[str, int]) -> Markup:
    decimals = _QUANTITIES[quantity][1]
    if not parts["n"] > 0 and pd.isna(parts["published"]):
        return element("td", "–")
    measured = format_number(parts["mean"], decimals)
    if parts["n"] > 1:
        measured += f" ± {format_number(parts['sd'], decimals)} ({parts['n']:.0f})"
    if pd.isna(parts["published"]):
        return element("td", measured)
    difference = format_number(parts["difference"], min(2, decimals), sign=True)
    paper: list[object] = [f"{format_number(parts['published'], 2)} ({difference})"]
    if not parts["flag"]:
        return element("td", measured, element("small", *paper))
    note = notes.setdefault(parts["flag"], len(notes) + 1)
    kind = parts["flag"].split(":")[0]
    paper += [" ", element("a", f"{kind} [{note}]", href=f"#{name}-{note}")]
    return element("td", measured, element("small", *paper), class_="flagged")


def _ks_table(name: str, frame: pd.DataFrame) -> Markup:
    more = "; both splits are of the same units besides." if name == "ks_splits" else "."
    return _pair_table(frame, _ks_cell, _KS_CAPTION + more)


def _pair_table(
    frame: pd.DataFrame, write_cell: Callable[[dict[str, Any]], Markup], caption: str
) -> Markup:
    columns = list(dict.fromkeys(column[0] for column in frame.columns.to_list()))
    cells = {column: _records(frame, column) for column in columns}
    rows = [
        (_make_heading(frame, place), [write_cell(cells[column][place]) for column in columns])
        for place in range(len(frame))
    ]
    return make_table(caption, [heads("", *columns)], rows)


def _network_cell(parts: dict[str, Any]) -> Markup:
    if not parts["n"] > 0:
        return element("td", "–")
    shown = [f"{format_number(parts['difference'], 3, sign=True)} ({parts['n']:.0f})"]
    if parts["n"] == 1:
        return element("td", *shown)
    p = format_pvalue(parts["pvalue"])
    ends = ", ".join(format_number(parts[end], 3, sign=True) for end in ("low", "high"))
    small = (
        f"[{ends}]; p {p if p.startswith('<') else f'= {p}'}; g {format_number(parts['hedges_g'], 1)}"
    )
    return element("td", *shown, element("small", small))


def _ks_cell(parts: dict[str, Any]) -> Markup:
    if not parts["n"] > 0:
        return element("td", "–")
    p = format_pvalue(parts["pvalue"])
    alike = f"alike in {parts['alike']:.0f} of {parts['n']:.0f} seeds"
    if parts["n"] == 1:
        alike = "alike" if parts["alike"] else "differ"
    small = f"p {p if p.startswith('<') else f'= {p}'}; {alike}"
    shown: list[object] = [format_number(parts["distance"], 3), element("small", small)]
    if "mean_difference" in parts:
        shown.append(element("small", f"ΔMFR {format_number(parts['mean_difference'], 4, sign=True)}"))
    return element("td", *shown)
