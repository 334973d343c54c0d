"""Dropout and noise layers of a Keras model, switched on."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

_NAMES = ("Dropout", "Noise", "DropPath", "StochasticDepth")
_NOTHING = object()
_ON: weakref.WeakSet[Any] = weakref.WeakSet()


@contextmanager
def switch_on_noise(network: Any, observation: Any, rng: np.random.Generator) -> Iterator[int]:
    """While inside, layers that drop or add noise in training do so; gives how many there are.

    All their seeds come from `rng`; what they were is for the caller to put back.
    """
    everyone = network._flatten_layers()
    layers = [layer for layer in everyone if _is_noisy(layer)]
    # Layers of the user's own may draw in any mode.
    drawing = [layer for layer in everyone if layer._seed_generators]
    for layer in drawing:
        for seeds in layer._seed_generators:
            seeds.state.assign(rng.integers(0, 2**31, seeds.state.shape).astype("uint32"))
    before = [(layer, layer.__dict__.get("call", _NOTHING)) for layer in layers]
    try:
        for layer in layers:
            layer.__dict__["call"] = _call_in_training(layer.call)
        _ON.add(network)
        # That no two runs are alike is what was asked for.
        observation.notes = observation.steady_notes
        yield len(layers) or sum(_is_own(layer) for layer in drawing)
    finally:
        _ON.discard(network)
        for layer, call in before:
            if call is _NOTHING:
                layer.__dict__.pop("call", None)
            else:
                layer.__dict__["call"] = call


def is_noise_on(network: Any) -> bool:
    """Whether the model is inside `switch_on_noise`: its graphs are others then."""
    return network in _ON


def _call_in_training(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def call_in_training(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **{**kwargs, "training": True})

    return call_in_training


def _is_own(layer: Any) -> bool:
    return not type(layer).__module__.startswith("keras.")


def _is_noisy(layer: Any) -> bool:
    """Whether a layer does something random in training, and nothing else that it does not do after."""
    if not getattr(layer, "_call_has_training_arg", False) or isinstance(layer, keras.Model):
        return False
    named = any(name in kind.__name__ for kind in type(layer).__mro__ for name in _NAMES)
    rates = (getattr(layer, name, 0) for name in ("dropout", "recurrent_dropout"))
    return named or any(isinstance(rate, float) and rate > 0 for rate in rates)
