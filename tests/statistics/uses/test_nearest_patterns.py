"""Neighbors against all distances computed the slow way."""

import numpy as np
import pytest

import ann2neo as a2n


@pytest.mark.parametrize(("n_units", "k"), [(1, 3), (64, 1), (130, 7), (65, 2100)])
def test_is_brute_force(n_units, k):
    rng = np.random.default_rng(n_units)
    known, asked = rng.random((2100, n_units)) < 0.3, rng.random((70, n_units)) < 0.3
    found = a2n.nearest_patterns(known, asked, k=k, n_workers=2)
    distances = (asked[:, None] != known[None]).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_array_equal(found.distances, np.take_along_axis(distances, order, axis=1))


def test_votes_of_the_most_and_then_of_the_nearest():
    known = np.tri(6, 6, -1, dtype=bool)
    found = a2n.nearest_patterns(known, np.zeros((1, 6), bool), k=4)
    assert found.vote(["x", "y", "y", "z", "z", "z"]).tolist() == ["y"]
    assert found.vote(["x", "y", "y", "x", "z", "z"]).tolist() == ["x"]
    with pytest.raises(ValueError, match=r"labels must have shape \(n_references,\)"):
        found.vote([0, 1])


def test_refusals():
    known = a2n.as_raster(np.eye(4, dtype=bool))
    with pytest.raises(ValueError, match="k must be at most the 4 samples of reference, got 5"):
        a2n.nearest_patterns(known, known, k=5)
    with pytest.raises(ValueError, match="the same units, got 4 and 3 of them"):
        a2n.nearest_patterns(known, np.eye(3, dtype=bool), k=1)
    other = a2n.SpikeRaster(known.words, 4, known.units.assign(layer="other"))
    with pytest.raises(ValueError, match="their layer differs"):
        a2n.nearest_patterns(known, other, k=1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        a2n.nearest_patterns(known, known, k=0)
