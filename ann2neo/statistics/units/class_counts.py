"""How often each unit fires at the samples of each class, at once or chunk by chunk."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Ints, RasterLike
from ann2neo.statistics.accumulator_checks import check_units
from ann2neo.statistics.patterns.counts import encode_labels
from ann2neo.statistics.units.kernels import count_by_code, count_in_masks, fill_masks
from ann2neo.statistics.units.tuning import Tuning

Labels = str | npt.ArrayLike
"""Column of the sample table, or a label per sample."""

SPLIT = "dataset_split"

_MASKS = 48
"""Up to so many classes a pass of whole words for each is faster than going spike by spike."""


class ClassCounts:
    """Accumulator of `tuning`: spikes per unit and class. Chunks may come in any order.

    Parameters
    ----------
    labels : str
        Column of the sample table that holds the classes, where `update` is given no labels.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> seen = a2n.ClassCounts()
    >>> for active, labels in ([[[1, 0], [1, 1]], [3, 5]], [[[0, 1]], [5]]):
    ...     seen = seen.update(np.array(active), labels)
    >>> seen.result().n_spikes
    array([[1, 1],
           [0, 2]])
    """

    def __init__(self, labels: str = "label") -> None:
        self.labels = labels
        self.units: pd.DataFrame | None = None
        # (data split, class) → number of samples, spikes of each unit.
        self._seen: dict[tuple[str, Hashable], tuple[int, Ints]] = {}

    def update(self, chunk: RasterLike, labels: Labels | None = None) -> ClassCounts:
        """Add samples, as a `SpikeRaster` or what `as_raster` takes, and their labels."""
        raster = as_raster(chunk)
        self._check_units(raster.units, "chunk")
        codes, classes = encode_labels(raster, self.labels if labels is None else labels)
        split, splits = _code_splits(raster)
        sizes, counts = count_classes(raster, split * len(classes) + codes, len(splits) * len(classes))
        keys = [(name, one) for name in splits for one in classes.tolist()]
        for key, size, spikes in zip(keys, sizes.tolist(), counts, strict=True):
            if size:
                self._add(key, size, spikes)
        return self

    def merge(self, later: ClassCounts) -> ClassCounts:
        """A new accumulator of what both have seen."""
        if not isinstance(later, ClassCounts):
            raise TypeError(f"later must be a ClassCounts, got {later!r:.80}")
        merged = ClassCounts(self.labels)
        for part in (self, later):
            if part.units is not None:
                merged._check_units(part.units, "later")
            for key, (size, spikes) in part._seen.items():
                merged._add(key, size, spikes)
        return merged

    def result(self, classes: npt.ArrayLike | None = None) -> Tuning:
        """What `tuning` gives for all samples seen, but for its p-values.

        Parameters
        ----------
        classes : array, optional
            The classes there are, in their order; default: those seen, sorted.

        Raises
        ------
        ValueError
            If no samples were seen, or one of a class that is not in `classes`.
        """
        if self.units is None:
            raise ValueError("no samples yet: call update first")
        seen = pd.Index(list(dict.fromkeys(one for _, one in self._seen)))
        names = pd.Index(np.sort(seen.to_numpy())) if classes is None else pd.Index(np.asarray(classes))
        unknown = seen.difference(names, sort=False)
        if len(unknown) or names.has_duplicates:
            raise ValueError(
                f"classes must name each class once, {list(seen)[:20]} among them, "
                f"got {list(names)[:20]}"
            )
        splits = sorted({split for split, _ in self._seen})
        sizes = np.zeros((len(splits), len(names)), np.int64)
        counts = np.zeros((len(splits), len(self.units), len(names)), np.int64)
        for (split, one), (size, spikes) in self._seen.items():
            place = splits.index(split), names.get_loc(one)
            sizes[place] = size
            counts[place[0], :, place[1]] = spikes
        return Tuning(self.units, names.to_numpy(), sizes, counts)

    def _check_units(self, units: pd.DataFrame, name: str) -> None:
        if self.units is None:
            self.units = units
        check_units(len(self.units), len(units), name)

    def _add(self, key: tuple[str, Hashable], size: int, spikes: Ints) -> None:
        before, counted = self._seen.get(key, (0, 0))
        self._seen[key] = before + size, counted + spikes


def count_classes(raster: SpikeRaster, codes: Ints, n_classes: int) -> tuple[Ints, Ints]:
    """Samples of each class, and spikes, int64 of shape (n_classes, n_units)."""
    counts = np.zeros((raster.n_units, n_classes), np.int64)
    if n_classes <= _MASKS:
        masks = np.zeros((n_classes, raster.words.shape[1]), np.uint64)
        fill_masks(codes, masks)
        count_in_masks(raster.words, masks, counts)
    else:
        count_by_code(raster.words, codes, counts)
    return np.bincount(codes, minlength=n_classes), counts.T


def _code_splits(raster: SpikeRaster) -> tuple[Any, list[str]]:
    samples = raster.samples
    if SPLIT not in samples.columns:
        return 0, [""]
    codes, names = pd.factorize(samples[SPLIT])
    return codes.astype(np.int64), [str(name) for name in names]
