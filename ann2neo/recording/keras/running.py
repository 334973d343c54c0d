"""Running a Keras model batch by batch, compiled where its backend can, and reading what was noted."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.recording.keras.calls import Call, note_calls
from ann2neo.recording.keras.inputs import list_constants, list_leaves, map_leaves, run
from ann2neo.recording.keras.noise import is_noise_on
from ann2neo.recording.keras.restoration import list_recurrent_states
from ann2neo.recording.observation import NonFiniteSampleError
from ann2neo.recording.places import Place

Activations = list[npt.NDArray[Any]]

_MAX_GRAPHS = 16


class Taps:
    """Reads the chosen tensors from the notes of one run."""

    def __init__(self, chosen: list[Place]) -> None:
        self._layers = list({id(place.layer): place.layer for place in chosen}.values())
        self._keys = [(id(place.layer), place.call, place.position, place.side) for place in chosen]
        self._n_calls = {id(place.layer): place.n_calls for place in chosen}
        self._labels = [place.label for place in chosen]

    def read(self, forward: Callable[[], Any]) -> list[Any]:
        """Run `forward`, and give what was noted in the meantime."""
        with note_calls(self._layers) as notes:
            forward()
        return self._find(notes)

    def _find(self, notes: list[Call]) -> list[Any]:
        seen: Counter[int] = Counter()
        by_key = {}
        for call in notes:
            number = seen[id(call.layer)]
            for side, tensors in (("input", call.given), ("output", call.made)):
                for position, tensor in enumerate(tensors):
                    by_key[id(call.layer), number, position, side] = tensor
            seen[id(call.layer)] += 1
        called_alike = all(seen[layer] == n_calls for layer, n_calls in self._n_calls.items())
        if not called_alike or any(key not in by_key for key in self._keys):
            raise ValueError(
                f"network does not call the layers of {self._labels} as often for every batch as for "
                "the first; record others, or the activations themselves: record(activations)"
            )
        return [by_key[key] for key in self._keys]


def make_runner(
    network: Any, taps: Taps, graphs: dict[Any, Any] | None = None
) -> Callable[[Any], Activations]:
    """The model as a function from a batch to the tapped tensors, compiled where that pays.

    `graphs` are those made before of the same model for the same taps; new ones are added.
    """

    def forward(inputs: Any) -> list[Any]:
        return taps.read(lambda: run(network, inputs))

    backend = keras.backend.backend()
    if backend == "tensorflow" and not network.run_eagerly:
        return _run_graphs(network, forward, {} if graphs is None else graphs)
    if backend == "jax" and not network.run_eagerly:
        return _run_jitted(network, taps, forward)
    return lambda inputs: _run_eagerly(forward, inputs)


def _run_eagerly(forward: Callable[[Any], list[Any]], inputs: Any) -> Activations:
    with without_gradients():
        return [keras.ops.convert_to_numpy(tensor) for tensor in forward(inputs)]


def _run_graphs(
    network: Any, forward: Callable[[Any], list[Any]], graphs: dict[Any, Any]
) -> Callable[[Any], Activations]:
    """`forward` as TensorFlow graphs, one per batch shape: all batches but the last share one."""
    import tensorflow as tf

    def run_graph(inputs: Any) -> Activations:
        leaves = list_leaves(inputs)
        _check_finite(leaves)
        tensors = [tf.convert_to_tensor(leaf) for leaf in leaves]
        key = (
            tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors),
            repr(list_constants(inputs)),
            is_noise_on(network),
        )
        if key not in graphs:
            if len(graphs) == _MAX_GRAPHS:
                return _run_eagerly(forward, inputs)
            try:
                graphs[key] = _make_graph(forward, inputs, tensors)
            except Exception:  # code of the user's own that asks for values
                graphs[key] = None
        if graphs[key] is None:
            return _run_eagerly(forward, inputs)
        return [tensor.numpy() for tensor in graphs[key](tensors)]

    return run_graph


def _make_graph(
    forward: Callable[[Any], list[Any]], inputs: Any, tensors: list[Any]
) -> Callable[[list[Any]], list[Any]]:
    """A graph for batches of this form. Called as an operation it runs in this thread, and none of its
    arguments are sorted out: for a small network that saves a third of the time."""
    import tensorflow as tf

    numbers = iter(range(len(tensors)))
    form = map_leaves(inputs, lambda _: np.array([next(numbers)]))

    def trace(*given: Any) -> list[Any]:
        return forward(map_leaves(form, lambda slot: given[int(slot[0])]))

    # Keras itself traces without autograph.
    graph = tf.function(trace, autograph=False).get_concrete_function(*tensors)
    captured = list(graph.captured_inputs)
    types = [output.dtype for output in graph.outputs]
    return lambda given: tf.raw_ops.StatefulPartitionedCall(
        args=[*given, *captured], Tout=types, f=graph
    )


def _check_finite(leaves: list[Any]) -> None:
    """Fused kernels of TensorFlow turn NaN into 0: activations no longer tell."""
    for leaf in leaves:
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            row = int(np.argmax(~np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)))
            raise NonFiniteSampleError(row, float(leaf[row][~np.isfinite(leaf[row])].flat[0]))


def _run_jitted(
    network: Any, taps: Taps, plain: Callable[[Any], list[Any]]
) -> Callable[[Any], Activations]:
    """The forward run compiled by JAX, where state goes in and out by hand; `plain` is the run itself,
    for code that cannot be compiled."""
    import jax  # type: ignore[import-not-found,unused-ignore]

    variables = [*network.variables, *list_recurrent_states(network)]
    moving: list[int] = []

    def forward(values: list[Any], inputs: Any) -> tuple[list[Any], list[Any]]:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            tapped = taps.read(lambda: run(network, inputs))
        after = [scope.get_current_value(variable) for variable in variables]
        moving[:] = [place for place, value in enumerate(after) if value is not values[place]]
        return tapped, [after[place] for place in moving]

    jitted = jax.jit(forward)
    refuses = False

    def run_jitted(inputs: Any) -> Activations:
        nonlocal refuses
        try:
            if refuses:
                return _run_eagerly(plain, inputs)
            tapped, moved = jitted([variable.value for variable in variables], inputs)
        except Exception:  # code of the user's own that asks for values, or draws without a seed
            refuses = True
            return _run_eagerly(plain, inputs)
        for place, value in zip(moving, moved, strict=True):
            variables[place].assign(value)
        return [np.asarray(tensor) for tensor in tapped]

    return run_jitted


def make_standing_runs(
    network: Any, places: list[Place], batches: list[Any]
) -> list[Callable[[], Activations]]:
    """For each batch a function that runs it again and again, through the weights of the moment.

    It gives the tensors at `places`, and behind them the sum of the trainable weights.
    Nothing that a run would move is moved: layers write into a scope that is thrown away.
    """
    taps = Taps(places)

    def forward(inputs: Any, states: list[tuple[Any, Any]] | None = None) -> list[Any]:
        with keras.StatelessScope(state_mapping=states):
            tapped = taps.read(lambda: run(network, inputs))
            return [*tapped, _sum_weights(network)]

    backend = keras.backend.backend()
    if backend == "tensorflow" and not network.run_eagerly:
        return _stand_graphs(forward, batches)
    if backend == "jax" and not network.run_eagerly:
        return _stand_jitted(network, forward, batches)
    return [functools.partial(_run_eagerly, forward, batch) for batch in batches]


def _sum_weights(network: Any) -> Any:
    """NaN or infinite when a weight is: fused kernels of TensorFlow would turn that into silence."""
    sums = [
        keras.ops.sum(keras.ops.cast(weight.value, "float32"))
        for weight in network.trainable_weights
        if keras.backend.is_float_dtype(weight.dtype)
    ]
    return keras.ops.sum(keras.ops.stack(sums)) if sums else keras.ops.zeros(())


def _stand_graphs(
    forward: Callable[..., list[Any]], batches: list[Any]
) -> list[Callable[[], Activations]]:
    import tensorflow as tf

    graphs: dict[Any, Any] = {}

    def stand(batch: Any) -> Callable[[], Activations]:
        tensors = [tf.convert_to_tensor(leaf) for leaf in list_leaves(batch)]
        # One graph serves all batches of a shape.
        key = (str([(tensor.shape, tensor.dtype) for tensor in tensors]), repr(list_constants(batch)))
        if key not in graphs:
            graphs[key] = _make_graph(forward, batch, tensors)
        graph = graphs[key]
        # Unlike `numpy()`, this copies nothing.
        return lambda: [np.asarray(tensor) for tensor in graph(tensors)]

    return [stand(batch) for batch in batches]


def _stand_jitted(
    network: Any, forward: Callable[..., list[Any]], batches: list[Any]
) -> list[Callable[[], Activations]]:
    import jax  # type: ignore[import-not-found,unused-ignore]

    variables = [*network.variables, *list_recurrent_states(network)]
    jitted = jax.jit(lambda values, inputs: forward(inputs, list(zip(variables, values, strict=True))))

    def run_one(batch: Any) -> Activations:
        values = [variable.value for variable in variables]
        return [np.asarray(tensor) for tensor in jitted(values, batch)]

    return [functools.partial(run_one, batch) for batch in batches]


@contextmanager
def without_gradients() -> Iterator[None]:
    if keras.backend.backend() != "torch":
        yield
        return
    import torch  # type: ignore[import-not-found,unused-ignore]

    with torch.no_grad():
        yield
