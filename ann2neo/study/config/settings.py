"""The tables of a study's TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ann2neo.networks.builders import NETWORKS
from ann2neo.study.config.setting_checks import (
    check_flag,
    check_fraction,
    check_int,
    check_list,
    check_positive,
    check_word,
)
from ann2neo.study.config.sources import check_options, is_function
from ann2neo.training.conditions import CONDITIONS, Condition

_SMALL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10")


def check_dataset(value: object, key: str) -> None:
    if not is_function(value):
        check_word(value, f"{key}, unless written module:function,", DATASETS)


def check_condition(value: object, key: str) -> None:
    if not isinstance(value, Condition):
        check_word(value, key, CONDITIONS)


def check_name(value: object, key: str) -> None:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{key} must be a name, got {value!r:.80}")


def check_small_name(value: object, key: str) -> None:
    if not isinstance(value, str) or not value or set(value) - _SMALL:
        raise ValueError(f"{key} must be made of small letters, digits and _, got {value!r:.80}")


def check_width(value: object, key: str) -> None:
    check_int(value, key, least=1)


@dataclass(frozen=True)
class Network:
    """Networks of one kind.

    Parameters
    ----------
    name : str
        What the results call them: small letters, digits and ``_``.
    widths : tuple of int
        Units of the observed layer.
    datasets, conditions : tuple of str, optional
        Names of those of the study's that these networks go through; default all.
    builder : str, optional
        A key of `ann2neo.training.NETWORKS`, or ``"module:function"``, called as these are: with the
        width, ``input_shape``, ``n_classes`` and ``rng``, it returns a Keras model. Default: `name`.
    layer : str
        Name of the layer that is observed.
    options : mapping
        Further arguments of the builder, in TOML keys of their own: ``weights = "none"`` or a path,
        ``shortcuts = false``, …

    Examples
    --------
    >>> Network("thawed", (64,), builder="densenet121", options={"weights": "none"}).builder
    'densenet121'
    """

    name: str
    widths: tuple[int, ...]
    datasets: tuple[str, ...] | None = None
    conditions: tuple[str, ...] | None = None
    builder: str = ""
    layer: str = "hidden"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_small_name(self.name, "name")
        check_list(self.widths, "widths", check_width)
        if self.datasets is not None:
            check_list(self.datasets, "datasets", check_name)
        if self.conditions is not None:
            check_list(self.conditions, "conditions", check_name)
        object.__setattr__(self, "builder", self.builder or self.name)
        if not is_function(self.builder):
            check_word(self.builder, "builder (default: name), unless module:function,", NETWORKS)
        check_name(self.layer, "layer")
        check_options(self.builder, self.options)

    def describe_build(self) -> dict[str, Any]:
        """What makes these networks others than `name` alone says; empty if nothing does."""
        said: dict[str, Any] = {**self.options}
        if self.builder != self.name:
            said["builder"] = self.builder
        if self.layer != "hidden":
            said["layer"] = self.layer
        return said


@dataclass(frozen=True)
class Training:
    """How every network is trained; see `ann2neo.training.train`.

    Parameters
    ----------
    learning_rate : float
    batch_size : int
    validation_split : float
        Fraction of the training samples that is held out, in [0, 1).
    """

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
        check_name(self.condition, "condition")
        # Networks of the other two names would be something else, and their numbers look right.
        check_int(self.epochs, "epochs", least=1 if self.condition == "Generalizing" else 0)
        if self.condition == "Random" and self.epochs:
            raise ValueError(f"epochs of condition 'Random' must be 0, got {self.epochs}")
        if self.network is not None:
            check_name(self.network, "network")
        if self.width is not None:
            check_width(self.width, "width")
        if self.dataset is not None:
            check_name(self.dataset, "dataset")
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

    def is_for(self, cell: Any) -> bool:
        """Whether the rule is for a `Cell`."""
        found = (cell.condition, cell.network, cell.width, cell.dataset)
        return all(want is None or want == have for want, have in zip(self.subject, found, strict=True))

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
class Patterns:
    """Activation patterns of each `PatternNetwork` of the study, followed through their training.

    Batch normalization is by the averages of the samples looked at; see
    `ann2neo.monitoring.batch_norm_statistics`.

    Parameters
    ----------
    epochs : int
        Passes over the training data.
    n_looks : int
        Looks at the network, evenly spaced in the logarithm of the step. Ten more are evenly spaced in
        the step itself; three are at the untrained network, after a tenth of a pass and before the
        learning rate of ``"multistep"`` falls.
    n_probe : int
        Training samples looked at, none of those held out; the data set must have them.
    """

    epochs: int
    n_looks: int = 30
    n_probe: int = 500

    def __post_init__(self) -> None:
        check_int(self.epochs, "epochs", least=1)
        check_int(self.n_looks, "n_looks", least=2)
        check_int(self.n_probe, "n_probe", least=2)


@dataclass(frozen=True)
class PatternNetwork:
    """Networks whose activation patterns are followed; see `ann2neo.training.build`.

    Parameters
    ----------
    name : str
        What the results call them: small letters, digits and ``_``.
    network : {"resnet", "pyramidnet"}
    width : int
        Channels of the first stage.
    blocks : tuple of int
        Blocks a stage: a network each.
    shortcuts, normalization : optional
        Of a ``"resnet"``.
    activation : {"relu", "leaky_relu", "prelu"}
    schedule : {"constant", "multistep", "cyclic", "one-cycle"}
        How the learning rate goes: a tenth after half and a hundredth after three quarters of the steps;
        three times up from a tenth and down again; once (`ann2neo.training.OneCycleRate`).
    learning_rate : float, optional
        The largest one, of gradient descent with momentum 0.9; default the study's.
    """

    name: str
    network: str
    width: int
    blocks: tuple[int, ...]
    shortcuts: bool = True
    normalization: str = "batch"
    activation: str = "relu"
    schedule: str = "multistep"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        check_small_name(self.name, "name")
        check_word(self.network, "network", ("resnet", "pyramidnet"))
        check_width(self.width, "width")
        check_list(self.blocks, "blocks", check_width)
        check_flag(self.shortcuts, "shortcuts")
        check_word(self.normalization, "normalization", ("batch", "fixup"))
        check_word(self.activation, "activation", ("relu", "leaky_relu", "prelu"))
        check_word(self.schedule, "schedule", ("constant", "multistep", "cyclic", "one-cycle"))
        if self.learning_rate is not None:
            check_positive(self.learning_rate, "learning_rate")
        if self.network == "pyramidnet" and (not self.shortcuts or self.normalization != "batch"):
            raise ValueError(
                "shortcuts and normalization must be left out for network 'pyramidnet', got "
                f"{self.shortcuts} and {self.normalization!r}"
            )
        if self.normalization == "fixup" and not self.shortcuts:
            raise ValueError("shortcuts must be true for normalization 'fixup', got False")

    def key(self, blocks: int) -> str:
        """What the network of so many blocks a stage is called."""
        return f"{self.name}_{blocks}"

    def options(self, blocks: int) -> dict[str, Any]:
        """The options of the builder."""
        options: dict[str, Any] = {"blocks": blocks, "activation": self.activation}
        if self.network == "resnet":
            options |= {"shortcuts": self.shortcuts, "normalization": self.normalization}
        return options


@dataclass(frozen=True)
class Subset:
    """A random part of each data set.

    Parameters
    ----------
    n_train, n_test : int
        Samples.
    downscale : int
        Side of the squares of pixels that become one, their mean; it must divide height and width.
    """

    n_train: int
    n_test: int
    downscale: int = 1

    def __post_init__(self) -> None:
        check_int(self.n_train, "n_train", least=2)
        check_int(self.n_test, "n_test", least=2)
        check_int(self.downscale, "downscale", least=1)


@dataclass(frozen=True)
class Pretraining:
    """What every network learns before anything else: true labels of samples that no other cell sees.

    A stand-in for weights learned elsewhere, as ImageNet's are: the layers before the observed one are
    then those learned here wherever a condition has untrained weights, the observed layer and those
    behind it are drawn anew.

    Parameters
    ----------
    epochs : int
        Passes over these samples.
    n_train : int
        Training samples of the data set beyond those of the study's `Subset`, which it must have.
    """

    epochs: int
    n_train: int

    def __post_init__(self) -> None:
        check_int(self.epochs, "epochs", least=1)
        check_int(self.n_train, "n_train", least=2)
