"""How often each unit fires at the samples of each class, at once or chunk by chunk."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Ints, PathLikeStr, RasterLike
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.accumulators.checks import check_labels
from ann2neo.statistics.patterns.counts import encode, encode_labels
from ann2neo.statistics.units.kernels import count_by_code, count_in_masks, fill_masks
from ann2neo.statistics.units.tuning import Tuning

Labels = str | npt.ArrayLike
"""Column of the sample table, or a label per sample."""

SPLIT = "dataset_split"

_MASKS = 48
"""Up to so many classes a pass of whole words for each is faster than going spike by spike."""


class LabeledCounts(Accumulator):
    """What accumulators of spikes per class share: the counts, by data split. Chunks in any order.

    Parameters
    ----------
    labels : str
        Column of the sample table that holds the classes, where `update` is given no labels.
    """

    _any_order = True
    _settings = ("labels",)

    def __init__(self, labels: str = "label") -> None:
        super().__init__()
        self.labels = labels
        self.units: pd.DataFrame | None = None
        # (data split, class) → number of samples, spikes of each unit.
        self._seen: dict[tuple[str, Hashable], tuple[int, Ints]] = {}

    def update(self, chunk: RasterLike, labels: Labels | None = None) -> Self:
        """Add samples and their labels; what is on disk is read in pieces.

        Parameters
        ----------
        chunk : SpikeRaster or what `as_raster` takes
        labels : str or array of shape (n_samples,), optional
            Column of the sample table, or a label per sample; default the accumulator's column.
        """
        recording = as_recording(chunk)
        wanted = self.labels if labels is None else labels
        given = (
            None if isinstance(wanted, str) else np.asarray(check_labels(wanted, recording.n_samples))
        )
        start = 0
        for piece in recording.chunks():
            stop = start + piece.n_samples
            codes, classes = self._encode(piece, wanted if given is None else given[start:stop])
            self._check_units(piece.n_units, piece._unit_table, "chunk")
            if self.units is None:
                self.units = piece.units
            self._count(piece, codes, classes)
            self.stop += piece.n_samples
            start = stop
        return self

    @classmethod
    def load(cls, path: PathLikeStr) -> Self:
        """Read an accumulator of this class that `save` wrote; errors as there."""
        loaded = super().load(path)
        if loaded.units is not None:
            loaded.units = pd.DataFrame(loaded.units)
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        units = None if self.units is None else self.units.to_dict("list")
        return {**super().__getstate__(), "units": units}

    def _encode(self, piece: SpikeRaster, labels: Labels) -> tuple[Ints, npt.NDArray[Any]]:
        """The class of each sample of a piece, by its place among the piece's classes, and these."""
        return encode_labels(piece, labels)

    def _count(self, chunk: SpikeRaster, codes: Ints, classes: npt.NDArray[Any]) -> None:
        """Add a piece whose labels are `classes[codes]`."""
        split, splits = _code_splits(chunk)
        sizes, counts = count_classes(chunk, split * len(classes) + codes, len(splits) * len(classes))
        keys = [(name, one) for name in splits for one in classes.tolist()]
        for key, size, spikes in zip(keys, sizes.tolist(), counts, strict=True):
            if size:
                self._add(key, size, spikes)

    def _merge(self, later: Self) -> None:
        self.units = later.units if self.units is None else self.units
        for key, (size, spikes) in later._seen.items():
            self._add(key, size, spikes)

    def _add(self, key: tuple[str, Hashable], size: int, spikes: Ints) -> None:
        before, counted = self._seen.get(key, (0, 0))
        self._seen[key] = before + size, counted + spikes

    def _tune(self, classes: npt.ArrayLike | None = None) -> Tuning:
        """Counts in arrays, with classes in the order given, or sorted."""
        if self.units is None:
            raise ValueError("no samples yet: call update first")
        if classes is not None and np.ndim(classes) != 1:
            raise ValueError(f"classes must be a list of the classes, got {classes!r:.80}")
        seen = pd.Index(list(dict.fromkeys(one for _, one in self._seen)))
        names = pd.Index(encode(seen)[1]) if classes is None else pd.Index(np.asarray(classes))
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


class ClassCounts(LabeledCounts):
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
        return self._tune(classes)


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
