"""Which adapter a network is observed by."""

from __future__ import annotations

import importlib
import operator
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from ann2neo.recording.observation import Observation
from ann2neo.recording.places import Place

ADAPTERS = {
    "keras": ("Model", "ann2neo.recording.keras.adapter"),
    "torch": ("nn.Module", "ann2neo.recording.torch.adapter"),
}
"""Framework → (class of its networks, module that is an `Adapter`); only frameworks already imported are
asked, in this order: a Keras model on the torch backend is a torch module as well."""


class Adapter(Protocol):
    """What the module of a framework offers."""

    def observe(self, network: Any, inputs: Any, layers: Any) -> AbstractContextManager[Observation]:
        """A context in which `network` can be observed, and after which it is as it was found."""

    def list_places(self, network: Any, inputs: Any) -> list[Place]:
        """All places of `network`, in the order in which it comes to them with these inputs."""


def find_adapter(network: Any, samples: Any) -> tuple[Adapter, Any]:
    """The adapter for a network, and the samples to read; activations are their own samples."""
    for framework, (kind, module) in ADAPTERS.items():
        loaded = sys.modules.get(framework)
        if loaded is not None and isinstance(network, operator.attrgetter(kind)(loaded)):
            if samples is None:
                raise TypeError("samples must be given with a network")
            return importlib.import_module(module), samples
    if samples is not None or isinstance(network, (str, Path)):
        raise TypeError(
            f"network must be a {' or '.join(f'{f}.{c}' for f, (c, _) in ADAPTERS.items())}, "
            f"got {network!r:.80} ({type(network).__name__}); for activations leave samples out; a file "
            "has to be loaded first, and of a program exported by torch the module to be taken: "
            "program.module()"
        )
    return importlib.import_module("ann2neo.recording.arrays"), network
