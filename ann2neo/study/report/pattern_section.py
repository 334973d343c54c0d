"""The activation patterns' part of the report."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.number_format import format_interval, format_number
from ann2neo.study.analysis.paper_order import full_name, is_broken
from ann2neo.study.analysis.pattern_findings import MOMENTS, TRAINED, describe_layers, find_in_patterns
from ann2neo.study.figures.pattern_figures import CAPTIONS, draw_pattern_figures
from ann2neo.study.report.html import embed_figure, heads, make_table

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_DOI = "10.3389/frai.2021.642374"
_GROUPS = {
    "settling, τ": {
        "settling": "patterns",
        "settling_flips": "flips of units",
        "settling_same_width": "equal widths",
    },
    "dip of entropy between blocks": {f"dip_{moment}": moment for moment in MOMENTS},
    "dip of entropy between rectifiers": {f"layer_dip_{moment}": moment for moment in MOMENTS},
}
_READING = (
    "Settling: Kendall's τ between the depth of a rectifier and the share of training from "
    "which on its patterns are nearer to the final ones than half of the way; 1 is bottom-up, 0 "
    "no order, −1 top-down. A pattern of many units changes when one of them flips, so that "
    "wide layers settle late by patterns alone; the shares of flipped units are one control, "
    "pairs of equally wide layers the other. Dip: the most by which the entropy, in shares of "
    "its maximum, lies below both neighbors' at one layer; between outputs of blocks, as the "
    "two rectifiers of a residual block differ in kind, and between all. Dips are never below 0 "
    "and chance makes them positive: what counts are the differences."
)
_EACH = (
    "Each network: mean over seeds. Small: 95 % interval by Student's t; seeds; where the dip "
    "is, from 0 (first rectifier) to 1 (last)."
)
_PAIRED = (
    "Differences between networks of the same seed and blocks a stage: mean over seeds; small: "
    "95 % interval, seeds. Names without a number: mean over numbers of blocks within each "
    "seed. Nothing is adjusted for the number of comparisons."
)


def has_patterns(results: Results) -> bool:
    """Whether the study followed activation patterns, or tried to."""
    return len(results.patterns) > 0 or "patterns" in set(results.cells["kind"])


def summarize_patterns(results: Results) -> Markup:
    """A paragraph: which networks, and after whom."""
    cells = results.cells[results.cells["kind"] == "patterns"]
    if not len(cells):
        cells = results.patterns.drop_duplicates(TRAINED).assign(status="ok")
    broken = int(is_broken(cells).sum())
    names = ", ".join(dict.fromkeys(cells["network"]))
    data = ", ".join(full_name(name) for name in dict.fromkeys(cells["dataset"]))
    return element(
        "p",
        f"Activation patterns of {len(cells)} network(s) ({broken} without numbers), {names} on {data}, "
        f"{cells['seed'].nunique()} seed(s), followed through their training after "
        "Hartmann et al., Frontiers in Artificial Intelligence (2021), ",
        element("a", f"doi {_DOI}", href=f"https://doi.org/{_DOI}"),
        ".",
    )


def write_patterns(results: Results) -> Markup:
    """Pictures, and the findings as numbers with intervals."""
    heading = element("h2", "Activation patterns")
    if not len(results.patterns):
        return Markup(heading + element("p", "No network whose patterns were followed has numbers."))
    layers = describe_layers(results.patterns)
    found = find_in_patterns(layers)
    is_alone = found["compared_with"] == ""
    parts = [heading]
    for name, figure in draw_pattern_figures(results).items():
        caption = next(text for key, text in CAPTIONS.items() if name.startswith(key))
        parts.append(embed_figure(figure, name, caption))
    parts += [element("h3", "Findings"), element("p", _READING)]
    parts.append(_table(_EACH, found[is_alone], _accuracies(layers)))
    if not is_alone.all():
        parts.append(_table(_PAIRED, found[~is_alone], None))
    return Markup("".join(parts))


def _accuracies(layers: pd.DataFrame) -> dict[Any, float]:
    """Test accuracy of a data set, probe and network, mean over seeds."""
    once = layers.drop_duplicates(TRAINED)
    return once.groupby(["dataset", "probe", "network"])["test_accuracy"].mean().to_dict()


def _table(caption: str, found: pd.DataFrame, accuracies: Mapping[Any, float] | None) -> Markup:
    """A row per network or pair, a column per finding."""
    groups = {
        name: {finding: head for finding, head in of_group.items() if finding in set(found["finding"])}
        for name, of_group in _GROUPS.items()
    }
    groups = {name: of_group for name, of_group in groups.items() if of_group}
    more = [] if accuracies is None else ["test accuracy"]
    rows = []
    for place, of_row in found.groupby(["dataset", "probe", "network", "compared_with"], sort=False):
        said = {row["finding"]: row for row in of_row.to_dict("records")}
        cells = [] if accuracies is None else [element("td", format_number(accuracies[place[:3]], 3))]
        cells += [_cell(said, finding) for of_group in groups.values() for finding in of_group]
        rows.append((_make_heading(*map(str, place)), cells))
    upper = [element("th", "", rowspan=2), *(element("th", one, rowspan=2) for one in more)]
    upper += [
        element("th", name, colspan=len(of_group), scope="colgroup", class_="group")
        for name, of_group in groups.items()
    ]
    return make_table(
        caption, [upper, heads(*(h for of_group in groups.values() for h in of_group.values()))], rows
    )


def _make_heading(dataset: str, probe: str, network: str, compared_with: str) -> Markup:
    name = f"{network} − {compared_with}" if compared_with else network
    return Markup(f"{element('span', name)}<br>{element('small', f'{full_name(dataset)} {probe}')}")


def _cell(said: Mapping[str, Mapping[Hashable, Any]], finding: str) -> Markup:
    if finding not in said:
        return element("td", "–")
    row = said[finding]
    decimals = 2 if finding.startswith("settling") else 3
    count = f"n = {row['n']}"
    where = said.get(finding.replace("dip_", "dip_depth_"))
    if where is not None and where is not row:
        count += f"; at {format_number(where['value'], 2)}"
    small = (element("small", format_interval(row, decimals)), element("small", count))
    return element("td", format_number(row["value"], decimals), *small)
