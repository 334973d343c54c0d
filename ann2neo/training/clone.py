"""A copy of a network to train, so that the one passed in stays as it was; and what of it may change."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def copy_network(network: Any, rng: np.random.Generator) -> Any:
    """A network of the same layers, weights and `trainable` flags; not compiled.

    Its random layers (dropout, augmentation) get new seeds from `rng`.

    Raises
    ------
    TypeError
        If it is no Keras model or cannot be made anew from its configuration.
    ValueError
        If it has no weights yet.
    """
    if not isinstance(network, keras.Model):
        raise TypeError(f"network must be a keras.Model or a Trained, got {type(network).__name__}")
    if not network.built:
        raise ValueError(f"network {network.name!r} has no weights yet: build it, or call it once")
    try:
        copy = _remake(network)
        copy.set_weights(network.get_weights())
    except Exception as error:
        raise TypeError(
            f"network {network.name!r} ({type(network).__name__}) cannot be copied: {error!s:.200}. "
            "A model or layer of your own needs get_config() and, where it takes layers, from_config(); "
            "keras.models.clone_model must be able to make it anew"
        ) from error
    for layer in copy._flatten_layers():
        for seeds in layer._seed_generators:
            seeds.state.assign(np.array([rng.integers(2**31), 0], dtype=np.uint32))
    return copy


def freeze(network: Any, trainable: str | int | tuple[str, ...]) -> None:
    """Set the layers' `trainable` flags as a condition says; see `Condition`.

    Raises
    ------
    ValueError
        If there are not as many layers, or one is not there or has nothing to train.
    """
    if trainable == "all":
        return
    layers = [layer for layer in _leaves(network) if layer.trainable_variables]
    names = [layer.name for layer in layers]
    if isinstance(trainable, int):
        if trainable > len(layers):
            raise ValueError(
                f"trainable must be at most {len(layers)}, as network {network.name!r} has only the "
                f"layers {names} to train, got {trainable}"
            )
        kept = layers[-trainable:]
    else:
        for name in trainable:
            if names.count(name) != 1:
                fault = "several layers" if name in names else "no layer"
                raise ValueError(
                    f"trainable names {name!r}, but network {network.name!r} has {fault} of that name "
                    f"to train; it has {names}"
                )
        kept = [layer for layer in layers if layer.name in trainable]
    for layer in _leaves(network):
        if not any(layer is one for one in kept):
            layer.trainable = False


def list_frozen_values(network: Any) -> list[tuple[Any, bytes]]:
    """Every weight of a frozen layer, with the bytes it has now."""
    return [
        (weight, _bytes(weight))
        for layer in _leaves(network)
        if not layer.trainable
        for weight in layer.weights
    ]


def check_unchanged(values: list[tuple[Any, bytes]]) -> None:
    """Refuse a network whose frozen weights have moved.

    Raises
    ------
    RuntimeError
        Naming the weights.
    """
    moved = [weight.path for weight, before in values if _bytes(weight) != before]
    if moved:
        raise RuntimeError(f"frozen weights have changed during training: {moved}")


def _bytes(weight: Any) -> bytes:
    return np.asarray(keras.ops.convert_to_numpy(weight)).tobytes()


def _leaves(network: Any) -> list[Any]:
    """Layers that hold weights themselves, in the order of the network, shared ones once."""
    found: dict[int, Any] = {}
    for layer in network._flatten_layers(include_self=False):
        if layer._trainable_variables or layer._non_trainable_variables:
            found.setdefault(id(layer), layer)
    return list(found.values())


def _remake(network: Any) -> Any:
    # Functional models have a graph of operations.
    if isinstance(network, keras.Sequential) or hasattr(network, "operations"):
        return keras.models.clone_model(network)
    copy = type(network).from_config(network.get_config())
    copy.build_from_config(network.get_build_config())
    return copy
