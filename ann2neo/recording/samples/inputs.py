"""The inputs of a network: an array or tensor, or a dict or tuple of these and of options."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def is_array(value: Any) -> bool:
    """Whether a value has an axis, which is that of the samples."""
    if getattr(value, "is_nested", False) is True:
        return True  # a tensor of torch whose shape cannot be asked for
    return hasattr(value, "shape") and hasattr(value, "__getitem__") and _n_axes(value) > 0


def is_option(value: Any) -> bool:
    """Whether a value among inputs is the same for all samples, as ``use_cache=False``."""
    plain = value is None or isinstance(value, str | bytes | numbers.Number | np.generic)
    return plain or (hasattr(value, "shape") and _n_axes(value) == 0)


def list_leaves(inputs: Any) -> list[Any]:
    """All values of a dict or tuple, however nested, options among them."""
    if isinstance(inputs, Mapping):
        return [leaf for value in inputs.values() for leaf in list_leaves(value)]
    if isinstance(inputs, tuple):
        return [leaf for value in inputs for leaf in list_leaves(value)]
    return [inputs]


def list_arrays(inputs: Any) -> list[Any]:
    """The arrays among the inputs."""
    return [leaf for leaf in list_leaves(inputs) if is_array(leaf)]


def map_arrays(inputs: Any, function: Callable[[Any], Any]) -> Any:
    """The inputs with each array replaced by what `function` makes of it; options stay as they are."""
    if isinstance(inputs, Mapping):
        return {key: map_arrays(value, function) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(map_arrays(value, function) for value in inputs)
    return function(inputs) if is_array(inputs) else inputs


def take_rows(inputs: Any, rows: npt.NDArray[np.int64]) -> Any:
    """The inputs of some samples; a list with an entry per sample is taken from as an array is."""
    n_samples = count_samples(inputs)
    return _take_rows(inputs, rows, n_samples)


def count_samples(inputs: Any) -> int:
    """Number of samples in inputs.

    Raises
    ------
    ValueError
        If the arrays differ in length, or there is none.
    """
    shapes = [tuple(leaf.shape) for leaf in list_leaves(inputs) if hasattr(leaf, "shape")]
    lengths = {shape[0] for shape in shapes if shape}
    if len(lengths) != 1:
        raise ValueError(
            "each batch of samples must be arrays with one length, samples first; got shapes "
            f"{shapes} (is the data set batched? a list of samples is made an array by np.stack)"
        )
    return int(lengths.pop())


def check_dense(array: Any) -> None:
    """Refuse what is sparse, ragged or masked, or holds no values."""
    kind = type(array).__name__
    if np.ma.is_masked(array):
        raise ValueError(
            "samples must have a value everywhere, got an array with masked entries; pass "
            "samples.filled(value), or leave these samples out"
        )
    if getattr(getattr(array, "device", None), "type", "") == "meta":
        raise ValueError("samples must hold values, got a tensor on the meta device, which has none")
    if hasattr(array, "toarray"):
        raise TypeError(f"samples must be dense, got a {kind}; pass samples.toarray()")
    if kind == "RaggedTensor":
        raise TypeError(
            "samples must be of one length, got a RaggedTensor; pass samples.to_tensor(), and with "
            "conv_units='channels' a mask that leaves the padding out"
        )
    if getattr(array, "is_nested", False):
        raise TypeError(
            "samples must be of one length, got a nested tensor; pass its to_padded_tensor(0), and with "
            "conv_units='channels' a mask that leaves the padding out"
        )
    if kind == "SparseTensor" or str(getattr(array, "layout", "torch.strided")) != "torch.strided":
        raise TypeError(f"samples must be dense, got a sparse {kind}; pass it as a dense one")


def as_array(leaf: Any) -> npt.NDArray[Any]:
    """A leaf as an array of NumPy."""
    check_dense(leaf)
    if callable(getattr(leaf, "detach", None)):
        # Tensors of torch may lie on a GPU, or in a precision that NumPy lacks.
        leaf = leaf.detach().cpu()
        leaf = leaf.dequantize() if leaf.is_quantized else leaf
        leaf = leaf.float() if str(leaf.dtype) == "torch.bfloat16" else leaf
    return np.asarray(leaf)


def _take_rows(inputs: Any, rows: npt.NDArray[np.int64], n_samples: int) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _take_rows(value, rows, n_samples) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_take_rows(value, rows, n_samples) for value in inputs)
    if is_array(inputs):
        return inputs[rows]
    if isinstance(inputs, Sequence) and not isinstance(inputs, str | bytes) and len(inputs) == n_samples:
        return [inputs[row] for row in rows]
    return inputs


def _n_axes(value: Any) -> int:
    try:
        return len(value.shape)
    except (TypeError, ValueError):
        return 0
