"""Adapter for Keras 3 models, on any Keras backend.

Layers are observed while the model runs: the `call` of each observed layer notes what it is given and
returns. That sees every use of a shared layer, the inside of nested models, and subclassed models, which
have no graph to cut; the model itself is not rebuilt, and loses the notes after each run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy.typing as npt

from ann2neo.recording.keras.calls import find_paths, lock
from ann2neo.recording.keras.inputs import as_inputs, list_constants, list_leaves
from ann2neo.recording.keras.inputs import takes_input as takes_input
from ann2neo.recording.keras.layers import make_site
from ann2neo.recording.keras.memory import Memory, Paths, forget_tensors, recall
from ann2neo.recording.keras.noise import switch_on_noise as switch_on_noise
from ann2neo.recording.keras.restoration import Moving, keep_unchanged
from ann2neo.recording.keras.running import Taps, make_runner, make_standing_runs
from ann2neo.recording.keras.trial import try_network
from ann2neo.recording.keras.weights import check_weights, hash_weights
from ann2neo.recording.layer_selection import choose
from ann2neo.recording.observation import Look, Site, Take
from ann2neo.recording.places import Place

Activations = list[npt.NDArray[Any]]


class KerasObservation:
    """Runs the model on a batch and returns the activations at the chosen sites."""

    def __init__(
        self,
        sites: list[Site],
        annotations: dict[str, Any],
        notes: list[str],
        run: Callable[[Any], Activations],
        stand: Callable[[list[Any]], Look],
    ) -> None:
        self.sites = sites
        self.annotations = annotations
        self.notes = notes
        self._run = run
        self._stand = stand

    def __call__(self, inputs: Any) -> Activations:
        return self._run(inputs)

    def standing(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        return self._stand(batches)


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
        choice = choose(found, layers)
        places = choice.places
        annotations = {
            "network": network.name,
            "framework": f"keras {keras.version()}",
            "backend": keras.backend.backend(),
            "weights_hash": hash_weights(network),
            **choice.annotations,
        }
        graphs = None
        if memory is not None:
            graphs = memory.graphs.setdefault(tuple(place.label for place in places), {})
        run = _put_back_between(make_runner(network, Taps(places), graphs), Moving(network), annotations)

        yield KerasObservation(
            [make_site(place, paths) for place in places],
            annotations,
            choice.notes,
            lambda batch: run(as_inputs(network, batch)),
            lambda batches: _stand(network, places, batches),
        )


def _put_back_between(
    run: Callable[[Any], Activations], moving: Moving, annotations: dict[str, Any]
) -> Callable[[Any], Activations]:
    def run_alone(batch: Any) -> Activations:
        with moving.one_batch():
            found = run(batch)
        if moving.moved:
            annotations["state"] = "put back before each batch"
        return found

    return run_alone


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

    def look(take: Take) -> None:
        for run in runs:
            with lock(network):
                *activations, weight_sum = run()
            if not math.isfinite(float(weight_sum)):
                # The sum may also overflow: the weights themselves decide.
                check_weights(network)
            take(activations)

    return look
