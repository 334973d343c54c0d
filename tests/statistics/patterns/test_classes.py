"""Class separation against all pairs, unit information against scikit-learn."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

import ann2neo as a2n


@pytest.fixture
def labeled():
    rng = np.random.default_rng(3)
    labels = rng.integers(4, size=90)
    return rng.random((90, 66)) < np.linspace(0.1, 0.9, 4)[labels][:, None], labels


def test_separation_is_over_pairs(labeled):
    active, labels = labeled
    pairs = list(itertools.combinations(range(90), 2))
    distances = np.array([(active[i] != active[j]).mean() for i, j in pairs])
    alike = np.array([labels[i] == labels[j] for i, j in pairs])
    expected = 1 - distances[alike].mean() / distances.mean()
    assert a2n.patterns.class_separation(active, labels) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.1


def test_information_is_scikit_learns(labeled):
    active, labels = labeled
    expected = [mutual_info_score(unit, labels) / np.log(2) for unit in active.T]
    np.testing.assert_allclose(a2n.patterns.unit_information(active, labels), expected, atol=1e-12)


def test_degenerate_cases():
    same = np.ones((4, 3), bool)
    assert np.isnan(a2n.patterns.class_separation(same, [0, 0, 1, 1]))
    assert np.isnan(a2n.patterns.class_separation(np.eye(4, dtype=bool), [0, 1, 2, 3]))
    assert a2n.patterns.unit_information(same, [0, 0, 1, 1]).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="a label per sample"):
        a2n.patterns.class_separation(same, [0, 1])
