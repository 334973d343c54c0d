"""Samples as a torch network takes them, and the tensors in whatever its modules take and return."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from ann2neo.recording.observation import NonFiniteSampleError
from ann2neo.recording.samples.inputs import count_samples, list_arrays, map_arrays
from ann2neo.recording.torch.weights import are_finite, find_device

_N_SOUGHT = 32
_DEPTH = 6


def place_inputs(inputs: Any, network: Any) -> Any:
    """What to call the network with: copies, since it may overwrite them, on its device."""
    device = find_device(network)
    weights = (weight.dtype for weight in network.parameters() if weight.is_floating_point())
    precision = next(weights, None)

    def place(leaf: Any) -> Any:
        tensor = leaf.detach() if isinstance(leaf, torch.Tensor) else _convert_array(np.asarray(leaf))
        return tensor.to(device, precision if tensor.is_floating_point() else None, copy=True)

    return map_arrays(inputs, place)


def _convert_array(array: np.ndarray) -> Any:
    kinds: dict[str, Any] = {
        "f": np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("="),
        "i": np.int64,
        "u": np.int64,
        "b": np.bool_,
    }
    if array.dtype.kind not in kinds and not np.can_cast(array.dtype, np.float32):
        raise TypeError(f"samples must be real numbers or bool, got dtype {array.dtype}")
    # torch takes no array that is read-only or runs backwards.
    fits = array.flags.writeable and array.flags.c_contiguous
    kind = kinds.get(array.dtype.kind, np.float32)
    return torch.from_numpy(np.array(array, kind, order="C", copy=None if fits else True))


def takes_whole(network: Any, inputs: Mapping[str, Any]) -> bool:
    """Whether the network takes a dict of inputs as its one argument, and not its entries."""
    try:
        parameters = list(inspect.signature(network.forward).parameters.values())
    except (TypeError, ValueError):
        return False
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return False
    if any(p.name in inputs for p in parameters) or not parameters:
        return False
    needed = [p for p in parameters if p.default is inspect.Parameter.empty]
    return len(needed) == 1 and needed[0].kind is not inspect.Parameter.VAR_POSITIONAL


def check_finite(inputs: Any) -> None:
    """Raise for the first sample with a value that is not."""
    for leaf in list_arrays(inputs):
        if not leaf.is_floating_point() or leaf.layout != torch.strided or are_finite(leaf):
            continue
        row, *place = (~torch.isfinite(leaf)).nonzero()[0].tolist()
        raise NonFiniteSampleError(row, float(leaf[(row, *place)]))


def find_distinct(inputs: Any, n_samples: int) -> np.ndarray:
    """Rows of a batch that differ from one another, as far as there are; others fill the number up."""
    n_batch = count_samples(inputs)
    sought = np.unique(np.linspace(0, n_batch - 1, min(n_batch, _N_SOUGHT)).astype(int))
    # Both ends and then far apart: neighbors are often alike, and the last ones find no room.
    turned = [int(f"{place:05b}"[::-1], 2) for place in range(len(sought))]
    order = np.concatenate([sought[[0, -1]], sought[np.argsort(turned)]])
    seen: dict[bytes, int] = {}
    for row in order:
        if len(seen) == n_samples:
            break
        seen.setdefault(_read_sample(inputs, int(row)), int(row))
    rows = list(seen.values())
    others = [row for row in range(n_batch) if row not in rows]
    filled = rows + others[: max(0, n_samples - len(rows))]
    return np.sort(np.asarray(filled[:n_samples]))


def _read_sample(inputs: Any, row: int) -> bytes:
    parts = []
    for leaf in list_arrays(inputs):
        if row < len(leaf):
            part = leaf[row]
            part = part.detach().cpu().float() if isinstance(part, torch.Tensor) else part
            parts.append(np.ascontiguousarray(part).tobytes())
    return b"|".join(parts)


def describe_inputs(inputs: Any) -> str:
    """Shapes and types, for messages."""
    return ", ".join(f"{tuple(leaf.shape)} of {leaf.dtype}" for leaf in list_arrays(inputs))


def tensors_in(value: Any) -> list[Any]:
    """The tensors in what a module returned, but for those without axes."""
    return [tensor for tensor in walk_tensors(value) if tensor.dim()]


def walk_tensors(value: Any, depth: int = _DEPTH) -> Iterator[Any]:
    """All tensors, in order: in sequences, mappings, dataclasses and plain objects, some levels deep."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth and value is not None and not isinstance(value, (str, bytes, int, float, type)):
        for part in _list_parts(value):
            yield from walk_tensors(part, depth - 1)


def _list_parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if dataclasses.is_dataclass(value):
        return [getattr(value, f.name, None) for f in dataclasses.fields(value)]
    if callable(value) or isinstance(value, torch.nn.Module):
        return []
    own = getattr(value, "__dict__", None)
    return list(own.values()) if isinstance(own, dict) and "__module__" not in own else []
