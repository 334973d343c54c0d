"""What the report says in words: a summary before everything else, and a glossary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.hypotheses import Hypothesis
from ann2neo.study.analysis.paper_order import list_conditions

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results
    from ann2neo.training.conditions import Condition

_ENOUGH = 6
_DECIDES = "paper-full"
"""The study of the package that has as many."""

_TERMS = {
    "firing rate": "fraction of the samples at which a unit is active (activation above the threshold)",
    "MFR": "mean of the firing rates of a layer's units, in spikes per sample",
    "CV": "coefficient of variation: standard deviation over mean, here across the units of a layer",
    "Fano factor": "variance over mean of a unit's spikes counted in windows of samples; 1 − rate if it "
    "fires independently at each sample, 1 for a Poisson process",
    "MF": "mean of the Fano factors of the units that fire",
    "KS distance": "largest difference of two distribution functions, here of firing rates; 0: the same",
    "seed": "a replicate: other initial weights, random labels and orders",
    "split": "the training or the test part of a data set",
}


def summarize_verdicts(judged: list[Hypothesis]) -> Markup:
    """What the hypotheses come to, in a paragraph; where nothing is decided, what would decide."""
    groups: dict[str, list[str]] = {}
    for one in judged:
        groups.setdefault(one.verdict, []).append(str(one.number))
    said = [
        f"{verdict} {_join(groups[name])}"
        for name, verdict in (("supports", "supports"), ("rejects", "rejects"))
        if name in groups
    ]
    parts = [f"Of the paper's {len(judged)} hypotheses this study {_join(said)}." if said else ""]
    if "undecided" in groups:
        parts.append(f"It leaves {_join(groups['undecided'])} undecided.")
    if "not in this study" in groups:
        parts.append(f"For {_join(groups['not in this study'])} it lacks the networks.")
    most = max((int(one.numbers["n"].iloc[0]) for one in judged if len(one.numbers)), default=0)
    if not said and most < _ENOUGH:
        parts.append(
            f"It cannot decide more: an interval takes {_ENOUGH} separately trained networks, here are "
            f"{most}. Add seeds to the configuration; of the studies that come along, {_DECIDES} has "
            "enough."
        )
    return element("p", element("strong", "In short. "), " ".join(filter(None, parts)), class_="short")


def write_glossary(results: Results) -> Markup:
    """The conditions of the study and the terms of the page, folded away."""
    conditions = {name: _describe(one) for name, one in list_conditions(results).items()}
    shown = set(results.indicators["condition"])
    listed = {name: text for name, text in conditions.items() if name in shown or not shown}
    items = [
        part
        for name, text in {**listed, **_TERMS}.items()
        for part in (element("dt", name), element("dd", text))
    ]
    return element("details", element("summary", "What the words mean"), element("dl", *items))


def _describe(condition: Condition) -> str:
    start = "as it was drawn" if condition.start == "initial" else "trained on true labels"
    if not condition.stop.epochs:
        return f"the network {start}"
    what = condition.trainable
    if what == "all":
        trained = "all of it"
    elif isinstance(what, int):
        trained = f"its last {what} layer(s)"
    else:
        trained = f"its layer(s) {', '.join(what)}"
    return f"the network {start}, then {trained} trained on {condition.labels} labels"


def _join(texts: list[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
