"""Which row of a layer belongs to which sample: proven by runs of samples exchanged and alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_TOLERANCE = {torch.float64: 1e-7, torch.float32: 2e-3, torch.float16: 5e-2, torch.bfloat16: 2e-1}
_STRICT = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""For a sample that stays in its place among as many others: it is summed up in the same order."""

DEPENDENT = (
    "its rows depend on the other samples of the batch, or come in an order of their own; shown alone, "
    "with batch_size=1, each sample has its own"
)


@dataclass(frozen=True)
class Arrangement:
    """Where the samples are in a layer's tensor: along `axis`, `n_rows` rows of it for each.

    With `n_rows` > 1 the rows of one sample follow one another (`is_by_sample`), or those of one
    position do. 0 rows stand for one that is the sample, so that the layer's shape has no such axis.
    """

    axis: int = 0
    n_rows: int = 0
    is_by_sample: bool = True

    def arrange(self, tensor: Any, n_samples: int) -> Any:
        """The tensor with samples first: (n_samples, ...), or (n_samples, n_rows, ...)."""
        if self.axis:
            tensor = tensor.movedim(self.axis, 0)
        if not self.n_rows:
            return tensor
        if len(tensor) % n_samples:
            raise ValueError(f"a layer gave {len(tensor)} rows for {n_samples} samples")
        # Samples of other batches may have other numbers of positions.
        n_rows = len(tensor) // n_samples
        if self.is_by_sample:
            return tensor.unflatten(0, (n_samples, n_rows))
        return tensor.unflatten(0, (n_rows, n_samples)).transpose(0, 1)

    def find_axis(self, axis: int | None) -> int | None:
        """Where an axis of the tensor is in the shape of one sample."""
        if axis is None or axis == self.axis:
            return None
        return axis - (axis > self.axis) + bool(self.n_rows)

    def shape_sample(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of one sample, of a tensor of this shape."""
        rest = [size for axis, size in enumerate(shape) if axis != self.axis]
        return (self.n_rows, *rest) if self.n_rows else tuple(rest)


def list_arrangements(shape: Sequence[int], n_samples: int) -> list[Arrangement]:
    """All that a shape allows, the most likely first."""
    found = []
    for axis, size in enumerate(shape):
        if size == n_samples:
            found.append(Arrangement(axis))
    for axis, size in enumerate(shape):
        if size > n_samples and size % n_samples == 0:
            found += [Arrangement(axis, size // n_samples, by_sample) for by_sample in (True, False)]
    return found


@dataclass(frozen=True)
class Shown:
    """A layer's tensor when the samples `rows` of the trial were shown; None if it was not called.
    The first `n_ignored` of them are not compared."""

    rows: tuple[int, ...]
    tensor: Any
    n_ignored: int = 0


def find_arrangement(shown: Sequence[Shown]) -> Arrangement | str:
    """The arrangement that all runs bear out, or why there is none.

    `shown[0]` is the run of all samples of the trial; in others they are exchanged, repeated or alone.
    """
    base = shown[0]
    if any(run.tensor is None for run in shown):
        return "the network does not call it for every batch"
    fault = find_form_fault(base.tensor)
    if fault:
        return fault
    n_samples = len(base.rows)
    possible = [
        arrangement
        for arrangement in list_arrangements(base.tensor.shape, n_samples)
        if all(_fits(arrangement, base.tensor, run) for run in shown[1:])
    ]
    if not possible:
        sizes = [tuple(run.tensor.shape) for run in shown if len(run.rows) != n_samples]
        alone = f", {sizes[-1]} for {len(shown[-1].rows)}" if sizes else ""
        return (
            f"it gave {len(base.tensor)} rows for {n_samples} samples: its first axis is not the "
            f"samples, nor is another (shape {tuple(base.tensor.shape)}{alone})"
        )
    for arrangement in possible:
        if all(_bears_out(arrangement, base, run) for run in shown[1:]):
            return arrangement
    return DEPENDENT


def _bears_out(arrangement: Arrangement, base: Shown, run: Shown) -> bool:
    rows = arrangement.arrange(base.tensor, len(base.rows))
    # The same sample has the same row in both, wherever it comes.
    first = [base.rows.index(row) for row in run.rows]
    start = run.n_ignored
    found = arrangement.arrange(run.tensor, len(run.rows))
    if not agree(rows[first][start:], found[start:]):
        return False
    if len(run.rows) != len(base.rows):
        return True
    stays = [k for k in range(start, len(first)) if run.rows[k] == base.rows[k]]
    return agree(rows[stays], found[stays], strict=True)


def find_form_fault(tensor: Any) -> str:
    """What is wrong with a tensor, whatever its rows; "" for nothing."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return "it runs inside torch.vmap, sample by sample: record what that returns"
    if tensor.is_nested:
        return "it returns nested tensors; record a layer that returns padded ones"
    if tensor.is_complex():
        return "its values are complex: record a layer that returns their absolute values"
    return ""


def _fits(arrangement: Arrangement, base: Any, run: Shown) -> bool:
    shape, other = list(base.shape), list(run.tensor.shape)
    if len(shape) != len(other):
        return False
    expected = len(run.rows) * max(1, arrangement.n_rows)
    shape[arrangement.axis] = expected
    return shape == other


def agree(a: Any, b: Any, *, strict: bool = False) -> bool:
    """Whether values are the same, up to what rounding makes of other shapes of a batch."""
    a, b = make_dense(a), make_dense(b)
    if a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return bool(torch.equal(a, b))
    tolerance = (_STRICT if strict else _TOLERANCE).get(a.dtype, 2e-1)
    if a.dtype not in (torch.float32, torch.float64):
        a, b = a.float(), b.float()
    if not a.numel() or torch.equal(a, b):
        return True
    if not math.isfinite(_find_scale(a, b)):
        # A maximum that is NaN or infinite tells nothing of the others.
        both = torch.isfinite(a) & torch.isfinite(b)
        if not torch.equal(torch.isfinite(a), torch.isfinite(b)):
            return False
        a, b = torch.where(both, a, 0), torch.where(both, b, 0)
    return float((a - b).abs().amax()) <= tolerance * _find_scale(a, b)


def sum_rows(tensor: Any) -> np.ndarray:
    """How much there is of each row."""
    found: np.ndarray = make_dense(tensor).flatten(1).float().abs().sum(1).cpu().numpy()
    return found


def _find_scale(a: Any, b: Any) -> float:
    return float(torch.maximum(a.abs().amax(), b.abs().amax()))


def make_dense(tensor: Any) -> Any:
    """A tensor as one of plain numbers."""
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()
