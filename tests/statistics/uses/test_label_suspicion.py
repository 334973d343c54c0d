"""Suspicion scores against a loop over pairs, and on labels that are made wrong."""

import numpy as np
import pytest

import ann2neo as a2n


def make_classes(rng, n=1200, n_units=100, n_classes=6, flips=0.2):
    """Patterns scattered about one prototype per class, and their classes."""
    prototypes = rng.random((n_classes, n_units)) < 0.4
    classes = rng.integers(n_classes, size=n)
    return prototypes[classes] ^ (rng.random((n, n_units)) < flips), classes


def corrupt(classes, fraction, rng):
    wrong = rng.random(classes.size) < fraction
    n_classes = classes.max() + 1
    return np.where(
        wrong, (classes + rng.integers(1, n_classes, classes.size)) % n_classes, classes
    ), wrong


def test_is_the_mean_distance_over_pairs():
    rng = np.random.default_rng(0)
    active, labels = make_classes(rng, 60, 70, 4, 0.4)
    found = a2n.label_suspicion(active, labels)
    for i in range(60):
        distance = (active != active[i]).mean(axis=1)
        means = {c: distance[(labels == c) & (np.arange(60) != i)].mean() for c in np.unique(labels)}
        own = means.pop(labels[i])
        nearest = min(means, key=means.get)
        assert found.score[i] == pytest.approx(own - means[nearest], abs=1e-12)
        assert means[found.nearest_label[i]] == pytest.approx(means[nearest])


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5])
def test_wrong_labels_are_found_and_counted(fraction):
    rng = np.random.default_rng(1)
    active, classes = make_classes(rng, 6000)
    labels, wrong = corrupt(classes, fraction, rng)
    found = a2n.label_suspicion(active, labels)
    assert found.n_suspected == pytest.approx(wrong.sum(), abs=0.06 * wrong.sum() + 3)
    if fraction:
        assert found.score[wrong].min() > np.quantile(found.score[~wrong], 0.99)
        assert (found.nearest_label[wrong] == classes[wrong]).mean() > 0.99
        order = found.to_frame().index[: wrong.sum()]
        assert wrong[order].mean() > 0.98


def test_two_classes():
    rng = np.random.default_rng(2)
    active, classes = make_classes(rng, 3000, n_classes=2)
    labels, wrong = corrupt(classes, 0.3, rng)
    assert a2n.label_suspicion(active, labels).n_suspected == pytest.approx(wrong.sum(), rel=0.1)


def test_a_column_and_names_will_do():
    raster = a2n.as_raster(np.eye(4, dtype=bool))
    named = a2n.label_suspicion(raster, ["b", "b", "a", "c"])
    assert np.isnan(named.score).tolist() == [False, False, True, True]
    with pytest.raises(ValueError, match="labels must be a column of the sample table"):
        a2n.label_suspicion(raster)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([0, 1, 0], r"labels must have shape \(4,\), a label per sample, got \(3,\)"),
        ([5, 5, 5, 5], r"labels must be of two classes at least, got \[5\] alone"),
        ([0, 1, np.nan, 1], "labels must not be missing or NaN"),
    ],
)
def test_bad_labels(labels, match):
    with pytest.raises(ValueError, match=match):
        a2n.label_suspicion(np.eye(4, dtype=bool), labels)
