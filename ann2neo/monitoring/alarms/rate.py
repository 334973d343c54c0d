"""Alarms that follow firing rates: of a rate that falls, of a layer that dies."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ann2neo.monitoring.activity_monitor import ActivityMonitor
from ann2neo.monitoring.alarms.base import Alarm, Rule, check_rule, check_stop
from ann2neo.monitoring.alarms.rules import LayerDeath, RateDrop


class RateDropWarning(UserWarning):
    """The mean firing rate of a network in training has dropped."""


class DyingLayerWarning(UserWarning):
    """Units of a layer fall silent in training."""


class RateDropAlarm(Alarm, ActivityMonitor):
    """Warns when the firing rate falls, as it does when the task changes under a confident network.

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

    See Also
    --------
    MemorizationAlarm : follows how patterns separate classes, and does not mind new names of classes.

    Notes
    -----
    **It is no sign of memorization.** The rate falls when labels turn random under an old output layer,
    and likewise when classes are renamed, which is learned without memorizing anything; under a fresh
    output layer random labels are learned by heart while the rate hardly moves. See the table of
    `MemorizationAlarm`.

    How often `RateDrop` warns in undisturbed training, as ``tests/benchmarks/rate_drop.py`` measured it
    on 264 perceptrons that learned the digits (16, 64 and 128 hidden units; SGD with and without
    momentum and Adam, eleven settings in all; batches of 32 and 128; test accuracy 0.87 at least, 0.97
    in the median), followed by 100 training samples after every batch: in none of 264 trainings of
    1,200 batches, 95 % interval (Clopper–Pearson) 0 to 1.4 %. Where labels turned random half way it
    warned in 263 of 264 within 600 batches: after 24 batches in the median, 151 in nine of ten.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import monitoring
    >>> alarm = monitoring.RateDropAlarm({"train": np.ones((100, 5))}, stop=True)
    >>> alarm.flagged_at is None, alarm.should_stop
    (True, False)
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        rule: Rule | None = None,
        stop: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(probes, **options)
        self._rule = RateDrop() if rule is None else check_rule(rule)
        self._stop = check_stop(stop)

    def _judge(self) -> Warning | None:
        if len(self.layers) > 1:
            raise ValueError(f"layers must be one layer for a rule, got {self.layers}")
        rate = float(self.latest_rates(self.probes[0]).mean())
        if not self._rule.update(rate):
            return None
        return RateDropWarning(
            f"the mean firing rate of layer {self.layers[0]!r} has fallen to {rate:.3g} at step "
            f"{self.last_step}, as it does when the task changes under a network that is sure of itself"
        )


class DyingLayerAlarm(Alarm, ActivityMonitor):
    """Warns when units of a layer fall silent, as in fine-tuning under an output layer that errs.

    Parameters
    ----------
    probes : mapping of str to samples
        As for `ActivityMonitor`; the first set is judged. 100 of the samples trained on will do.
    rate_fraction, silent_increase : float
        In (0, 1). It warns of a layer whose rate lies below `rate_fraction` of that at the first look,
        and whose fraction of silent units above it by more than `silent_increase`,
    patience : int
        for so many looks in a row; see `LayerDeath`.
    stop : bool
        Ask for the end of the training as well: a callback ends it; in a loop of your own ask
        `should_stop`.
    **options
        As for `ActivityMonitor`; each of several layers is judged by itself.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look at which it warned; it warns once.

    Warns
    -----
    DyingLayerWarning
        Naming the layer.

    Notes
    -----
    ``tests/benchmarks/dying_layers.py`` fine-tunes convolutional networks on new classes, under an old
    and under a fresh output layer. Without `patience` the rule warned of all 17 networks with an old
    head and of 4 of 17 with a fresh one, whose layers recovered; with it, on 17 new seeds, of 12 with an
    old head (the latest after 35 batches; 95 % interval 44 % to 90 %) and of 1 with a
    fresh one (0 % to 29 %).
    Layers that lost their spikes for some steps and had them back are not warned of.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import monitoring
    >>> alarm = monitoring.DyingLayerAlarm({"train": np.ones((100, 5))}, layers="all")
    >>> alarm.flagged_at is None
    True
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        rate_fraction: float = 0.5,
        silent_increase: float = 0.1,
        patience: int = 10,
        stop: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(probes, **options)
        self._new_rule = functools.partial(LayerDeath, rate_fraction, silent_increase, patience=patience)
        self._new_rule()
        self._rules: dict[str, LayerDeath] = {}
        self._stop = check_stop(stop)

    def _judge(self) -> Warning | None:
        dying = []
        for layer in self.layers:
            rates = self.latest_rates(self.probes[0], layer)
            rule = self._rules.setdefault(layer, self._new_rule())
            if rule.update(float(rates.mean()), float((rates == 0).mean())):
                dying.append(f"{layer!r} (rate {rates.mean():.3g}, {(rates == 0).mean():.0%} silent)")
        if not dying:
            return None
        return DyingLayerWarning(
            f"units fall silent by step {self.last_step} in layer {', '.join(dying)}: a fresh output "
            "layer or a lower learning rate may keep them"
        )
