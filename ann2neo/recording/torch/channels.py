"""Where the channels of a torch network's tensors lie, followed from function to function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from ann2neo.recording.torch.inputs import tensors_in

# Functions that say themselves where the channels of their result are; convolutions and pools, by their
# names, do too.
_FIRST = frozenset(["batch_norm", "group_norm", "instance_norm", "interpolate"])
_LAST = frozenset(
    [
        "linear",
        "bilinear",
        "embedding",
        "gru",
        "lstm",
        "rnn_relu",
        "rnn_tanh",
        "multi_head_attention_forward",
    ]
)
_RESHAPES = frozenset(["flatten", "reshape", "reshape_as", "unflatten", "view", "view_as"])
_PRODUCTS = frozenset(["__matmul__", "__rmatmul__", "baddbmm", "bmm", "einsum", "matmul", "tensordot"])

# Last part of the name of the module of torch that defines a layer → whether its channels come first.
_MODULES_FIRST = {
    "conv": True,
    "pooling": True,
    "batchnorm": True,
    "instancenorm": True,
    "upsampling": True,
    "linear": False,
    "sparse": False,
    "rnn": False,
    "transformer": False,
}


@dataclass(frozen=True)
class _Source:
    """A tensor as it went into a function, which may overwrite it."""

    memory: int
    axis: int | None
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Channels:
    """The channel axis of each tensor of one run that comes from the inputs, as far as it can be known.

    Inputs with more than three axes are taken for images, channels first; those with three for steps of
    features. An axis that was merged, split or summed over is not known, nor is that of a result whose
    sources disagree: no guess is made.
    """

    def __init__(self, inputs: Iterable[Any]) -> None:
        self._axes = WeakTensorKeyDictionary()
        for tensor in inputs:
            if _is_followed(tensor):
                self._axes[tensor] = 1 if tensor.ndim > 3 else tensor.ndim - 1

    def axis(self, tensor: Any) -> int | None:
        axis = self._axes.get(tensor)
        return int(axis) if axis else None

    def follow(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], name: str
    ) -> Any:
        """What the function returns."""
        given = tensors_in([args, kwargs])
        sources = [
            _describe_source(tensor, self._axes[tensor]) for tensor in given if tensor in self._axes
        ]
        returned = function(*args, **kwargs)
        for made in filter(_is_followed, tensors_in(returned)):
            axis = _find_own_axis(name, args, made)
            if axis is not None or sources:
                self._axes[made] = axis if axis is not None else _find_followed(name, sources, made)
        return returned

    def leave(self, module: Any, given: Any, returned: list[Any]) -> None:
        """A module has run: what its functions did not tell, its kind may."""
        for made in filter(_is_followed, returned):
            if self.axis(made) is None:
                first = _tell_first(module)
                if first is not None:
                    self._axes[made] = 1 if first else made.ndim - 1
                elif made not in self._axes and getattr(given, "shape", None) == made.shape:
                    # Made out of sight, in compiled code for example.
                    self._axes[made] = self.axis(given)


def _find_own_axis(name: str, args: Sequence[Any], made: Any) -> int | None:
    if made.ndim == 2:
        return 1
    if name in _FIRST or name.startswith("conv") or "pool" in name:
        return 1
    by_matrix = name in ("matmul", "__matmul__") and getattr(args[-1], "ndim", 0) == 2
    return int(made.ndim) - 1 if name in _LAST or by_matrix else None


def _find_followed(name: str, sources: list[_Source], made: Any) -> int | None:
    if name in _PRODUCTS:
        return None
    if name in _RESHAPES:
        return _follow_shape(sources[0], tuple(made.shape))
    for source in sources:
        if source.memory == _find_memory(made):
            return _follow_strides(source, made)
    # Sources of another shape are broadcast: a mask, say, which has no channels.
    alike = [source for source in sources if source.shape == tuple(made.shape)]
    alike = alike or [source for source in sources if len(source.shape) == made.ndim]
    axes = {source.axis for source in alike}
    return axes.pop() if len(axes) == 1 else None


def _follow_strides(source: _Source, view: Any) -> int | None:
    """In the same memory an axis keeps its stride, whatever becomes of the others."""
    if (tuple(view.shape), view.stride()) == (source.shape, source.strides):
        return source.axis
    if source.axis is None or source.shape[source.axis] == 1:
        return None
    stride = source.strides[source.axis]
    found = [axis for axis in range(view.ndim) if view.stride(axis) == stride and view.shape[axis] > 1]
    return found[0] if len(found) == 1 else None


def _follow_shape(source: _Source, shape: tuple[int, ...]) -> int | None:
    """A reshape keeps an axis if it keeps all up to it, or all from it on."""
    if source.axis is None:
        return None
    before, after = source.shape[: source.axis + 1], source.shape[source.axis :]
    if shape[: len(before)] == before:
        return source.axis
    return len(shape) - len(after) if shape[-len(after) :] == after else None


def _tell_first(module: Any) -> bool | None:
    kind = type(module)
    if kind.__name__ in ("LayerNorm", "RMSNorm", "MultiheadAttention"):
        return False
    if kind.__name__ == "GroupNorm":
        return True
    for base in kind.__mro__:
        package, _, file = base.__module__.rpartition(".")
        if package.startswith("torch.") and file in _MODULES_FIRST:
            return _MODULES_FIRST[file]
    return None


def _is_followed(tensor: Any) -> bool:
    if tensor.ndim < 2 or tensor.layout != torch.strided or tensor.is_nested:
        return False
    try:
        _find_memory(tensor)
    except RuntimeError:  # what torch.vmap shows to a function has none
        return False
    return True


def _describe_source(tensor: Any, axis: int | None) -> _Source:
    return _Source(_find_memory(tensor), axis, tuple(tensor.shape), tensor.stride())


def _find_memory(tensor: Any) -> int:
    return int(tensor.untyped_storage().data_ptr())
