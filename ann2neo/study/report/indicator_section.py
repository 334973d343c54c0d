"""The part of the report on the CV of Fano factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.fano_spread import correct_fano_spread
from ann2neo.study.analysis.number_format import format_number
from ann2neo.study.analysis.paper_order import full_name
from ann2neo.study.report.html import heads, make_table

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_READING = (
    "The paper calls the CV of the Fano factor over units a promising indicator. Part of it is noise: a "
    "unit's Fano factor from W windows is known to about √(2 / W) of itself, 14 % for 100 windows, so "
    "that recordings of different length must not be compared. Without the noise (of "
    "independent samples) what is left can be held against coins with the units' firing rates, whose "
    "Fano factor is 1 − rate: where both agree, the CV of the Fano factor says nothing that the rates "
    "do not."
)


def write_fano_spread(results: Results) -> Markup:
    """A table of the CV of F as recorded, without noise, and from the rates alone; empty without any."""
    table = correct_fano_spread(results).dropna(subset=["recorded"])
    if not len(table):
        return Markup("")
    rows = [
        (
            f"{full_name(str(row['network']))} {row['width']}, {row['dataset']}, {row['condition']}",
            [
                row["split"],
                row["n_networks"],
                *(format_number(row[name], 1) for name in ("recorded", "corrected", "from_rates")),
            ],
        )
        for row in table.to_dict("records")
    ]
    head = heads(
        "", "split", "networks", "as recorded, %", "without noise, %", "from the rates alone, %"
    )
    shown = make_table("CV of the Fano factor over units, means over networks", [head], rows)
    return Markup(element("h3", "What the CV of the Fano factor says") + element("p", _READING) + shown)
