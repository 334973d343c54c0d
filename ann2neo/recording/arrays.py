"""Adapter for activations that are there already: an array, or a dict of one array a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ann2neo.recording.sites import Site


class ArrayObservation:
    """Hands the activations on."""

    def __init__(self, sites: list[Site], keys: list[str] | None) -> None:
        self.sites = sites
        self.annotations: dict[str, Any] = {}
        self._keys = keys

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        if self._keys is None:
            return [np.asarray(inputs)]
        if not isinstance(inputs, Mapping):
            raise TypeError(f"each batch must be a dict of layers, as the first; got {type(inputs).__name__}")
        return [np.asarray(inputs[key]) for key in self._keys]


@contextmanager
def observe(network: None, inputs: Any, layers: Any) -> Iterator[ArrayObservation]:
    """`inputs`: the first batch of activations, an array or a dict of layer name to array."""
    if isinstance(inputs, tuple):
        raise TypeError("activations of several layers must come as a dict of layer name to array")
    if not isinstance(inputs, Mapping):
        if layers not in ("last_hidden", "all"):
            raise ValueError(f"layers={layers!r}: activations without names are one layer; leave layers out")
        yield ArrayObservation([Site("activations", np.asarray(inputs).shape[1:])], None)
        return
    names = list(inputs) if layers in ("last_hidden", "all") else layers
    keys = [names] if isinstance(names, str) else list(names)
    for key in keys:
        if key not in inputs:
            raise KeyError(f"layers must be among {list(inputs)}, got {key!r}")
    yield ArrayObservation([Site(str(key), np.asarray(inputs[key]).shape[1:]) for key in keys], keys)
