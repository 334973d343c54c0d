"""Adapter for Keras 3 models, on any Keras backend.

Layers are observed while the model runs: the `call` of each observed layer notes what it returns. That
sees every use of a shared layer, the inside of nested models, and subclassed models, which have no graph
to cut; the model itself is not rebuilt, and loses the notes when recording ends.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from ann2neo.recording.keras_layers import (
    Output,
    choose,
    layer_paths,
    noted,
    outputs_of,
    site,
    tensors_in,
)
from ann2neo.recording.sites import Site

_MAX_GRAPHS = 16


class KerasObservation:
    """Runs the model on a batch and returns the activations at the chosen sites."""

    def __init__(
        self,
        sites: list[Site],
        annotations: dict[str, Any],
        run: Callable[[Any], list[np.ndarray]],
    ) -> None:
        self.sites = sites
        self.annotations = annotations
        self._run = run

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        return self._run(_as_inputs(inputs))


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[KerasObservation]:
    """See `ann2neo.recording.sites.Observe`."""
    if not network.built:
        raise ValueError(
            f"network {network.name!r} has no weights yet: build it, or call it once, before recording"
        )
    paths = layer_paths(network)
    with _unchanged(network), noted([layer for _, layer in paths.values()]) as notes:
        # A trial run says which layers are called, and must not move what the first batch starts from.
        with _unchanged(network):
            chosen = _tried(network, _as_inputs(inputs), layers, paths, notes)
        taps = _Taps(notes, chosen)
        sites = [site(output, paths) for output in chosen]
        annotations = {
            "network": network.name,
            "framework": f"keras {keras.version()}",
            "backend": keras.backend.backend(),
            "weights_hash": weights_hash(network),
        }
        # Otherwise the activations of the first batch would be held throughout.
        del inputs, chosen
        yield KerasObservation(sites, annotations, _runner(network, taps))


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
    moving += _recurrent_states(network)
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


def _recurrent_states(network: Any) -> list[Any]:
    """States that stateful layers carry from batch to batch; Keras does not count them as variables."""
    states = [getattr(layer, "states", None) for layer in network._flatten_layers()]
    return [state for state in keras.tree.flatten(states) if isinstance(state, keras.Variable)]


def _tried(
    network: Any,
    inputs: Any,
    layers: Any,
    paths: dict[int, tuple[str, Any]],
    notes: list[tuple[Any, Any]],
) -> list[Output]:
    try:
        with _without_gradients():
            returned = network(inputs, training=False)
    except ValueError as error:
        shapes = [np.shape(leaf) for leaf in keras.tree.flatten(inputs)]
        raise ValueError(
            f"network {network.name!r} does not take these samples, first batch of shape "
            f"{', '.join(map(str, shapes))} with samples first (is the data set batched?): {error}"
        ) from error
    found = outputs_of(paths, notes)
    notes.clear()
    chosen = choose(found, layers, {id(tensor) for tensor in tensors_in(returned)})
    for output in chosen:
        if _is_traced(output.tensor):
            raise ValueError(
                f"layer {output.label!r} runs inside a compiled function of network {network.name!r}, "
                "out of sight: switch that off while recording (TensorFlow: "
                "tf.config.run_functions_eagerly(True)), or record the activations themselves: "
                "record(activations)"
            )
    return chosen


def _is_traced(tensor: Any) -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.is_symbolic_tensor(tensor))
    if keras.backend.backend() == "jax":
        import jax  # type: ignore[import-not-found,unused-ignore]

        return isinstance(tensor, jax.core.Tracer)
    return False


class _Taps:
    """Reads the chosen tensors from the notes of one run."""

    def __init__(self, notes: list[tuple[Any, Any]], chosen: list[Output]) -> None:
        self._notes = notes
        self._keys = [(id(output.layer), output.call, output.position) for output in chosen]
        self._n_calls = {id(output.layer): output.n_calls for output in chosen}
        self._labels = [output.label for output in chosen]

    def read(self, run: Callable[[], Any]) -> list[Any]:
        self._notes.clear()
        run()
        seen: Counter[int] = Counter()
        by_key = {}
        for layer, returned in self._notes:
            for position, tensor in enumerate(tensors_in(returned)):
                by_key[id(layer), seen[id(layer)], position] = tensor
            seen[id(layer)] += 1
        self._notes.clear()
        called_alike = all(seen[layer] == n_calls for layer, n_calls in self._n_calls.items())
        if not called_alike or any(key not in by_key for key in self._keys):
            raise ValueError(
                f"network does not call the layers of {self._labels} as often for every batch as for "
                "the first; record others, or the activations themselves: record(activations)"
            )
        return [by_key[key] for key in self._keys]


def _runner(network: Any, taps: _Taps) -> Callable[[Any], list[np.ndarray]]:
    """The model as a function from a batch to the tapped tensors, compiled where that pays."""

    def forward(inputs: Any) -> list[Any]:
        return taps.read(lambda: network(inputs, training=False))

    backend = keras.backend.backend()
    if backend == "tensorflow" and not network.run_eagerly:
        return _graphs(forward)
    if backend == "jax" and not network.run_eagerly:
        return _jitted(network, taps)
    return lambda inputs: _eagerly(forward, inputs)


def _eagerly(forward: Callable[[Any], list[Any]], inputs: Any) -> list[np.ndarray]:
    with _without_gradients():
        return [keras.ops.convert_to_numpy(tensor) for tensor in forward(inputs)]


def _graphs(forward: Callable[[Any], list[Any]]) -> Callable[[Any], list[np.ndarray]]:
    """`forward` as TensorFlow graphs, one a batch shape: all batches but the last share one."""
    import tensorflow as tf

    # Keras itself traces without autograph.
    function = tf.function(forward, autograph=False)
    graphs: dict[tuple, Any] = {}

    def run(inputs: Any) -> list[np.ndarray]:
        tensors = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in keras.tree.flatten(tensors))
        if key not in graphs:
            if len(graphs) == _MAX_GRAPHS:
                return _eagerly(forward, tensors)
            graphs[key] = function.get_concrete_function(tensors)
        return [tensor.numpy() for tensor in graphs[key](tensors)]

    return run


def _jitted(network: Any, taps: _Taps) -> Callable[[Any], list[np.ndarray]]:
    """The forward run compiled by JAX, where state goes in and out by hand."""
    import jax  # type: ignore[import-not-found,unused-ignore]

    variables = [*network.variables, *_recurrent_states(network)]
    moving: list[int] = []

    def forward(values: list[Any], inputs: Any) -> tuple[list[Any], list[Any]]:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            tapped = taps.read(lambda: network(inputs, training=False))
        after = [scope.get_current_value(variable) for variable in variables]
        moving[:] = [place for place, value in enumerate(after) if value is not values[place]]
        return tapped, [after[place] for place in moving]

    jitted = jax.jit(forward)

    def run(inputs: Any) -> list[np.ndarray]:
        tapped, moved = jitted([variable.value for variable in variables], inputs)
        for place, value in zip(moving, moved, strict=True):
            variables[place].assign(value)
        return [np.asarray(tensor) for tensor in tapped]

    return run


@contextmanager
def _without_gradients() -> Iterator[None]:
    if keras.backend.backend() != "torch":
        yield
        return
    import torch  # type: ignore[import-not-found,unused-ignore]

    with torch.no_grad():
        yield


def _as_inputs(inputs: Any) -> Any:
    """Keras takes several inputs as a list; one in a tuple is one."""
    if isinstance(inputs, tuple):
        return inputs[0] if len(inputs) == 1 else list(inputs)
    return inputs
