"""How a notebook shows the results of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ann2neo.spikes.representation.html import element, plain_table

if TYPE_CHECKING:
    from ann2neo.significance.assumptions import PoissonAssumptions
    from ann2neo.significance.result import TestResult

_BINS = 20
_WIDTH, _HEIGHT = 240, 60


def render_result(result: TestResult) -> str:
    """A test's result as HTML: what was tested, a row per layer, the p-values as a histogram."""
    layers = result.units["layer"].to_numpy()
    raw, adjusted = result.significant(adjust=None), result.significant()
    rows: list[list[object]] = []
    for layer in dict.fromkeys(layers):
        own = layers == layer
        tested = own & ~np.isnan(result.pvalue)
        statistic = result.statistic[own & np.isfinite(result.statistic)]
        rows.append(
            [
                layer,
                f"{own.sum():,}",
                f"{tested.sum():,}",
                f"{np.median(statistic):.4g}" if statistic.size else "–",
                f"{raw[own].sum():,}",
                f"{adjusted[own].sum():,}",
            ]
        )
    head = ["layer", "units", "tested", "median statistic", "p ≤ 0.05", "after Benjamini–Hochberg"]
    options = ", ".join(f"{name} = {value!r:.40}" for name, value in result.parameters.items())
    return element(
        "div",
        element("p", element("strong", f"TestResult: {result.method}")),
        element("p", f"Null hypothesis: {result.null}. ", options),
        plain_table(head, rows),
        _draw_histogram(result.pvalue[~np.isnan(result.pvalue)]),
    )


def render_assumptions(battery: PoissonAssumptions) -> str:
    """The verdicts as HTML, a row per layer and test, in words."""
    rows = [
        [
            row["layer"],
            row["test"],
            row["assumption"],
            f"{row['n_tested']:,} of {row['n_units']:,}",
            "–" if np.isnan(row["fraction_rejecting"]) else f"{row['fraction_rejecting']:.0%}",
            element("strong", row["verdict"]),
        ]
        for row in battery.verdicts().to_dict("records")
    ]
    head = ["layer", "test", "looks at", "units tested", "rejecting", "verdict"]
    title = f"Poisson assumptions at level {battery.alpha:g} after {battery.adjust}"
    return element(
        "div",
        element("p", element("strong", title)),
        plain_table(head, rows),
        element("p", "fano_poisson rejects independent binary units too; fano_bernoulli is their null."),
    )


def _draw_histogram(pvalue: np.ndarray) -> object:
    """Bars of p-values, and the height they would have if every null hypothesis were true."""
    if not pvalue.size:
        return element("p", "No unit could be tested.")
    counts = np.histogram(pvalue, _BINS, (0, 1))[0]
    top, width = max(counts.max(), 1), _WIDTH / _BINS
    bars = [
        element(
            "rect",
            x=f"{k * width + 1:g}",
            y=f"{_HEIGHT * (1 - count / top):.1f}",
            width=f"{width - 2:g}",
            height=f"{_HEIGHT * count / top:.1f}",
            fill="#0072b2",
        )
        for k, count in enumerate(counts)
    ]
    level = f"{_HEIGHT * (1 - pvalue.size / _BINS / top):.1f}"
    line = element("line", x1=0, x2=_WIDTH, y1=level, y2=level, stroke="#d55e00", stroke_dasharray="4 3")
    picture = element(
        "svg",
        *bars,
        line,
        xmlns="http://www.w3.org/2000/svg",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
        style="background: #fff",
    )
    about = f"P-values of {pvalue.size:,} units from 0 to 1; dashed: spread evenly, as under the null."
    return element("figure", picture, element("figcaption", about), style="margin: .5em 0")
