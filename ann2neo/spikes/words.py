"""Words of 64 samples: what the raster, the packing and the store share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ann2neo.spikes import kernels

WORD = 64


def n_words(n_samples: int) -> int:
    """Words that hold `n_samples` bits."""
    return -(-n_samples // WORD)


def take_samples(words: npt.NDArray[np.uint64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Each unit's bits at these places, in this order, as new words."""
    first, size = int(order[0]), order.size
    if order[-1] - first == size - 1 and (np.diff(order) == 1).all():
        # Whole words are copied thirty times as fast as bits are looked for.
        taken = np.array(words[:, first // WORD : n_words(first + size)], order="C")
        kernels.drop(taken, first % WORD)
        if size % WORD:
            taken[:, n_words(size) - 1] &= np.uint64((1 << size % WORD) - 1)
        return np.ascontiguousarray(taken[:, : n_words(size)])
    gathered = np.empty((len(words), n_words(size)), np.uint64)
    kernels.gather(words, order, gathered)
    return gathered


def freeze(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hand a fresh array over: `SpikeRaster` takes read-only words without copying them.

    For arrays that were just made here, never for an array of the caller's.
    """
    if isinstance(words.base, np.ndarray):
        words.base.flags.writeable = False
    words.flags.writeable = False
    return words


def is_frozen(words: npt.NDArray[np.uint64]) -> bool:
    """Whether nobody can write to `words` without making read-only data writeable first."""
    owner = words if words.base is None else words.base
    return (
        words.flags.c_contiguous
        and isinstance(owner, np.ndarray)
        and owner.flags.owndata
        and not owner.flags.writeable
        and not words.flags.writeable
    )


def check_words(words: npt.NDArray[np.uint64], n_samples: int) -> None:
    """Refuse what no raster of `n_samples` samples consists of."""
    expected = n_words(n_samples)
    if words.dtype != np.uint64 or words.ndim != 2 or len(words) < 1 or words.shape[1] != expected:
        raise ValueError(
            f"words must be uint64 of shape (n_units ≥ 1, {expected}) for {n_samples} samples, "
            f"got {words.dtype} of shape {words.shape}"
        )
    tail = n_samples % WORD
    if tail and np.any(words[:, -1] >> np.uint64(tail)):
        raise ValueError(f"words has bits set beyond n_samples = {n_samples}")
