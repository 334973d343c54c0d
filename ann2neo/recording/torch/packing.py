"""Activations as torch holds them, handed to the recorder; on a GPU only their bits leave it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ann2neo.recording.torch.rows import make_dense
from ann2neo.recording.torch.weights import are_finite


def hand_over(tensor: Any) -> Any:
    """A tensor as a NumPy array where that takes no copy, else to be packed where it lies."""
    tensor = make_dense(tensor)
    if tensor.is_floating_point() and (tensor.device.type != "cpu" or tensor.dtype == torch.bfloat16):
        return TensorActivations(tensor)
    return tensor.cpu().numpy()


class TensorActivations:
    """A tensor with as much of an array's ways as recorder and packer use.

    `pack_above` is what `ann2neo.spikes.packing.pack` looks for. As an array, for thresholds that are
    callables and for messages, it holds the same values in NumPy's next larger type.
    """

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._tensor.shape)

    @property
    def ndim(self) -> int:
        return int(self._tensor.ndim)

    def __len__(self) -> int:
        return len(self._tensor)

    def __getitem__(self, key: Any) -> TensorActivations:
        return TensorActivations(self._tensor[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        known = self._tensor.float() if self._tensor.dtype == torch.bfloat16 else self._tensor
        return np.array(known.cpu().numpy(), dtype)

    def reshape(self, *shape: int) -> TensorActivations:
        return TensorActivations(self._tensor.reshape(*shape))

    def transpose(self, axes: Any) -> TensorActivations:
        return TensorActivations(self._tensor.permute(*axes))

    def pack_above(self, threshold: Any) -> np.ndarray | None:
        """Words (n_units, n_words) with a bit where a value is greater; None if one is not finite."""
        values = self._tensor
        if not are_finite(values):
            return None
        active = (values > self._level(threshold)).T.to(torch.uint8)
        n_units, n_samples = active.shape
        padded = torch.nn.functional.pad(active, (0, -n_samples % 64))
        places = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], dtype=torch.uint8, device=values.device)
        packed = (padded.reshape(n_units, -1, 8) * places).sum(-1, dtype=torch.uint8)
        words: np.ndarray = packed.contiguous().cpu().numpy().view("<u8").astype(np.uint64, copy=False)
        return words

    def _level(self, threshold: Any) -> Any:
        """The threshold in the precision of the values, rounded once."""
        half = self._tensor.dtype == torch.float16
        with np.errstate(over="ignore"):
            level = np.array(threshold, np.float64).astype(np.float16 if half else np.float64)
        return torch.from_numpy(level).to(self._tensor.dtype).to(self._tensor.device)
