"""What a torch network holds: its weights checked and hashed, its name and devices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch

from ann2neo.recording.observation import NonFiniteWeightError


def weights_hash(network: Any) -> str:
    """SHA-256 over shapes, types and values of the network's state, in its own order."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous()
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@torch.no_grad()
def check_weights(network: Any) -> None:
    """Raise if weights are not there, or not finite."""
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        absent = "no weights yet" if torch.nn.parameter.is_lazy(tensor) else ""
        if not absent and tensor.device.type == "meta":
            absent = "no values on the meta device"
        if absent:
            raise ValueError(
                f"network {name_of(network)!r} has {absent}, in {name!r}: load or make its weights "
                "before recording"
            )
        if not tensor.is_floating_point() or all_finite(tensor):
            continue
        # Infinities can be meant in what is not trained, such as masks.
        trained = isinstance(tensor, torch.nn.Parameter)
        broken = tensor[~torch.isfinite(tensor)] if trained else tensor[torch.isnan(tensor)]
        if len(broken):
            raise NonFiniteWeightError(
                f"network {name_of(network)!r} has {float(broken[0])} among its weights, in {name!r}; "
                "did its training diverge?"
            )


def all_finite(tensor: Any) -> bool:
    """Whether all values are finite. The sum nearly always tells, much faster, but may overflow."""
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def name_of(network: Any) -> str:
    """Its class: modules have no names of their own."""
    return type(network).__name__


def held(network: Any) -> Iterator[Any]:
    """Parameters and buffers."""
    yield from network.parameters()
    yield from network.buffers()


def device_of(network: Any) -> Any:
    """Where samples must be for it."""
    first = next(held(network), None)
    return torch.device("cpu") if first is None else first.device
