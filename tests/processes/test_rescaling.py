"""Time rescaling in discrete time, against the paper's formulas sample by sample."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import ann2neo as a2n
from ann2neo.processes.rescaling import rescale_intervals
from ann2neo.significance.kernels.rng import random_state


def rescale(raster, unit, fit, seed):
    """What the compiled loop makes of a train."""
    cells, history = fit.model.cells, fit.model.cells.history
    out = np.empty(int(raster.spike_counts[unit]))
    n = rescale_intervals(
        raster.words[unit],
        np.ascontiguousarray(fit.estimate.probability[unit]),
        cells.codes,
        history.groups,
        history.transitions,
        history.n_groups,
        0,
        random_state(np.random.default_rng(seed)),
        out,
    )
    return out[:n]


def test_rescaled_intervals_are_those_of_haslinger_pipa_and_brown():
    # ξᵢ = Σ q over the samples between two spikes + δᵢ, q = −log(1 − p) and, with r uniform,
    # δᵢ = −log(1 − r (1 − exp(−q))) at the second spike (Haslinger, Pipa and Brown 2010, section 2.2).
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 20_000)
    chance = np.array([0.05, 0.2, 0.5, 0.9])[labels]
    raster = a2n.as_raster(rng.random((20_000, 1)) < chance[:, None])
    fit = a2n.fit_process(raster, "class", labels=labels)
    p = fit.estimate.probability[0][labels]
    spikes = raster.spike_indices(0)
    found = rescale(raster, 0, fit, 1)
    assert len(found) == len(spikes) - 1
    q = [-math.log(1 - one) for one in p]
    fractions = np.empty(len(found))
    for k, (first, second) in enumerate(itertools.pairwise(spikes)):
        passed = sum(q[first + 1 : second])
        assert passed <= found[k] <= passed + q[second]
        # Solved for r, it must be uniform.
        fractions[k] = (1 - math.exp(passed - found[k])) / (1 - math.exp(-q[second]))
    assert stats.kstest(fractions, "uniform").pvalue > 0.001
    assert stats.kstest(found, "expon").pvalue > 0.001


def test_rescaled_intervals_are_exponential_exactly():
    # Of intervals d that are geometric, P(ξ > x) by summing over d: exp(−x) whatever p is.
    for p in (0.02, 0.3, 0.9):
        q = -math.log1p(-p)
        for x in (0.01, 0.5, 2.0, 7.0):
            total = 0.0
            for d in range(1, 5000):
                begin = (d - 1) * q
                if begin > x:
                    above = 1.0
                elif begin + q <= x:
                    above = 0.0
                else:
                    above = 1 - (1 - math.exp(begin - x)) / p
                total += p * (1 - p) ** (d - 1) * above
            assert math.isclose(total, math.exp(-x), rel_tol=1e-9)


def test_other_units_than_those_fitted_are_refused():
    active = np.random.default_rng(0).random((100, 3)) < 0.4
    raster = a2n.as_raster(active)
    fit = a2n.fit_process(raster, "glm", units=[0])
    rng = np.random.default_rng(0)
    assert a2n.rescaling_test(fit, raster.select(units=[1, 2]), rng=rng).pvalue.shape == (2,)
    with pytest.raises(ValueError, match="must have the units that were fitted, got unit_index"):
        a2n.rescaling_test(fit, raster.select(units=[0, 1]), rng=rng)
