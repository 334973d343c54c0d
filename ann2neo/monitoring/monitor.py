"""What all monitors share: probes, layers, the looks at a network and the steps they were at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from ann2neo.monitoring.layer_traces import LayerTrace
from ann2neo.monitoring.probes import Probes
from ann2neo.monitoring.table_files import write_table
from ann2neo.recording.observation import ConvUnits, NonFiniteWeightError, Site
from ann2neo.recording.repeated_observation import watch
from ann2neo.recording.thresholds import thresholds
from ann2neo.spikes.argument_checks import check_choice, check_count

Activations = list[npt.NDArray[Any]]


class Monitor(ABC):
    """Probe samples shown to a network at chosen moments of its training.

    A subclass says which layers to look at, what to do with the activations of a batch, and what to
    keep of a look once all its batches were there.
    """

    def __init__(
        self,
        probes: Mapping[str, Any],
        *,
        layers: Any,
        threshold: Any,
        conv_units: ConvUnits,
        batch_size: int,
        labels: Mapping[str, Any] | None = None,
    ) -> None:
        check_choice(conv_units, "conv_units", ("all", "channels"))
        self._probes = Probes(probes, check_count(batch_size, "batch_size"), labels)
        self._asked = layers
        self._threshold = threshold
        self._by_channel = conv_units == "channels"
        self._network: Any = None
        self._run: Callable[[Callable[[Activations], None]], None]
        self._sites: list[Site] = []
        self._last_step = -1

    @property
    def last_step(self) -> int:
        """The last step looked at; −1 before the first."""
        return self._last_step

    @property
    def layers(self) -> list[str]:
        """Names of the layers that are looked at; empty before the first look."""
        return [site.name for site in self._sites]

    @property
    def probes(self) -> list[str]:
        """Names of the probes."""
        return list(self._probes.ranges)

    @property
    def should_stop(self) -> bool:
        """Whether the training is to end; callbacks ask after every look."""
        return False

    def attach(self, network: Any) -> None:
        """Get ready to look at `network`; `observe` does so itself when the network is a new one.

        Call it when a network has been changed otherwise than in its weights, compiled anew for example.

        Raises
        ------
        TypeError, ValueError
            If the network cannot be observed, or has other layers than the one watched so far.
        """
        found = watch(network, self._probes.batches, self._choose(network))
        sites = list(found.sites)
        if not self._sites:
            shown: list[Activations] = []
            # The first batch alone shows how many positions each layer has.
            found.look(lambda activations: None if shown else shown.append(activations))
            self._begin(sites, shown[0])
            self._sites = sites
        elif self._sites != sites:
            raise ValueError(
                f"network must have the layers watched so far, {self._sites}, got {sites}: "
                "take another monitor"
            )
        self._network, self._run = network, found.look

    def observe(self, network: Any, step: int, training_epoch: int | None = None) -> None:
        """Look at a network and keep what its units do.

        Parameters
        ----------
        network : keras.Model or another network that `ann2neo.record` takes
        step : int
            Batches trained so far, 0 before training; larger at every look. What the first look sees is
            the initial state.
        training_epoch : int, optional
            Number of the pass over the training data, from 1; 0 before training.

        Raises
        ------
        FloatingPointError
            If weights or activations are NaN or infinite: the training diverged. What was seen before is
            kept.
        TypeError, ValueError
            If an argument does not fit.
        """
        step = check_count(step, "step", self._last_step + 1)
        if training_epoch is not None:
            training_epoch = check_count(training_epoch, "training_epoch", 0)
        try:
            if network is not self._network:
                self.attach(network)
            self._look()
        except (NonFiniteWeightError, NonFiniteLayerError) as error:
            raise FloatingPointError(f"training diverged by step {step}: {error}") from error
        self._keep(step, training_epoch)
        self._last_step = step

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """What was seen so far."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write `to_frame` as ``.csv`` or ``.parquet``.

        Raises
        ------
        ValueError
            If `path` has another ending.
        FileExistsError
            If it exists and `overwrite` is False.
        """
        return write_table(self.to_frame(), path, overwrite=overwrite)

    def _choose(self, network: Any) -> Any:
        """The layers to look at, as `ann2neo.record` takes them."""
        return self._asked

    @abstractmethod
    def _begin(self, sites: Sequence[Site], batch: Activations) -> None:
        """Make room for the looks, once it is known what is looked at."""

    @abstractmethod
    def _pack(self, first: int, n_samples: int, activations: Activations) -> None:
        """Keep the bits of a batch, whose first sample is number `first` of all probes together."""

    @abstractmethod
    def _keep(self, step: int, training_epoch: int | None) -> None:
        """Keep a look, all of whose batches were packed."""

    def _look(self) -> None:
        """Show the network all batches; the activations of one are gone before the next."""
        sizes = iter(self._probes.n_batch)
        first = 0

        def take(activations: Activations) -> None:
            nonlocal first
            n_samples = next(sizes)
            self._pack(first, n_samples, activations)
            first += n_samples

        self._run(take)

    def _levels(self, sites: Sequence[Site]) -> list[Any]:
        """The threshold of each layer."""
        n_units = [len(site.channels() if self._by_channel else site.units()) for site in sites]
        return thresholds(self._threshold, sites, n_units)

    def _pack_traces(
        self,
        traces: Sequence[LayerTrace],
        slot: int,
        start: int,
        n_samples: int,
        activations: Activations,
    ) -> None:
        """Put a batch into a slot of each layer's trace."""
        for trace, values in zip(traces, activations, strict=True):
            if not trace.pack(slot, start, values, n_samples, check=self._last_step < 0):
                raise NonFiniteLayerError(f"layer {trace.site.name!r} has NaN or infinite activations")


class NonFiniteLayerError(ValueError):
    """Activations of a layer are NaN or infinite."""
