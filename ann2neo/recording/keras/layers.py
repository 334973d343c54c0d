"""The layers of a Keras model: how they are observed, what they are called, which are chosen."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place

_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Softmax": "softmax",
}

_NOTHING = object()


def layer_paths(network: Any, prefix: str = "") -> dict[int, tuple[str, Any]]:
    """id → (dotted path, layer) of every layer that can be seen, outer before inner."""
    found: dict[int, tuple[str, Any]] = {}
    for layer in network._flatten_layers(recursive=False, include_self=False):
        path = prefix + layer.name
        if isinstance(layer, keras.layers.InputLayer) or id(layer) in found:
            continue
        found[id(layer)] = (path, layer)
        if _has_inside(layer):
            for key, inner in layer_paths(layer, path + ".").items():
                found.setdefault(key, inner)
    return found


def _has_inside(layer: Any) -> bool:
    """Models and the user's own composite layers are looked into; Keras' own (wrappers, recurrent and
    attention layers) and what is derived from them are one node: what they hold may run in a loop."""
    kinds = [kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras.src.layers.")]
    plain = all(kind.__module__ == "keras.src.layers.layer" for kind in kinds)
    composite = isinstance(layer, keras.Model) or plain
    return composite and bool(layer._flatten_layers(recursive=False, include_self=False))


@contextmanager
def noted(layers: list[Any]) -> Iterator[list[tuple[Any, Any]]]:
    """While inside, each call of a layer adds (layer, what it returned) to the list given out."""
    notes: list[tuple[Any, Any]] = []
    patched: list[tuple[Any, str, Any]] = []

    def noting(layer: Any, call: Callable) -> Callable:
        @functools.wraps(call)
        def noted_call(*args: Any, **kwargs: Any) -> Any:
            returned = call(*args, **kwargs)
            notes.append((layer, returned))
            return returned

        return noted_call

    try:
        for layer in layers:
            name = "call" if getattr(layer, "quantization_mode", None) is None else "quantized_call"
            patched.append((layer, name, layer.__dict__.get(name, _NOTHING)))
            # Past Keras' attribute tracking, which would take the function for state of the layer.
            layer.__dict__[name] = noting(layer, getattr(layer, name))
        yield notes
    finally:
        for layer, name, before in patched:
            if before is _NOTHING:
                layer.__dict__.pop(name, None)
            else:
                layer.__dict__[name] = before


def outputs_of(paths: Mapping[int, tuple[str, Any]], notes: list[tuple[Any, Any]]) -> list[Place]:
    """What the noted calls returned, in the order of the calls, labelled so that each is told apart."""
    n_calls = Counter(id(layer) for layer, _ in notes)
    seen: Counter[int] = Counter()
    # Number of axes → whether a Permute moved them since a layer last said where its channels are.
    moved: dict[int, bool] = {}
    found = []
    for layer, returned in notes:
        path, call = paths[id(layer)][0], seen[id(layer)]
        seen[id(layer)] += 1
        label = f"{path}:{call}" if n_calls[id(layer)] > 1 else path
        tensors = tensors_in(returned)
        for position, tensor in enumerate(tensors):
            n_axes = len(tensor.shape)
            if isinstance(layer, keras.layers.Permute) or not _follows(layer):
                moved[n_axes] = isinstance(layer, keras.layers.Permute)
            name = f"{label}[{position}]" if len(tensors) > 1 else label
            found.append(
                Place(
                    layer=layer,
                    name=layer.name,
                    path=path,
                    call=call,
                    n_calls=n_calls[id(layer)],
                    position=position,
                    label=name,
                    tensor=tensor,
                    activation=activation_name(layer),
                    is_node=_is_node(layer),
                    kind=type(layer).__name__,
                    shape=tuple(tensor.shape[1:]),
                    channel_axis=-1,
                    axes_moved=moved.get(n_axes, False),
                )
            )
    return found


def tensors_in(returned: Any) -> list[Any]:
    """The tensors in what a layer returned that have a samples axis."""
    leaves = keras.tree.flatten(returned)
    return [leaf for leaf in leaves if hasattr(leaf, "shape") and len(leaf.shape) > 0]


def _is_node(layer: Any) -> bool:
    """Whether a layer computes nodes of its own: it has weights or an activation function, and no layers
    inside that are observed instead."""
    kind = type(layer).__name__
    if _has_inside(layer) or kind.endswith("Normalization") or kind == "Embedding":
        return False
    return bool(layer.weights) or activation_name(layer) != "linear"


def activation_name(layer: Any) -> str:
    """Name of the function that makes a layer's output; "linear" for none."""
    kind = type(layer).__name__
    if kind in ("TimeDistributed", "SpectralNormalization"):
        return activation_name(layer.layer)
    if kind == "Bidirectional":
        # Not the bare name: merged values may lie outside the function's own range.
        return f"bidirectional {activation_name(layer.forward_layer)}"
    if kind == "ReLU" and layer.negative_slope:
        return "leaky_relu"
    if kind == "ELU" and layer.alpha != 1:
        return "scaled elu"
    if kind in _ACTIVATION_LAYERS:
        return _ACTIVATION_LAYERS[kind]
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    return (
        function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    )


def site(output: Place, paths: Mapping[int, tuple[str, Any]]) -> Site:
    """A layer's output as the place to record from."""
    shape = tuple(int(size) for size in output.tensor.shape[1:])
    axis: int | None = -1
    if len(shape) > 1 and output.axes_moved:
        axis = None
    elif len(shape) > 1 and _channels_first(output.layer, paths):
        axis = 0
    # Further outputs are states, which another function may have made.
    activation = output.activation if output.position == 0 else None
    return Site(output.label, shape, axis, activation)


def _follows(layer: Any) -> bool:
    """Whether a layer's channels lie where those of its input do."""
    inner = getattr(layer, "layer", layer)
    if getattr(inner, "data_format", None) is not None:
        return False
    weightless = not inner.weights or type(inner).__name__ in ("BatchNormalization", "PReLU")
    return weightless or _has_inside(inner)


def _channels_first(layer: Any, paths: Mapping[int, tuple[str, Any]]) -> bool:
    """Whether a layer's channels come before its spatial axes."""
    own = getattr(getattr(layer, "layer", layer), "data_format", None)
    if own is not None:
        return bool(own == "channels_first")
    if not _follows(layer) or (_has_inside(layer) and layer.weights):
        return False
    formats = {getattr(other, "data_format", None) for _, other in paths.values()} - {None}
    if len(formats) > 1:
        raise ValueError(
            f"network has both channels_first and channels_last layers, and {layer.name!r} does not say "
            "which it is; record another layer"
        )
    return "channels_first" in formats
