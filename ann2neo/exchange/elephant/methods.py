"""Elephant's surrogate methods and point processes by name, and the global generators they read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import neo
import numpy as np
import quantities as pq
from elephant import spike_train_generation as generation
from elephant import spike_train_surrogates as methods
from elephant.conversion import BinnedSpikeTrain

from ann2neo.spikes.argument_checks import check_rng


@contextmanager
def seed_globals(rng: np.random.Generator) -> Iterator[None]:
    """NumPy's and Python's global generators seeded from `rng`, and restored after whatever happens.

    Not for several threads at once: they share these generators.
    """
    seeds = [int(seed) for seed in check_rng(rng).integers(2**63, size=2)]
    before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002 (Elephant's)
    fresh = np.random.RandomState(np.random.MT19937(seeds[0]))
    try:
        np.random.set_state(fresh.get_state(legacy=False))  # noqa: NPY002
        random.setstate(random.Random(seeds[1]).getstate())
        yield
    finally:
        np.random.set_state(before[0])  # noqa: NPY002
        random.setstate(before[1])


def _direct(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Elephant's that takes a train, options and ``n_surrogates``."""
    return lambda train, n, options: function(train, n_surrogates=n, **options)


def _joint_isi(train: neo.SpikeTrain, n: int, options: dict[str, Any]) -> list[neo.SpikeTrain]:
    made: list[neo.SpikeTrain] = methods.JointISI(train, **options).dithering(n)
    return made


def _isi(train: neo.SpikeTrain, n: int, options: dict[str, Any]) -> list[neo.SpikeTrain]:
    made: list[neo.SpikeTrain] = methods.JointISI(train, isi_dithering=True, **options).dithering(n)
    return made


def _shuffle_bins(train: neo.SpikeTrain, n: int, options: dict[str, Any]) -> list[neo.SpikeTrain]:
    # Only the binned variant stays on the grid; Elephant's door, surrogates(), refuses binned trains.
    # From a matrix, a sample per millisecond: Elephant's binning of times warns of rounding, fails on it
    # at some sampling periods, and raises for a train without spikes. Shuffling knows nothing of time.
    period = float((1 / train.sampling_rate).rescale(pq.ms))
    start = float(train.t_start.rescale(pq.ms))
    active = np.zeros((1, round((float(train.t_stop.rescale(pq.ms)) - start) / period)), bool)
    active[0, np.rint((train.rescale(pq.ms).magnitude - start) / period).astype(int)] = True
    binned = BinnedSpikeTrain(active, bin_size=1 * pq.ms, t_start=0 * pq.ms)
    shuffled = methods.bin_shuffling(binned, n_surrogates=n, **options)
    times = (start + np.flatnonzero(one.to_bool_array()[0]) * period for one in shuffled)
    return [neo.SpikeTrain(t, units=pq.ms, t_start=start, t_stop=train.t_stop) for t in times]


def _shift_trials(train: neo.SpikeTrain, n: int, options: dict[str, Any]) -> list[neo.SpikeTrain]:
    options = dict(options)
    dither = options.pop("dither", None)
    made: list[neo.SpikeTrain] = methods.surrogates(train, n, "trial_shifting", dt=dither, **options)
    return made


SURROGATES: dict[str, Callable[..., Any]] = {
    "dither_spikes": _direct(methods.dither_spikes),
    "dither_spike_train": _direct(methods.dither_spike_train),
    "jitter_spikes": _direct(methods.jitter_spikes),
    "randomise_spikes": _direct(methods.randomise_spikes),
    "shuffle_isis": _direct(methods.shuffle_isis),
    "joint_isi_dithering": _joint_isi,
    "isi_dithering": _isi,
    "bin_shuffling": _shuffle_bins,
    "trial_shifting": _shift_trials,
}
"""Method → function of a train, a number of surrogates and options."""

PROCESSES: dict[str, Callable[..., Any]] = {
    "poisson": generation.StationaryPoissonProcess,
    "gamma": generation.StationaryGammaProcess,
    "lognormal": generation.StationaryLogNormalProcess,
    "inverse_gaussian": generation.StationaryInverseGaussianProcess,
}
"""Name → class of Elephant's."""


def generate(
    process: Callable[..., Any], train: neo.SpikeTrain, n: int, options: dict[str, Any]
) -> list[neo.SpikeTrain]:
    """Trains of a process at the rate and over the span of `train`."""
    rate = train.size / (train.t_stop - train.t_start)
    source = process(rate=rate, t_start=train.t_start, t_stop=train.t_stop, **options)
    made: list[neo.SpikeTrain] = source.generate_n_spiketrains(n)
    return made
