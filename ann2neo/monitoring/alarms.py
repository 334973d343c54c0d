"""Monitors that warn: of a firing rate that falls, of a layer that dies."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from ann2neo.monitoring.activity_monitor import ActivityMonitor
from ann2neo.monitoring.rate_drop import RateDrop


class RateRule(Protocol):
    """Judges mean firing rates, given look by look."""

    def update(self, rate: float) -> bool:
        """Take the next rate; whether to warn."""


class RateDropWarning(UserWarning):
    """The mean firing rate of a network in training has dropped."""


class Alarm(ActivityMonitor):
    """An `ActivityMonitor` that warns once, and may ask for the end of the training.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look at which it warned.
    """

    def __init__(self, probes: Mapping[str, Any], *, stop: bool = False, **options: Any) -> None:
        super().__init__(probes, **options)
        if not isinstance(stop, bool):
            raise TypeError(f"stop must be True or False, got {stop!r:.60}")
        self._stop = stop
        self.flagged_at: int | None = None

    @property
    def should_stop(self) -> bool:
        """Whether the training is to end: once it warned, if it was made with ``stop=True``."""
        return self._stop and self.flagged_at is not None

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look at a network, keep what its units do, and judge; see `ActivityMonitor.observe`."""
        super().observe(network, step, training_epoch)
        found = self._judge()
        if found is not None and self.flagged_at is None:
            self.flagged_at = step
            warnings.warn(found, stacklevel=2)

    @abstractmethod
    def _judge(self) -> Warning | None:
        """What to warn of after this look, if anything."""


class MemorizationAlarm(Alarm):
    """Warns when the firing rate falls as it does when labels turn random.

    Parameters
    ----------
    probes : mapping of str to samples
        As for `ActivityMonitor`; the rule follows the first set. 100 training samples will do.
    rule : object with a method ``update(rate)``, optional
        Takes the mean firing rate of each look in turn and returns whether to warn. Default:
        ``RateDrop()``. An object of its own for each alarm: rules have a memory.
    stop : bool
        Ask for the end of the training as well: a callback ends it; in a loop of your own ask
        `should_stop`.
    **options
        As for `ActivityMonitor`, with one layer. `RateDrop` is calibrated for looks after every batch.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look that made the rule warn; it warns once.

    Warns
    -----
    RateDropWarning
        When the rule says so.

    Notes
    -----
    How often `RateDrop` is wrong, as ``tests/benchmarks/memorization_warning.py`` measured it on 264
    perceptrons that learned the digits (16, 64 and 128 hidden units; SGD with and without momentum and
    Adam, eleven settings in all; batches of 32 and 128; test accuracy 0.87 at least, 0.97 in the
    median), followed by 100 training samples after every batch: on true labels it warned in none of 264
    trainings of 1,200 batches, 95 % interval (Clopper–Pearson) 0 to 1.4 %. Where labels turned random
    half way it warned in 263 of 264 within 600 batches: after 24 batches in the median, 151 in nine of
    ten, 190 in 19 of 20.

    A network that trains on random labels from its first batch has no higher rate to fall from: the rule
    sees labels that change.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import monitoring
    >>> alarm = monitoring.MemorizationAlarm({"train": np.ones((100, 5))}, stop=True)
    >>> alarm.flagged_at is None, alarm.should_stop
    (True, False)
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        rule: RateRule | None = None,
        stop: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(probes, stop=stop, **options)
        # A class has the method too, but nothing to call it on.
        if rule is not None and (isinstance(rule, type) or not callable(getattr(rule, "update", None))):
            raise TypeError(f"rule must be an object with a method update(rate), got {rule!r:.60}")
        self._rule = RateDrop() if rule is None else rule

    def _judge(self) -> Warning | None:
        if len(self.layers) > 1:
            raise ValueError(f"layers must be one layer for a rule, got {self.layers}")
        rate = float(self.latest_rates(self.probes[0]).mean())
        if self.flagged_at is not None or not self._rule.update(rate):
            return None
        return RateDropWarning(
            f"the mean firing rate of layer {self.layers[0]!r} has fallen to {rate:.3g} at step "
            f"{self.last_step}, as it does when a network starts to memorize"
        )
