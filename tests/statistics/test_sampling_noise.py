"""The sampling noise of indicators, against exact moments and simulation."""

import numpy as np
import pytest

from ann2neo.significance import fano_null
from ann2neo.statistics.sampling_noise import (
    _relative_variance,
    correct_cv_percent,
    firing_rate_noise,
)


@pytest.mark.parametrize(("window", "n_windows"), [(100, 600), (50, 10), (7, 3), (1, 20), (2, 2)])
def test_relative_variance_is_that_of_the_exact_null(window, n_windows):
    n = window * n_windows
    spikes = np.array([1, 2, 3, n // 3, n // 2, n - 1])
    mean, variance, _ = fano_null.moments(spikes, window, n_windows)
    fanofactor = (2 * mean + spikes) / spikes - spikes / n_windows
    expected = np.divide(
        4 * variance / spikes**2, fanofactor**2, out=np.zeros(6), where=fanofactor > 1e-9
    )
    found = _relative_variance(spikes.astype(float), window, n_windows)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


def test_firing_rate_noise_is_unbiased():
    # All outcomes of 6 samples: the mean of the estimate is the variance of the rate.
    k, rate = np.arange(7), 0.3
    weight = np.array([1, 6, 15, 20, 15, 6, 1]) * rate**k * (1 - rate) ** (6 - k)
    assert weight @ firing_rate_noise(k / 6, 6) == pytest.approx(rate * (1 - rate) / 6)


def test_a_cv_needs_two_values_and_a_mean():
    assert np.isnan(correct_cv_percent(np.array([1.0]), np.array([0.1]), 1.0))
    assert np.isnan(correct_cv_percent(np.array([0.0, 0.0]), np.zeros(2), 0.0))
    assert correct_cv_percent(np.array([1.0, 1.1]), np.ones(2), 1.05) == 0
