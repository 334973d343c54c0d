"""Surrogates until it is clear: a unit stops once so many of them are as extreme as it is."""

from __future__ import annotations

import numpy as np

from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.statistic_arguments import describe_function, evaluate_statistic
from ann2neo.significance.surrogate_laws.null_values import NullValues, draw_null_values
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Bits, Floats, Ints
from ann2neo.spikes.workers import Workers

_FIRST = 32
"""Surrogates of the first round; each further one has twice as many."""


class Tail:
    """Surrogates at least as extreme as each unit on one side, and when the last that counts came."""

    def __init__(self, n_units: int, stop_at: int) -> None:
        self._stop_at = stop_at
        self.count, self.drawn = np.zeros((2, n_units), np.int64)

    def update(self, units: Ints, reached: Bits, defined: Ints) -> None:
        """Count surrogates of these units in order; `defined` of each, those that were, so far."""
        counts = self.count[units] + np.cumsum(reached, axis=0)
        full = counts >= self._stop_at
        first = np.where(full.any(axis=0), full.argmax(axis=0), len(full) - 1)
        place = np.arange(units.size)
        going = self.count[units] < self._stop_at
        self.count[units] = np.where(going, counts[first, place], self.count[units])
        self.drawn[units] = np.where(going, defined[first, place], self.drawn[units])

    @property
    def full(self) -> Bits:
        """Whether nothing more need be drawn."""
        found: Bits = self.count >= self._stop_at
        return found

    def pvalue(self) -> Floats:
        """h / l if the h-th as extreme was the l-th drawn, else (1 + #) / (1 + n)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(
                self.full, self.count / self.drawn, (1 + self.count) / (1 + self.drawn)
            )
        return found


def draw_until_clear(
    raster: SpikeRaster,
    statistic: Statistic,
    observed: tuple[Floats, Floats, Floats],
    null_values: NullValues,
    n_surrogates: int,
    stop_at: int,
    alternative: str,
    workers: Workers,
    bar: ProgressBar,
) -> tuple[Floats, Ints]:
    """P-values, and surrogates that were drawn (and defined) of each unit.

    `observed` holds the values, and how low and high another counts as equal.
    """
    value, lowest, highest = observed
    greater, less = (Tail(value.size, stop_at) for _ in range(2))
    looked_at = {"greater": [greater], "less": [less]}.get(alternative, [greater, less])
    n_defined, drawn, size = np.zeros(value.size, np.int64), 0, _FIRST
    units = np.flatnonzero(~np.isnan(value))
    _check_by_itself(statistic, raster, units[: (units.size + 1) // 2], observed)
    part, n_part = null_values, value.size
    while units.size and drawn < n_surrogates:
        if units.size < n_part:
            part, n_part = null_values.select(units), units.size
        numbers = range(drawn, min(drawn + size, n_surrogates))
        values = np.concatenate(list(draw_null_values(part, numbers, workers)))
        defined = n_defined[units] + np.cumsum(~np.isnan(values), axis=0)
        greater.update(units, values >= lowest[units], defined)
        less.update(units, values <= highest[units], defined)
        n_defined[units] = defined[-1]
        drawn = numbers.stop
        bar.update(len(numbers))
        size *= 2
        units = units[~np.logical_and.reduce([tail.full[units] for tail in looked_at])]
    pvalues = [tail.pvalue() for tail in looked_at]
    found = pvalues[0] if len(pvalues) == 1 else np.minimum(1, 2 * np.minimum(*pvalues))
    return np.where(np.isnan(value) | (n_defined == 0), np.nan, found), n_defined


def _check_by_itself(
    statistic: Statistic, raster: SpikeRaster, units: Ints, observed: tuple[Floats, Floats, Floats]
) -> None:
    """Refuse a statistic whose values of some units change without the others."""
    if not units.size:
        return
    found = evaluate_statistic(statistic, raster.select(units=units), "statistic")
    _, lowest, highest = observed
    if not ((found >= lowest[units]) & (found <= highest[units])).all():
        raise ValueError(
            "stop_at must be None for a statistic of a unit that changes with the other units; "
            f"{describe_function(statistic)} does"
        )
