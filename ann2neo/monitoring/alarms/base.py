"""What all alarms share."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, Protocol

from ann2neo.monitoring.monitor import Monitor
from ann2neo.spikes.callers import find_stacklevel


class Rule(Protocol):
    """Judges a number, given look by look."""

    def update(self, value: float, /) -> bool:
        """Take the next value; whether to warn."""


class Alarm(Monitor):
    """What alarms share: they warn once, and may ask for the end of the training.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look at which it warned.
    """

    _stop = False
    flagged_at: int | None = None

    @property
    def should_stop(self) -> bool:
        """Whether the training is to end: once it warned, if it was made with ``stop=True``."""
        return self._stop and self.flagged_at is not None

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look at a network, keep what its units do, and judge; see `ActivityMonitor.observe`."""
        super().observe(network, step, training_epoch)
        found = self._judge()
        if found is not None and self.flagged_at is None:
            self.flagged_at = self.last_step
            warnings.warn(found, stacklevel=find_stacklevel())

    @abstractmethod
    def _judge(self) -> Warning | None:
        """What to warn of after this look, if anything; it is asked after every look."""


def check_rule(rule: Any) -> Rule:
    # A class has the method too, but nothing to call it on.
    if isinstance(rule, type) or not callable(getattr(rule, "update", None)):
        raise TypeError(f"rule must be an object with a method update(value), got {rule!r:.60}")
    checked: Rule = rule
    return checked


def check_stop(stop: Any) -> bool:
    if not isinstance(stop, bool):
        raise TypeError(f"stop must be True or False, got {stop!r:.60}")
    return stop
