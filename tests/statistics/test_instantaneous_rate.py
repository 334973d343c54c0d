"""Instantaneous rates, against Elephant in the same run."""

import math

import numpy as np
import pytest
import quantities as pq
from elephant import kernels as elephant_kernels
from elephant import statistics as elephant
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import ann2neo as a2n
from ann2neo.statistics import instantaneous_rate as module
from ann2neo.statistics.instantaneous_rate import KERNELS, instantaneous_rate
from tests.strategies import dense

CLASSES = {name.removesuffix("Kernel").lower(): name for name in elephant_kernels.__all__}


class ExactAlpha(elephant_kernels.AlphaKernel):
    """Elephant's, but for the median: Elephant searches for it, to a tolerance of 1e-7."""

    def icdf(self, fraction):
        return special.gammaincinv(2, fraction) / math.sqrt(2) * self.sigma


def by_elephant(raster, kernel, bandwidth, **options):
    theirs = ExactAlpha if kernel == "alpha" else getattr(elephant_kernels, CLASSES[kernel])
    rate = elephant.instantaneous_rate(
        a2n.to_spiketrains(raster),
        raster.sampling_period * 1000 * pq.ms,
        kernel=theirs(bandwidth * 1000 * pq.ms),
        **options,
    )
    return rate.rescale(pq.Hz).magnitude.T


@pytest.fixture
def raster():
    active = np.random.default_rng(6).random((300, 5)) < [0, 0.01, 0.3, 0.9, 1]
    active[:, 1] = False
    active[150, 1] = True
    return a2n.SpikeRaster.from_dense(active)


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_kernels_are_elephants():
    assert set(KERNELS) == set(CLASSES)


@pytest.mark.parametrize("center_kernel", [True, False])
@pytest.mark.parametrize("bandwidth", [0.001, 0.0023, 0.007, 0.05, 0.2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_as_elephant(raster, kernel, bandwidth, center_kernel):
    # With 0.2 s kernels are longer than the recording.
    expected = by_elephant(raster, kernel, bandwidth, center_kernel=center_kernel)
    found = instantaneous_rate(raster, kernel, bandwidth, center_kernel=center_kernel)
    assert_close(found, expected)


@pytest.mark.parametrize("bandwidth", [0.001, 0.0023, 0.05, 0.2])
def test_border_correction_as_elephant(raster, bandwidth):
    firing = raster.select(units=[1, 2, 3, 4])
    expected = by_elephant(firing, "gaussian", bandwidth, border_correction=True)
    assert_close(instantaneous_rate(firing, "gaussian", bandwidth, border_correction=True), expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cutoff_and_trimming_as_elephant(raster, kernel):
    expected = by_elephant(raster, kernel, 0.004, cutoff=3.5, trim=True)
    half = 14
    assert_close(instantaneous_rate(raster, kernel, 0.004, cutoff=3.5)[:, half:-half], expected)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential"])
def test_another_sampling_period(raster, kernel):
    slow = a2n.SpikeRaster.from_dense(raster.to_dense(), sampling_period=0.25)
    assert_close(instantaneous_rate(slow, kernel, 2.0), by_elephant(slow, kernel, 2.0))


def test_elephants_own_median_of_the_alpha_kernel(raster):
    rate = elephant.instantaneous_rate(
        a2n.to_spiketrains(raster), 1 * pq.ms, kernel=elephant_kernels.AlphaKernel(0.02 * pq.s)
    )
    found = instantaneous_rate(raster, "alpha", 0.02)
    expected = rate.rescale(pq.Hz).magnitude.T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


def test_computed_by_hand():
    # τ = √3 · 1 ms reaches 1 ms to either side: 1/(2τ) = 288.7 Hz for three samples.
    active = np.zeros((7, 1), bool)
    active[3] = True
    height = 1000 / (2 * math.sqrt(3))
    expected = [[0, 0, height, height, height, 0, 0]]
    np.testing.assert_allclose(instantaneous_rate(active, "rectangular", 0.001), expected, atol=1e-10)


def test_exponential_looks_back_only():
    active = np.zeros((40, 1), bool)
    active[10] = True
    rate = instantaneous_rate(active, "exponential", 0.002, center_kernel=False)[0]
    np.testing.assert_allclose(rate[:10], 0, atol=1e-10)
    np.testing.assert_allclose(rate[10:21], 500 * np.exp(-np.arange(11) / 2), rtol=1e-12)


def test_rounding_of_the_bandwidth_adds_no_point(raster):
    # 0.029 / 0.001 = 29.000000000000004.
    assert_close(instantaneous_rate(raster, "gaussian", 0.029), by_elephant(raster, "gaussian", 0.029))


def test_long_recording_in_parts(monkeypatch):
    active = np.random.default_rng(8).random((5000, 7)) < 0.2
    whole = instantaneous_rate(active, "gaussian", 0.003)
    monkeypatch.setattr(module, "_VALUES_AT_ONCE", 10_000)
    np.testing.assert_array_equal(instantaneous_rate(active, "gaussian", 0.003), whole)
    assert_close(whole, by_elephant(a2n.as_raster(active), "gaussian", 0.003))


@given(dense(), st.sampled_from(KERNELS), st.sampled_from([0.001, 0.03]))
def test_invariants(active, kernel, bandwidth):
    rate = instantaneous_rate(active, kernel, bandwidth)
    assert np.all(rate >= 0)
    assert np.all(rate[:, :][~active.any(axis=0)] == 0)
    # A sum over spikes: what fires and what does not add up to what is always on.
    rest, all_on = (instantaneous_rate(other, kernel, bandwidth) for other in (~active, active | True))
    np.testing.assert_allclose(rate + rest, all_on, rtol=0, atol=1e-9 * all_on.max())


@given(dense(), st.sampled_from([0.001, 0.004, 0.05]))
def test_border_correction_keeps_the_number_of_spikes(active, bandwidth):
    rate = instantaneous_rate(active, "gaussian", bandwidth, border_correction=True)
    np.testing.assert_allclose(rate.sum(axis=1) * 0.001, active.sum(axis=0), rtol=1e-10)


def test_refuses():
    active = np.eye(4)
    cases = [
        (("GaussianKernel", 0.01), {}, ValueError, r"kernel must be one of \('rectangular'"),
        (("gaussian", 0), {}, ValueError, "bandwidth must be a positive number of seconds, got 0"),
        (
            ("gaussian", math.inf),
            {},
            ValueError,
            "bandwidth must be a positive number of seconds, got inf",
        ),
        (("gaussian", "a"), {}, TypeError, "bandwidth must be a positive number of seconds, got 'a'"),
        (("gaussian", 5 * pq.mV), {}, ValueError, "bandwidth must be one time, got "),
        (("gaussian", -5 * pq.ms), {}, ValueError, "bandwidth must be a positive number of seconds"),
        (
            ("gaussian", 0.01),
            {"cutoff": 2.9},
            ValueError,
            "cutoff must be .* at least 3 for the gaussian",
        ),
        (
            ("rectangular", 0.01),
            {"cutoff": math.nan},
            ValueError,
            r"cutoff must be .* 1\.732 .*, got nan",
        ),
        (
            ("alpha", 0.01),
            {"border_correction": True},
            ValueError,
            "border_correction must be False but",
        ),
    ]
    for arguments, options, error, message in cases:
        with pytest.raises(error, match=message):
            instantaneous_rate(active, *arguments, **options)
