"""What a torch module is, and where it is in a network."""

from __future__ import annotations

from typing import Any

import torch


def is_plain(module: Any) -> bool:
    """Whether a module has neither weights nor modules inside."""
    return not module._modules and not holds_weights(module)


def holds_weights(module: Any) -> bool:
    """Whether a module has weights of its own, also such as torch packs out of sight."""
    if any(weight is not None for weight in module._parameters.values()):
        return True
    packed = (vars(module).get("_packed_params"), module._modules.get("_packed_params"))
    return any(part is not None for part in packed) or "parametrizations" in module._modules


def is_activation(module: Any) -> bool:
    """Whether a module is an activation function: libraries keep theirs in files of that name."""
    return any(
        kind.__module__.rpartition(".")[2] in ("activation", "activations")
        for kind in type(module).__mro__
        if kind.__name__ != "MultiheadAttention"
    ) and not isinstance(module, torch.nn.MultiheadAttention)


def unwrap(module: Any) -> Any:
    """The module inside those that torch.compile and DataParallel wrap around it."""
    while True:
        wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in getattr(module, "_modules", {}):
            module = module._modules["_orig_mod"]
        else:
            return module


def list_paths(network: Any) -> dict[int, str]:
    """id → dotted path of every module inside an unwrapped network, wrappers within left out."""
    found: dict[int, str] = {}

    def walk(module: Any, prefix: str) -> None:
        for name, child in module.named_children():
            inner = unwrap(child)
            if id(inner) in found or isinstance(inner, torch.jit.ScriptModule):
                continue
            found[id(inner)] = prefix + name
            walk(inner, f"{prefix}{name}.")

    walk(network, "")
    return found
