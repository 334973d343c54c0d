"""The same samples shown to a network again and again, while something else changes its weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.observation import Site


@dataclass(frozen=True)
class Watch:
    """`look()` gives, for each batch, the activations at each of the `sites`, as the network is now."""

    sites: Sequence[Site]
    look: Callable[[], list[list[np.ndarray]]]


def watch(network: Any, batches: list[Any], layers: Any) -> Watch:
    """Get ready to look at `network` many times.

    An adapter whose observation has a method ``standing(batches)`` prepares the looks itself: it returns
    a function that can be called when the context of the observation has ended, and that leaves the
    network as it found it. Any other network is observed anew at each look.

    Raises
    ------
    TypeError, ValueError
        As `ann2neo.record`; looks raise `ann2neo.recording.observation.NonFiniteWeightError`
        where weights are NaN or infinite.
    """
    adapter, _ = find_adapter(network, batches)
    with adapter.observe(network, batches[0], layers) as observation:
        sites = list(observation.sites)
        for note in observation.notes:
            warnings.warn(note, stacklevel=2)
        standing = getattr(observation, "standing", None)
        if standing is not None:
            return Watch(sites, standing(batches))

    def look() -> list[list[np.ndarray]]:
        with adapter.observe(network, batches[0], layers) as observation:
            return [observation(batch) for batch in batches]

    return Watch(sites, look)
