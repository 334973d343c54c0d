"""The data of a cell: some of its training labels are wrong, and which is known."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ann2neo.study.cells.condition_cell import load_data
from ann2neo.study.config.cell import make_rng
from ann2neo.training.datasets import noisy_labels
from ann2neo.training.training_loop import count_trained_on

if TYPE_CHECKING:
    from ann2neo.spikes.typing import Ints
    from ann2neo.study.cells.cell_files import Work
    from ann2neo.training.datasets import Dataset


@dataclass(frozen=True, eq=False)
class NoisyData:
    """A data set with wrong labels.

    Parameters
    ----------
    data : Dataset
        Its training labels are those to learn, its test labels are true.
    truth : array of int, shape (n_samples,)
        The true training labels.
    n_train : int
        Samples trained on; the others are held out.
    """

    data: Dataset
    truth: Ints
    n_train: int

    @property
    def x(self) -> npt.NDArray[np.float32]:
        """The samples trained on."""
        return self.data.x_train[: self.n_train]

    @property
    def labels(self) -> Ints:
        """The labels trained on."""
        return self.data.y_train[: self.n_train]

    @functools.cached_property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Which of them are wrong."""
        return np.not_equal(self.labels, self.truth[: self.n_train])


def load_noisy(work: Work, noise: float) -> NoisyData:
    """A cell's data; networks of one seed and share of wrong labels learn the same ones."""
    study, cell = work.plan.study, work.plan.cell
    data = load_data(work)
    rng = make_rng(cell.seed, "wrong labels", cell.dataset, noise)
    labels = noisy_labels(data.y_train, noise, n_classes=data.n_classes, rng=rng)
    return NoisyData(
        dataclasses.replace(data, y_train=labels),
        data.y_train,
        count_trained_on(len(labels), study.training.validation_split),
    )
