"""The paper's eight hypotheses, judged by the results of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ann2neo.study.analysis import evidence
from ann2neo.study.analysis.evidence import SPLIT_MARGIN, Finding

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

ASSUMES = (
    "Medians over networks trained separately (network, width, data set, seed), with distribution-free "
    "95 % intervals; p-values of two-sided sign tests. They suppose that these networks are "
    "independent of one another and nothing of their distribution, speak of the networks and data sets "
    "of this study only, and are not adjusted for the number of hypotheses. Fewer than six networks "
    "decide nothing."
)
"""What every verdict supposes."""

_COLUMNS = ["quantity", "value", "low", "high", "null", "pvalue", "n"]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A hypothesis of the paper and what a study says of it.

    Parameters
    ----------
    number : int
        As in the paper's section 3.2.
    statement : str
    verdict : {"supports", "rejects", "undecided", "not in this study"}
        Of the study.
    paper : str
        The paper's own verdict, from its section 3.3.4.
    rule : str
        What decides, and what else to know.
    numbers : pandas.DataFrame
        A row per number, the deciding one first: ``quantity``, ``value``; where it is a median also
        ``low``, ``high``, ``null``, ``pvalue``; ``n``, how many values it is of.
    """

    number: int
    statement: str
    verdict: str
    paper: str
    rule: str
    numbers: pd.DataFrame


@dataclass(frozen=True)
class _Claim:
    statement: str
    paper: str
    rule: str
    find: Callable[[Results], Finding | None]


_CLAIMS = [
    _Claim(
        "Memorizing networks have lower mean firing rates than generalizing ones.",
        "supports (strong)",
        "Supported if the interval of the difference is below 0.",
        evidence.lower_rates,
    ),
    _Claim(
        "The Poisson model fits generalizing and random networks better than memorizing ones.",
        "rejects (strong)",
        "Supported if units of memorizing networks reject Poisson counts (fano_poisson) more often. A "
        "binary train has a Fano factor of 1 − rate even if nothing but its rate is fixed, so this test "
        "rejects busy units whatever they do: fano_bernoulli, ljung_box and runs are the tests whose "
        "level does not depend on the rate.",
        evidence.poisson_fit,
    ),
    _Claim(
        "Random and generalizing networks behave alike; memorizing ones deviate more.",
        "supports (strong)",
        "Supported if memorizing networks are farther from generalizing ones than random ones are.",
        evidence.like_random,
    ),
    _Claim(
        "Firing rates vary more within the layers of memorizing networks.",
        "rejects (weak)",
        "Supported if the interval of the difference of the CVs is above 0. Nine of the paper's CVs of "
        "MemRetrainLast are impossible or doubtful (see the table).",
        evidence.more_variable,
    ),
    _Claim(
        "In wider layers memorizing and generalizing networks are harder to tell apart.",
        "supports (weak)",
        "Supported if the slopes over log2 of the width, one for each network, data set and seed, are "
        "below 0. Where wide networks were also trained to a higher accuracy, width and degree of "
        "memorization cannot be told apart.",
        evidence.dilute_by_width,
    ),
    _Claim(
        "In deep networks whose layers all take part, memorizing and generalizing are more alike.",
        "supports (weak)",
        "Supported if MemRetrainAll is nearer to Generalizing than MemRetrainLast is, in networks with "
        "layers before the observed one and its input (not the MLP, where both are the same).",
        evidence.dilute_by_depth,
    ),
    _Claim(
        "Firing rates are alike on training and test data.",
        "supports (strong)",
        f"Supported if the largest difference of a network's mean rates is below {SPLIT_MARGIN}, a "
        "margin chosen here, and at most one KS test in twenty differs. That a KS test does not reject "
        "is no evidence by itself, all the less as both splits are of the same units.",
        evidence.alike_on_splits,
    ),
    _Claim(
        "Firing rates are stable under one condition and change visibly when the labels become random.",
        "supports (strong)",
        "Supported if the change of the mean rate at the switch, from the last pass over true labels to "
        "the first over random ones, is larger than every change from pass to pass within the two "
        "phases (not counting a phase's first pass, in which rates settle).",
        evidence.change_points,
    ),
]


def judge_hypotheses(results: Results) -> list[Hypothesis]:
    """Judge the eight hypotheses of the firing-rate paper by a study.

    Parameters
    ----------
    results : Results

    Returns
    -------
    list of Hypothesis
        In the paper's order. The verdict is ``"supports"`` if the 95 % interval of the deciding number
        lies on the side of its null that the hypothesis says, ``"rejects"`` if on the other,
        ``"undecided"`` if it holds the null or there are fewer than six networks, ``"not in this
        study"`` if the numbers are missing.

    Notes
    -----
    The value of a network is taken on training data, and averaged over its memorizing conditions, which
    are not independent of one another. Medians and sign tests over networks (`paired.median_of`) suppose
    that networks of other widths, data sets and seeds are independent; they speak of the networks and
    data sets of the study. Without units (``results.csv`` alone) distances of distributions are replaced
    by those of their means.

    References
    ----------
    Lehmler, Saif-ur-Rehman, Glasmachers and Iossifidis, Neurocomputing (2024),
    doi 10.1016/j.neucom.2024.128473, sections 3.2 and 3.3.4.

    Examples
    --------
    >>> from ann2neo.study.analysis.hypotheses import judge_hypotheses
    >>> for one in judge_hypotheses(results):  # doctest: +SKIP
    ...     print(one.number, one.statement, one.verdict)
    """
    return [_judge(number, claim, results) for number, claim in enumerate(_CLAIMS, 1)]


def _judge(number: int, claim: _Claim, results: Results) -> Hypothesis:
    finding = claim.find(results)
    rows = finding.rows if finding else []
    return Hypothesis(
        number,
        claim.statement,
        _verdict(finding),
        claim.paper,
        claim.rule,
        pd.DataFrame(rows, columns=_COLUMNS),
    )


def _verdict(finding: Finding | None) -> str:
    if finding is None or finding.main is None or not finding.main.n:
        return "not in this study"
    side = finding.main.side() * finding.expected
    if side < 0:
        return "rejects"
    return "supports" if side > 0 and finding.holds else "undecided"
