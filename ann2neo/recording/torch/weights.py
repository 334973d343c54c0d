"""What a torch network holds: its weights checked and hashed, its name and devices."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from ann2neo.recording.observation import NonFiniteWeightError


def hash_weights(network: Any) -> str:
    """SHA-256 over shapes, types and values of the network's state, in its own order."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        if not isinstance(value, torch.Tensor):
            continue
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        for part in _list_parts(value):
            part = part.detach().cpu().contiguous()
            digest.update(part.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _list_parts(tensor: Any) -> list[Any]:
    """Dense tensors that hold what this one does."""
    if tensor.is_quantized:
        return [tensor.int_repr()]
    if tensor.layout == torch.sparse_coo:
        tensor = tensor.coalesce()
        return [tensor.indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor.to_dense() if tensor.layout != torch.strided else tensor]


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def check_weights(network: Any) -> None:
    """Raise if weights are not there, or not finite."""
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        absent = "no weights yet" if torch.nn.parameter.is_lazy(tensor) else ""
        if not absent and tensor.device.type == "meta":
            absent = "no values on the meta device"
        if absent:
            raise ValueError(
                f"network {name_network(network)!r} has {absent}, in {name!r}: load or make its weights "
                "before recording"
            )
        if not tensor.is_floating_point():
            continue
        values = _list_parts(tensor)[-1]
        if not values.is_floating_point() or are_finite(values):
            continue
        # Infinities can be meant in what is not trained, such as masks.
        trained = isinstance(tensor, torch.nn.Parameter)
        broken = values[~torch.isfinite(values)] if trained else values[torch.isnan(values)]
        if len(broken):
            raise NonFiniteWeightError(
                f"network {name_network(network)!r} has {float(broken[0])} among its weights, in "
                f"{name!r}; did its training diverge?"
            )


def are_finite(tensor: Any) -> bool:
    """Whether all values are finite. The sum nearly always tells, much faster, but may overflow."""
    if tensor.element_size() < 2:
        tensor = tensor.float()  # of eight bits, which know no sums
    return math.isfinite(float(tensor.sum())) or bool(torch.isfinite(tensor).all())


def name_network(network: Any) -> str:
    """Its class: modules have no names of their own."""
    return type(network).__name__


def iterate_tensors(network: Any) -> Iterator[Any]:
    """Parameters and buffers."""
    yield from network.parameters()
    yield from network.buffers()


def find_device(network: Any) -> Any:
    """Where samples must be for it."""
    first = next(iterate_tensors(network), None)
    return torch.device("cpu") if first is None else first.device
