"""Running a Keras model batch by batch, compiled where its backend can, and reading what was noted."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from ann2neo.recording.keras.layers import noted, tensors_in
from ann2neo.recording.observation import NonFiniteSampleError
from ann2neo.recording.places import Place

_MAX_GRAPHS = 16


def recurrent_states(network: Any) -> list[Any]:
    """States that stateful layers carry from batch to batch; Keras does not count them as variables."""
    states = [getattr(layer, "states", None) for layer in network._flatten_layers()]
    return [state for state in keras.tree.flatten(states) if isinstance(state, keras.Variable)]


class Taps:
    """Reads the chosen tensors from the notes of one run."""

    def __init__(self, notes: list[tuple[Any, Any]], chosen: list[Place]) -> None:
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


def runner(network: Any, taps: Taps) -> Callable[[Any], list[np.ndarray]]:
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
    with without_gradients():
        return [keras.ops.convert_to_numpy(tensor) for tensor in forward(inputs)]


def _graphs(forward: Callable[[Any], list[Any]]) -> Callable[[Any], list[np.ndarray]]:
    """`forward` as TensorFlow graphs, one a batch shape: all batches but the last share one."""
    import tensorflow as tf

    # Keras itself traces without autograph.
    function = tf.function(forward, autograph=False)
    graphs: dict[tuple, Any] = {}

    def run(inputs: Any) -> list[np.ndarray]:
        _check_finite(inputs)
        tensors = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in keras.tree.flatten(tensors))
        if key not in graphs:
            if len(graphs) == _MAX_GRAPHS:
                return _eagerly(forward, tensors)
            graphs[key] = function.get_concrete_function(tensors)
        return [tensor.numpy() for tensor in graphs[key](tensors)]

    return run


def _check_finite(inputs: Any) -> None:
    """Fused kernels of TensorFlow turn NaN into 0: activations no longer tell."""
    for leaf in keras.tree.flatten(inputs):
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            row = int(np.argmax(~np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)))
            raise NonFiniteSampleError(row, float(leaf[row][~np.isfinite(leaf[row])].flat[0]))


def _jitted(network: Any, taps: Taps) -> Callable[[Any], list[np.ndarray]]:
    """The forward run compiled by JAX, where state goes in and out by hand."""
    import jax  # type: ignore[import-not-found,unused-ignore]

    variables = [*network.variables, *recurrent_states(network)]
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


def standing_run(
    network: Any, places: list[Place], batches: list[Any]
) -> list[Callable[[], list[np.ndarray]]]:
    """For each batch a function that runs it again and again, through the weights of the moment.

    It gives the tensors at `places`, and behind them the sum of the trainable weights.
    Nothing that a run would move is moved: layers write into a scope that is thrown away.
    """
    layers = list({id(place.layer): place.layer for place in places}.values())

    def forward(inputs: Any, states: list[tuple[Any, Any]] | None = None) -> list[Any]:
        with noted(layers) as notes, keras.StatelessScope(state_mapping=states):
            tapped = Taps(notes, places).read(lambda: network(inputs, training=False))
            return [*tapped, _sum_of_weights(network)]

    backend = keras.backend.backend()
    if backend == "tensorflow" and not network.run_eagerly:
        return _standing_graphs(forward, batches)
    if backend == "jax" and not network.run_eagerly:
        return _standing_jitted(network, forward, batches)
    return [functools.partial(_eagerly, forward, batch) for batch in batches]


def _sum_of_weights(network: Any) -> Any:
    """NaN or infinite when a weight is: fused kernels of TensorFlow would turn that into silence."""
    sums = [
        keras.ops.sum(keras.ops.cast(weight.value, "float32"))
        for weight in network.trainable_weights
        if keras.backend.is_float_dtype(weight.dtype)
    ]
    return keras.ops.sum(keras.ops.stack(sums)) if sums else keras.ops.zeros(())


def _standing_graphs(
    forward: Callable[..., list[Any]], batches: list[Any]
) -> list[Callable[[], list[np.ndarray]]]:
    import tensorflow as tf

    # One graph serves all batches of a shape. Called as an operation it runs in this thread, and none
    # of its arguments are sorted out: for a small network that saves a third of the time.
    function = tf.function(lambda tensors: forward(tensors), autograph=False)

    def standing(batch: Any) -> Callable[[], list[np.ndarray]]:
        tensors = keras.tree.map_structure(tf.convert_to_tensor, batch)
        graph = function.get_concrete_function(tensors)
        arguments = [*keras.tree.flatten(tensors), *graph.captured_inputs]
        types = [output.dtype for output in graph.outputs]

        def run() -> list[np.ndarray]:
            tensors = tf.raw_ops.StatefulPartitionedCall(args=arguments, Tout=types, f=graph)
            # Unlike `numpy()`, this copies nothing.
            return [np.asarray(tensor) for tensor in tensors]

        return run

    return [standing(batch) for batch in batches]


def _standing_jitted(
    network: Any, forward: Callable[..., list[Any]], batches: list[Any]
) -> list[Callable[[], list[np.ndarray]]]:
    import jax  # type: ignore[import-not-found,unused-ignore]

    variables = [*network.variables, *recurrent_states(network)]
    jitted = jax.jit(lambda values, inputs: forward(inputs, list(zip(variables, values, strict=True))))

    def run(batch: Any) -> list[np.ndarray]:
        values = [variable.value for variable in variables]
        return [np.asarray(tensor) for tensor in jitted(values, batch)]

    return [functools.partial(run, batch) for batch in batches]


@contextmanager
def without_gradients() -> Iterator[None]:
    if keras.backend.backend() != "torch":
        yield
        return
    import torch  # type: ignore[import-not-found,unused-ignore]

    with torch.no_grad():
        yield
