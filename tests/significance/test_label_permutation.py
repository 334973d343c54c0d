"""Mutual information of patterns and labels against permuted labels."""

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ann2neo as a2n
from ann2neo.significance.label_permutation import mutual_information_test


def run(active, labels=None, seed=0, **options):
    return mutual_information_test(
        active, labels, rng=np.random.default_rng(seed), progress=False, **options
    )


def information(active, labels):
    """H(A) + H(L) − H(A, L), in bits, by counting."""
    patterns, labels = list(map(tuple, np.asarray(active).tolist())), np.asarray(labels).tolist()
    first, second, both = (
        sum(-c / len(labels) * math.log2(c / len(labels)) for c in Counter(things).values())
        for things in (patterns, labels, zip(patterns, labels, strict=True))
    )
    return first + second - both


def with_positions(active, n_positions, labels, sample_index=None):
    """A raster whose items are seen at several positions, one behind the other."""
    item = np.arange(len(active)) // n_positions
    samples = pd.DataFrame({"sample_index": item if sample_index is None else sample_index})
    samples["label"] = np.asarray(labels)[item]
    return a2n.SpikeRaster.from_dense(active, samples=samples)


def test_against_every_permutation():
    active = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [1, 1], [0, 1]])
    labels = [0, 0, 1, 1, 1, 2]
    every = [information(active, p) for p in itertools.permutations(labels)]
    result = run(active, labels, n_surrogates=20_000)
    assert result.statistic[0] == pytest.approx(a2n.patterns.mutual_information(active, labels))
    assert result.columns["null_mean"][0] == pytest.approx(np.mean(every), abs=5 * np.std(every) / 141)
    assert result.columns["null_sd"][0] == pytest.approx(np.std(every), rel=0.05)
    exact = np.mean(np.array(every) >= result.statistic[0] - 1e-9)
    assert result.pvalue[0] == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))


def test_positions_of_an_item_keep_one_label_under_every_permutation():
    rng = np.random.default_rng(2)
    item_labels = np.array([0, 0, 1, 1, 2])
    active = rng.random((15, 2)) < 0.5
    uneven = np.repeat(np.arange(5), [1, 2, 3, 4, 5])
    samples = pd.DataFrame({"sample_index": uneven, "label": item_labels[uneven]})
    raster = a2n.SpikeRaster.from_dense(active, samples=samples)
    every = [information(active, np.array(p)[uneven]) for p in itertools.permutations(item_labels)]
    result = run(raster, n_surrogates=20_000)
    assert result.statistic[0] == pytest.approx(a2n.patterns.mutual_information(raster))
    assert result.columns["null_mean"][0] == pytest.approx(np.mean(every), abs=5 * np.std(every) / 141)


def pvalues(make, n_runs, **options):
    return np.array([run(*make(seed), seed=seed + 10**6, **options).pvalue[0] for seed in range(n_runs)])


def test_holds_its_level():
    def independent(seed):
        rng = np.random.default_rng(seed)
        return rng.random((80, 5)) < 0.4, rng.integers(3, size=80)

    found = pvalues(independent, 300, n_surrogates=99)
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert low <= np.count_nonzero(found <= 0.05) <= high
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_holds_its_level_where_positions_of_an_item_are_alike():
    def alike(seed, told_apart=False):
        rng = np.random.default_rng(seed)
        active = np.repeat(rng.random((30, 4)) < 0.5, 8, axis=0) ^ (rng.random((240, 4)) < 0.05)
        index = np.arange(240) if told_apart else None
        return (with_positions(active, 8, rng.integers(3, size=30), index),)

    found = pvalues(alike, 200, n_surrogates=99)
    low, high = stats.binom.interval(0.999, 200, 0.05)
    assert low <= np.count_nonzero(found <= 0.05) <= high
    # Positions permuted one by one would find what is not there.
    wrong = pvalues(lambda seed: alike(seed, told_apart=True), 20, n_surrogates=99)
    assert np.mean(wrong <= 0.05) > 0.9


def test_finds_what_is_there():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=300)
    active = rng.random((300, 3)) < 0.4 + 0.2 * labels[:, None]
    result = run(active, labels, n_surrogates=999)
    assert result.pvalue[0] == 1 / 1000
    assert result.columns["estimate"][0] > 0


def test_each_layer_has_its_row():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    active = rng.random((200, 6)) < 0.5
    active[:, 4] = labels
    units = pd.DataFrame({"layer": list("ababab"), "unit_index": [0, 0, 1, 1, 2, 2]})
    raster = a2n.SpikeRaster.from_dense(active, units)
    result = run(raster, labels)
    assert result.units["layer"].tolist() == ["a", "b"]
    assert result.units["unit_index"].tolist() == [-1, -1]
    assert result.pvalue[0] < 0.01 < result.pvalue[1]
    expected = [a2n.patterns.mutual_information(raster.select(layer=layer), labels) for layer in "ab"]
    np.testing.assert_allclose(result.statistic, expected, rtol=1e-9)
    np.testing.assert_array_equal(result.columns["pvalue_adjusted"], a2n.adjust_pvalues(result.pvalue))
    assert run(raster, labels, by=None).units["layer"].tolist() == ["all"]


@pytest.mark.parametrize(
    ("active", "labels"),
    [(np.eye(6), [0, 1, 0, 1, 2, 2]), (np.ones((6, 2)), [0, 1, 0, 1, 2, 2]), (np.eye(6), [3] * 6)],
)
def test_where_permuting_changes_nothing(active, labels):
    result = run(active, labels, n_surrogates=50)
    assert result.pvalue[0] == 1
    assert result.columns["null_mean"][0] == pytest.approx(result.statistic[0], abs=1e-12)
    assert result.statistic[0] == pytest.approx(
        a2n.patterns.mutual_information(active, labels), abs=1e-12
    )
    assert np.isnan(run(active, labels, n_surrogates=1).columns["null_sd"][0])


def test_the_same_seed_gives_the_same_answer():
    rng = np.random.default_rng(0)
    active, labels = rng.random((100, 4)) < 0.5, rng.integers(3, size=100)
    frames = [run(active, labels, seed=seed).to_frame() for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])


def test_items_of_two_splits_are_told_apart():
    active = np.random.default_rng(0).random((40, 2)) < 0.5
    samples = pd.DataFrame({"sample_index": [*range(20), *range(20)], "label": [0] * 20 + [1] * 20})
    with pytest.raises(ValueError, match="labels must be the same for all samples of one item"):
        run(a2n.SpikeRaster.from_dense(active, samples=samples))
    samples["dataset_split"] = ["train"] * 20 + ["test"] * 20
    assert 0 < run(a2n.SpikeRaster.from_dense(active, samples=samples)).pvalue[0] <= 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator, got 3"),
        ({"n_surrogates": 0}, ValueError, "n_surrogates must be at least 1, got 0"),
        ({"by": "colour"}, ValueError, "by must be None or one of"),
        ({"labels": None}, ValueError, "labels must be a column of the sample table"),
    ],
)
def test_refusals(options, error, message):
    options = {"labels": [0, 1, 1], "rng": np.random.default_rng(0), **options}
    with pytest.raises(error, match=message):
        mutual_information_test(np.eye(3), **options)


def test_the_estimate_has_little_bias():
    # Ten one-hot units carry log2(10) bits beside six of noise; the plug-in estimate's excess said 1.
    rng, label = np.random.default_rng(0), np.arange(1000) % 10
    dense = np.column_stack([np.eye(10, dtype=bool)[label], rng.random((1000, 6)) < 0.5])
    result = a2n.mutual_information_test(dense, label, rng=rng, n_surrogates=20, progress=False)
    assert result.columns["estimate"][0] == pytest.approx(np.log2(10), rel=0.1)
