"""Tuning of units to classes, and its test against permuted labels."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

import ann2neo as a2n
from ann2neo.plotting.tuning import plot_tuning
from tests.strategies import dense

ACTIVE = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]])
LABELS = np.array([0, 0, 1, 1, 2, 2])


def plug_in(bits, labels):
    n, total = len(bits), 0.0
    for x, c in itertools.product((0, 1), np.unique(labels)):
        p = np.mean((bits == x) & (labels == c))
        if p:
            total += p * math.log2(p / (np.mean(bits == x) * np.mean(labels == c)))
    return total if n else 0.0


def test_by_hand():
    found = a2n.tuning(ACTIVE, LABELS)
    np.testing.assert_array_equal(found.probability[:2], [[1, 0, 0.5], [0, 0.5, 1]])
    np.testing.assert_array_equal(found.preferred_class, [0, 2, 1, -1])
    # (1 − (0 + .5) / 2) / (1 + .25), and (1 − .75) / (1 + .75) for the third.
    np.testing.assert_allclose(found.selectivity, [0.6, 0.6, 1 / 7, np.nan])
    p, q = 0.5, 0.5  # unit 0 at class 2: one of two, and two of four others
    assert found.d_prime[0, 2] == (p - q) / math.sqrt(p * (1 - p))
    assert found.d_prime[0, 0] == pytest.approx((1 - 0.25) / math.sqrt(0.25 * 0.75 / 2))
    assert np.isnan(found.d_prime[3]).all()
    expected = [plug_in(ACTIVE[:, u], LABELS) for u in range(4)]
    np.testing.assert_allclose(found.information(estimator="plug-in"), expected, atol=1e-15)
    # Unit 0: two states in class 2 alone, so (1 − 1) / … is what the bias amounts to.
    np.testing.assert_allclose(found.information()[0], expected[0])
    assert found.to_frame()["preferred_class"].tolist() == [0, 2, 1, pd.NA]
    assert len(found.to_class_frame()) == 12


def test_interval_against_scipy():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 70)
    found = a2n.tuning(rng.random((70, 4)) < [0, 0.1, 0.6, 1], labels)
    interval = found.interval(alpha=0.1)
    for unit, one in itertools.product(range(4), range(3)):
        k, n = int(found.n_spikes[unit, one]), int(found.n_samples[one])
        exact = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
        np.testing.assert_allclose(interval[unit, one], [exact.low, exact.high], atol=1e-12)


@given(dense(), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_counting_in_chunks_in_any_order(active, n_classes, n_chunks, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, len(active))
    whole = a2n.tuning(active, labels)
    expected = [[active[labels == c, u].sum() for c in whole.classes] for u in range(active.shape[1])]
    np.testing.assert_array_equal(whole.n_spikes, expected)
    parts = [a2n.ClassCounts(), a2n.ClassCounts()]
    for chunk in np.array_split(np.arange(len(active)), n_chunks):
        if len(chunk):
            parts[rng.integers(2)].update(active[chunk], labels[chunk])
    seen = parts[0].merge(parts[1]).result()
    np.testing.assert_array_equal(seen.n_spikes, whole.n_spikes)
    np.testing.assert_array_equal(seen.n_samples, whole.n_samples)


def test_a_class_never_shown_is_nan_and_changes_nothing_else():
    plain = a2n.tuning(ACTIVE, LABELS)
    found = a2n.tuning(ACTIVE, LABELS, classes=[2, 7, 0, 1])
    assert np.isnan(found.probability[:, 1]).all()
    assert np.isnan(found.d_prime[:, 1]).all()
    assert np.isnan(found.interval()[:, 1]).all()
    np.testing.assert_allclose(found.selectivity, plain.selectivity)
    np.testing.assert_allclose(found.information(), plain.information())
    assert found.classes[found.preferred_class[:2]].tolist() == [0, 2]
    rng = np.random.default_rng
    np.testing.assert_allclose(
        a2n.tuning_test(found, rng=rng(0), n_surrogates=9, progress=False).statistic,
        a2n.tuning_test(plain, rng=rng(0), n_surrogates=9, progress=False).statistic,
    )


def test_one_class_alone():
    found = a2n.tuning(ACTIVE, np.zeros(6, int))
    assert np.isnan(found.selectivity).all()
    assert np.isnan(found.d_prime).all()
    np.testing.assert_allclose(found.information(), 0, atol=1e-15)


def test_pvalue_against_every_permutation():
    bits, labels = np.array([1, 1, 1, 0, 0, 1, 0]), np.array([0, 0, 0, 1, 1, 2, 2])
    every = np.array([plug_in(bits, np.array(p)) for p in itertools.permutations(labels)])
    exact = np.mean(every >= plug_in(bits, labels) - 1e-9)
    rng = np.random.default_rng(0)
    result = a2n.tuning_test(bits[:, None], labels, rng=rng, n_surrogates=20_000, progress=False)
    assert result.pvalue[0] == pytest.approx(exact, abs=5 * math.sqrt(exact / 20_000))
    assert result.columns["null_mean"][0] == pytest.approx(every.mean(), abs=0.01)


def test_labels_are_permuted_within_splits():
    # Splits differ in rate and classes: pooled, units seem tuned; within, nothing is to permute.
    labels = np.repeat([0, 1], 200)
    samples = pd.DataFrame({"sample_index": range(400), "label": labels})
    samples["dataset_split"] = np.repeat(["train", "test"], 200)
    active = np.random.default_rng(0).random((400, 3)) < np.where(labels, 0.8, 0.2)[:, None]
    raster = a2n.SpikeRaster.from_dense(active, samples=samples)
    options = {"n_surrogates": 99, "progress": False}
    found = a2n.tuning(raster, rng=np.random.default_rng(1), **options)
    np.testing.assert_array_equal(found.pvalue, 1)
    pooled = a2n.tuning(active, labels, rng=np.random.default_rng(1), **options)
    np.testing.assert_array_equal(pooled.pvalue, 0.01)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.97])
def test_false_positives(rate):
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1, 2], [50, 100, 150]))
    found = a2n.tuning(rng.random((300, 1000)) < rate, labels, rng=rng, n_surrogates=99, progress=False)
    tested = ~np.isnan(found.pvalue)
    rejected = np.count_nonzero(found.pvalue[tested] <= 0.05)
    assert rejected <= stats.binom.ppf(0.999, tested.sum(), 0.05)
    if rate == 0.3:
        assert rejected >= stats.binom.ppf(0.001, tested.sum(), 0.05)


def test_pynapple_agrees():
    nap = pytest.importorskip("pynapple")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 500)
    samples = pd.DataFrame({"sample_index": range(500), "label": labels})
    raster = a2n.SpikeRaster.from_dense(rng.random((500, 3)) < 0.3, samples=samples)
    units, _, shown = a2n.to_pynapple(raster)
    theirs = nap.compute_tuning_curves(
        units, shown, bins=4, range=(-0.5, 3.5), fs=1000.0, feature_names=["label"]
    )
    ours = a2n.tuning(raster).to_xarray(sampling_period=0.001)
    assert ours.dims == theirs.dims
    np.testing.assert_allclose(ours.values, theirs.values)
    np.testing.assert_array_equal(ours["label"], theirs["label"])
    np.testing.assert_allclose(
        nap.compute_mutual_information(ours).to_numpy(),
        nap.compute_mutual_information(theirs).to_numpy(),
        rtol=1e-5,
    )


def test_plot_rows_follow_the_preferred_class():
    found = a2n.tuning(ACTIVE, LABELS)
    ax = Figure().subplots()
    assert plot_tuning(found, ax).tolist() == [0, 2, 1, 3]
    np.testing.assert_array_equal(ax.images[0].get_array(), found.probability[[0, 2, 1, 3]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: a2n.tuning(ACTIVE), "labels must be a column"),
        (lambda: a2n.tuning(ACTIVE, LABELS[:3]), "labels must have shape"),
        (lambda: a2n.tuning(ACTIVE, [0, 1, 2, 3, np.nan, 1]), "missing"),
        (lambda: a2n.tuning(ACTIVE, LABELS, classes=[0, 1]), "classes must name"),
        (lambda: a2n.tuning(ACTIVE, LABELS, classes=[0, 1, 2, 2]), "classes must name"),
        (lambda: a2n.ClassCounts().result(), "no samples"),
        (lambda: a2n.ClassCounts().update(ACTIVE, LABELS).update(ACTIVE[:, 1:], LABELS), "4 units"),
        (lambda: a2n.tuning(ACTIVE, LABELS).information(estimator="x"), "estimator"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
