"""A statistic's values over surrogates, drawn by any number of workers, with the same result."""

from __future__ import annotations

import functools
import inspect
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from ann2neo.significance.kernels.fano_permutation import window_sums
from ann2neo.significance.kernels.rng import derive_state
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.statistic_arguments import evaluate_statistic
from ann2neo.significance.surrogates import draw_surrogates, prepare_draw
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.workers import Workers, count_workers, map_in_order
from ann2neo.statistics.fano import fano_from_sums, fanofactor

_DRAWN_AT_ONCE = 2**25
"""Window counts, between two looks at the progress bar: about a quarter of a second."""


class NullValues(Protocol):
    """Values over the surrogates of some numbers, the same whoever asks for them and whenever."""

    @property
    def at_once(self) -> int:
        """How many are handed on together."""

    def __call__(self, numbers: range) -> np.ndarray:
        """Values, shape (len(numbers), …)."""

    def split(self, numbers: range, workers: Workers) -> list[range]:
        """Pieces of work."""

    def select(self, units: np.ndarray) -> NullValues:
        """The same of some units."""


def draw_null_values(values: NullValues, numbers: range, workers: Workers) -> Iterator[np.ndarray]:
    """Values over the surrogates of these numbers, in order, some at a time."""
    # What the statistic has to say was said for the raster itself. Threads: drawing, and the compiled
    # loops of this package's statistics, let one another run.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pieces = values.split(numbers, workers)
        for found in map_in_order(values, pieces, workers=workers, kind="threads"):
            # However many a worker drew: sums of floats depend on what is added at once.
            for start in range(0, len(found), values.at_once):
                yield found[start : start + values.at_once]


@contextmanager
def _silence() -> Iterator[None]:
    """In another process, where warnings were not silenced; filters are not a thread's own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


class SurrogateValues:
    """Values of a statistic over surrogate rasters."""

    at_once = 1

    def __init__(
        self,
        raster: SpikeRaster,
        statistic: Statistic,
        shape: tuple[int, ...],
        method: str,
        options: dict[str, Any],
        seed: np.ndarray,
    ) -> None:
        self._arguments = raster, statistic, shape, method, options, seed
        self._draw = prepare_draw(raster, method, options)

    def __call__(self, numbers: range) -> np.ndarray:
        """Draw, and evaluate."""
        raster, statistic, shape, method, options, seed = self._arguments
        values = np.empty((len(numbers), *shape))
        drawn = draw_surrogates(raster, method, options, self._draw, seed, numbers)
        for row, surrogate in enumerate(drawn):
            with _silence():
                found = evaluate_statistic(statistic, surrogate, "statistic")
            if found.shape != shape:
                raise ValueError(
                    f"statistic must return one shape, got {shape} for the raster and {found.shape} for "
                    "a surrogate"
                )
            values[row] = found
        return values

    def split(self, numbers: range, workers: Workers) -> list[range]:
        """One by one here and in threads; in other processes each piece takes the raster along."""
        if isinstance(workers, int):
            return _cut(numbers, 1)
        return _cut(numbers, math.ceil(len(numbers) / (4 * count_workers(workers))))

    def select(self, units: np.ndarray) -> SurrogateValues:
        """The same statistic of some units alone."""
        raster, statistic, _, method, options, seed = self._arguments
        part = raster.select(units=units)
        return SurrogateValues(part, statistic, (units.size,), method, options, seed)

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepare_elsewhere, self._arguments


def _prepare_elsewhere(*arguments: Any) -> SurrogateValues:
    with _silence():
        return SurrogateValues(*arguments)


class FanoFactors:
    """Fano factors of random permutations, by their window counts alone."""

    def __init__(
        self, counts: np.ndarray, n_samples: int, seed: np.ndarray, *, window: int = 100, ddof: int = 0
    ) -> None:
        self._counts, self._n_samples, self._seed = counts, n_samples, seed
        self._window, self._ddof = window, ddof
        # Beside its windows a draw costs about as much as a hundred of them.
        n_windows = n_samples // window
        self.at_once = max(1, _DRAWN_AT_ONCE // ((n_windows + 100) * max(counts.size, 1)))

    def __call__(self, numbers: range) -> np.ndarray:
        """Draw window counts."""
        shape = len(numbers), self._counts.size
        sums, squares = np.empty(shape, np.int64), np.empty(shape, np.int64)
        state = derive_state(self._seed, numbers.start)
        window_sums(self._counts, self._n_samples, self._window, state, sums, squares)
        return fano_from_sums(sums, squares, self._n_samples // self._window, self._ddof)

    def split(self, numbers: range, workers: Workers) -> list[range]:
        """Pieces that do not depend on the workers, as a piece has one seed."""
        return _cut(numbers, self.at_once)

    def select(self, units: np.ndarray) -> FanoFactors:
        """Of some units alone."""
        counts = self._counts[units]
        options = {"window": self._window, "ddof": self._ddof}
        return FanoFactors(counts, self._n_samples, self._seed, **options)


def _cut(numbers: range, size: int) -> list[range]:
    """Consecutive pieces of so many numbers."""
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


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
