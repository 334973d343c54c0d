"""Looks at a network as rows of a table: its indicators and the user's own statistics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.across_units import cv_percent_across_units, mean_across_units

Statistic = Callable[[SpikeRaster], float]

_KEYS = ("step", "training_epoch", "probe", "layer")
_INDICATORS = ("firing_rate", "cv_firing_rate_percent", "fanofactor")


class IndicatorTable:
    """A row per look, probe and layer.

    Parameters
    ----------
    ranges : mapping of str to (int, int)
        Where the samples of each probe begin and end.
    window : int
        Samples per window of the Fano factor.
    statistics : mapping of str to callable, optional
        Further columns: functions of a raster that return a number.
    """

    def __init__(
        self,
        ranges: Mapping[str, tuple[int, int]],
        window: int,
        statistics: Mapping[str, Statistic] | None,
    ) -> None:
        self._ranges = ranges
        self._window = window
        self._statistics = _check_statistics(statistics)
        self._pieces: list[pd.DataFrame] = []

    def append(
        self, traces: Sequence[LayerTrace], steps: Sequence[int], training_epochs: Sequence[int | None]
    ) -> None:
        """Add the looks in the first slots of the traces, which were at these steps."""
        looks = []
        for probe, (start, stop) in self._ranges.items():
            for trace in traces:
                columns = {
                    "step": steps,
                    "training_epoch": training_epochs,
                    "probe": [probe] * len(steps),
                    "layer": [trace.site.name] * len(steps),
                    **_indicators(trace, slice(0, len(steps)), start, stop, self._window),
                    **self._values(trace, steps, probe),
                }
                looks.append(_table(columns))
        # Stable: within a step, probes and layers stay in their order.
        rows = pd.concat(looks).sort_values("step", kind="stable", ignore_index=True)
        self._pieces.append(rows)

    def is_empty(self) -> bool:
        """Whether there was no look yet."""
        return not self._pieces

    def to_frame(self) -> pd.DataFrame:
        """The rows so far."""
        if self.is_empty():
            return _table({name: [] for name in (*_KEYS, *_INDICATORS, *self._statistics)})
        self._pieces = [pd.concat(self._pieces, ignore_index=True)]
        return self._pieces[0].copy()

    def _values(self, trace: LayerTrace, steps: Sequence[int], probe: str) -> dict[str, list[float]]:
        """The user's statistics."""
        values: dict[str, list[float]] = {name: [] for name in self._statistics}
        if not values:
            return values
        for slot, step in enumerate(steps):
            raster = trace.raster(slot, *self._ranges[probe])
            for name, statistic in self._statistics.items():
                where = f"statistics[{name!r}] of layer {trace.site.name!r} and probe {probe!r}"
                try:
                    value = _check_number(statistic(raster), where)
                except Exception as error:
                    if self.is_empty():
                        raise
                    # Hours into a training the other columns must not be lost with this one.
                    warnings.warn(
                        f"{where} is NaN at step {step}: {error!r}", stacklevel=find_stacklevel()
                    )
                    value = np.nan
                values[name].append(value)
        return values


def _indicators(
    trace: LayerTrace, slots: slice, start: int, stop: int, window: int
) -> dict[str, np.ndarray]:
    rates = trace.firing_rates(slots, start, stop)
    fanofactors = trace.fanofactors(slots, start, stop, window)
    values = mean_across_units(rates), cv_percent_across_units(rates), mean_across_units(fanofactors)
    return dict(zip(_INDICATORS, values, strict=True))


def _table(columns: Mapping[str, Any]) -> pd.DataFrame:
    kinds = {"step": "int64", "training_epoch": "Int64", "probe": "str", "layer": "str"}
    return pd.DataFrame(
        {name: pd.Series(values, dtype=kinds.get(name, "float64")) for name, values in columns.items()}
    )


def _check_number(value: Any, where: str) -> float:
    if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "biuf":
        raise TypeError(f"{where} must be a number, got {value!r:.60}")
    return float(value)


def _check_statistics(statistics: Any) -> dict[str, Statistic]:
    if not isinstance(statistics, (Mapping, type(None))):
        raise TypeError(f"statistics must be a dict of name to function, got {statistics!r:.60}")
    for name, function in dict(statistics or {}).items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"statistics must have names, non-empty str, got {name!r}")
        if name in (*_KEYS, *_INDICATORS):
            raise ValueError(f"statistics must not be called {name!r}: there is such a column already")
        if not callable(function):
            raise TypeError(f"statistics[{name!r}] must be a function of a raster, got {function!r:.60}")
    return dict(statistics or {})
