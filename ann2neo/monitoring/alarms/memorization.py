"""An alarm that follows how patterns separate classes: of labels learned by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.monitoring.alarms.base import Alarm, Rule, check_rule, check_stop
from ann2neo.monitoring.alarms.rules import SeparationDrop
from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.monitor import Activations
from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.observation import Site
from ann2neo.statistics.patterns.classes import count_by_class, separation_of_counts


class MemorizationWarning(UserWarning):
    """A network in training seems to learn labels by heart."""


class MemorizationAlarm(Alarm):
    """Warns when patterns stop separating the classes the network predicts: labels learned by heart.

    Parameters
    ----------
    probes : mapping of str to samples
        One set of samples **that are trained on**, 100 will do; as for `ActivityMonitor`. When a network
        goes on to other data, take another alarm.
    layer : "last_hidden", str or layer
        Whose patterns are followed, as for `ann2neo.record`.
    output : str or layer, optional
        Whose largest value is the predicted class; by default the last layer the network calls.
    rule : object with a method ``update(separation)``, optional
        Takes the class separation of each look in turn and returns whether to warn. Default:
        ``SeparationDrop()``. An object of its own for each alarm: rules have a memory.
    stop : bool
        Ask for the end of the training as well: a callback ends it; in a loop of your own ask
        `should_stop`.
    threshold, batch_size
        As for `ActivityMonitor`.

    Attributes
    ----------
    flagged_at : int or None
        Step of the look that made the rule warn; it warns once.

    Warns
    -----
    MemorizationWarning
        When the rule says so.

    See Also
    --------
    ann2neo.patterns.class_separation : what is followed, with the classes the network predicts.
    RateDropAlarm : warns sooner, of any change of the task under an old output layer.

    Notes
    -----
    A network that has learned what its classes look like gives samples of one predicted class similar
    patterns, whatever the classes are called. When it learns labels by heart, samples that look unlike
    each other share a class: the separation falls and stays low. No labels are needed.

    The rule was chosen on perceptrons of one and two hidden layers on digits and MNIST (three settings
    of 12 seeds). ``tests/benchmarks/alarm_switches.py`` reports it on others, 20 seeds each: a
    perceptron of 2 × 128 units on MNIST and a convolutional network on digits. Warned within 600
    batches after the switch, and of how many:

    ================================  ===========================  =====  ===========================
    switch after 600 batches          this alarm (MLP, CNN)        heart  `RateDropAlarm` (MLP, CNN)
    ================================  ===========================  =====  ===========================
    none                              0, 0 of 20                   no     0, 0 of 20
    classes renamed, (y + 1) % 10     0, 0 of 20                   no     20, 20 of 20
    random labels, old output layer   20, 10 of 20                 yes    20, 20 of 20
    random labels, fresh one          20, 20 of 20                 yes    18, 20 of 20
    new classes, probe of the old     20, 18 of 20                 no     5, 20 of 20
    ================================  ===========================  =====  ===========================

    (95 % intervals of Clopper and Pearson: 0 to 17 % for 0 of 20, 27 to 73 % for 10, 83 to 100 % for
    20.)
    The last line is what happens to a probe that is not trained on any more: its classes are forgotten.
    The median delay is 100 to 250 batches, 15 to 30 for the rate.

    It needs a past to compare with: a network that trains on random labels from its first batch is not
    noticed. With clean validation labels at hand, their accuracy says more.

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
        layer: Any = "last_hidden",
        output: Any = None,
        rule: Rule | None = None,
        stop: bool = False,
        threshold: Any = 0.0,
        batch_size: int = 256,
    ) -> None:
        super().__init__(
            probes, layers=layer, threshold=threshold, conv_units="all", batch_size=batch_size
        )
        if len(self.probes) > 1:
            raise ValueError(f"probes must be one set of samples, got {self.probes}")
        self._output = output
        self._rule = SeparationDrop() if rule is None else check_rule(rule)
        self._stop = check_stop(stop)
        self._trace: LayerTrace
        self._predicted: npt.NDArray[np.int64] = np.zeros(self._probes.n_samples, np.int64)
        self._n_classes = 0
        self._rows: list[tuple[Any, ...]] = []

    @property
    def layers(self) -> list[str]:
        """Name of the layer that is followed; empty before the first look."""
        return super().layers[:1]

    def to_frame(self) -> pd.DataFrame:
        """What was seen so far.

        Returns
        -------
        pandas.DataFrame
            A row per step: ``step``, ``training_epoch``, ``probe`` and ``layer``, ``firing_rate`` (mean
            over units) and ``class_separation`` of the patterns, by predicted classes.
        """
        kinds = {
            "step": "int64",
            "training_epoch": "Int64",
            "probe": "str",
            "layer": "str",
            "firing_rate": "float64",
            "class_separation": "float64",
        }
        columns = list(zip(*self._rows, strict=True)) or [()] * len(kinds)
        return pd.DataFrame(
            {
                name: pd.Series(values, dtype=kind)
                for (name, kind), values in zip(kinds.items(), columns, strict=True)
            }
        )

    def _choose(self, network: Any) -> Any:
        batch = self._probes.batches[0]
        adapter, _ = find_adapter(network, [batch])
        with adapter.observe(network, batch, self._asked) as observation:
            hidden = [site.name for site in observation.sites]
        if len(hidden) != 1:
            raise ValueError(f"layer must be one layer, got {hidden}")
        with adapter.observe(network, batch, self._output or "all") as observation:
            output = observation.sites[-1].name
        if output == hidden[0]:
            raise ValueError(
                f"layer must not be the output, {output!r}: name the one whose largest value is the "
                "predicted class in output="
            )
        return [hidden[0], output]

    def _begin(self, sites: Sequence[Site], batch: Activations) -> None:
        (level,) = self._levels(sites[:1])
        self._trace = LayerTrace(
            sites[0], level, self._by_channel, batch[0], self._probes.n_samples, n_slots=1
        )
        if batch[1].ndim != 2 or batch[1].shape[1] < 2:
            raise ValueError(
                f"output must give a number per class, layer {sites[1].name!r} gives "
                f"{batch[1].shape[1:]} per sample"
            )
        self._n_classes = batch[1].shape[1]

    def _pack(self, first: int, n_samples: int, activations: Activations) -> None:
        self._pack_traces([self._trace], 0, first, n_samples, activations[:1])
        self._predicted[first : first + n_samples] = activations[1].argmax(axis=1)

    def _keep(self, step: int, training_epoch: int | None) -> None:
        counts = count_by_class(self._trace.words[0], self._predicted, self._n_classes)
        sizes = np.bincount(self._predicted, minlength=self._n_classes)
        separation = separation_of_counts(counts, sizes)
        rate = counts.sum() / (counts.shape[1] * self._probes.n_samples)
        key = (step, training_epoch, self.probes[0], self.layers[0])
        self._rows.append((*key, float(rate), separation))

    def _judge(self) -> Warning | None:
        separation = self._rows[-1][-1]
        # Where all patterns are the same they separate nothing.
        if not self._rule.update(0.0 if np.isnan(separation) else separation):
            return None
        return MemorizationWarning(
            f"patterns of layer {self.layers[0]!r} separate the predicted classes by no more than "
            f"{separation:.3g} at step {self.last_step} and for some time, as they do when a network "
            "learns labels by heart"
        )
