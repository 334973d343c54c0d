"""Samples as a stream of batches, whatever they come in.

Nothing here keeps a batch that it has given out: `map` holds none, where the variables of a generator
would hold the last one while the next is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Consecutive samples: what goes into the network and, where known, a label a sample."""

    inputs: Any
    labels: np.ndarray | None
    n_samples: int


@dataclass(frozen=True)
class Batches:
    """Samples in batches; iterate to read them.

    `order` is the permutation applied, or None; `n_samples` is None where only reading tells.
    """

    iterate: Callable[[], Iterator[Batch]]
    n_samples: int | None
    order: np.ndarray | None

    def __iter__(self) -> Iterator[Batch]:
        return self.iterate()


def batches(samples: Any, *, labels: Any, batch_size: int, rng: np.random.Generator | None) -> Batches:
    """Read `samples` as batches.

    Parameters
    ----------
    samples : array, mapping or tuple of arrays, tf.data.Dataset, PyDataset or iterable of batches
        Anything else than arrays (or tensors of torch) comes in batches already, each ``inputs`` or
        ``(inputs, labels)``.
    labels : array, None or False
        A label a sample; None takes those that come with the batches, False drops them.
    batch_size : int
        Samples a batch, for arrays.
    rng : numpy.random.Generator, optional
        Arrays are read in an order drawn from it. Other samples come as they come.
    """
    given = labels is not None and labels is not False
    if given:
        labels = checked_labels(labels, "labels")
    if not _are_arrays(samples):
        _check_order(samples)
        return Batches(lambda: _Stream(labels).read(samples), None, None)
    samples = _map(samples, _indexable)
    n_samples = _common_length(_leaves(samples))
    if given and len(labels) != n_samples:
        raise ValueError(f"labels must have one entry a sample ({n_samples}), got {len(labels)}")
    order = None if rng is None else rng.permutation(n_samples)

    def batch_at(start: int) -> Batch:
        stop = min(start + batch_size, n_samples)
        chosen = slice(start, stop) if order is None else order[start:stop]
        inputs = _map(samples, lambda array: _taken(array, chosen))
        return Batch(inputs, labels[chosen] if given else None, stop - start)

    return Batches(lambda: map(batch_at, range(0, n_samples, batch_size)), n_samples, order)


def checked_labels(labels: Any, name: str) -> np.ndarray:
    """Labels as a one-dimensional array of int, bool, float or str."""
    array = _as_array(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype == object and all(isinstance(label, str) for label in array.flat):
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        hint = "; for one-hot rows pass labels=rows.argmax(axis=1)" if array.ndim == 2 else ""
        if array.ndim == 0:
            hint = " (is the data set batched?)"
        raise ValueError(
            f"{name} must be one int, float or str a sample, shape (n_samples,), got shape "
            f"{array.shape} of {array.dtype}{hint}"
        )
    return array


def _check_order(samples: Any) -> None:
    """Refuse a DataLoader of torch in another order, or in one of its user's own making: nobody learns
    which sample comes when."""
    if not (hasattr(samples, "sampler") and hasattr(samples, "batch_sampler")):
        return
    sampler = samples.sampler if samples.batch_sampler is None else samples.batch_sampler
    while _torch_name(sampler) == "BatchSampler":
        sampler = sampler.sampler
    in_order = getattr(samples, "in_order", True)
    if in_order and _is_sequential(sampler):
        return
    found = type(sampler).__name__ if in_order else "in_order=False"
    raise ValueError(
        f"samples must come in the order of the data set, got a DataLoader with a {found}: make one "
        "with shuffle=False; for another order pass rng. If the order is known to be that of the data "
        "set, pass iter(loader)"
    )


def _is_sequential(sampler: Any) -> bool:
    name = _torch_name(sampler)
    if name == "DistributedSampler":
        return not sampler.shuffle and sampler.num_replicas == 1
    # The second stands in where the data set is an iterable, which is read as it comes.
    return name in ("SequentialSampler", "_InfiniteConstantSampler")


def _torch_name(sampler: Any) -> str:
    """Name of a class of torch, or of torchdata, which has its own of the same names; else ""."""
    kind = type(sampler)
    return kind.__name__ if kind.__module__.partition(".")[0] in ("torch", "torchdata") else ""


def _are_arrays(samples: Any) -> bool:
    leaves = _leaves(samples)
    return bool(leaves) and all(_is_array(leaf) for leaf in leaves)


def _leaves(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return list(structure.values())
    return list(structure) if isinstance(structure, tuple) else [structure]


def _map(structure: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(structure, Mapping):
        return {key: function(value) for key, value in structure.items()}
    if isinstance(structure, tuple):
        return tuple(function(value) for value in structure)
    return function(structure)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__") and len(value.shape) > 0


def _indexable(array: Any) -> Any:
    """An array that takes slices and ascending indices; what is on disk stays there."""
    if hasattr(array, "toarray"):
        raise TypeError(f"samples must be dense, got a {type(array).__name__}; pass samples.toarray()")
    # Tensors cannot be indexed by an array.
    return _as_array(array) if callable(getattr(array, "numpy", None)) else array


def _as_array(leaf: Any) -> np.ndarray:
    if callable(getattr(leaf, "detach", None)):
        # Tensors of torch may lie on a GPU, or in a precision that NumPy lacks.
        leaf = leaf.detach().cpu()
        leaf = leaf.float() if str(leaf.dtype) == "torch.bfloat16" else leaf
    return np.asarray(leaf)


def _common_length(leaves: list[Any]) -> int:
    lengths = {int(leaf.shape[0]) for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(f"samples must be arrays of one length, got lengths {sorted(lengths)}")
    (length,) = lengths
    if length == 0:
        raise ValueError(f"samples must hold at least one sample, got shape {tuple(leaves[0].shape)}")
    return length


def _taken(array: Any, chosen: slice | np.ndarray) -> np.ndarray:
    rows = getattr(array, "iloc", array)
    if isinstance(chosen, slice):
        return np.asarray(rows[chosen])
    # Ascending reads suit files, and h5py takes no other order.
    places = np.argsort(chosen)
    read = np.asarray(rows[chosen[places]])
    taken = np.empty_like(read)
    taken[places] = read
    return taken


class _Stream:
    """Batches from an iterable of them; counts samples against the labels given for all."""

    def __init__(self, labels: Any) -> None:
        self._labels = labels
        self._done = 0

    def read(self, samples: Any) -> Iterator[Batch]:
        filled = filter(lambda batch: batch.n_samples, map(self._batch, _items(samples)))
        return itertools.chain(filled, self._checked_end())

    def _batch(self, item: Any) -> Batch:
        inputs, inside = _unpacked(item)
        inputs = _map(inputs, _as_array)
        n_samples = _batch_length(inputs)
        found = self._found(inside, n_samples)
        if found is not None and len(found) != n_samples:
            raise ValueError(
                "labels must have one entry a sample: the batch of samples after the first "
                f"{self._done} has {n_samples} and {len(found)} labels"
            )
        self._done += n_samples
        return Batch(inputs, found, n_samples)

    def _found(self, inside: Any, n_samples: int) -> np.ndarray | None:
        if self._labels is False:
            return None
        if self._labels is not None:
            return self._labels[self._done : self._done + n_samples]
        if inside is None:
            return None
        return checked_labels(inside, "labels inside samples (labels=False leaves them out)")

    def _checked_end(self) -> Iterator[Batch]:
        if isinstance(self._labels, np.ndarray) and len(self._labels) != self._done:
            raise ValueError(
                f"labels must have one entry a sample ({self._done}), got {len(self._labels)}"
            )
        yield from ()


def _items(samples: Any) -> Iterator[Any]:
    # A Keras PyDataset is indexed and has no end of its own.
    if hasattr(samples, "num_batches"):
        n_batches = samples.num_batches
        if n_batches is None:
            raise ValueError("samples must end: this PyDataset has no length (num_batches is None)")
        return map(samples.__getitem__, range(n_batches))
    if callable(getattr(samples, "cardinality", None)) and int(samples.cardinality()) == -1:
        raise ValueError("samples must end: this tf.data.Dataset repeats for ever; take(n) some batches")
    try:
        return iter(samples)
    except TypeError:
        raise TypeError(
            "samples must be an array, a dict or tuple of arrays, a tf.data.Dataset, a "
            f"keras.utils.PyDataset or an iterable of batches, got {samples!r:.80} "
            f"({type(samples).__name__})"
        ) from None


def _unpacked(item: Any) -> tuple[Any, Any]:
    """(inputs, labels) of a batch, by Keras' convention: x, (x,), (x, y) or (x, y, weight)."""
    if not isinstance(item, (tuple, list)):
        return item, None
    if 1 <= len(item) <= 3 and not np.isscalar(item[0]):
        inputs = tuple(item[0]) if isinstance(item[0], list) else item[0]
        return inputs, item[1] if len(item) > 1 else None
    raise ValueError(
        "each batch of samples must be inputs, (inputs,), (inputs, labels) or (inputs, labels, weights),"
        " with several inputs in a tuple or dict of their own; got a "
        f"{type(item).__name__} of {len(item)}"
    )


def _batch_length(inputs: Any) -> int:
    shapes = [leaf.shape for leaf in _leaves(inputs)]
    lengths = {shape[0] if shape else None for shape in shapes}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(
            "each batch of samples must be arrays with one length, samples first; got shapes "
            f"{shapes} (is the data set batched? a list of samples is made an array by np.stack)"
        )
    return int(shapes[0][0])
