"""The tables of a study's TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ann2neo.study.arguments import (
    check_fraction,
    check_int,
    check_list,
    check_positive,
    check_word,
)
from ann2neo.training.conditions import CONDITIONS
from ann2neo.training.networks import NETWORKS

DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10")


def check_dataset(value: object, key: str) -> None:
    check_word(value, key, DATASETS)


def check_condition(value: object, key: str) -> None:
    check_word(value, key, CONDITIONS)


def check_width(value: object, key: str) -> None:
    check_int(value, key, least=1)


@dataclass(frozen=True)
class Network:
    """Networks of one kind.

    Parameters
    ----------
    name : {"mlp", "cnn", "densenet121", "resnet"}
        See `ann2neo.training.build`.
    widths : tuple of int
        Units of the observed layer.
    datasets, conditions : tuple of str, optional
        Those of the study's that these networks go through; default all.
    """

    name: str
    widths: tuple[int, ...]
    datasets: tuple[str, ...] | None = None
    conditions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_word(self.name, "name", NETWORKS)
        check_list(self.widths, "widths", check_width)
        if self.datasets is not None:
            check_list(self.datasets, "datasets", check_dataset)
        if self.conditions is not None:
            check_list(self.conditions, "conditions", check_condition)


@dataclass(frozen=True)
class Training:
    """How every network is trained; see `ann2neo.training.train`."""

    learning_rate: float = 0.1
    batch_size: int = 256
    validation_split: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self.learning_rate, "learning_rate")
        check_int(self.batch_size, "batch_size", least=1)
        check_fraction(self.validation_split, "validation_split", with_0=True)


@dataclass(frozen=True)
class StopRule:
    """When the training of some cells stops.

    Parameters
    ----------
    condition : str
        The condition the rule is for.
    network, width, dataset : optional
        Cells of the condition that the rule is for; default all.
    epochs : int
        Passes over the training data, at most.
    accuracy : float or "published", optional
        Training accuracy at which to stop, in (0, 1]; ``"published"``: the one in table 1 of the paper.
    plateau : int, optional
        Passes without a better training accuracy after which to stop.
    """

    condition: str
    epochs: int
    network: str | None = None
    width: int | None = None
    dataset: str | None = None
    accuracy: float | Literal["published"] | None = None
    plateau: int | None = None

    def __post_init__(self) -> None:
        check_condition(self.condition, "condition")
        # Networks of the other two names would be something else, and their numbers look right.
        check_int(self.epochs, "epochs", least=1 if self.condition == "Generalizing" else 0)
        if self.condition == "Random" and self.epochs:
            raise ValueError(f"epochs of condition 'Random' must be 0, got {self.epochs}")
        if self.network is not None:
            check_word(self.network, "network", NETWORKS)
        if self.width is not None:
            check_width(self.width, "width")
        if self.dataset is not None:
            check_dataset(self.dataset, "dataset")
        if isinstance(self.accuracy, str):
            check_word(self.accuracy, "accuracy, if it is not a number in (0, 1],", ["published"])
        elif self.accuracy is not None:
            check_fraction(self.accuracy, "accuracy", with_1=True)
        if self.plateau is not None:
            check_int(self.plateau, "plateau", least=1)

    @property
    def subject(self) -> tuple[str, str | None, int | None, str | None]:
        """Which cells the rule is for."""
        return (self.condition, self.network, self.width, self.dataset)

    @property
    def specificity(self) -> tuple[bool, bool, bool]:
        """Of two rules for a cell, the one greater here holds."""
        return (self.network is not None, self.width is not None, self.dataset is not None)


@dataclass(frozen=True)
class Switch:
    """Training on the true labels, then on random ones, watched all along (figure 5 of the paper).

    Parameters
    ----------
    epochs_true, epochs_random : int
        Passes over the training data with each.
    every : int
        Batches from one look to the next.
    n_probe : int
        Samples of the training data looked at, and as many of the test data, which must have them.
    """

    epochs_true: int
    epochs_random: int
    every: int = 1
    n_probe: int = 100

    def __post_init__(self) -> None:
        check_int(self.epochs_true, "epochs_true", least=1)
        check_int(self.epochs_random, "epochs_random", least=1)
        check_int(self.every, "every", least=1)
        check_int(self.n_probe, "n_probe", least=1)


@dataclass(frozen=True)
class Subset:
    """A random part of each data set."""

    n_train: int
    n_test: int

    def __post_init__(self) -> None:
        check_int(self.n_train, "n_train", least=2)
        check_int(self.n_test, "n_test", least=2)
