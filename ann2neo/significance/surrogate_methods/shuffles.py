"""Methods that put what a raster has in another order."""

from __future__ import annotations

import numpy as np

from ann2neo.significance.kernels import surrogates as draws
from ann2neo.significance.surrogate_methods.bins import count_in_bins
from ann2neo.significance.surrogate_methods.method import (
    Draw,
    State,
    Words,
    describe_method,
    draw_into_zeros,
)
from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.raster import SpikeRaster


@describe_method(
    "each unit's samples are exchangeable, unit by unit",
    preserves="each unit's spike count",
    destroys="order of samples; ties between units and to labels",
)
def permutation(raster: SpikeRaster) -> Draw:
    """Each unit's samples in random order, each unit for itself."""
    return draw_into_zeros(raster, draws.permute, raster.spike_counts, raster.n_samples)


@describe_method(
    "samples are exchangeable, all units together",
    preserves="patterns across units, with their frequencies, and so every correlation at lag 0",
    destroys="order of samples; ties between patterns and labels",
)
def sample_permutation(raster: SpikeRaster) -> Draw:
    """The samples of all units in one random order, under labels that stay."""

    def draw(state: State) -> Words:
        order, words = np.empty(raster.n_samples, np.int64), np.empty_like(raster.words)
        draws.random_order(state, order)
        kernels.gather(raster.words, order, words)
        return words

    return draw


@describe_method(
    "each unit's intervals between spikes are exchangeable, unit by unit",
    preserves="spike count, intervals with their frequencies, first and last spike of each unit",
    destroys="order of intervals, so their serial correlation and the rate profile; ties between units "
    "and to labels",
)
def shuffle_isis(raster: SpikeRaster) -> Draw:
    """Each unit's intervals between spikes in random order."""
    return draw_into_zeros(raster, draws.shuffle_intervals, raster.words, raster.spike_counts)


@describe_method(
    "each unit's samples are exchangeable within bins, unit by unit",
    preserves="spike count of each unit in each bin of `bin_size` samples",
    destroys="order of samples within bins; ties between units there",
)
def bin_shuffling(raster: SpikeRaster, *, bin_size: int) -> Draw:
    """Each unit's samples in random order within consecutive bins; the last may be shorter."""
    bin_size = min(check_count(bin_size, "bin_size"), raster.n_samples)
    counts = count_in_bins(raster, bin_size)
    return draw_into_zeros(raster, draws.permute_in_bins, counts, bin_size, raster.n_samples)


@describe_method(
    "each unit is stationary, and independent of other units and labels",
    preserves="each unit's train but for the place where it is cut: spike count, circular "
    "autocorrelation, intervals but for the one across the cut",
    destroys="ties between units and to labels",
)
def circular_shift(raster: SpikeRaster) -> Draw:
    """Each unit's train turned round by its own random number of samples, 0 included."""

    def draw(state: State) -> Words:
        words = np.empty_like(raster.words)
        draws.rotate(raster.words, raster.n_samples, state, words)
        return words

    return draw
