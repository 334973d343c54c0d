"""The numbers for and against each of the paper's hypotheses.

A function takes the results and returns a `Finding`, or None where the study lacks what it needs. Its
values are one a network trained by itself (network, width, data set and seed): conditions of one network
share its start and often its first training, so they are averaged before anything is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ann2neo.significance.comparison.equivalence import two_one_sided_tests
from ann2neo.significance.comparison.values import compare_units
from ann2neo.study.analysis.medians import Median, compute_median
from ann2neo.study.analysis.paper_order import (
    LAYER,
    find_memorizing,
    full_name,
    select_measured,
    select_split,
    unstack,
)
from ann2neo.study.analysis.paper_tables import ALIKE
from ann2neo.study.analysis.rate_similarity import compare_conditions, compare_splits

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

SPLIT_MARGIN = 0.05
"""Mean firing rates of two splits that differ by less are taken for the same."""

_SHALLOW = {"mlp"}
_TESTS = ["fano_poisson", "fano_bernoulli", "ljung_box", "runs"]


@dataclass
class Finding:
    """Numbers, the first of which decides.

    Parameters
    ----------
    expected : {1, -1}
        The side of the null on which the hypothesis puts the first number.
    rows : list of dict
        What `hypotheses` shows.
    main : Median or None
        The number that decides.
    holds : bool
        A condition besides, without which nothing is supported.
    """

    expected: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    main: Median | None = None
    holds: bool = True

    def median(self, quantity: str, values: ArrayLike, null: float = 0.0) -> None:
        """Add a median over networks; the first one decides."""
        found = compute_median(values, null)
        self.main = self.main or found
        self.rows.append(
            {
                "quantity": quantity,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "null": null,
                "pvalue": found.pvalue,
                "n": found.n,
            }
        )

    def number(self, quantity: str, value: float, n: int) -> None:
        """Add a number that describes and tests nothing."""
        self.rows.append({"quantity": quantity, "value": value, "n": n})

    def compare(self, quantity: str, a: pd.Series, b: pd.Series) -> None:
        """Add what `ann2neo.compare` says of paired networks: permutation p-value and Hedges' g."""
        both = pd.concat([a, b], axis=1).dropna()
        # All changes of signs are gone through up to 14 networks; beyond, the same ones are drawn.
        one, other = both.to_numpy().T
        found = compare_units(one, other, paired=True, rng=np.random.default_rng(0))
        self.number(f"{quantity}: permutation p over networks", found.pvalue, len(both))
        self.number(f"{quantity}: Hedges' g over networks", found.hedges_g, len(both))

    def claim_alike(self, quantity: str, a: pd.Series, b: pd.Series, margin: float) -> None:
        """Add the p-value of two one-sided tests that paired networks differ by less than `margin`."""
        both = pd.concat([a, b], axis=1).dropna()
        one, other = both.to_numpy().T
        found = two_one_sided_tests(one, other, -margin, margin, True, 0.05)
        pvalue = max(found["pvalue_lower"], found["pvalue_upper"])
        self.number(f"{quantity}: p of equivalence up to {margin}", pvalue, len(both))


def lower_rates(results: Results) -> Finding | None:
    """Hypothesis 1: mean firing rates of memorizing networks less those of generalizing ones."""
    difference = _subtract_generalizing(results, "firing_rate")
    if difference is None:
        return None
    finding = Finding(expected=-1)
    finding.median("MFR, memorizing − generalizing", difference.mean(axis=1))
    for name in difference:
        finding.median(f"MFR, {name} − Generalizing", difference[name])
    wide = _wide(select_split(select_measured(results)), "firing_rate")
    memorizing = wide[list(difference)].mean(axis=1)
    finding.compare("MFR, memorizing against generalizing", memorizing, wide["Generalizing"])
    pairs = difference.melt()["value"].dropna()
    finding.number("share of pairs in which memorizing is lower", float((pairs < 0).mean()), len(pairs))
    return finding


def poisson_fit(results: Results) -> Finding | None:
    """Hypothesis 2: units rejecting the tests of the Poisson assumptions, memorizing less others."""
    frame = select_split(select_measured(results))
    finding = Finding(expected=1)
    for test in _TESTS:
        wide = _wide(frame, f"{test}_rejecting")
        memorizing = wide[[c for c in find_memorizing(results) if c in wide]].mean(axis=1)
        others = wide[[c for c in ("Generalizing", "Random") if c in wide]].mean(axis=1)
        finding.median(f"{test}: share of units rejecting, memorizing − others", memorizing - others)
        finding.compare(f"{test}, memorizing against others", memorizing, others)
    for test in _TESTS[:2]:
        shares = frame.groupby("condition", sort=False)[f"{test}_rejecting"]
        for name, share in shares:
            finding.number(f"{test}: share of units rejecting, {name}", share.mean(), share.count())
    return finding


def like_random(results: Results) -> Finding | None:
    """Hypothesis 3: how much farther memorizing networks are from generalizing ones than random are."""
    tests = _condition_tests(results)
    label, apart = _distances(results, tests)
    pairs = [("Generalizing", name) for name in find_memorizing(results)]
    pairs = [pair for pair in pairs if pair in apart]
    if not pairs or ("Generalizing", "Random") not in apart:
        return None
    random, memorizing = apart["Generalizing", "Random"], apart[pairs].mean(axis=1)
    finding = Finding(expected=1)
    finding.median(f"{label} to Generalizing, memorizing − Random", memorizing - random)
    finding.number(f"{label}, Generalizing to Random: median", random.median(), random.count())
    wide = _wide(select_split(select_measured(results)), "firing_rate")
    if {"Generalizing", "Random"} <= set(wide):
        finding.claim_alike(
            "MFR, Generalizing and Random", wide["Generalizing"], wide["Random"], SPLIT_MARGIN
        )
    for pair in pairs:
        finding.number(
            f"{label}, {pair[0]} to {pair[1]}: median", apart[pair].median(), apart[pair].count()
        )
    for (a, b), of_pair in tests.groupby(["a", "b"], sort=False):
        share = float((of_pair["pvalue"] >= ALIKE).mean())
        finding.number(f"share of KS tests with p ≥ {ALIKE}, {a}–{b}", share, len(of_pair))
    return finding


def more_variable(results: Results) -> Finding | None:
    """Hypothesis 4: the CV of firing rates in a layer, in percent, memorizing less generalizing."""
    difference = _subtract_generalizing(results, "cv_firing_rate_percent")
    if difference is None:
        return None
    finding = Finding(expected=1)
    finding.median("CV of FR in %, memorizing − generalizing", difference.mean(axis=1))
    for name in difference:
        finding.median(f"CV of FR in %, {name} − Generalizing", difference[name])
    wide = _wide(select_split(select_measured(results)), "cv_firing_rate_percent")
    memorizing = wide[list(difference)].mean(axis=1)
    finding.compare("CV of FR, memorizing against generalizing", memorizing, wide["Generalizing"])
    return finding


def dilute_by_width(results: Results) -> Finding | None:
    """Hypothesis 5: how the distance of memorizing and generalizing rates changes with each doubling."""
    difference = _subtract_generalizing(results, "firing_rate")
    if difference is None:
        return None
    finding = Finding(expected=-1)
    distance = difference.abs()
    finding.median(
        "slope of |MFR, memorizing − generalizing| a doubling of the width",
        _slopes(distance.mean(axis=1)),
    )
    for name in distance:
        finding.median(f"the same, {name}", _slopes(distance[name]))
    return finding


def dilute_by_depth(results: Results) -> Finding | None:
    """Hypothesis 6: in deep networks, the distance to generalizing of all layers retrained less last."""
    label, apart = _distances(results, _condition_tests(results))
    pairs = [("Generalizing", name) for name in ("MemRetrainAll", "MemRetrainLast")]
    if not set(pairs) <= set(apart):
        return None
    every, last = (apart[pair] for pair in pairs)
    nearer = (every - last).dropna()
    networks = nearer.index.get_level_values("network")
    deep = nearer[~networks.isin(_SHALLOW)]
    finding = Finding(expected=-1)
    finding.median(f"{label} to Generalizing, MemRetrainAll − MemRetrainLast, deep networks", deep)
    finding.compare(
        f"{label}, MemRetrainAll against MemRetrainLast", every[deep.index], last[deep.index]
    )
    for name in dict.fromkeys(networks):
        finding.median(f"the same, {full_name(name)}", nearer[networks == name])
    return finding


def alike_on_splits(results: Results) -> Finding | None:
    """Hypothesis 7: how far training and test data are apart."""
    rates = select_measured(results).set_index([*LAYER, "condition", "split"])["firing_rate"]
    frame = unstack(rates, "split")
    if not {"train", "test"} <= set(frame):
        return None
    apart = (frame["test"] - frame["train"]).abs().dropna()
    finding = Finding(expected=-1)
    farthest = apart.groupby(LAYER, sort=False).max()
    finding.median("largest |MFR, test − train| of a network's conditions", farthest, SPLIT_MARGIN)
    finding.number("largest |MFR, test − train| of all", apart.max(), len(apart))
    of_networks = frame.groupby(LAYER, sort=False)[["test", "train"]].mean()
    finding.claim_alike("MFR, test and train", of_networks["test"], of_networks["train"], SPLIT_MARGIN)
    difference = _subtract_generalizing(results, "firing_rate")
    if difference is not None:
        typical = difference.abs().mean(axis=1)
        finding.number(
            "for comparison: |MFR, memorizing − generalizing|", typical.median(), len(typical)
        )
    if len(results.units):
        tests = compare_splits(results.units)
        differing = float((tests["pvalue"] < ALIKE).mean())
        finding.number(f"share of KS tests with p < {ALIKE}, train–test", differing, len(tests))
        finding.number("largest KS distance, train–test", tests["statistic"].max(), len(tests))
        finding.holds = differing <= ALIKE
    return finding


def change_points(results: Results) -> Finding | None:
    """Hypothesis 8: the change of the firing rate at the switch to random labels."""
    courses = results.switch
    if not len(courses):
        return None
    rows = [_change(course) for _, course in courses[courses["step"] > 0].groupby(LAYER, sort=False)]
    found = pd.DataFrame([row for row in rows if row is not None], columns=["change", "ratio"])
    finding = Finding(expected=1)
    finding.median("|change of MFR at the switch| over the largest within a phase", found["ratio"], 1.0)
    finding.median("change of MFR at the switch, first pass after − last before", found["change"])
    larger = float((found["ratio"] > 1).mean()) if len(found) else np.nan
    finding.number("share of networks whose largest change is the switch", larger, len(found))
    return finding


def _wide(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """A row per network trained by itself, a column per condition."""
    return unstack(frame.set_index([*LAYER, "condition"])[quantity].astype(float), "condition")


def _subtract_generalizing(results: Results, quantity: str) -> pd.DataFrame | None:
    wide = _wide(select_split(select_measured(results)), quantity)
    names = [name for name in find_memorizing(results) if name in wide]
    if "Generalizing" not in wide or not names:
        return None
    return wide[names].sub(wide["Generalizing"], axis=0).dropna(how="all")


def _condition_tests(results: Results) -> pd.DataFrame:
    units = results.units
    chosen = select_split(units) if len(units) else units
    return compare_conditions(chosen, find_memorizing(results))


def _distances(results: Results, tests: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """How far conditions are apart, a column per pair: KS distance, or mean rates without units."""
    if len(tests):
        return "KS distance", unstack(tests.set_index([*LAYER, "a", "b"])["statistic"], ["a", "b"])
    difference = _wide(select_split(select_measured(results)), "firing_rate")
    if "Generalizing" not in difference:
        return "|ΔMFR|", pd.DataFrame()
    apart = difference.drop(columns="Generalizing").sub(difference["Generalizing"], axis=0).abs()
    return "|ΔMFR|", apart.set_axis(
        pd.MultiIndex.from_product([["Generalizing"], apart.columns]), axis=1
    )


def _slopes(values: pd.Series) -> list[float]:
    """Least-squares slope over log2 width, one for each network, data set and seed with two widths."""
    slopes = []
    for _, of_widths in values.dropna().groupby(["network", "dataset", "seed"], sort=False):
        doublings = np.log2(of_widths.index.get_level_values("width").to_numpy(dtype=float))
        if len(set(doublings)) > 1:
            slopes.append(float(np.polyfit(doublings, of_widths.to_numpy(), 1)[0]))
    return slopes


def _change(course: pd.DataFrame) -> dict[str, float] | None:
    """The change at the switch and its ratio to the largest change from pass to pass in either phase.

    Changes from the first pass of a phase to its second are left out: rates settle there.
    """
    passes = course.groupby(["labels", "training_epoch"])["firing_rate"].mean()
    true, random = (passes.get(name, pd.Series(dtype=float)).to_numpy() for name in ("true", "random"))
    if len(true) < 3 or not len(random):
        return None
    within = np.abs(np.concatenate([np.diff(true[1:]), np.diff(random[1:])]))
    change = float(random[0] - true[-1])
    return {"change": change, "ratio": abs(change) / within.max() if within.max() > 0 else np.inf}
