"""The method that draws whole samples anew, with the units' rates and pair correlations."""

from __future__ import annotations

import warnings

import numpy as np

from ann2neo.significance.populations.dichotomized_gaussian import fit_dichotomized_gaussian
from ann2neo.significance.surrogate_methods.method import Draw, State, Words, describe_method
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.correlation import Correlation

_SAMPLES_PER_PAIR = 5
"""Measured by tests/calibration/dichotomized_gaussian.py: from here on the level is held."""


@describe_method(
    "samples are independent, and units a Gaussian cut at thresholds, of the raster's rates and pairs",
    preserves="firing rates and correlations of every two units at lag 0, in expectation (with a "
    "warning where only nearly: see `fit_dichotomized_gaussian`)",
    destroys="order of samples; ties of three and more units beyond pairs; ties to labels",
)
def correlated(raster: SpikeRaster) -> Draw:
    """Samples of the dichotomized Gaussian of the raster's rates and correlations.

    For tests of pattern entropy, synchrony and higher order against pairs. The pairs are estimated from
    the raster, chance included: with few samples surrogates are more ordered than what made the raster.
    """
    pairs = raster.n_units * (raster.n_units - 1) // 2
    if raster.n_samples < _SAMPLES_PER_PAIR * pairs:
        warnings.warn(
            f"{raster.n_samples} samples are few for {pairs} pairs of units: surrogates have the chance "
            "in their correlations, and p-values of pattern entropy and the like may be too small below "
            f"{_SAMPLES_PER_PAIR} samples per pair; select units",
            stacklevel=find_stacklevel(),
        )
    rates = raster.spike_counts / raster.n_samples
    # In one sample no unit changes, and there is nothing to correlate.
    several = raster.n_samples > 1
    correlations = Correlation().update(raster).result() if several else np.eye(raster.n_units)
    population = fit_dichotomized_gaussian(rates, correlations)

    def draw(state: State) -> Words:
        rng = np.random.default_rng(np.random.SeedSequence(state.tolist()))
        return population.draw_words(raster.n_samples, rng=rng)

    return draw
