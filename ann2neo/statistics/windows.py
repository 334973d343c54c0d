"""Consecutive windows of samples."""

from __future__ import annotations

import warnings

import numpy as np

from ann2neo.spikes import kernels
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.accumulators.checks import check_units


def spike_counts(raster: RasterLike, window: int) -> np.ndarray:
    """Number of spikes of each unit in consecutive windows.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window : int
        Samples per window, from 1 to ``n_samples``.

    Returns
    -------
    array of int64, shape (n_units, n_windows)
        ``n_windows = n_samples // window``.

    Warns
    -----
    UserWarning
        If samples beyond the last whole window are left out.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.spike_counts(np.array([[1], [0], [1], [1]]), window=2)
    array([[1, 2]])
    """
    raster = as_raster(raster)
    return count_in_windows(raster, window, check_window(raster.n_samples, window))


def count_in_windows(raster: SpikeRaster, window: int, n_windows: int, start: int = 0) -> np.ndarray:
    """Spikes in `n_windows` windows from sample `start` on, int64, shape (n_units, n_windows)."""
    counts = np.empty((raster.n_units, n_windows), np.int64)
    kernels.window_counts(raster.words, start, window, counts)
    return counts


def check_window(n_samples: int, window: int, *, at_least: int = 1) -> int:
    """Number of whole windows; warns of samples left over.

    Raises
    ------
    ValueError
        If there are fewer than `at_least` windows.
    """
    window = check_count(window, "window")
    n_windows, left = divmod(n_samples, window)
    if n_windows < at_least:
        raise ValueError(
            f"window must fit at least {at_least} × into the recording's {n_samples} samples, "
            f"got {window}"
        )
    if left:
        warnings.warn(
            f"the last {left} of {n_samples} samples are left out: they fill no window of {window}",
            stacklevel=find_stacklevel(),
        )
    return n_windows


class CutWindows:
    """Counts of whole windows of a recording that comes in chunks, which may cut windows apart.

    Parameters
    ----------
    window : int
        Samples per window, counted from the first sample of the recording.
    start : int
        Place in the recording of the first sample that will be seen.
    """

    def __init__(self, window: int, start: int = 0) -> None:
        self.window = check_count(window, "window")
        self.start = self.stop = start
        self._n_units: int | None = None
        # Windows of which only a part was seen: number → (spikes, samples).
        self._parts: dict[int, tuple[np.ndarray, int]] = {}

    def advance(self, chunk: SpikeRaster) -> int:
        """Take note of the next samples; the place of the first of them."""
        start = self.stop
        self._check_units(chunk.n_units, "chunk")
        self.stop += chunk.n_samples
        return start

    def update(self, chunk: SpikeRaster) -> np.ndarray:
        """Add the next samples; counts of the windows that are whole now, shape (n_units, any)."""
        start = self.advance(chunk)
        head = min(-start % self.window, chunk.n_samples)
        n_windows, tail = divmod(chunk.n_samples - head, self.window)
        found = []
        if head:
            found.append(self._add(start // self.window, count_in_windows(chunk, head, 1), head))
        found.append(count_in_windows(chunk, self.window, n_windows, head))
        if tail:
            counts = count_in_windows(chunk, tail, 1, chunk.n_samples - tail)
            found.append(self._add(self.stop // self.window, counts, tail))
        return np.concatenate(found, axis=1) if len(found) > 1 else found[0]

    def merge(self, later: CutWindows) -> np.ndarray:
        """Add samples right behind; counts of the windows that this makes whole."""
        if later.window != self.window:
            raise ValueError(f"later must have window {self.window}, got {later.window}")
        if later.start != self.stop:
            raise ValueError(f"later must start at sample {self.stop}, got {later.start}")
        if later._n_units is not None:
            self._check_units(later._n_units, "later")
        found = [np.empty((self._n_units or 0, 0), np.int64)]
        found += [self._add(number, *part) for number, part in later._parts.items()]
        self.stop = later.stop
        return np.concatenate(found, axis=1)

    def _check_units(self, n_units: int, name: str) -> None:
        if self._n_units is None:
            self._n_units = n_units
        check_units(self._n_units, n_units, name)

    def _add(self, number: int, counts: np.ndarray, n_samples: int) -> np.ndarray:
        """Add a part of a window; its count if that makes it whole, else nothing."""
        before, seen = self._parts.pop(number, (0, 0))
        counts, n_samples = before + counts, seen + n_samples
        if n_samples < self.window:
            self._parts[number] = (counts, n_samples)
            return counts[:, :0]
        return counts
