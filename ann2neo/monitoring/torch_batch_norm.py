"""Batch normalization of torch modules by the samples at hand, outside training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

_Norm = nn.modules.batchnorm._BatchNorm


@contextlib.contextmanager
def use_averages(network: Any, samples: Any) -> Iterator[None]:
    """See `ann2neo.monitoring.batch_norm_statistics`."""
    norms = {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, _Norm) and module.track_running_stats
    }
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    averages = {f"{path}.{name}" for path in norms for name in ("running_mean", "running_var")}
    modes = [(module, module.training) for module in network.modules()]
    try:
        _take_averages(network, norms, samples)
        for module, training in modes:
            module.training = training
        _restore(network, kept, averages)
        yield
    finally:
        for module, training in modes:
            module.training = training
        _restore(network, kept, set())


def _take_averages(network: Any, norms: dict[str, Any], samples: Any) -> None:
    """One pass in training mode in which running averages keep nothing of what they were."""
    momenta = [(module, module.momentum) for module in norms.values()]
    n_values: dict[str, int] = {}

    def note(path: str) -> Any:
        def hook(module: Any, inputs: tuple[Any, ...]) -> None:
            if path in n_values:
                raise ValueError(
                    f"network must call each batch normalization once, {path!r} is called several times"
                )
            n_values[path] = inputs[0].numel() // inputs[0].shape[1]

        return hook

    hooks = [module.register_forward_pre_hook(note(path)) for path, module in norms.items()]
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(()))
    shown = torch.as_tensor(np.asarray(samples)).to(weight.device, weight.dtype)
    devices = [weight.device] if weight.device.type == "cuda" else []
    try:
        for module in norms.values():
            module.momentum = 1.0
        network.train()
        with torch.no_grad(), torch.random.fork_rng(devices):
            try:
                network(shown)
            except (RuntimeError, TypeError) as error:
                raise ValueError(
                    f"samples must be what the network takes, got shape {tuple(shown.shape)}: {error}"
                ) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, momentum in momenta:
            module.momentum = momentum
    for path, n in n_values.items():
        # Running variances are unbiased, those that training mode divides by are not.
        norms[path].running_var.mul_((n - 1) / n)


def _restore(network: Any, kept: dict[str, torch.Tensor], but: set[str]) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name not in but:
                value.copy_(kept[name])
