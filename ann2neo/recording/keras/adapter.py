"""Adapter for Keras 3 models, on any Keras backend.

Layers are observed while the model runs: the `call` of each observed layer notes what it is given and
returns. That sees every use of a shared layer, the inside of nested models, and subclassed models, which
have no graph to cut; the model itself is not rebuilt, and loses the notes after each run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy.typing as npt

from ann2neo.recording.keras.calls import find_paths, lock
from ann2neo.recording.keras.inputs import as_inputs, list_constants, list_leaves
from ann2neo.recording.keras.inputs import takes_input as takes_input
from ann2neo.recording.keras.layers import make_site
from ann2neo.recording.keras.memory import Memory, Paths, forget_tensors, recall
from ann2neo.recording.keras.noise import is_noise_on
from ann2neo.recording.keras.noise import switch_on_noise as switch_on_noise
from ann2neo.recording.keras.restoration import Moving, keep_unchanged
from ann2neo.recording.keras.running import Taps, make_runner, make_standing_runs
from ann2neo.recording.keras.trial import find_whole_faults, try_network
from ann2neo.recording.keras.weights import check_weights, hash_weights
from ann2neo.recording.layer_selection import choose, note_unsteady
from ann2neo.recording.observation import Look, NonFiniteSampleError, Take
from ann2neo.recording.places import Place

Activations = list[npt.NDArray[Any]]


class KerasObservation:
    """Runs the model on a batch and returns the activations at the chosen sites."""

    def __init__(
        self,
        network: Any,
        found: list[Place],
        layers: Any,
        paths: Paths,
        memory: Memory | None,
    ) -> None:
        self._network, self._found, self._layers, self._paths = network, found, layers, paths
        self._memory, self._moving = memory, Moving(network)
        self._about = {
            "network": network.name,
            "framework": f"keras {keras.version()}",
            "backend": keras.backend.backend(),
            "weights_hash": hash_weights(network),
        }
        self._begun: tuple[Any, Activations] | None = None
        self._choose()

    def begin(self, inputs: Any) -> None:
        """See `ann2neo.recording.observation.begin`."""
        if self._memory is not None or is_noise_on(self._network):
            return  # layers of Keras alone do not look at other samples
        try:
            activations = self._run(inputs)
        except NonFiniteSampleError:
            return  # told when it is recorded, by its number
        found = as_inputs(self._network, inputs)
        one_batch = self._moving.one_batch
        faults = find_whole_faults(self._network, self._places, found, activations, one_batch)
        if faults:
            kept = {id(place): values for place, values in zip(self._places, activations, strict=True)}
            by_label = {place.label: kept[id(place)] for place in self._places}
            judged = {id(p): fault for p, fault in zip(self._places, faults, strict=True)}
            self._found = [
                dataclasses.replace(p, fault=judged[id(p)]) if judged.get(id(p)) else p
                for p in self._found
            ]
            self._choose()
            activations = [by_label[place.label] for place in self._places]
        self._begun = inputs, activations

    def __call__(self, inputs: Any) -> Activations:
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] is inputs:
            return begun[1]
        del begun
        return self._run(inputs)

    def _choose(self) -> None:
        choice = choose(self._found, self._layers)
        self._places, self.steady_notes = choice.places, choice.notes
        self.notes = [*choice.notes, *note_unsteady(choice.places)]
        self.sites = [make_site(place, self._paths) for place in self._places]
        self.annotations = {**self._about, **choice.annotations}
        graphs = None
        if self._memory is not None:
            key = tuple(place.label for place in self._places)
            graphs = self._memory.graphs.setdefault(key, {})
        self._runner = make_runner(self._network, Taps(self._places), graphs)

    def _run(self, inputs: Any) -> Activations:
        with self._moving.one_batch():
            found = self._runner(as_inputs(self._network, inputs))
        if self._moving.moved:
            self.annotations["state"] = "put back before each batch"
        return found

    def prepare_looks(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        return _stand(self._network, self._places, batches)


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[KerasObservation]:
    """See `ann2neo.recording.adapters.Adapter`."""
    _check_built(network)
    with lock(network), keep_unchanged(network, attributes=False):
        check_weights(network)
        paths = find_paths(network)
        memory = recall(network, paths)
        found = _find_places(network, as_inputs(network, inputs), paths, memory)
        # Otherwise the first batch would be held throughout.
        del inputs
        yield KerasObservation(network, found, layers, paths, memory)


def list_places(network: Any, inputs: Any) -> list[Place]:
    """See `ann2neo.recording.adapters.Adapter`."""
    _check_built(network)
    with lock(network):
        paths = find_paths(network)
        return _find_places(network, as_inputs(network, inputs), paths, recall(network, paths))


def _check_built(network: Any) -> None:
    if not network.built:
        raise ValueError(
            f"network {network.name!r} has no weights yet: build it, or call it once, before recording"
        )


def _find_places(network: Any, inputs: Any, paths: Paths, memory: Memory | None) -> list[Place]:
    form = str([(leaf.shape[1:], leaf.dtype) for leaf in list_leaves(inputs)])
    key = (form, repr(list_constants(inputs)))
    if memory is not None and key in memory.places:
        return memory.places[key]
    found = forget_tensors(try_network(network, inputs, paths))
    if memory is not None:
        memory.places[key] = found
    return found


def _stand(network: Any, places: list[Place], batches: list[Any]) -> Look:
    with keep_unchanged(network):  # tracing runs the model's own code
        runs = make_standing_runs(network, places, [as_inputs(network, batch) for batch in batches])

    # What is compiled runs no code of the model's own.
    eager = network.run_eagerly or keras.backend.backend() not in ("tensorflow", "jax")

    def look(take: Take) -> None:
        for run in runs:
            with lock(network), keep_unchanged(network) if eager else nullcontext():
                *activations, weight_sum = run()
            if not math.isfinite(float(weight_sum)):
                # The sum may also overflow: the weights themselves decide.
                check_weights(network)
            take(activations)

    return look
