"""What is resampled: the samples of a recording, its units, or networks."""

from __future__ import annotations

import itertools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.significance.statistic_arguments import describe_function
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints

Statistic = Callable[[Any], Any]

_GROUPS = 200
"""Most parts that the jackknife leaves out in turn; of more things several go together."""

_AT_ONCE = 2**22
"""Indices drawn between two looks at the progress bar."""


class Source(ABC):
    """Something whose parts can be drawn again and again."""

    rows: pd.DataFrame
    """What the values belong to, a row each."""

    n_items: int
    """How many things are drawn."""

    value: Floats
    """Of the statistic, shape (k,)."""

    centered: bool = True
    """Whether resamples have the places of the recording: else they lie around another value."""

    @property
    def n_defined(self) -> Ints:
        """How many of the things have a value of their own, for each of the k values."""
        return np.full(self.value.size, self.n_items)

    @abstractmethod
    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        """Values over resamples, some at a time, shape (some, k)."""

    @abstractmethod
    def leave_out(self) -> Floats:
        """Values without each part in turn, shape (n_groups, k)."""


def as_values(found: Any, statistic: Statistic) -> Floats:
    """What a statistic returned, flat: a table row by row."""
    if isinstance(found, pd.DataFrame):
        found = found.select_dtypes("number").to_numpy()
    values = np.asarray(found)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            "statistic must return numbers: one, an array or a table; "
            f"{describe_function(statistic)} returned {found!r:.80}"
        )
    flat: Floats = values.astype(np.float64).ravel()
    return flat


def describe_rows(found: Any, raster: SpikeRaster) -> pd.DataFrame:
    """A row for each value: the unit's, the cell's of a table, else numbered."""
    if isinstance(found, pd.DataFrame):
        numbers = found.select_dtypes("number")
        name = found.index.name or "row"
        return pd.DataFrame(
            {
                str(name): np.repeat(numbers.index.to_numpy(object), numbers.shape[1]),
                "statistic": np.tile(numbers.columns.to_numpy(object), len(numbers)),
            }
        )
    shape = np.shape(found)
    if shape == (raster.n_units,):
        return raster.units
    if shape == ():
        layers = raster.layers
        return pd.DataFrame({"layer": [layers[0] if len(layers) == 1 else "all"], "unit_index": [-1]})
    return pd.DataFrame({"place": list(np.ndindex(shape))})


class Samples(Source):
    """The samples of a recording, in blocks that stay together and begin at any multiple of `step`."""

    def __init__(
        self, raster: SpikeRaster, statistic: Statistic, block: int, *, step: int | None = None
    ) -> None:
        self._raster, self._statistic, self._block = raster, statistic, block
        self.centered = block == 1 or step is not None
        self._step = step or 1
        found = statistic(raster)
        self.value, self.rows = as_values(found, statistic), describe_rows(found, raster)
        self.n_items = raster.n_samples // block

    def order(self, rng: np.random.Generator) -> Ints:
        """Blocks, each start equally likely (Künsch 1989), as many samples as there are."""
        n, block = self._raster.n_samples, self._block
        if block == 1:
            return rng.integers(n, size=n)
        starts = self._step * rng.integers((n - block) // self._step + 1, size=-(-n // block))
        return np.asarray((starts[:, np.newaxis] + np.arange(block)).ravel()[:n])

    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        for _ in range(n_resamples):
            yield self._evaluate(self.order(rng))[np.newaxis]

    def leave_out(self) -> Floats:
        edges = np.unique(np.linspace(0, self.n_items, min(_GROUPS, self.n_items) + 1).astype(int))
        edges = edges * self._block
        every = np.arange(self.n_items * self._block)
        return np.array(
            [
                self._evaluate(np.concatenate([every[:start], every[stop:]]))
                for start, stop in itertools.pairwise(edges)
            ]
        )

    def _evaluate(self, order: Ints) -> Floats:
        # What the statistic has to say was said for the recording itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return as_values(self._statistic(self._raster.select(samples=order)), self._statistic)


class Parts(Source):
    """Things that are drawn within strata, and a statistic of the indices of those drawn.

    Parameters
    ----------
    strata : sequence of array of int
        Indices; as many are drawn of each as it has.
    evaluate : callable
        From indices to values, shape (k,).
    """

    def __init__(
        self, strata: Sequence[Ints], evaluate: Callable[[Ints], Floats], rows: pd.DataFrame
    ) -> None:
        self._strata, self._evaluate = strata, evaluate
        self.rows = rows
        self.n_items = min(stratum.size for stratum in strata)
        self.value = evaluate(np.concatenate(strata))

    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        for _ in range(n_resamples):
            drawn = [stratum[rng.integers(stratum.size, size=stratum.size)] for stratum in self._strata]
            yield self._evaluate(np.concatenate(drawn))[np.newaxis]

    def leave_out(self) -> Floats:
        every = np.concatenate(self._strata)
        n_groups = min(_GROUPS, every.size)
        return np.array([self._evaluate(np.delete(every, np.s_[k::n_groups])) for k in range(n_groups)])


class Means(Source):
    """Means over groups of values that were computed once, NaN left out."""

    def __init__(self, values: Floats, groups: Sequence[Ints], rows: pd.DataFrame) -> None:
        self._groups = [values[group] for group in groups]
        self.rows = rows
        self.n_items = min(group.size for group in groups)
        self.value = np.array([_mean(group[np.newaxis])[0] for group in self._groups])

    @property
    def n_defined(self) -> Ints:
        return np.array([np.count_nonzero(~np.isnan(group)) for group in self._groups])

    def draw(self, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
        at_once = max(1, _AT_ONCE // sum(group.size for group in self._groups))
        for start in range(0, n_resamples, at_once):
            size = min(at_once, n_resamples - start)
            columns = [
                _mean(group[rng.integers(group.size, size=(size, group.size))]) for group in self._groups
            ]
            yield np.column_stack(columns)

    def leave_out(self) -> Floats:
        most = max(group.size for group in self._groups)
        found = np.full((most, len(self._groups)), np.nan)
        for column, group in enumerate(self._groups):
            defined = ~np.isnan(group)
            without = np.where(defined, group, 0).sum() - np.where(defined, group, 0)
            left = defined.sum() - defined
            found[: group.size, column] = np.where(left > 0, without / np.maximum(left, 1), np.nan)
        return found


def _mean(values: Floats) -> Floats:
    """Along the last axis, without NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    n = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
