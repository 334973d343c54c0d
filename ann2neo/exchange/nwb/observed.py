"""Which samples of a foreign NWB file were observed: time that was not is no silence."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.exchange.grid import OFF_GRID
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.hdf5_checks import find_dataset
from ann2neo.spikes.typing import Ints

Ranges = list[tuple[int, int]]
"""Samples from one up to, not including, another; ascending and apart."""


def find_observed(path: Path, units: Any, period: float, n_units: int) -> Ranges | None:
    """Samples that lie in the ``obs_intervals`` of every unit; None where the file says none.

    A unit without intervals of its own says nothing of them.

    Raises
    ------
    ValueError
        If there are no such samples, or the intervals are damaged.
    """
    if "obs_intervals" not in units or "obs_intervals_index" not in units:
        return None
    intervals = np.asarray(find_dataset(units, "obs_intervals")[:], np.float64)
    ends = find_dataset(units, "obs_intervals_index")[:].astype(np.int64)
    edges = [0, *ends.tolist()]
    if intervals.size == 0:
        return None
    if (
        intervals.ndim != 2
        or intervals.shape[1] != 2
        or edges != sorted(edges)
        or edges[-1] != len(intervals)
        or len(ends) != n_units
        or not np.all(np.isfinite(intervals))
        or np.any(intervals[:, 0] > intervals[:, 1])
    ):
        raise ValueError(f"{path} is damaged: its obs_intervals are no intervals per unit")
    of_units = {
        tuple(map(tuple, _as_ranges(intervals[first:last], period)))
        for first, last in itertools.pairwise(edges)
        if last > first
    }
    observed = _intersect([list(ranges) for ranges in of_units])  # type: ignore[arg-type]
    if not observed:
        raise ValueError(f"{path} has no sample of {period:g} s that all its units were observed in")
    return observed


def _as_ranges(intervals: Any, period: float) -> Ranges:
    """Whole samples inside the intervals, which are joined where they touch or overlap."""
    joined: list[list[float]] = []
    for start, stop in sorted(intervals.tolist()):
        if joined and start <= joined[-1][1] + OFF_GRID * period:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    places = np.array(joined) / period
    first = np.ceil(places[:, 0] - OFF_GRID).clip(0).astype(np.int64)
    last = np.floor(places[:, 1] + OFF_GRID).astype(np.int64)
    return [(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True) if b > a]


def _intersect(several: list[Ranges]) -> Ranges:
    """What lies in one range of each."""
    steps: dict[int, int] = {}
    for first, last in itertools.chain.from_iterable(several):
        steps[first] = steps.get(first, 0) + 1
        steps[last] = steps.get(last, 0) - 1
    found, depth, start = [], 0, 0
    for place in sorted(steps):
        if depth == len(several):
            found.append((start, place))
        depth += steps[place]
        start = place
    return [(a, b) for a, b in found if b > a]


def select_observed(observed: Ranges) -> Ints:
    """The samples themselves."""
    return np.concatenate([np.arange(first, last, dtype=np.int64) for first, last in observed])


def warn_of_gaps(path: Path, observed: Ranges, n_samples: int, n_spikes: int) -> None:
    """Say what is left out: samples that not all units were observed in, and the spikes there."""
    kept = sum(last - first for first, last in observed)
    if kept < n_samples or n_spikes:
        warnings.warn(
            f"{path}: {n_samples - kept} of {n_samples} samples are left out, with {n_spikes} spikes, "
            "since not all units were observed there (obs_intervals); the column sample_index says "
            f"which are left, in {len(observed)} stretches",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
