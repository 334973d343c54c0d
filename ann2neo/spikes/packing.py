"""Activations to packed bits, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ann2neo.spikes import kernels
from ann2neo.spikes.words import WORD, freeze, n_words

_BUFFER_BYTES = 16 * 2**20

_EXACT = 2**53
"""Up to here an integer compares with one rounded to float64 as it does with the integer itself."""


class NonFiniteActivation(ValueError):  # noqa: N818 (what happened, not who complains)
    """An activation was NaN or infinite; `block`, `row` and `column` say where."""

    def __init__(self, block: int, row: int, column: int, value: float) -> None:
        super().__init__(f"activation is {value} in block {block}, row {row}, column {column}")
        self.block, self.row, self.column, self.value = block, row, column, value


class Packer:
    """Thresholds batches of activations and packs them, unit-major.

    Parameters
    ----------
    n_units : int
        Units over all blocks of a batch.
    n_samples : int, optional
        Number of samples to expect, where known; the buffer then has its final size at once.
    flush : callable, optional
        Takes each full block of words, shape (n_units, block), as soon as it is full, and may not keep
        it: the buffer is used again. `finish` flushes the rest.
    """

    def __init__(
        self,
        n_units: int,
        n_samples: int | None = None,
        flush: Callable[[np.ndarray], Any] | None = None,
    ) -> None:
        self._flush = flush
        self.n_samples = 0
        self._start = 0
        words = buffer_words(n_units) if flush or n_samples is None else n_words(n_samples)
        self._words = np.zeros((n_units, max(words, 1)), np.uint64)

    def append(self, blocks: Sequence[np.ndarray], thresholds: Sequence[Any]) -> None:
        """Add one batch.

        Parameters
        ----------
        blocks : sequence of arrays, each of shape (n_batch, n_units of this block)
            Activations, block under block of units.
        thresholds : sequence, one per block
            A number, an array of shape (n_units of this block,), or one of the block's own shape.

        Raises
        ------
        NonFiniteActivation
            If an activation is NaN or infinite; what was packed is then worthless.
        """
        n_batch = self._batch_length(blocks)
        done = 0
        while done < n_batch:
            free = self._words.shape[1] * WORD - self._start
            if free == 0:
                self._make_room()
                continue
            size = min(free, n_batch - done)
            first = 0
            for index, (block, threshold) in enumerate(zip(blocks, thresholds, strict=True)):
                rows = self._words[first : first + block.shape[1]]
                part = block[done : done + size]
                level = threshold[done : done + size] if np.ndim(threshold) == 2 else threshold
                if not pack(part, level, rows, self._start):
                    raise _locate(index, block)
                first += block.shape[1]
            self._start += size
            self.n_samples += size
            done += size

    def _batch_length(self, blocks: Sequence[np.ndarray]) -> int:
        # The kernel writes where it is told to: a wrong shape must not get that far.
        shapes = [np.shape(block) for block in blocks]
        fits = all(len(shape) == 2 and shape[0] == shapes[0][0] for shape in shapes)
        n_units = len(self._words)
        if not fits or sum(shape[1] for shape in shapes) != n_units:
            raise ValueError(
                f"blocks must have shapes (n_batch, n_units) with {n_units} units together, got {shapes}"
            )
        return int(shapes[0][0])

    def finish(self) -> np.ndarray | None:
        """The packed words, or None if they went to `flush`."""
        used = self._words[:, : n_words(self._start)]
        if self._flush is not None:
            if self._start:
                self._flush(used)
            return None
        return freeze(np.array(used)) if used.shape != self._words.shape else freeze(self._words)

    def _make_room(self) -> None:
        if self._flush is not None:
            self._flush(self._words)
            self._words[:] = 0
            self._start = 0
        else:
            self._words = np.concatenate([self._words, np.zeros_like(self._words)], axis=1)


def buffer_words(n_units: int) -> int:
    """Words per unit that a buffer of bounded size holds."""
    return max(1, min(1024, _BUFFER_BYTES // (8 * n_units)))


def pack(activations: np.ndarray, threshold: Any, words: np.ndarray, start: int) -> bool:
    """Set bit ``start + t`` where ``activations[t] > threshold``; False if a value is not finite.

    The threshold is compared in the activations' own precision. Activations that lie elsewhere, on a GPU
    for example, may have a method ``pack_above(threshold)`` that returns their words, shape
    (n_units, n_words) with a zero tail, or None if a value is not finite.

    Raises
    ------
    ValueError
        If the threshold is NaN, or an integer is not between −2**53 and 2**53, where float64 may make it
        another.
    """
    pack_above = getattr(activations, "pack_above", None)
    if pack_above is not None:
        packed = pack_above(threshold)
        if packed is not None:
            kernels.append(packed, len(activations), words, start)
        return packed is not None
    values = np.asarray(activations)
    _check_exact(values)
    wide, level = _level(threshold, values.dtype, values.shape[1:])
    values = values.astype(wide, copy=False)
    if level.ndim == 2:
        if not np.isfinite(values).all():
            return False
        values, level = (values > level).view(np.uint8), np.zeros(values.shape[1], np.uint8)
    return bool(kernels.pack_above(np.ascontiguousarray(values), level, words, start))


def _check_exact(values: np.ndarray) -> None:
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return
    for value in (int(values.min()), int(values.max())):
        if abs(value) >= _EXACT:
            raise ValueError(
                f"activations that are integers must lie between -2**53 and 2**53, since they meet "
                f"their threshold in float64; got {value}"
            )


def _level(threshold: Any, dtype: np.dtype, shape: tuple[int, ...]) -> tuple[np.dtype, np.ndarray]:
    """The kernel's precision, and in it the threshold of each unit, or of each value (two axes)."""
    if isinstance(threshold, float):
        return _constant_level(threshold, dtype, shape)
    own, wide = _precisions(dtype)
    # A threshold beyond the range becomes infinite, which compares as it should.
    with np.errstate(over="ignore"):
        level = np.asarray(threshold).astype(own).astype(wide)
    if np.isnan(level).any():
        raise ValueError("threshold must not be NaN")
    return wide, level if level.ndim == 2 else np.ascontiguousarray(np.broadcast_to(level, shape))


@lru_cache(maxsize=64)
def _constant_level(
    threshold: float, dtype: np.dtype, shape: tuple[int, ...]
) -> tuple[np.dtype, np.ndarray]:
    """One number for all units: what a monitor asks for after every batch of a training."""
    return _level(np.asarray(threshold), dtype, shape)


def _precisions(dtype: np.dtype) -> tuple[np.dtype, np.dtype]:
    """The precision in which such values meet their threshold, and the kernel's that holds it."""
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    if dtype.kind in "biu":
        return double, double
    if dtype.kind == "f" and dtype.itemsize <= 8:
        own = dtype.newbyteorder("=")
        return own, double if dtype.itemsize == 8 else single
    if np.can_cast(dtype, single):  # bfloat16 and its kin, which NumPy does not call floats
        return dtype, single
    raise TypeError(f"activations must be real numbers of at most 64 bits, got dtype {dtype}")


def _locate(index: int, block: np.ndarray) -> NonFiniteActivation:
    values = np.asarray(block, np.float64)
    row, column = np.argwhere(~np.isfinite(values))[0]
    return NonFiniteActivation(index, int(row), int(column), float(values[row, column]))
