"""Findings of activation patterns: against brute force, and on courses whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ann2neo.study.analysis.pattern_findings import average_over_seeds, describe_layers, find_in_patterns
from ann2neo.study.analysis.pattern_numbers import (
    deepest_dip,
    family,
    kendall,
    kendall_same_width,
    relative_depth,
    settling_time,
)
from ann2neo.study.cells.result_tables import Results
from tests.study.made_patterns import STEPS, course, names, study_patterns


def find(frame, finding, network, compared_with=""):
    row = frame[
        (frame["finding"] == finding)
        & (frame["network"] == network)
        & (frame["compared_with"] == compared_with)
    ]
    assert len(row) == 1
    return row.iloc[0]


def findings(*courses):
    return find_in_patterns(describe_layers(pd.concat(courses, ignore_index=True)))


def settle_by_hand(steps, values, final):
    """On a fine grid, so to a thousandth: from when on values are on the final side of the middle."""
    if values[0] == final:
        return np.nan
    grid = np.linspace(steps[0], steps[-1], 20_001)
    course = np.interp(grid, steps, values)
    middle = (values[0] + final) / 2
    there = course >= middle if final > values[0] else course <= middle
    if not there[-1]:
        return np.nan
    settled = grid[np.flatnonzero(~there)[-1]]
    return (steps[-1] if settled >= steps[-2] else settled) / steps[-1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 10), min_size=3, max_size=3), min_size=2, max_size=7),
    st.sampled_from([0.0, 1.0]),
)
def test_settled_at_is_the_last_crossing(looks, final):
    values = np.vstack([np.array(looks) / 10, np.full(3, final)])
    steps = np.cumsum(np.arange(len(values)))
    expected = [settle_by_hand(steps, column, final) for column in values.T]
    # A course that touches the middle and turns back is settled there or not by the last bit.
    middle = (values[0] + final) / 2
    exact = np.isclose(values[1:-1], middle).any(axis=0)
    got = settling_time(steps, values, final)
    np.testing.assert_allclose(got[~exact], np.array(expected)[~exact], atol=2e-4)


def test_settled_at_where_it_is_not_defined():
    values = np.array([[0.2, 1.0, 0.2, 0.2], [0.5, 1.0, np.nan, 0.9], [1.0, 1.0, 1.0, 0.3]])
    got = settling_time(np.array([0, 1, 2]), values, 1.0)
    assert got[0] == 1  # not before the last look
    assert np.isnan(got[1:]).all()  # no range; a look missing; not there at the end


def test_layers_of_a_known_course():
    layers = describe_layers(course("plain", 1, 0, [5, 10, 15, 20, 25, 30, 40]))
    # 10 of 100 steps: straight between the looks at 8 and 16, on a line that ends at 20 of them.
    assert layers["settled_at"].iloc[1] == pytest.approx(0.1)
    np.testing.assert_allclose(layers["settled_at"], layers["settled_at_flips"])
    assert layers["layer"].tolist() == names(1)
    assert layers["depth"].tolist() == list(range(1, 8))


def test_the_three_moments():
    n = len(names(1))
    entropy = np.tile(STEPS[:, None], n) / 100
    layers = describe_layers(course("plain", 1, 0, 10, entropy))  # a pass is ten steps, a tenth one
    assert (layers["entropy_fraction_early"] == 0.01).all()
    assert (layers["entropy_fraction_half"] == 0.5).all()
    assert (layers["entropy_fraction_end"] == 1.0).all()
    few = np.array([0, 7, 60, 100])
    layers = describe_layers(course("plain", 1, 0, 10, np.tile(few[:, None], n) / 100, few))
    assert layers.loc[0, ["entropy_fraction_early", "entropy_fraction_half"]].tolist() == [0.07, 0.07]


def test_order_of_rows_and_further_columns():
    looks = course("plain", 1, 0, np.arange(1, 8) * 6, mutual_information=0.5)
    shuffled = looks.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(describe_layers(looks), describe_layers(shuffled))
    assert (describe_layers(looks)["mutual_information_end"] == 0.5).all()


def test_networks_come_by_kind_and_blocks():
    looks = [course(kind, blocks, 0, 10) for blocks in (3, 1) for kind in ("residual", "plain")]
    layers = describe_layers(pd.concat(looks))  # whose index has each number four times
    order = ["residual_1", "residual_3", "plain_1", "plain_3"]
    assert layers["network"].unique().tolist() == order
    assert find_in_patterns(layers)["network"].unique().tolist() == [*order, "plain"]


def test_refuses_single_looks_and_doubled_ones():
    looks = course("plain", 1, 4, 10)
    with pytest.raises(
        ValueError, match="at least 2 looks at each network, got 1 at plain_1 8 digits 4"
    ):
        describe_layers(looks[looks["step"] == 0])
    with pytest.raises(ValueError, match="duplicate"):
        describe_layers(pd.concat([looks, looks]))


def test_of_nothing():
    layers = describe_layers(Results(None, pd.DataFrame()).patterns)
    assert not len(layers)
    assert "settled_at" in layers
    assert (
        find_in_patterns(layers).columns.tolist()
        == find_in_patterns(describe_layers(course("plain", 1, 0, 10))).columns.tolist()
    )


@pytest.mark.parametrize(("order", "tau"), [(1, 1.0), (-1, -1.0)])
def test_bottom_up_and_top_down(order, tau):
    times = np.linspace(4, 40, 7)[::order]
    frame = findings(*[course("plain", 1, seed, times) for seed in range(3)])
    for finding in ("settling", "settling_flips"):
        row = find(frame, finding, "plain_1")
        assert (row["value"], row["n"]) == pytest.approx((tau, 3))
        assert np.isnan([row["low"], row["high"]]).all()


def test_simultaneous_settling_has_no_order():
    rng = np.random.default_rng(3)
    frame = findings(*[course("plain", 2, s, 20 + rng.uniform(-1, 1, 13)) for s in range(40)])
    row = find(frame, "settling", "plain_2")
    assert row["low"] < 0 < row["high"]
    # Its standard error without order is known: Var τ = 2 (2n + 5) / (9 n (n − 1)).
    expected = 2 * stats.t.ppf(0.975, 39) * np.sqrt(2 * 31 / (9 * 13 * 12) / 40)
    assert row["high"] - row["low"] == pytest.approx(expected, rel=0.3)
    # All at the same moment have no τ at all, and no row.
    assert "settling" not in set(findings(course("plain", 2, 0, 20))["finding"])


def test_flips_do_not_see_width():
    """Wide layers look late by patterns though all units settle alike."""
    looks = course("plain", 1, 0, 20)
    late = np.linspace(0.3, 1.7, 7)[looks["depth"] - 1]
    jaccard = looks["weighted_jaccard_final"]
    frame = findings(looks.assign(weighted_jaccard_final=0.2 + 0.8 * ((jaccard - 0.2) / 0.8) ** late))
    assert find(frame, "settling", "plain_1")["value"] == pytest.approx(1)
    assert "settling_flips" not in set(frame["finding"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=3, max_size=12))
def test_the_deepest_dip_by_brute_force(entropy):
    dips = {k: min(entropy[k - 1], entropy[k + 1]) - entropy[k] for k in range(1, len(entropy) - 1)}
    size, place = deepest_dip(entropy)
    assert size == max(0, *dips.values())
    assert (place is None) == (size == 0)
    assert place is None or dips[place] == size


def test_dips_of_blocks_and_of_layers():
    zigzag = np.array([0.9, 0.6, 0.9, 0.6, 0.8, 0.6, 0.9])  # outputs of blocks: 0.9, 0.8, 0.9
    frame = findings(course("plain", 1, 0, np.arange(1, 8) * 5, zigzag))
    assert find(frame, "dip_end", "plain_1")["value"] == pytest.approx(0.1)
    assert find(frame, "dip_depth_end", "plain_1")["value"] == pytest.approx(4 / 6)
    assert find(frame, "layer_dip_end", "plain_1")["value"] == pytest.approx(0.3)
    assert find(frame, "layer_dip_depth_end", "plain_1")["value"] == pytest.approx(1 / 6)
    flat = findings(course("plain", 1, 0, np.arange(1, 8) * 5))
    assert find(flat, "dip_early", "plain_1")["value"] == 0
    assert "dip_depth_early" not in set(flat["finding"])


@pytest.mark.parametrize("activation", ["leaky_relu", "prelu"])
def test_block_outputs_of_other_rectifiers(activation):
    looks = course("leaky", 1, 0, 10, [0.9, 0.6, 0.9, 0.6, 0.8, 0.6, 0.9])
    looks["layer"] = looks["layer"].str.replace("relu", activation)
    assert find(findings(looks), "dip_end", "leaky_1")["value"] == pytest.approx(0.1)


def test_a_network_of_inner_rectifiers_alone_has_no_dip_between_blocks():
    looks = course("pyramid", 1, 0, 10)
    looks = looks[looks["layer"].str.contains("inner|hidden")]
    assert not {"dip_end", "dip_early"} & set(findings(looks)["finding"])
    assert "layer_dip_end" in set(findings(looks)["finding"])


def test_differences_are_paired_by_seed_and_blocks():
    """Dips that differ widely between seeds, and by 0.1 and 0.3 within each pair."""
    parts = []
    for seed, base in enumerate((0.1, 0.3, 0.5)):
        for blocks, extra in ((1, 0.1), (2, 0.3)):
            for network, dip in (("residual", base), ("plain", base + extra)):
                entropy = np.ones(len(names(blocks)))
                entropy[4] -= dip
                parts.append(course(network, blocks, seed, np.arange(len(entropy)) + 4, entropy))
    frame = findings(*parts)
    each = {"plain_1": ("residual_1", 0.1), "plain_2": ("residual_2", 0.3), "plain": ("residual", 0.2)}
    for network, (base, expected) in each.items():
        row = find(frame, "dip_half", network, base)
        assert row[["value", "n"]].tolist() == pytest.approx([expected, 3])
        assert row[["low", "high"]].isna().all()  # equal in all seeds: no estimate of their spread
    alone = find(frame, "dip_half", "plain_1")
    assert alone["value"] == pytest.approx(0.4)
    assert alone["high"] - alone["low"] > 0.9
    assert not frame.loc[frame["compared_with"] != "", "finding"].str.contains("depth").any()
    # A seed without one of its networks has no mean over blocks.
    frame = findings(*parts[:-1])
    assert find(frame, "dip_half", "plain_2", "residual_2")["n"] == 2
    assert find(frame, "dip_half", "plain_1", "residual_1")["n"] == 3
    row = find(frame, "dip_half", "plain", "residual")
    assert (row["n"], row["value"]) == (2, pytest.approx(0.2))


def test_data_sets_stay_apart_and_others_than_residual_alone_are_not_compared():
    looks = study_patterns()
    frame = findings(looks, looks.assign(dataset="mnist", entropy_fraction=0.5))
    chosen = frame[(frame["finding"] == "dip_end") & (frame["network"] == "plain")]
    assert chosen["dataset"].tolist() == ["digits", "mnist"]
    assert chosen["value"].tolist()[1] == 0
    assert chosen["value"].iloc[0] > 0.1
    plain = findings(looks[looks["network"] != "residual_1"])
    assert set(plain["compared_with"]) == {"", "residual_3"}
    assert "plain" not in set(plain["network"])
    assert set(findings(looks[looks["network"].str.startswith("plain")])["compared_with"]) == {""}


def test_one_seed_has_no_interval():
    row = find(findings(study_patterns(seeds=(3,))), "settling", "plain_3")
    assert row["n"] == 1
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_intervals_cover_the_mean_in_95_percent():
    """Of 4,000 studies of four seeds; the normal law's intervals would cover 85 %."""
    rng = np.random.default_rng(11)
    n_studies, n_seeds = 4000, 4
    numbers = pd.DataFrame(
        {
            "finding": "settling",
            "dataset": "digits",
            "probe": "train",
            "network": np.repeat([f"plain_{k}" for k in range(n_studies)], n_seeds),
            "compared_with": "",
            "value": rng.normal(0.4, 0.2, n_studies * n_seeds),
        }
    )
    frame = average_over_seeds(numbers)
    assert (frame["n"] == n_seeds).all()
    covered = ((frame["low"] < 0.4) & (frame["high"] > 0.4)).sum()
    low, high = stats.binom.ppf([0.0005, 0.9995], n_studies, 0.95)
    assert low <= covered <= high
    one = stats.ttest_1samp(numbers["value"].iloc[:4], 0).confidence_interval(0.95)
    assert frame.loc[0, ["low", "high"]].tolist() == pytest.approx(list(one))
    # The test can fail: the normal law's quantile in place of Student's.
    narrow = (frame["high"] - frame["value"]) * stats.norm.ppf(0.975) / stats.t.ppf(0.975, 3)
    assert (np.abs(frame["value"] - 0.4) < narrow).sum() < low


def test_kendall_leaves_out_layers_without_a_time():
    assert kendall([1, 2, 3], [0.1, np.nan, 0.2]) == 1
    assert np.isnan(kendall([1, 2], [np.nan, 0.2]))
    tied = stats.kendalltau([1, 2, 3, 4], [0.1, 0.1, 0.3, 0.2]).statistic
    assert kendall([1, 2, 3, 4], [0.1, 0.1, 0.3, 0.2]) == tied


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([8, 16])), min_size=2, max_size=9))
def test_kendall_over_equal_widths_by_brute_force(layers):
    times, widths = zip(*layers, strict=True)
    signs = [
        np.sign(times[b] - times[a])
        for a in range(len(layers))
        for b in range(a + 1, len(layers))
        if widths[a] == widths[b]
    ]
    expected = np.mean(signs) if signs else np.nan
    got = kendall_same_width(np.arange(len(layers)), times, widths)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_width_alone_is_no_order_between_equal_widths():
    rng = np.random.default_rng(4)
    widths = np.repeat([8, 16, 32], [5, 4, 4])
    courses = [course("plain", 2, s, widths + rng.uniform(-1, 1, 13)) for s in range(30)]
    frame = findings(*[c.assign(n_units=widths[c["depth"] - 1]) for c in courses])
    assert find(frame, "settling", "plain_2")["low"] > 0.5
    row = find(frame, "settling_same_width", "plain_2")
    assert row["low"] < 0 < row["high"]


def test_names_and_places():
    frame = pd.DataFrame({"network": ["a_1_2", "a_12"], "blocks": [2, 2]})
    assert family(frame).tolist() == ["a_1", "a_12"]
    assert relative_depth(np.array([1, 2, 3]), 3).tolist() == [0, 0.5, 1]
    assert np.isnan(relative_depth(1, 1))
