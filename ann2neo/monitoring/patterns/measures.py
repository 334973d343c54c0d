"""The pattern statistics of one layer at one moment, alone and against other moments."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes import pattern_kernels
from ann2neo.statistics.patterns.classes import (
    count_by_class,
    information_of_counts,
    separation_of_counts,
)
from ann2neo.statistics.patterns.histogram import PatternHistogram, count_histogram
from ann2neo.statistics.patterns.tables import comparison_columns, label_columns, pattern_columns

PATTERN_COLUMNS = {
    "n_units": "int64",
    "n_samples": "int64",
    "n_patterns": "int64",
    "entropy": "float64",
    "entropy_fraction": "float64",
    "entropy_miller_madow": "float64",
    "entropy_chao_shen": "float64",
    "coverage": "float64",
    "saturated": "bool",
    "top_pattern_fraction": "float64",
    "pattern_distance": "float64",
    "silent_fraction": "float64",
    "always_on_fraction": "float64",
}
LABEL_COLUMNS = {
    "conditional_entropy": "float64",
    "mutual_information": "float64",
    "joint_saturated": "bool",
    "class_separation": "float64",
    "unit_information": "float64",
}
COMPARISON_COLUMNS = (
    "flip_rate",
    "spike_jaccard",
    "jaccard",
    "weighted_jaccard",
    "appeared",
    "vanished",
)


@dataclass(frozen=True, eq=False)
class Moment:
    """What a layer did for one probe at one step.

    Parameters
    ----------
    words : array of uint64, shape (n_units, n_words)
        As those of a `SpikeRaster`; read-only.
    n_samples : int
        Samples of the raster: samples of the probe, or positions of these.
    labels : tuple of two arrays, optional
        Of each sample of the probe, all of whose positions have its label, the label as an index; and
        the sorted labels.
    """

    words: np.ndarray
    n_samples: int
    labels: tuple[np.ndarray, np.ndarray] | None = None

    @functools.cached_property
    def histogram(self) -> PatternHistogram:
        """How often each pattern occurs, and with which label."""
        if self.labels is None:
            return count_histogram(self.words, 0, self.n_samples)
        codes, distinct = self.labels
        each = np.repeat(codes, self.n_samples // codes.size)
        return count_histogram(self.words, 0, self.n_samples, (each, distinct))

    def columns(self) -> dict[str, Any]:
        """A row of `ann2neo.patterns.summarize_patterns`, and with labels what they say of classes."""
        spike_counts = np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)
        row = pattern_columns(self.histogram, spike_counts)
        if self.labels is None:
            return row
        codes, distinct = self.labels
        each = np.repeat(codes, self.n_samples // codes.size)
        counts = count_by_class(self.words, each, distinct.size)
        sizes = np.bincount(each, minlength=distinct.size)
        return {
            **row,
            **label_columns(self.histogram),
            "class_separation": separation_of_counts(counts, sizes),
            "unit_information": float(information_of_counts(counts, sizes).mean()),
        }

    def columns_against(self, before: Moment, *, min_count: int = 1) -> dict[str, Any]:
        """A row of `ann2neo.patterns.compare_patterns`."""
        both, either = np.empty((2, len(self.words)), np.int64)
        pattern_kernels.spikes_in_both(before.words, self.words, both, either)
        return comparison_columns(
            before.histogram,
            self.histogram,
            int(both.sum()),
            int(either.sum()),
            min_count=min_count,
        )


def measure(now: Moment, references: Mapping[str, Moment | None], *, min_count: int = 1) -> list[Any]:
    """The values of a row of `pattern_table` behind its keys; NaN against a reference not there yet."""
    row = now.columns()
    values = [row[name] for name in _columns(now.labels is not None)]
    for before in references.values():
        found = {} if before is None else now.columns_against(before, min_count=min_count)
        values += [found.get(name, np.nan) for name in COMPARISON_COLUMNS]
    return values


def pattern_table(
    rows: Iterable[tuple[Any, ...]], references: Iterable[str], *, labeled: bool
) -> pd.DataFrame:
    """Rows of keys and measures; the comparisons' columns end in the reference's name."""
    kinds = {"step": "int64", "training_epoch": "Int64", "probe": "str", "layer": "str"}
    kinds |= _columns(labeled)
    for reference in references:
        kinds |= dict.fromkeys((f"{name}_{reference}" for name in COMPARISON_COLUMNS), "float64")
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=kind)
            for (name, kind), values in zip(kinds.items(), columns, strict=True)
        }
    )


def _columns(labeled: bool) -> dict[str, str]:
    """Names and kinds of the columns that are of one moment."""
    return PATTERN_COLUMNS | LABEL_COLUMNS if labeled else PATTERN_COLUMNS
