"""Which adapter a network is observed by."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

from ann2neo.recording.observation import Observation
from ann2neo.recording.places import Place

ADAPTERS = {
    "keras.Model": "ann2neo.recording.keras.adapter",
    "torch.nn.Module": "ann2neo.recording.torch.adapter",
}
"""Class of a framework's networks → module that is an `Adapter`; only frameworks already imported are
asked, in this order: a Keras model on the torch backend is a torch module as well."""

GROUP = "ann2neo.adapters"
"""Entry points by which other packages add lines to this table: named by the class of the networks, such
as ``flax.nnx.Module``, they give an `Adapter`, a module or another object."""


class Adapter(Protocol):
    """What the module of a framework offers."""

    def observe(self, network: Any, inputs: Any, layers: Any) -> AbstractContextManager[Observation]:
        """A context in which `network` can be observed, and after which it is as it was found."""

    def list_places(self, network: Any, inputs: Any) -> list[Place]:
        """All places of `network`, in the order in which it comes to them with these inputs."""


def find_adapter(network: Any, samples: Any) -> tuple[Adapter, Any]:
    """The adapter for a network, and the samples to read; activations are their own samples."""
    adapter = _find_own(network) or _find_joined(network)
    if adapter is not None:
        if samples is None:
            raise TypeError("samples must be given with a network")
        return adapter, samples
    if samples is not None or isinstance(network, (str, Path)):
        raise TypeError(
            f"network must be a {' or '.join([*ADAPTERS, *(e.name for e in _list_joined())])}, "
            f"got {network!r:.80} ({type(network).__name__}); for activations leave samples out; a file "
            "has to be loaded first, and of a program exported by torch the module to be taken: "
            "program.module()"
        )
    return importlib.import_module("ann2neo.recording.arrays"), network


def _find_own(network: Any) -> Adapter | None:
    for name, module in ADAPTERS.items():
        if _is_instance(network, name):
            return importlib.import_module(module)
    return None


def _find_joined(network: Any) -> Adapter | None:
    """The adapter that another package adds for the class of a network."""
    roots = {cls.__module__.split(".")[0] for cls in type(network).__mro__}
    # What comes of NumPy or Python alone is no network, and needs no look at what is installed.
    if roots <= {"builtins", "numpy"}:
        return None
    for entry in _list_joined():
        if entry.name.split(".")[0] in roots and _is_instance(network, entry.name):
            adapter = entry.load()
            for name in ("observe", "list_places"):
                if not callable(getattr(adapter, name, None)):
                    raise TypeError(
                        f"entry point {entry.name!r} of {GROUP} must give an adapter with the functions "
                        f"observe and list_places, got {adapter!r:.80} without {name}"
                    )
            return cast("Adapter", adapter)
    return None


def _list_joined() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group=GROUP))


def _is_instance(network: Any, name: str) -> bool:
    """Whether a network is of the class of a dotted name; classes not imported have no instances."""
    framework, _, path = name.partition(".")
    found: Any = sys.modules.get(framework)
    for part in path.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type) and isinstance(network, found)
