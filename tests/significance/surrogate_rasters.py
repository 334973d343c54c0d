"""Rasters, and a statistic, that tests of surrogates share."""

import numpy as np

from ann2neo import SpikeRaster


def generator(seed=0):
    return np.random.default_rng(seed)


def independent(n_samples, n_units, seed, rate=0.4):
    return SpikeRaster.from_dense(generator(seed).random((n_samples, n_units)) < rate)


def sticky(n_samples, stay, n_units, seed, rate=0.4):
    """Two-state Markov trains: a state is drawn anew with probability 1 − stay."""
    rng = generator(seed)
    states = rng.random((n_samples, n_units)) < rate
    keep = rng.random((n_samples, n_units)) < stay
    for t in range(1, n_samples):
        states[t] = np.where(keep[t], states[t - 1], states[t])
    return SpikeRaster.from_dense(states)


def pairs(raster):
    """Spikes that another follows at once."""
    active = raster.to_dense()
    return (active[1:] & active[:-1]).sum(axis=0)
