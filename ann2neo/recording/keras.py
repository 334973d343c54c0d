"""Adapter for Keras 3 models, on any Keras backend.

Layers are observed while the model runs: the `call` of each observed layer notes what it returns. That
sees every use of a shared layer, the inside of nested models, and subclassed models, which have no graph
to cut; the model itself is not rebuilt, and loses the notes when recording ends.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.recording.sites import Site

_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Softmax": "softmax",
}


@dataclass(frozen=True)
class _Output:
    """One tensor that one call of one layer returned."""

    layer: Any
    path: str
    call: int
    position: int
    label: str
    tensor: Any


class KerasObservation:
    """Runs the model on a batch and returns the activations at the chosen sites."""

    def __init__(self, sites: list[Site], annotations: dict[str, Any], run: Callable) -> None:
        self.sites = sites
        self.annotations = annotations
        self._run = run

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        return self._run(inputs)


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[KerasObservation]:
    """See `ann2neo.recording.sites.Observe`."""
    import keras

    if not network.built:
        raise ValueError(
            f"network {network.name!r} has no weights yet: build it, or call it once, before recording"
        )
    paths = _paths(network)
    with _unchanged_state(network), _noted(paths.values()) as notes:
        outputs = network(_as_inputs(inputs), training=False)
        found = _outputs(paths, notes)
        notes.clear()
        chosen = _chosen(found, layers, _final(outputs))
        sites = [_site(output, _data_format(paths)) for output in chosen]
        if len({site.name for site in sites}) < len(sites):
            raise ValueError(f"layers names a layer twice: {[site.name for site in sites]}")
        annotations = {
            "network": network.name,
            "framework": f"keras {keras.version()}",
            "backend": keras.backend.backend(),
            "weights_hash": weights_hash(network),
        }
        run = _runner(network, notes, [(id(o.layer), o.call, o.position) for o in chosen])
        yield KerasObservation(sites, annotations, run)


def weights_hash(network: Any) -> str:
    """SHA-256 over shapes, types and values of the model's weights, in its own order."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        weight = np.ascontiguousarray(weight)
        digest.update(f"{weight.dtype}{weight.shape}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()


def _paths(network: Any, prefix: str = "") -> dict[int, tuple[str, Any]]:
    """id → (dotted path, layer) of every layer that can be seen, outer before inner."""
    found: dict[int, tuple[str, Any]] = {}
    for layer in network._flatten_layers(recursive=False, include_self=False):
        path = prefix + layer.name
        if type(layer).__name__ == "InputLayer" or id(layer) in found:
            continue
        found[id(layer)] = (path, layer)
        if _has_inside(layer):
            for key, inner in _paths(layer, path + ".").items():
                found.setdefault(key, inner)
    return found


def _has_inside(layer: Any) -> bool:
    """Models and the user's own composite layers are looked into; Keras' own (wrappers, recurrent and
    attention layers) are one node: what runs inside them may run in a loop."""
    import keras

    foreign = not type(layer).__module__.startswith("keras.")
    composite = isinstance(layer, keras.Model) or foreign
    return composite and bool(list(layer._flatten_layers(recursive=False, include_self=False)))


@contextmanager
def _noted(layers: Any) -> Iterator[list[tuple[Any, Any]]]:
    """While inside, each call of a layer adds (layer, what it returned) to the list given out."""
    notes: list[tuple[Any, Any]] = []
    patched: list[tuple[Any, str]] = []

    def noting(layer: Any, call: Callable) -> Callable:
        @functools.wraps(call)
        def noted(*args: Any, **kwargs: Any) -> Any:
            returned = call(*args, **kwargs)
            notes.append((layer, returned))
            return returned

        return noted

    try:
        for _, layer in layers:
            name = "call" if getattr(layer, "quantization_mode", None) is None else "quantized_call"
            # Past Keras' attribute tracking, which would take the function for state of the layer.
            layer.__dict__[name] = noting(layer, getattr(layer, name))
            patched.append((layer, name))
        yield notes
    finally:
        for layer, name in patched:
            layer.__dict__.pop(name, None)


@contextmanager
def _unchanged_state(network: Any) -> Iterator[None]:
    """Put back what running a model may move: states of recurrent layers, seeds of random ones."""
    before = [(variable, np.array(variable)) for variable in network.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in before:
            if not np.array_equal(np.array(variable), value):
                variable.assign(value)


def _outputs(paths: Mapping[int, tuple[str, Any]], notes: list[tuple[Any, Any]]) -> list[_Output]:
    """What the noted calls returned, in the order of the calls, labelled so that each is told apart."""
    n_calls = Counter(id(layer) for layer, _ in notes)
    seen: Counter[int] = Counter()
    found = []
    for layer, returned in notes:
        path, call = paths[id(layer)][0], seen[id(layer)]
        seen[id(layer)] += 1
        label = f"{path}:{call}" if n_calls[id(layer)] > 1 else path
        tensors = _tensors(returned)
        for position, tensor in enumerate(tensors):
            name = f"{label}[{position}]" if len(tensors) > 1 else label
            found.append(_Output(layer, path, call, position, name, tensor))
    return found


def _tensors(returned: Any) -> list[Any]:
    import keras

    leaves = keras.tree.flatten(returned)
    return [leaf for leaf in leaves if hasattr(leaf, "shape") and len(leaf.shape) > 0]


def _final(outputs: Any) -> set[int]:
    return {id(tensor) for tensor in _tensors(outputs)}


def _chosen(found: list[_Output], layers: Any, final: set[int]) -> list[_Output]:
    nodes = [output for output in found if _is_node(output)]
    if not nodes:
        raise ValueError(
            "no layer of this network could be observed: it computes without calling Keras layers. "
            "Build it from layers, or record the activations themselves: record(activations)"
        )
    if isinstance(layers, str) and layers == "all":
        return nodes
    if isinstance(layers, str) and layers == "last_hidden":
        hidden = [output for output in nodes if id(output.tensor) not in final]
        active = [output for output in hidden if activation_name(output.layer) != "linear"]
        if not hidden:
            raise ValueError(
                f"network has no hidden layer; name the layers to record among {_labels(found)}"
            )
        return [(active or hidden)[-1]]
    asked = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not asked:
        raise ValueError(f"layers must name at least one of {_labels(found)}, got {layers!r}")
    return [output for layer in asked for output in _asked(layer, found)]


def _asked(layer: Any, found: list[_Output]) -> list[_Output]:
    if not isinstance(layer, str):
        matching = [output for output in found if output.layer is layer]
        if not matching:
            raise ValueError(
                f"layers must be layers of the network that it calls, got {layer!r:.80}; "
                f"it calls {_labels(found)}"
            )
        return matching
    for name in ("label", "path"):
        matching = [output for output in found if getattr(output, name) == layer]
        if matching:
            return matching
    matching = [output for output in found if output.layer.name == layer]
    if len({output.path for output in matching}) > 1:
        raise ValueError(f"layers={layer!r} could be any of {_labels(matching)}; give one of these")
    if not matching:
        raise ValueError(f"layers must be 'last_hidden', 'all' or among {_labels(found)}, got {layer!r}")
    return matching


def _labels(outputs: list[_Output]) -> list[str]:
    return [output.label for output in outputs]


def _is_node(output: _Output) -> bool:
    """Whether a layer computes nodes of its own: it has weights or an activation function, and no layers
    inside that are observed instead."""
    layer, kind = output.layer, type(output.layer).__name__
    if _has_inside(layer) or kind.endswith("Normalization") or kind == "Embedding":
        return False
    return bool(layer.weights) or activation_name(layer) != "linear"


def activation_name(layer: Any) -> str:
    """Name of the function that makes a layer's output; "linear" for none."""
    kind = type(layer).__name__
    if kind in _ACTIVATION_LAYERS:
        leaky = getattr(layer, "negative_slope", 0) if kind == "ReLU" else 0
        return "leaky_relu" if np.any(leaky) else _ACTIVATION_LAYERS[kind]
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    return getattr(function, "__name__", type(function).__name__)


def _site(output: _Output, data_format: str) -> Site:
    shape = tuple(int(size) for size in output.tensor.shape[1:])
    own = getattr(output.layer, "data_format", None) or data_format
    first = own == "channels_first" and len(shape) > 1
    return Site(output.label, shape, 0 if first else -1, activation_name(output.layer))


def _data_format(paths: Mapping[int, tuple[str, Any]]) -> str:
    """Where channels lie in layers that do not say: as in those that do."""
    import keras

    formats = {getattr(layer, "data_format", None) for _, layer in paths.values()} - {None}
    if len(formats) > 1:
        raise ValueError("network mixes channels_first and channels_last layers, which is not supported")
    return formats.pop() if formats else keras.config.image_data_format()


def _as_inputs(inputs: Any) -> Any:
    return list(inputs) if isinstance(inputs, tuple) else inputs


def _runner(
    network: Any, notes: list[tuple[Any, Any]], keys: list[tuple[int, int, int]]
) -> Callable[[Any], list[np.ndarray]]:
    """The model as a function from a batch to the tensors that `keys` name, compiled where that pays."""
    import keras

    def picked() -> list[Any]:
        seen: Counter[int] = Counter()
        by_key = {}
        for layer, returned in notes:
            for position, tensor in enumerate(_tensors(returned)):
                by_key[id(layer), seen[id(layer)], position] = tensor
            seen[id(layer)] += 1
        notes.clear()
        missing = [key for key in keys if key not in by_key]
        if missing:
            raise ValueError("network called other layers for this batch than for the first")
        return [by_key[key] for key in keys]

    def forward(inputs: Any) -> list[Any]:
        notes.clear()
        network(inputs, training=False)
        return picked()

    def forward_stateless(trainable: Any, other: Any, inputs: Any) -> list[Any]:
        notes.clear()
        network.stateless_call(trainable, other, inputs, training=False)
        return picked()

    backend = keras.backend.backend()
    if backend == "tensorflow" and not network.run_eagerly:
        return _traced(forward)
    if backend == "jax" and not network.run_eagerly:
        import jax

        jitted = jax.jit(forward_stateless)
        state = [[v.value for v in network.trainable_variables]]
        state += [[v.value for v in network.non_trainable_variables]]
        return lambda inputs: [np.asarray(tensor) for tensor in jitted(*state, _as_inputs(inputs))]
    if backend == "torch":
        return lambda inputs: _without_gradients(forward, _as_inputs(inputs))
    return lambda inputs: [keras.ops.convert_to_numpy(t) for t in forward(_as_inputs(inputs))]


def _traced(forward: Callable) -> Callable[[Any], list[np.ndarray]]:
    """`forward` as a TensorFlow graph, one a batch shape: all batches but the last share one."""
    import keras
    import tensorflow as tf

    function = tf.function(forward, autograph=False)
    graphs: dict[tuple, Any] = {}

    def run(inputs: Any) -> list[np.ndarray]:
        tensors = keras.tree.map_structure(tf.convert_to_tensor, _as_inputs(inputs))
        key = tuple((tensor.shape, tensor.dtype) for tensor in keras.tree.flatten(tensors))
        if key not in graphs:
            graphs[key] = function.get_concrete_function(tensors)
        return [tensor.numpy() for tensor in graphs[key](tensors)]

    return run


def _without_gradients(forward: Callable, inputs: Any) -> list[np.ndarray]:
    import keras
    import torch

    with torch.no_grad():
        return [keras.ops.convert_to_numpy(tensor) for tensor in forward(inputs)]
