"""A statistic's values over surrogates, a few at a time."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Iterator

import numpy as np

from ann2neo.significance.kernels.fano_permutation import window_sums
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.statistic_arguments import evaluate_statistic
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.fano import fano_from_sums, fanofactor

_DRAWN_AT_ONCE = 2**26
"""Window counts, between two looks at the progress bar: about half a second."""


def null_values_of(
    rasters: Iterator[SpikeRaster], statistic: Statistic, shape: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """Values over surrogates, one at a time, shape (1, …)."""
    for surrogate in rasters:
        # What the statistic has to say was said for the raster itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            values = evaluate_statistic(statistic, surrogate, "statistic")
        if values.shape != shape:
            raise ValueError(
                f"statistic must return one shape, got {shape} for the raster and {values.shape} for a "
                "surrogate"
            )
        yield values[np.newaxis]


def find_fano_options(statistic: Statistic) -> dict[str, int] | None:
    """Window and ddof if the statistic is this package's Fano factor, else None."""
    function, keywords = statistic, {}
    if isinstance(statistic, functools.partial) and not statistic.args:
        function, keywords = statistic.func, statistic.keywords
    if function is not fanofactor:
        return None
    bound = inspect.signature(fanofactor).bind(None, **keywords)
    bound.apply_defaults()
    return {name: bound.arguments[name] for name in ("window", "ddof")}


def draw_fano_factors(
    raster: SpikeRaster | StoredRaster, n_surrogates: int, state: np.ndarray, *, window: int, ddof: int
) -> Iterator[np.ndarray]:
    """Fano factors of random permutations, by their window counts alone."""
    counts, n_samples = raster.spike_counts, raster.n_samples
    n_windows = n_samples // window
    # Beside its windows a draw costs about as much as a hundred of them.
    at_once = max(1, _DRAWN_AT_ONCE // ((n_windows + 100) * raster.n_units))
    for start in range(0, n_surrogates, at_once):
        shape = (min(at_once, n_surrogates - start), raster.n_units)
        sums, squares = np.empty(shape, np.int64), np.empty(shape, np.int64)
        window_sums(counts, n_samples, int(window), state, sums, squares)
        yield fano_from_sums(sums, squares, n_windows, ddof)
