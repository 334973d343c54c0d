"""What networks are put through: untrained, generalizing, and three ways of memorizing.

Values of one dataclass. The five of the firing-rate paper are here by its names; others are made by
calling `Condition`, or `with_stop` on one of these.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ann2neo.spikes.argument_checks import check_choice, check_count

STARTS = ("initial", "generalizing")
LABELS = ("true", "random")


@dataclass(frozen=True)
class StoppingRule:
    """When training ends: at the first rule that is met.

    Parameters
    ----------
    epochs : int
        Passes over the training data, at most; 0 trains nothing.
    accuracy : float, optional
        Running training accuracy to reach, in (0, 1]. Running: over a pass, while the weights move.
    plateau : int, optional
        Passes in a row without a better training accuracy than the best so far.

    Raises
    ------
    TypeError, ValueError
        If a rule is out of its domain.

    Examples
    --------
    >>> StoppingRule(2500, accuracy=0.31)
    StoppingRule(epochs=2500, accuracy=0.31, plateau=None)
    """

    epochs: int
    accuracy: float | None = None
    plateau: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", check_count(self.epochs, "epochs", least=0))
        if self.accuracy is not None:
            object.__setattr__(self, "accuracy", _check_accuracy(self.accuracy))
        if self.plateau is not None:
            object.__setattr__(self, "plateau", check_count(self.plateau, "plateau"))


@dataclass(frozen=True)
class Condition:
    """What a network goes through; hashable, so it can be the key of a result.

    Parameters
    ----------
    name : str
    start : {"initial", "generalizing"}
        Weights that training starts from: untrained ones, or those of a network that was trained on
        the true labels.
    labels : {"true", "random"}
        Random labels are a permutation of the true ones: as many of each class.
    trainable : "all", int or tuple of str
        What may change. ``"all"``: whatever the network itself lets train. An int `n`: of that, the
        last `n` layers. Names: just these layers.
    stop : StoppingRule

    Raises
    ------
    TypeError, ValueError
        If a value is out of its domain.

    Examples
    --------
    >>> from ann2neo.training import MEM_RETRAIN_LAST
    >>> MEM_RETRAIN_LAST.with_stop(epochs=100, plateau=5).stop
    StoppingRule(epochs=100, accuracy=None, plateau=5)
    >>> Condition("output only", "generalizing", "random", ("output",), StoppingRule(10)).trainable
    ('output',)
    """

    name: str
    start: str
    labels: str
    trainable: str | int | tuple[str, ...]
    stop: StoppingRule

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a non-empty str, got {self.name!r:.60}")
        check_choice(self.start, "start", STARTS)
        check_choice(self.labels, "labels", LABELS)
        if not isinstance(self.stop, StoppingRule):
            raise TypeError(f"stop must be a StoppingRule, got {self.stop!r:.60}")
        object.__setattr__(self, "trainable", _check_trainable(self.trainable))

    @property
    def memorizes(self) -> bool:
        """Whether the labels trained on are random, so that they can only be memorized."""
        return self.labels == "random"

    def with_stop(self, **changes: Any) -> Condition:
        """The same condition with other stopping rules: `epochs`, `accuracy`, `plateau`."""
        return dataclasses.replace(self, stop=dataclasses.replace(self.stop, **changes))


def _check_accuracy(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"accuracy must be a number in (0, 1], got {value!r:.60}")
    if not 0 < value <= 1:
        raise ValueError(f"accuracy must lie in (0, 1], got {value!r:.60}")
    return float(value)


def _check_trainable(value: Any) -> Any:
    if isinstance(value, str):
        if value != "all":
            raise ValueError(
                "trainable must be 'all', an int of at least 1 or a tuple of layer names, "
                f"got {value!r}; for one layer write ({value!r},)"
            )
        return value
    if isinstance(value, (tuple, list)):
        if not value or not all(isinstance(name, str) for name in value):
            raise ValueError(f"trainable must name at least one layer, by str, got {value!r:.60}")
        return tuple(value)
    return check_count(value, "trainable")


# The paper's passes for memorizing end at the training accuracy of its table 1, which differs from
# network to network: `with_stop(accuracy=…)`.
RANDOM = Condition("Random", "initial", "true", "all", StoppingRule(0))
GENERALIZING = Condition("Generalizing", "initial", "true", "all", StoppingRule(50))
MEM_RETRAIN_LAST = Condition("MemRetrainLast", "generalizing", "random", 2, StoppingRule(2500))
MEM_RETRAIN_ALL = Condition("MemRetrainAll", "generalizing", "random", "all", StoppingRule(2500))
MEM_RANDOM_LAST = Condition("MemRandomLast", "initial", "random", 2, StoppingRule(2500))

CONDITIONS = {
    condition.name: condition
    for condition in (RANDOM, GENERALIZING, MEM_RETRAIN_LAST, MEM_RETRAIN_ALL, MEM_RANDOM_LAST)
}
"""The paper's five conditions by name; those that others start from come first."""
