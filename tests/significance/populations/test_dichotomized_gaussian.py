"""Dichotomized Gaussians: probabilities against SciPy, Higham's example, rates and pairs as drawn."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

import ann2neo as a2n
from ann2neo.significance.populations.latent_correlations import both_above, solve_latent
from ann2neo.significance.populations.nearest_correlation import find_nearest_correlation
from ann2neo.spikes.words import freeze
from tests.calibration.dichotomized_gaussian import make_target, measure


def test_both_above_against_scipy():
    for a in (-2.5, -0.3, 0.0, 1.2):
        for b in (-1.0, 0.0, 0.7):
            for rho in (-0.99, -0.4, 0.0, 0.6, 0.95):
                law = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]])
                found = both_above(np.array([a]), np.array([b]), np.array([rho]))[0]
                assert found == pytest.approx(law.cdf([a, b]), abs=1e-7)
    # Sheppard's formula at 0, and the limits of Fréchet.
    rho = np.linspace(-1, 1, 41)
    zero = np.zeros(41)
    np.testing.assert_allclose(both_above(zero, zero, rho), 0.25 + np.arcsin(rho) / (2 * np.pi))


@given(st.floats(1e-4, 1 - 1e-4), st.floats(1e-4, 1 - 1e-4), st.floats(-0.999, 0.999))
def test_the_latent_correlation_is_found_again(p, q, rho):
    a, b = ndtri([[p], [q]])
    wanted = both_above(a, b, np.array([rho]))
    found = solve_latent(a, b, wanted)
    np.testing.assert_allclose(both_above(a, b, found), wanted, rtol=0, atol=1e-13)


def test_nearest_correlation_of_higham():
    # Higham, IMA Journal of Numerical Analysis 22 (2002) 329, section 4.
    nearest, root = find_nearest_correlation(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    expected = [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
    np.testing.assert_allclose(nearest, expected, atol=5e-5)
    np.testing.assert_allclose(root @ root.T, nearest, atol=1e-15)
    np.testing.assert_allclose(nearest.diagonal(), 1, atol=1e-15)
    good = np.array([[1, 0.3], [0.3, 1]])
    np.testing.assert_allclose(find_nearest_correlation(good)[0], good, atol=1e-14)


@settings(max_examples=20)
@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
@example(4, 11594638)
def test_the_population_of_a_gaussian_has_what_was_asked_for(n_units, seed):
    rng = np.random.default_rng(seed)
    latent = np.corrcoef(rng.standard_normal((n_units, n_units + 3)))
    rates = rng.uniform(0.02, 0.98, n_units)
    truth = a2n.DichotomizedGaussian(-ndtri(rates), latent, np.linalg.cholesky(latent))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = a2n.fit_dichotomized_gaussian(truth.rates, truth.correlations)
    np.testing.assert_allclose(made.rates, rates, rtol=1e-12)
    np.testing.assert_allclose(made.correlations, truth.correlations, atol=1e-10)
    # Rates far apart hardly depend on ρ, and leave it open: dΦ₂/dρ is the density at the thresholds.
    for i, j in zip(*np.triu_indices(n_units, 1), strict=True):
        law = stats.multivariate_normal(cov=latent[[[i], [j]], [i, j]])
        assert abs(made.latent[i, j] - latent[i, j]) * law.pdf(truth.thresholds[[i, j]]) < 1e-10


def test_rates_and_pairs_within_chance():
    # A slice; the whole, 100 units and 10⁶ samples, is a program of tests/calibration.
    rng = np.random.default_rng(0)
    for deviations in measure(*make_target(30, rng), 40_000, rng):
        assert np.abs(deviations).max() < 4.5
        assert 0.6 < (deviations**2).mean() < 1.5


def test_units_that_never_change_and_units_that_are_one():
    rates = [0.0, 1.0, 0.3, 0.3, 0.7]
    matrix = np.full((5, 5), np.nan)
    matrix[2:, 2:] = [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    made = a2n.fit_dichotomized_gaussian(rates, matrix)
    dense = made.draw(5000, rng=np.random.default_rng(0)).to_dense()
    assert not dense[:, 0].any()
    assert dense[:, 1].all()
    np.testing.assert_array_equal(dense[:, 2], dense[:, 3])
    np.testing.assert_array_equal(dense[:, 2], ~dense[:, 4])
    np.testing.assert_array_equal(np.isnan(made.correlations), np.isnan(matrix))
    alone = a2n.fit_dichotomized_gaussian([0.5], [[1.0]])
    assert alone.draw(10, rng=np.random.default_rng(0)).n_units == 1


def test_what_no_gaussian_has_at_once_is_said():
    # Three units of rate 1/2 that differ pairwise as much as three can: P(i ≠ j) = 2/3.
    third = -1 / 3
    matrix = np.array([[1, third, third], [third, 1, third], [third, third, 1]])
    rates = np.full(3, 0.5)
    a2n.fit_dichotomized_gaussian(rates, matrix)
    matrix[np.triu_indices(3, 1)] = matrix[np.tril_indices(3, -1)] = -0.6
    with pytest.warns(UserWarning, match=r"differ by up to 0\.267"):
        made = a2n.fit_dichotomized_gaussian(rates, matrix)
    np.testing.assert_allclose(made.rates, rates)
    np.testing.assert_allclose(made.correlations, np.where(np.eye(3), 1, third), atol=1e-4)


def test_draws_in_pieces_are_whole(monkeypatch):
    made = a2n.fit_dichotomized_gaussian([0.2, 0.6], [[1, 0.2], [0.2, 1]])
    whole = made.draw_words(1000, rng=np.random.default_rng(1))
    monkeypatch.setattr("ann2neo.significance.populations.dichotomized_gaussian._AT_ONCE", 154)
    np.testing.assert_array_equal(made.draw_words(1000, rng=np.random.default_rng(1)), whole)
    assert a2n.SpikeRaster(freeze(whole), 1000).n_samples == 1000
    assert repr(made) == "DichotomizedGaussian: 2 units, rates 0.2 to 0.6"


PAIR = np.array([[1, 0.9], [0.9, 1]])


@pytest.mark.parametrize(
    ("rates", "matrix", "message"),
    [
        ([0.5, 1.1], np.eye(2), "rates must have shape"),
        ([], np.eye(0), "rates must have shape"),
        ([0.5, np.nan], np.eye(2), "rates must have shape"),
        ([0.5, 0.5], np.eye(3), r"correlations must have shape \(2, 2\), got \(3, 3\)"),
        ([0.5, 0.5], [[1, 0.1], [0.2, 1]], "must be symmetric and finite .* got 0.1 for units 0 and 1"),
        ([0.5, 0.5], [[1, np.nan], [np.nan, 1]], "must be symmetric and finite"),
        ([0.1, 0.5], PAIR, r"units 0 and 1, of rates 0.1 and 0.5, can have -0.3333 to 0.3333, got 0.9$"),
        ([0.1, 0.5], -PAIR, r"can have -0.3333 to 0.3333, got -0.9"),
        (
            [0.1, 0.5, 0.4],
            [[1, 0.9, 0.8], [0.9, 1, 0.1], [0.8, 0.1, 1]],
            "got 0.9; 1 more pairs are out of reach",
        ),
    ],
)
def test_refusals(rates, matrix, message):
    with pytest.raises(ValueError, match=message):
        a2n.fit_dichotomized_gaussian(rates, matrix)


def test_draws_need_a_generator_and_a_number():
    made = a2n.fit_dichotomized_gaussian([0.5], [[1]])
    with pytest.raises(TypeError, match="rng"):
        made.draw(5, rng=1)
    with pytest.raises(ValueError, match="n_samples"):
        made.draw(0, rng=np.random.default_rng(0))
