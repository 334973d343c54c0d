"""Random numbers of a torch network: dropout and noise modules switched on, generators kept apart."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ann2neo.recording.torch.weights import iterate_tensors

_NAMES = ("Dropout", "DropPath", "StochasticDepth", "Noise", "RReLU")


@contextmanager
def seed_noise(rng: np.random.Generator) -> Iterator[None]:
    """While inside, torch's own generator is seeded from `rng`; afterwards it is as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def switch_on_noise(network: Any, observation: Any, rng: np.random.Generator) -> Iterator[int]:
    """While inside, modules that drop or add noise in training do so; gives how many there are, with the
    network itself if it draws in any mode."""
    modules = [module for module in network.modules() if _is_noisy(module)]
    before = [(module, module.training) for module in modules]
    observation.allow_noise(modules)
    try:
        yield len(modules) + observation.draws
    finally:
        observation.allow_noise([])
        for module, training in before:
            module.training = training


def _is_noisy(module: Any) -> bool:
    """Whether a module does something random in training, and nothing else that it does not do after."""
    if any(name in kind.__name__ for kind in type(module).__mro__ for name in _NAMES):
        return True
    rate = getattr(module, "dropout", 0)
    return (
        isinstance(rate, float)
        and rate > 0
        and isinstance(module, torch.nn.RNNBase | torch.nn.MultiheadAttention)
    )


_DRAWING = threading.RLock()


class Chance:
    """torch's generators as a network in recording moves them, apart from how all others do.

    Networks may draw in inference mode too. Their draws go on from batch to batch, and neither they nor
    the samples read in between disturb one another.
    """

    def __init__(self, network: Any) -> None:
        self._gpus = {t.device for t in iterate_tensors(network) if t.device.type == "cuda"}
        self._states = self._now()

    @contextmanager
    def own(self) -> Iterator[None]:
        """The network's generators, while inside."""
        with _DRAWING:
            others = self._now()
            self._set(self._states)
            try:
                yield
            finally:
                self._states = self._now()
                self._set(others)

    def equals(self, other: Chance) -> bool:
        """Whether the generators of both stand alike."""
        return all(_are_equal(state, other._states[gpu]) for gpu, state in self._states.items())

    def copy(self) -> Chance:
        """Generators that start where these are."""
        other = object.__new__(Chance)
        other._gpus, other._states = self._gpus, dict(self._states)
        return other

    def _now(self) -> dict[Any, Any]:
        return {
            None: torch.get_rng_state(),
            "": (np.random.get_state(), random.getstate()),  # noqa: NPY002 (others' state)
            **{gpu: torch.cuda.get_rng_state(gpu) for gpu in self._gpus},
        }

    def _set(self, states: dict[Any, Any]) -> None:
        for gpu, state in states.items():
            if gpu is None:
                torch.set_rng_state(state)
            elif gpu == "":
                np.random.set_state(state[0])  # noqa: NPY002
                random.setstate(state[1])
            else:
                torch.cuda.set_rng_state(state, gpu)


def _are_equal(a: Any, b: Any) -> bool:
    """Whether two states of generators are the same."""
    if isinstance(a, torch.Tensor):
        return bool(torch.equal(a, b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, tuple) and any(isinstance(part, tuple | np.ndarray) for part in a):
        return len(a) == len(b) and all(map(_are_equal, a, b))
    return bool(a == b)
