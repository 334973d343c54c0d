"""Adapter for activations that are there already: an array, or a dict of one array a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place


class ArrayObservation:
    """Hands the activations on."""

    def __init__(self, sites: list[Site], keys: list[Any] | None) -> None:
        self.sites = sites
        self.annotations: dict[str, Any] = {}
        self.notes: list[str] = []
        self._keys = keys

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        if self._keys is None:
            if isinstance(inputs, (Mapping, tuple)):
                raise TypeError(
                    f"each batch must be an array, as the first; got a {type(inputs).__name__}"
                )
            return [np.asarray(inputs)]
        if not isinstance(inputs, Mapping):
            raise TypeError(
                f"each batch must be a dict of layers, as the first; got a {type(inputs).__name__}"
            )
        for key in self._keys:
            if key not in inputs:
                raise ValueError(f"each batch must have the layers {self._keys}, got {list(inputs)}")
        return [np.asarray(inputs[key]) for key in self._keys]


@contextmanager
def observe(network: None, inputs: Any, layers: Any) -> Iterator[ArrayObservation]:
    """`inputs`: the first batch of activations, an array or a dict of layer name to array."""
    if isinstance(inputs, tuple):
        raise TypeError("activations of several layers must come as a dict of layer name to array")
    everything = isinstance(layers, str) and layers in ("last_hidden", "all")
    if isinstance(inputs, Mapping):
        keys = _keys(inputs, list(inputs) if everything else layers)
        sites = [Site(str(key), np.shape(inputs[key])[1:]) for key in keys]
        observation = ArrayObservation(sites, keys)
    elif everything:
        observation = ArrayObservation([Site("activations", np.shape(inputs)[1:])], None)
    else:
        raise ValueError(f"layers={layers!r}: activations without names are one layer; leave layers out")
    for site in observation.sites:
        if 0 in site.shape:
            raise ValueError(
                f"layer {site.name!r} must have at least one unit, got samples of shape {site.shape}"
            )
    # Otherwise the first batch would be held throughout.
    del inputs
    yield observation


def _keys(activations: Mapping[Any, Any], layers: Any) -> list[Any]:
    keys = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    for key in keys:
        if key not in activations:
            raise ValueError(f"layers must be among {list(activations)}, got {key!r}")
    if not keys or len({str(key) for key in keys}) < len(keys):
        raise ValueError(
            f"layers must name one or more of {list(activations)}, each once, got {layers!r}"
        )
    return keys


def list_places(network: None, inputs: Any) -> list[Place]:
    """Activations have no places: refused."""
    raise TypeError("network must be a keras.Model or torch.nn.Module, got activations")
