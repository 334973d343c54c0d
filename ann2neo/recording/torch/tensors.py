"""Tensors in whatever a module takes or returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

_DEPTH = 6


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
