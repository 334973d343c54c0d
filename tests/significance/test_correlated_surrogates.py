"""Surrogates of rates and pairs: what is kept, what is found beyond pairs, and the level."""

import functools

import numpy as np
import pytest

import ann2neo as a2n
from tests.calibration.dichotomized_gaussian import measure_level, silent_share, triples

quiet = functools.partial(a2n.surrogate_test, method="correlated", n_surrogates=99, progress=False)


def test_rates_and_pairs_are_kept_and_all_else_is_lost():
    rng = np.random.default_rng(0)
    drive = rng.random((4000, 1))
    active = rng.random((4000, 6)) < 0.2 + 0.6 * drive**2
    active[1::2, 0] = active[::2, 0]  # repeats itself
    raster = a2n.as_raster(active)
    drawn = list(a2n.surrogates(raster, "correlated", n_surrogates=20, rng=rng))
    error = 5 / np.sqrt(20 * 4000)
    rates = np.mean([a2n.firing_rate(one) for one in drawn], axis=0)
    pairs = np.mean([a2n.correlation(one) for one in drawn], axis=0)
    np.testing.assert_allclose(rates, a2n.firing_rate(raster), atol=error)
    np.testing.assert_allclose(pairs, a2n.correlation(raster), atol=error)
    lag = [np.corrcoef(one.to_dense()[:-1, 0], one.to_dense()[1:, 0])[0, 1] for one in drawn]
    assert np.corrcoef(active[:-1, 0], active[1:, 0])[0, 1] > 0.3
    assert np.abs(lag).max() < 5 / np.sqrt(4000)


def test_what_is_beyond_pairs_is_found():
    # Of three units an even number is active: every two are independent, three never fire together.
    rng = np.random.default_rng(1)
    two = rng.random((1000, 2)) < 0.5
    active = np.column_stack([two, two[:, 0] ^ two[:, 1]])
    for statistic in (triples, silent_share):
        assert quiet(active, statistic, rng=rng).pvalue[0] == 0.02
    assert quiet(rng.permuted(active, axis=0), triples, rng=rng).pvalue[0] > 0.02


def test_few_samples_for_many_pairs_are_said():
    active = np.random.default_rng(0).random((224, 10)) < 0.5
    with pytest.warns(UserWarning, match="224 samples are few for 45 pairs of units"):
        next(a2n.surrogates(active, "correlated", rng=np.random.default_rng(0)))


@pytest.mark.filterwarnings("ignore:no Gaussian has all:UserWarning")
def test_the_level_is_held():
    # A slice; more, and awkward sizes, in tests/calibration.
    pvalues = measure_level(
        triples, 40, np.random.default_rng(2), n_units=5, n_samples=200, n_surrogates=39
    )
    # Pairs are estimated from the raster, which leaves surrogates nearer to it than chance would.
    assert np.mean(pvalues <= 0.05) <= 0.15
