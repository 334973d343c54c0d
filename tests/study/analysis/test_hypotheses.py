"""Verdicts on results whose truth is known, and the level of the test behind them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ann2neo.study.analysis.evidence import alike_on_splits, change_points, lower_rates
from ann2neo.study.analysis.hypotheses import judge_hypotheses
from ann2neo.study.analysis.medians import compute_median
from tests.study.made_results import RATES, make_results, switch_courses, usual

ALL_ALIKE = dict.fromkeys(RATES, 0.4)


def verdicts(results):
    return {one.number: one.verdict for one in judge_hypotheses(results)}


def small(**options):
    """Eight networks: enough to decide."""
    options = {"networks": ("cnn",), "widths": (16, 32), "seeds": range(4), **options}
    return make_results(**options)


@pytest.fixture(scope="module")
def judged():
    return judge_hypotheses(usual())


def test_all_eight_in_order(judged):
    assert [one.number for one in judged] == list(range(1, 9))
    for one in judged:
        assert one.numbers["quantity"].is_unique
        assert one.numbers["n"].notna().all()
        assert one.paper.split()[0] in ("supports", "rejects")


def test_verdicts_on_the_usual_results(judged):
    found = {one.number: one.verdict for one in judged}
    expected = {1: "supports", 2: "rejects", 3: "supports", 4: "supports", 6: "supports"}
    assert found == {**expected, 5: "undecided", 7: "supports", 8: "supports"}


def test_opposite_results_turn_the_verdicts():
    turned = {"Generalizing": 0.2, "MemRetrainLast": 0.3, "MemRandomLast": 0.3, "MemRetrainAll": 0.6}
    found = verdicts(small(rates={**turned, "Random": 0.7}))
    assert found[1] == "rejects"
    assert found[2] == "rejects" or found[2] == "undecided"
    assert found[3] == "rejects"
    assert found[4] == "rejects"
    assert found[6] == "rejects"


@pytest.mark.parametrize(("growing", "verdict"), [(False, "supports"), (True, "rejects")])
def test_dilution_by_width(growing, verdict):
    def rates(condition, width):
        gap = 0.1 * np.log2(width / 8) if growing else 0.4 - 0.1 * np.log2(width / 16)
        return 0.6 - gap * (condition not in ("Generalizing", "Random"))

    results = make_results(
        networks=("cnn",), widths=(16, 64), datasets=("mnist", "digits"), seeds=range(4), rates=rates
    )
    assert verdicts(results)[5] == verdict


def test_few_networks_decide_nothing():
    found = verdicts(make_results(networks=("cnn",), widths=(16,), seeds=range(5)))
    assert set(found.values()) == {"undecided", "not in this study"}
    assert [number for number, verdict in found.items() if verdict == "not in this study"] == [5, 8]


def test_shallow_networks_say_nothing_of_depth():
    results = small(networks=("mlp",))
    assert verdicts(results)[6] == "not in this study"


def test_splits_that_differ():
    results = small()
    results.indicators.loc[results.indicators["split"] == "test", "firing_rate"] += 0.2
    assert verdicts(results)[7] == "rejects"


def test_like_means_do_not_hide_other_distributions():
    results = small(widths=(64, 65))
    test = results.units["split"] == "test"
    results.units.loc[test, "firing_rate"] = np.where(
        results.units.loc[test, "unit_index"] % 2, 0.0, 1.0
    )
    finding = alike_on_splits(results)
    assert finding.main.side() == finding.expected
    assert not finding.holds
    assert verdicts(results)[7] == "undecided"


def test_change_at_the_switch():
    courses = switch_courses(("mlp",), (64,), ("mnist",), range(8), drop=0.3)
    finding = change_points(replace(usual(), switch=courses))
    rows = {row["quantity"].split(",")[0]: row for row in finding.rows}
    assert rows["change of MFR at the switch"]["value"] == pytest.approx(-0.3, abs=0.01)
    assert finding.main.side() == 1


@pytest.mark.parametrize("course", [{"drop": 0.15, "rise": 0.5}, {"slow": 15}])
def test_settling_is_not_held_against_stability(course):
    courses = switch_courses(("mlp",), (64,), ("mnist",), range(8), **course)
    assert change_points(replace(usual(), switch=courses)).main.side() == 1


def test_a_course_without_a_change_is_no_change_point():
    courses = switch_courses(("mlp",), (64,), ("mnist",), range(8), drop=0.0)
    assert change_points(replace(usual(), switch=courses)).main.side() == -1


def test_pairs_by_hand():
    results = make_results(networks=("cnn",), widths=(16,), seeds=(0, 1))
    frame = results.indicators[results.indicators["split"] == "train"]
    wide = frame.pivot_table(index="seed", columns="condition", values="firing_rate")
    memorizing = ["MemRetrainLast", "MemRandomLast", "MemRetrainAll"]
    expected = np.median(
        [wide.loc[seed, memorizing].mean() - wide.loc[seed, "Generalizing"] for seed in (0, 1)]
    )
    finding = lower_rates(results)
    assert finding.main.value == pytest.approx(expected, rel=1e-12)
    assert finding.main.n == 2  # networks, not pairs or units
    assert finding.rows[-1]["n"] == 6


def test_broken_cells_are_left_out():
    results = small()
    chosen = (results.indicators["seed"] == 0) & (results.indicators["condition"] == "Generalizing")
    results.indicators.loc[chosen, "status"] = "failed"
    assert lower_rates(results).main.n == 6


def test_without_units_and_courses():
    whole = usual()
    bare = replace(whole, units=whole.units.iloc[:0], switch=whole.switch.iloc[:0])
    found = verdicts(bare)
    assert found[3] == found[6] == found[7] == "supports"
    assert found[8] == "not in this study"


def test_no_results():
    whole = usual()
    empty = replace(
        whole,
        indicators=whole.indicators.iloc[:0],
        units=whole.units.iloc[:0],
        switch=whole.switch.iloc[:0],
    )
    assert set(verdicts(empty).values()) == {"not in this study"}


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=1, max_size=30))
def test_the_sign_test_agrees_with_the_binomial(values):
    values = np.array(values)
    found = compute_median(values)
    assert found.value == pytest.approx(np.median(values))
    if not (values == 0).any():
        expected = stats.binomtest(int((values > 0).sum()), len(values)).pvalue
        assert found.pvalue == pytest.approx(expected)
    if len(values) < 6:
        assert np.isnan([found.low, found.high]).any()
        assert found.side() == 0
    else:
        assert found.low <= found.value <= found.high


def test_an_infinite_ratio_counts():
    assert compute_median([np.inf] * 5 + [2.0], 1.0).side() == 1


def test_equal_numbers_up_to_rounding_are_equal():
    assert compute_median([0.1 + 0.2 - 0.3] * 20).side() == 0


@pytest.mark.parametrize("n", [6, 20])
def test_level_of_the_verdict(n):
    rng = np.random.default_rng(n)
    sides = [compute_median(rng.standard_t(2, n)).side() for _ in range(400)]
    # The nominal 0.05 and three standard errors of 400 draws.
    assert np.mean(np.array(sides) != 0) < 0.083


def test_false_verdicts_where_nothing_differs():
    rng = np.random.default_rng(3)
    results = small(rates=ALL_ALIKE)
    wrong = 0
    for _ in range(60):
        frame = results.indicators.assign(firing_rate=rng.normal(0.4, 0.05, len(results.indicators)))
        wrong += lower_rates(replace(results, indicators=frame)).main.side() != 0
    assert wrong <= 9  # of 60; at a level of 0.05, ten come up once in 1,400 times
