"""Count the patterns of a raster's layers, at once or chunk by chunk."""

from __future__ import annotations

import copy
import functools
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers
from ann2neo.statistics.accumulators.accumulate import accumulate
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.accumulators.checks import check_labels
from ann2neo.statistics.groups import group_units
from ann2neo.statistics.patterns.histogram import PatternHistogram, check_mergeable, count_histogram

_STRETCH = 2**18
"""Samples whose patterns are held at a time, a multiple of 64."""


def pattern_counts(
    raster: RasterLike,
    by: str | None = "layer",
    *,
    labels: Any = None,
    fingerprint: bool = False,
    max_patterns: int | None = None,
    workers: Workers = 1,
) -> dict[Hashable, PatternHistogram]:
    """How often each pattern occurs, a histogram per group of units.

    A pattern is one sample's bits across the units of the group. Recorded with
    ``conv_units="channels"`` a sample is one position in an image, and its pattern the bits across
    channels.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: all units together, so patterns of
        the whole network. Of some layers: ``raster.select(layer=[…])`` and None.
    labels : str or array of shape (n_samples,), optional
        Column of the sample table, or a label per sample: also count patterns label by label.
    fingerprint : bool
        Keep 128 bits of each pattern instead of all its bits, for memory in wide layers. Over random
        keys, two given patterns share a fingerprint with probability 2^-128, so that any of K distinct
        patterns do with probability below K² / 2^129: 10^-29 for 10^5. The keys are fixed (outputs of
        SplitMix64): the same everywhere, and no protection against patterns made to collide.
    max_patterns : int, optional
        A sketch in bounded memory: only the `max_patterns` patterns of the smallest hash are kept, a
        random choice among the distinct ones, with their exact counts (bottom-k; Beyer et al., SIGMOD
        2007). `n_patterns`, `jaccard` and `pattern_turnover` are then estimates: the first with a
        standard deviation of at most ``1 / sqrt(max_patterns - 1)`` of itself, the second of about
        ``sqrt(J (1 - J) / max_patterns)``. Entropies are refused. Not with `labels`.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        As for `accumulate`: the result is the same.

    Returns
    -------
    dict of group to PatternHistogram
        In the order of the groups' first unit; ``"all"`` for None. Exact, but for `fingerprint` and
        `max_patterns`: patterns of equal hash are compared in full.

    Raises
    ------
    TypeError, ValueError
        If the unit table has no column `by`, the sample table no column `labels`, labels are missing, or
        an argument is not as described.

    Notes
    -----
    Histograms of other samples of the same units add up: `PatternHistogram.merge`, `PatternCounts`.
    Memory is 8 bytes per pattern and word of 64 units, and as much again while counting.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 0], [1, 1], [1, 0], [0, 0]])
    >>> found = a2n.patterns.pattern_counts(active)["units"]
    >>> for pattern, count in sorted(zip(found.to_dense().astype(int).tolist(), found.counts.tolist())):
    ...     print(pattern, count)
    [0, 0] 1
    [1, 0] 2
    [1, 1] 1
    """
    make = functools.partial(PatternCounts, by, fingerprint=fingerprint, max_patterns=max_patterns)
    return accumulate(make, raster, labels=labels, workers=workers).result()


def as_histogram(source: PatternHistogram | RasterLike, labels: Any = None) -> PatternHistogram:
    """A histogram as it is, and of anything else the patterns of all units together."""
    if isinstance(source, PatternHistogram):
        return source
    if isinstance(source, dict) and any(isinstance(one, PatternHistogram) for one in source.values()):
        raise TypeError(f"expected one histogram, got those of {list(source)}: take one of them")
    return pattern_counts(source, None, labels=labels)["all"]


class PatternCounts(Accumulator):
    """Accumulator of `pattern_counts`; chunks may come in any order.

    Parameters
    ----------
    by, fingerprint, max_patterns
        As for `pattern_counts`.
    start : int
        Place in the recording of the first sample that will be seen.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> seen = a2n.patterns.PatternCounts()
    >>> for chunk in np.array_split(np.array([[1, 0], [1, 1], [1, 0], [0, 0]]), 2):
    ...     seen = seen.update(chunk)
    >>> seen.result()["units"]
    PatternHistogram: 2 units × 4 samples, 3 patterns
    """

    _any_order = True
    _settings = ("by", "fingerprint", "max_patterns")
    _kept = (PatternHistogram,)

    def __init__(
        self,
        by: str | None = "layer",
        *,
        fingerprint: bool = False,
        max_patterns: int | None = None,
        start: int = 0,
    ) -> None:
        super().__init__(start=start)
        self.by = by
        self.max_patterns = None if max_patterns is None else check_count(max_patterns, "max_patterns")
        self.fingerprint = bool(fingerprint)
        self._parts: dict[Hashable, list[PatternHistogram]] = {}

    def update(self, chunk: RasterLike, labels: Any = None) -> PatternCounts:
        """Add samples, as a `SpikeRaster` or what `as_raster` takes, and their labels if wanted."""
        if labels is not None and self.max_patterns is not None:
            raise ValueError("labels must be None with max_patterns: a sketch has no joint histogram")
        recording = as_recording(chunk)
        given = labels is not None and not isinstance(labels, str)
        if given:
            labels = np.asarray(check_labels(labels, recording.n_samples))
        start = 0
        for piece in recording.chunks():
            part = labels[start : start + piece.n_samples] if given else labels
            self._add_chunk(piece, part)
            self.stop += piece.n_samples
            start += piece.n_samples
        return self

    def _add_chunk(self, chunk: SpikeRaster, labels: Any) -> None:
        coded = None if labels is None else encode_labels(chunk, labels)
        groups = {
            name: select_words(chunk, units) for name, units in group_units(chunk, self.by).items()
        }
        self._check_groups({name: len(words) for name, words in groups.items()}, "chunk")
        self._check_units(chunk.n_units, chunk._unit_table, "chunk")
        for start in range(0, chunk.n_samples, _STRETCH):
            stop = min(start + _STRETCH, chunk.n_samples)
            part_labels = None if coded is None else _stretch(coded, start, stop)
            for name, words in groups.items():
                part = count_histogram(
                    words,
                    start,
                    stop,
                    part_labels,
                    fingerprint=self.fingerprint,
                    max_patterns=self.max_patterns,
                )
                self._add(name, part)

    def _merge(self, later: PatternCounts) -> None:
        if later._parts:
            self._check_groups({name: p[0].n_units for name, p in later._parts.items()}, "later")
        for name, parts in later._parts.items():
            for part in parts:
                self._add(name, part)

    def result(self) -> dict[Hashable, PatternHistogram]:
        """The histograms, as `pattern_counts`."""
        if not self._parts:
            raise ValueError("no samples yet: call update first")
        for name, parts in self._parts.items():
            merged = functools.reduce(lambda a, b: b.merge(a), reversed(parts))
            self._parts[name] = [merged]
        return {name: parts[0] for name, parts in self._parts.items()}

    def _add(self, name: Hashable, part: PatternHistogram) -> None:
        parts = self._parts.setdefault(name, [])
        if parts:
            check_mergeable(parts[0], part)
        parts.append(part)
        # Merged once they are of like size: each pattern is then moved only log(n) times.
        while len(parts) > 1 and parts[-2].counts.size <= 2 * parts[-1].counts.size:
            last = parts.pop()
            parts[-1] = parts[-1].merge(last)

    def _copy(self) -> PatternCounts:
        # Histograms do not change: the lists of them do.
        copied = copy.copy(self)
        copied._parts = {name: list(parts) for name, parts in self._parts.items()}
        return copied

    def _check_groups(self, sizes: dict[Hashable, int], name: str) -> None:
        expected = {group: parts[0].n_units for group, parts in self._parts.items()}
        if expected and expected != sizes:
            raise ValueError(f"{name} must have the units {expected}, as those before; got {sizes}")


def select_words(raster: SpikeRaster, units: np.ndarray) -> np.ndarray:
    """The rows of these units (ascending), copied only where they do not lie together."""
    first, last = int(units[0]), int(units[-1])
    if last - first + 1 == units.size:
        return raster.words[first : last + 1]
    words = raster.words[units]
    words.flags.writeable = False
    result: np.ndarray = words
    return result


def encode_labels(raster: SpikeRaster, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The label of each sample as an index into the sorted labels, and these."""
    if isinstance(labels, str):
        samples = raster.samples
        if labels not in samples.columns:
            raise ValueError(
                f"labels must be a column of the sample table, one of {list(samples.columns)}, or an "
                f"array of {raster.n_samples} labels, got {labels!r:.80}"
            )
        values: Any = samples[labels]
    else:
        values = pd.Series(np.asarray(check_labels(labels, raster.n_samples)))
    if values.isna().any():
        raise ValueError("labels must not be missing or NaN")
    return encode(values)


def encode(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels, none missing, as indices into the sorted distinct ones, and these."""
    codes, distinct = pd.factorize(values, sort=True)
    labels = np.array(distinct)
    # Small integers, as data sets have them, are the same labels as others.
    if labels.dtype.kind in "iu" and labels.itemsize < 8:
        labels = labels.astype(np.int64)
    return codes.astype(np.int64), labels


def _stretch(
    labels: tuple[np.ndarray, np.ndarray], start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    return labels[0][start:stop], labels[1]
