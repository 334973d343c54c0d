"""The hypotheses' part of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.hypotheses import ASSUMES, Hypothesis
from ann2neo.study.analysis.number_format import format_pvalue, format_significant
from ann2neo.study.report.html import heads, make_table

if TYPE_CHECKING:
    pass


def write_hypotheses(judged: list[Hypothesis]) -> Markup:
    """Verdicts in a table, then each hypothesis with its numbers."""
    overview = make_table(
        "The hypotheses of the paper's section 3.2, judged by this study and by the paper.",
        [heads("hypothesis", "this study", "the paper", "deciding number")],
        [(f"{one.number}. {one.statement}", _verdicts(one)) for one in judged],
        words=True,
    )
    return Markup(
        element("h2", "Hypotheses")
        + overview
        + element("p", ASSUMES)
        + "".join(_details(one) for one in judged)
    )


def _verdicts(one: Hypothesis) -> list[Markup]:
    verdict = element("strong", one.verdict, class_=one.verdict.split()[0])
    main = "–"
    if one.verdict != "not in this study":
        row = one.numbers.iloc[0]
        main = f"{row['quantity']}: {_median(row)}, n = {row['n']:.0f}"
    cells = {"this study": verdict, "the paper": one.paper, "deciding number": main}
    # On narrow screens, where a row is a block, each cell says what it is.
    return [
        element("td", element("span", f"{head}: ", class_="label"), cell, class_="text")
        for head, cell in cells.items()
    ]


def _details(one: Hypothesis) -> Markup:
    shown = element("p", one.rule)
    if len(one.numbers):
        shown = Markup(
            shown
            + make_table(
                "Medians with 95 % interval and the p-value of the null; plain numbers only describe.",
                [heads("number", "value [interval]", "null", "p", "n")],
                [(row["quantity"], _cells(row)) for _, row in one.numbers.iterrows()],
            )
        )
    return element("details", element("summary", f"{one.number}. {one.statement}"), shown)


def _cells(row: pd.Series[Any]) -> list[str]:
    count = f"{row['n']:.0f}"
    if pd.isna(row["null"]):
        return [format_significant(row["value"]), "", "", count]
    return [_median(row), format_significant(row["null"]), format_pvalue(row["pvalue"]), count]


def _median(row: pd.Series[Any]) -> str:
    if not row["n"]:
        return "–"
    value, low, high = (format_significant(row[name]) for name in ("value", "low", "high"))
    return f"{value} [too few for an interval]" if pd.isna(row["low"]) else f"{value} [{low}, {high}]"
