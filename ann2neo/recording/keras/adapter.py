"""Adapter for Keras 3 models, on any Keras backend.

Layers are observed while the model runs: the `call` of each observed layer notes what it returns. That
sees every use of a shared layer, the inside of nested models, and subclassed models, which have no graph
to cut; the model itself is not rebuilt, and loses the notes when recording ends.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from ann2neo.recording.keras.layers import layer_paths, noted, outputs_of, site, tensors_in
from ann2neo.recording.keras.running import (
    Taps,
    recurrent_states,
    runner,
    standing_run,
    without_gradients,
)
from ann2neo.recording.layer_selection import choose
from ann2neo.recording.observation import Look, NonFiniteWeightError, Site, Take
from ann2neo.recording.places import Place

_FRAMEWORKS = ("jax", "jaxlib", "tensorflow", "torch")


class KerasObservation:
    """Runs the model on a batch and returns the activations at the chosen sites."""

    def __init__(
        self,
        sites: list[Site],
        annotations: dict[str, Any],
        notes: list[str],
        run: Callable[[Any], list[np.ndarray]],
        stand: Callable[[list[Any]], Look],
    ) -> None:
        self.sites = sites
        self.annotations = annotations
        self.notes = notes
        self._run = run
        self._stand = stand

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        return self._run(inputs)

    def standing(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        return self._stand(batches)


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[KerasObservation]:
    """See `ann2neo.recording.observation.Observe`."""
    if not network.built:
        raise ValueError(
            f"network {network.name!r} has no weights yet: build it, or call it once, before recording"
        )
    paths = layer_paths(network)
    with _unchanged(network), noted([layer for _, layer in paths.values()]) as notes:
        # A trial run says which layers are called, and must not move what the first batch starts from.
        _check_weights(network)
        inputs = _as_inputs(network, inputs)
        with _unchanged(network):
            choice = choose(_try(network, inputs, paths, notes), layers)
        chosen = choice.places
        _check_seen(network, chosen)
        taps = Taps(notes, chosen)
        sites = [site(output, paths) for output in chosen]
        annotations = {
            "network": network.name,
            "framework": f"keras {keras.version()}",
            "backend": keras.backend.backend(),
            "weights_hash": weights_hash(network),
            **choice.annotations,
        }
        # Otherwise the activations of the first batch would be held throughout.
        places = [dataclasses.replace(output, tensor=None) for output in chosen]
        said = choice.notes
        del inputs, chosen, choice
        run = runner(network, taps)
        yield KerasObservation(
            sites,
            annotations,
            said,
            lambda batch: run(_as_inputs(network, batch)),
            lambda batches: _standing(network, places, batches),
        )


def list_places(network: Any, inputs: Any) -> list[Place]:
    """See `ann2neo.recording.adapters.Adapter`."""
    paths = layer_paths(network)
    with _unchanged(network), noted([layer for _, layer in paths.values()]) as notes:
        return _try(network, _as_inputs(network, inputs), paths, notes)


def _standing(network: Any, places: list[Place], batches: list[Any]) -> Look:
    runs = standing_run(network, places, [_as_inputs(network, batch) for batch in batches])

    def look(take: Take) -> None:
        for run in runs:
            *activations, weight_sum = run()
            if not math.isfinite(weight_sum):
                # The sum may also overflow: the weights themselves decide.
                _check_weights(network)
            take(activations)

    return look


def weights_hash(network: Any) -> str:
    """SHA-256 over shapes, types and values of the model's weights, in its own order."""
    digest = hashlib.sha256()
    for weight in network.weights:
        value = np.asarray(weight.numpy(), order="C")
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


@contextmanager
def _unchanged(network: Any) -> Iterator[None]:
    """Put back what running a model may move: states of layers, seeds of random ones, noted losses."""
    layers = network._flatten_layers()
    moving = [variable for layer in layers for variable in layer._non_trainable_variables]
    moving += [seeds.state for layer in layers for seeds in layer._seed_generators]
    moving += recurrent_states(network)
    before = [(variable, np.array(variable.numpy())) for variable in moving]
    losses = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]
    try:
        yield
    finally:
        for variable, value in before:
            if not np.array_equal(variable.numpy(), value):
                variable.assign(value)
        for layer, noted_losses, loss_ids in losses:
            layer._losses[:] = noted_losses
            layer._loss_ids.clear()
            layer._loss_ids.update(loss_ids)


def _try(
    network: Any, inputs: Any, paths: dict[int, tuple[str, Any]], notes: list[tuple[Any, Any]]
) -> list[Place]:
    """All places that a run comes to."""
    try:
        with without_gradients():
            returned = network(inputs, training=False)
    except Exception as error:
        of_framework = type(error).__module__.split(".")[0] in _FRAMEWORKS
        if not (of_framework or isinstance(error, ValueError)):
            raise
        # Such errors are pages long, most of it tensors; the whole stays as the cause.
        raise ValueError(_misfit(network, inputs, error)) from error
    found = outputs_of(paths, notes)
    notes.clear()
    if not found:
        raise ValueError(
            "no layer of this network could be observed: it calls no Keras layers, or calls them inside "
            "a compiled function. Keep its layers as attributes and call them in `call`, or record the "
            "activations themselves: record(activations)"
        )
    final = {id(tensor) for tensor in tensors_in(returned)}
    return [dataclasses.replace(place, is_hidden=id(place.tensor) not in final) for place in found]


def _check_seen(network: Any, chosen: list[Place]) -> None:
    for output in chosen:
        if _is_traced(output.tensor):
            raise ValueError(
                f"layer {output.label!r} runs inside a compiled function of network {network.name!r}, "
                "out of sight: switch that off while recording (TensorFlow: "
                "tf.config.run_functions_eagerly(True)), or record the activations themselves: "
                "record(activations)"
            )


def _misfit(network: Any, inputs: Any, error: Exception) -> str:
    given = ", ".join(f"{np.shape(leaf)} of {leaf.dtype}" for leaf in keras.tree.flatten(inputs))
    expected = getattr(network, "inputs", None) or []
    wanted = ", ".join(str(tuple(tensor.shape)) for tensor in expected)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    reason = next((line for line in lines if line and not line.startswith("Exception")), "")
    return (
        f"samples do not fit network {network.name!r}: the first batch is {given}"
        + (f", it takes {wanted}" if wanted else "")
        + f", samples first (is the data set batched?): {reason[:200]}"
    )


def _check_weights(network: Any) -> None:
    """Fused kernels of TensorFlow turn the NaN of a broken network into silence: look before."""
    for weight in network.weights:
        value = np.asarray(weight.numpy())
        if value.dtype.kind not in "fV":
            continue
        # Infinities can be meant in what is not trained, such as masks.
        broken = ~np.isfinite(value) if weight.trainable else np.isnan(value)
        if broken.any():
            raise NonFiniteWeightError(
                f"network {network.name!r} has {value[broken][0]} among its weights, in "
                f"{weight.path!r}; did its training diverge?"
            )


def _is_traced(tensor: Any) -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.is_symbolic_tensor(tensor))
    if keras.backend.backend() == "jax":
        import jax  # type: ignore[import-not-found,unused-ignore]

        return isinstance(tensor, jax.core.Tracer)
    return False


def _as_inputs(network: Any, inputs: Any) -> Any:
    """Keras takes several inputs as a list; one in a tuple is one."""
    if isinstance(inputs, tuple):
        expected = getattr(network, "inputs", None)
        if expected and len(expected) != len(inputs):
            raise ValueError(
                f"samples must have an array for each input of network {network.name!r}, which has "
                f"{len(expected)}; got a tuple of {len(inputs)}. Labels go in labels="
            )
        return inputs[0] if len(inputs) == 1 else list(inputs)
    return inputs
