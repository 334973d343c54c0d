"""The same samples shown to a network again and again, while something else changes its weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.observation import Look, Site, Take
from ann2neo.spikes.callers import find_stacklevel


@dataclass(frozen=True)
class Watch:
    """`look(take)` runs the batches through the network as it is now, and hands over those of each.

    Only one batch's activations at each of the `sites` are held at a time, however many there are.
    """

    sites: Sequence[Site]
    look: Look


def watch(network: Any, batches: list[Any], layers: Any) -> Watch:
    """Get ready to look at `network` many times.

    An adapter whose observation has a method ``prepare_looks(batches)`` prepares the looks itself:
    it returns a function that can be called when the context of the observation has ended, and that
    leaves the network as it found it. Any other network is observed anew at each look.

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
            warnings.warn(note, stacklevel=find_stacklevel())
        prepare_looks = getattr(observation, "prepare_looks", None)
        if prepare_looks is not None:
            return Watch(sites, prepare_looks(batches))

    def look(take: Take) -> None:
        with adapter.observe(network, batches[0], layers) as observation:
            for batch in batches:
                take(observation(batch))

    return Watch(sites, look)
