"""How often each pattern occurs: the histogram that all pattern statistics are computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ann2neo.spikes import pattern_kernels as kernels

_ALL = 2**64
"""Hashes lie below."""


@dataclass(frozen=True, eq=False, repr=False)
class PatternHistogram:
    """Patterns of a group of units and how often each occurs; made by `pattern_counts`.

    A pattern is one sample's bits across the units. Patterns come in a fixed order, that of a hash of
    their bits, so that equal histograms have equal arrays however they were put together.

    Parameters
    ----------
    n_units : int
        Bits per pattern.
    n_samples : int
        Samples count_patterns.
    keys : array of uint64, shape (n_patterns, ceil(n_units / 64))
        The distinct patterns: unit ``u`` is bit ``u % 64`` of word ``u // 64``. For fingerprints shape
        (n_patterns, 2).
    counts : array of int64, shape (n_patterns,)
        At least 1.
    labels : array of shape (n_labels,), optional
        The distinct labels of the samples, sorted.
    cells : array of int64, shape (n_cells, 3), optional
        The joint histogram, sorted: index of a pattern, index of a label, samples that have both.
    fingerprint : bool
        Whether `keys` are fingerprints of patterns.
    max_patterns : int, optional
        Patterns kept at most; see `pattern_counts`.
    limit : int
        Only patterns with a hash below are kept; 2^64 where all are.
    """

    n_units: int
    n_samples: int
    keys: np.ndarray
    counts: np.ndarray
    labels: np.ndarray | None = None
    cells: np.ndarray | None = None
    fingerprint: bool = False
    max_patterns: int | None = None
    limit: int = _ALL

    def __post_init__(self) -> None:
        for name in ("keys", "counts", "labels", "cells"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, _keep(array))
        _check_arrays(self)

    @property
    def kept_fraction(self) -> float:
        """Fraction of all possible patterns that would be kept: 1, but for a sketch that is full."""
        return self.limit / _ALL

    def to_dense(self) -> np.ndarray:
        """The distinct patterns as a boolean array of shape (n_patterns, n_units).

        Raises
        ------
        ValueError
            If only fingerprints of the patterns were kept.
        """
        if self.fingerprint:
            raise ValueError("fingerprints do not give patterns back: count without fingerprint=True")
        little = self.keys.astype("<u8").view(np.uint8)
        return np.unpackbits(little, axis=1, bitorder="little", count=self.n_units).view(bool)

    def below(self, limit: int) -> PatternHistogram:
        """The part of an unlabeled histogram whose hashes lie below `limit`."""
        if limit >= self.limit:
            return self
        n_kept = int(np.searchsorted(_hash_patterns(self.keys), np.uint64(limit)))
        keys, counts = self.keys[:n_kept].copy(), self.counts[:n_kept].copy()
        return replace(self, keys=keys, counts=counts, limit=limit)

    def merge(self, other: PatternHistogram) -> PatternHistogram:
        """The histogram of both sets of samples together; the order does not matter.

        Raises
        ------
        TypeError, ValueError
            If `other` is no histogram, the two differ in units or in the way patterns were counted, only
            one has labels or labels are of different kinds.
        """
        check_mergeable(self, other)
        limit = min(self.limit, other.limit)
        one, two = self.below(limit), other.below(limit)
        keys, counts, place = count_patterns(
            np.concatenate([one.keys, two.keys]), np.concatenate([one.counts, two.counts])
        )
        labels, cells = _merge_cells(one, two, place)
        n_samples = self.n_samples + other.n_samples
        merged = replace(one, n_samples=n_samples, keys=keys, counts=counts, labels=labels, cells=cells)
        return shorten(merged)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PatternHistogram):
            return NotImplemented
        return _header(self) == _header(other) and all(
            (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
            for a, b in zip(_arrays(self), _arrays(other), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        said = f"{self.n_units:,} units × {self.n_samples:,} samples, {self.counts.size:,} patterns"
        if self.limit < _ALL:
            said += f" kept ({self.kept_fraction:.3g} of all)"
        if self.labels is not None:
            said += f", {self.labels.size:,} labels"
        return f"PatternHistogram: {said}"


def _keep(array: np.ndarray) -> np.ndarray:
    """A read-only array that nobody else can write to: what could be written to is copied."""
    kept = np.asarray(array)
    if kept.flags.writeable or kept.base is not None:
        kept = kept.copy()
    kept.flags.writeable = False
    return kept


def _check_arrays(histogram: PatternHistogram) -> None:
    """Refuse keys and counts that are no histogram."""
    keys, counts = histogram.keys, histogram.counts
    width = 2 if histogram.fingerprint else -(-histogram.n_units // 64)
    if keys.dtype != np.uint64 or keys.ndim != 2 or keys.shape[1] != width:
        raise ValueError(
            f"keys must be uint64 of shape (n_patterns, {width}), got {keys.dtype} of shape {keys.shape}"
        )
    if counts.dtype != np.int64 or counts.shape != keys.shape[:1]:
        raise ValueError(
            f"counts must be int64 of shape ({len(keys)},), got {counts.dtype} of shape {counts.shape}"
        )
    if counts.size and counts.min() < 1:
        raise ValueError(f"counts must be at least 1, got {counts.min()}")
    total = int(counts.sum())
    if total > histogram.n_samples or (histogram.max_patterns is None and total < histogram.n_samples):
        raise ValueError(f"counts must add up to n_samples = {histogram.n_samples}, got {total}")
    hashes = _hash_patterns(keys)
    if np.any(hashes[1:] < hashes[:-1]):
        raise ValueError("keys must be in the order of their hashes, as pattern_counts gives them")


def count_histogram(
    words: np.ndarray,
    start: int,
    stop: int,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    fingerprint: bool = False,
    max_patterns: int | None = None,
) -> PatternHistogram:
    """Count the patterns of samples `start` (a multiple of 64) to `stop` of a raster's words.

    `labels`: the label of each of these samples as an index, and the sorted labels.
    """
    n_units, n_samples = len(words), stop - start
    patterns = pack_patterns(words, start, stop)
    if fingerprint:
        patterns = np.column_stack([_hash_patterns(patterns, lane) for lane in (1, 2)])
    weights = np.ones(n_samples, np.int64)
    keys, counts, place = count_patterns(patterns, weights)
    distinct = cells = None
    if labels is not None:
        codes, distinct = labels
        cells = _cells(place, codes, distinct.size, weights)
    made = PatternHistogram(n_units, n_samples, keys, counts, distinct, cells, fingerprint, max_patterns)
    return shorten(made)


def pack_patterns(words: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The pattern of each sample from `start`, a multiple of 64, to `stop`; laid out as `keys`."""
    patterns = np.empty((stop - start, -(-len(words) // 64)), np.uint64)
    kernels.transpose(words, start // 64, patterns)
    return patterns


def count_patterns(
    patterns: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct patterns, the sums of their weights, and the place of each pattern among them."""
    place = np.empty(len(patterns), np.int64)
    keys, sums = kernels.count(patterns, weights, kernels.hash_keys(patterns.shape[1], 0), place)
    return keys, sums, place


def check_alike(a: PatternHistogram, b: PatternHistogram) -> None:
    """Refuse two histograms whose patterns cannot be compared."""
    for name in ("n_units", "fingerprint", "max_patterns"):
        first, second = getattr(a, name), getattr(b, name)
        if first != second:
            raise ValueError(f"histograms must agree in {name}, got {first} and {second}")


def check_mergeable(a: PatternHistogram, b: PatternHistogram) -> None:
    """Refuse two histograms that do not add up to one."""
    if not isinstance(b, PatternHistogram):
        raise TypeError(f"other must be a PatternHistogram, got {b!r:.80}")
    check_alike(a, b)
    if (a.labels is None) != (b.labels is None):
        raise ValueError("histograms must both have labels or both have none, got one that has")
    if a.labels is not None and b.labels is not None and a.labels.dtype.kind != b.labels.dtype.kind:
        said = " and ".join(f"{h.tolist()[0]!r:.40} ({h.dtype})" for h in (a.labels, b.labels))
        raise ValueError(f"labels must be of one kind, got {said}")


def check_complete(histogram: PatternHistogram) -> PatternHistogram:
    """Refuse a sketch: frequent patterns may be missing from it."""
    if histogram.max_patterns is not None:
        raise ValueError(
            f"histogram must have all patterns, got a sketch of max_patterns={histogram.max_patterns}"
        )
    return histogram


def shorten(sketch: PatternHistogram) -> PatternHistogram:
    """The patterns of the smallest hashes, `max_patterns` of them."""
    size = sketch.max_patterns
    if size is None or sketch.counts.size <= size:
        return sketch
    # All patterns below the first that is left out are kept.
    return sketch.below(int(_hash_patterns(sketch.keys[size : size + 1])[0]))


def _hash_patterns(patterns: np.ndarray, lane: int = 0) -> np.ndarray:
    found = np.empty(len(patterns), np.uint64)
    kernels.hashes(patterns, kernels.hash_keys(patterns.shape[1], lane), found)
    return found


def _cells(patterns: np.ndarray, labels: np.ndarray, n_labels: int, weights: np.ndarray) -> np.ndarray:
    """Pairs of a pattern's and a label's index with the sums of their weights, sorted."""
    pairs = (patterns * n_labels + labels).view(np.uint64)
    distinct, sums, _ = count_patterns(pairs[:, np.newaxis], weights)
    order = np.argsort(distinct[:, 0])
    pattern, label = np.divmod(distinct[order, 0].view(np.int64), n_labels)
    return np.column_stack([pattern, label, sums[order]])


def _merge_cells(
    a: PatternHistogram, b: PatternHistogram, place: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels and cells of both; `place` of the patterns of `a`, then `b`, in the merged histogram."""
    if a.labels is None or b.labels is None or a.cells is None or b.cells is None:
        return None, None
    both = np.concatenate([a.labels, b.labels])
    labels, code = np.unique(both, return_inverse=True)
    cells = np.concatenate([a.cells, b.cells + np.array([a.counts.size, a.labels.size, 0])])
    merged = _cells(place[cells[:, 0]], code[cells[:, 1]], labels.size, cells[:, 2].copy())
    return labels, merged


def _header(histogram: PatternHistogram) -> tuple[Any, ...]:
    h = histogram
    return h.n_units, h.n_samples, h.fingerprint, h.max_patterns, h.limit


def _arrays(histogram: PatternHistogram) -> tuple[np.ndarray | None, ...]:
    return histogram.keys, histogram.counts, histogram.labels, histogram.cells
