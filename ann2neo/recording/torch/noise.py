"""Dropout and noise modules of a torch network, switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_NAMES = ("Dropout", "DropPath", "StochasticDepth", "Noise", "RReLU")


@contextmanager
def seed_noise(rng: np.random.Generator) -> Iterator[None]:
    """While inside, torch's own generator is seeded from `rng`; afterwards it is as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def switch_on_noise(network: Any, observation: Any, rng: np.random.Generator) -> Iterator[int]:
    """While inside, modules that drop or add noise in training do so; gives how many there are."""
    modules = [module for module in network.modules() if _is_noisy(module)]
    before = [(module, module.training) for module in modules]
    observation.allow_noise(modules)
    try:
        yield len(modules)
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
