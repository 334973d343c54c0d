"""What was shown, batch by batch, and the table of samples that comes of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.recording.samples.batches import Batch
from ann2neo.spikes.callers import find_stacklevel


class SampleLog:
    """Notes each batch; rows are samples, or positions of samples where `by_position`.

    `first_sample` is the place in the data set of the first sample that is given.
    """

    def __init__(self, *, by_position: bool, first_sample: int = 0) -> None:
        self._by_position = by_position
        self._first_sample = first_sample
        self._indices: list[npt.NDArray[np.int64]] = []
        self._labels: list[npt.NDArray[Any]] = []
        self._trials: list[npt.NDArray[np.int64]] = []
        self._positions: list[pd.DataFrame] = []
        self._kept: list[npt.NDArray[np.bool_]] = []
        self._n_shown = 0
        self._n_in_trial = 0
        self._trial: int | None = 0
        self._labels_left_out = False

    @property
    def n_shown(self) -> int:
        """Samples shown so far, each as often as it was."""
        return self._n_shown

    def begin(self, batch: Batch) -> None:
        """A batch is about to be shown."""
        if batch.trial != self._trial:
            self._trial, self._n_in_trial = batch.trial, 0
        following = np.arange(self._n_in_trial, self._n_in_trial + batch.n_samples)
        indices = following if batch.indices is None else batch.indices
        self._indices.append(indices + self._first_sample)
        self._n_in_trial += batch.n_samples
        self._n_shown += batch.n_samples
        if batch.trial is not None:
            self._trials.append(np.full(batch.n_samples, batch.trial))

    def note_labels(self, labels: npt.NDArray[Any] | None) -> None:
        """Labels of the batch at hand, one per sample or one per position."""
        if labels is not None and labels.ndim > 1 and not self._by_position:
            self._leave_labels_out(labels)
            return
        if labels is not None:
            self._labels.append(labels)
        if len(self._labels) not in (0, len(self._indices)):
            raise ValueError(
                "labels must come with every batch of samples or with none; the batch that ends at "
                f"sample {self._n_shown} differs from those before it"
            )
        if labels is not None and labels.ndim > 1 and labels[0].size != len(self._positions[-1]):
            raise ValueError(
                f"labels must be one per sample or one per position, got shape {labels.shape} for "
                f"{len(self._positions[-1])} positions"
            )

    def note_positions(self, positions: pd.DataFrame, mask: npt.NDArray[np.bool_] | None) -> Any:
        """Positions of the samples of the batch at hand; gives which rows are kept, None for all."""
        self._positions.append(positions)
        n_samples = len(self._indices[-1])
        if mask is None:
            self._kept.append(np.ones((n_samples, len(positions)), bool))
            return None
        shape = tuple(int(positions[axis].max()) + 1 for axis in positions.columns)
        if mask.shape != (n_samples, *shape):
            raise ValueError(
                f"mask must have an entry per sample and position, shape {('n_samples', *shape)} here; "
                f"got {('n_samples', *mask.shape[1:])}"
            )
        self._kept.append(mask.reshape(n_samples, -1))
        return mask.ravel()

    def place_of(self, row: int) -> int:
        """Place in the data set of a row of the batch at hand."""
        if self._by_position:
            row = int(np.flatnonzero(self._kept[-1])[row]) // max(1, len(self._positions[-1]))
        return int(self._indices[-1][row])

    def place_of_sample(self, sample: int) -> int:
        """Place in the data set of a sample of the batch at hand."""
        return int(self._indices[-1][sample])

    def draw_order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Rows as if the samples had been shown in an order drawn from `rng`."""
        order: npt.NDArray[np.int64] = rng.permutation(self._n_shown)
        if not self._by_position:
            return order
        n_rows = np.concatenate([kept.sum(axis=1) for kept in self._kept])
        starts, sizes = (np.cumsum(n_rows) - n_rows)[order], n_rows[order]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found: npt.NDArray[np.int64] = np.repeat(starts, sizes) + within
        return found

    def tabulate(self, dataset_split: str | None) -> pd.DataFrame:
        """A row per sample, or per position that was kept."""
        columns: dict[str, Any] = {"sample_index": self._spread(self._indices)}
        if self._trials:
            columns["trial"] = self._spread(self._trials)
        if self._labels:
            columns["label"] = self._spread(self._labels)
        if dataset_split is not None:
            columns["dataset_split"] = dataset_split
        if self._by_position:
            for axis in self._positions[0].columns:
                columns[axis] = np.concatenate(
                    [
                        np.broadcast_to(places[axis].to_numpy(), kept.shape)[kept]
                        for places, kept in zip(self._positions, self._kept, strict=True)
                    ]
                )
        return pd.DataFrame(columns)

    def _spread(self, values: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        if not self._by_position:
            return np.concatenate(values)
        parts = []
        for own, kept in zip(values, self._kept, strict=True):
            whole = (
                own.reshape(kept.shape) if own.ndim > 1 else np.broadcast_to(own[:, None], kept.shape)
            )
            parts.append(whole[kept])
        return np.concatenate(parts)

    def _leave_labels_out(self, labels: npt.NDArray[Any]) -> None:
        if not self._labels_left_out:
            warnings.warn(
                f"labels inside samples, shape {labels.shape}, are one per position and left out: "
                "record conv_units='channels' to keep them, or say labels=False",
                stacklevel=find_stacklevel(),
            )
        self._labels_left_out = True
