"""Samples as a stream of batches, whatever they come in."""

from __future__ import annotations

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


def batches(
    samples: Any, *, labels: Any, batch_size: int, rng: np.random.Generator | None
) -> Batches:
    """Read `samples` as batches.

    Parameters
    ----------
    samples : array, mapping or tuple of arrays, tf.data.Dataset, PyDataset or iterable of batches
        Anything else than arrays comes in batches already, each ``inputs`` or ``(inputs, labels)``.
    labels : array, None or False
        A label a sample; None takes those that come with the batches, False drops them.
    batch_size : int
        Samples a batch, for arrays.
    rng : numpy.random.Generator, optional
        Arrays are read in an order drawn from it. Other samples come as they come.
    """
    if labels is not None and labels is not False:
        labels = checked_labels(labels, "labels")
    leaves = _arrays(samples)
    if leaves is None:
        return Batches(lambda: _stream(samples, labels), None, None)
    n_samples = _common_length(leaves)
    if labels is not None and labels is not False and len(labels) != n_samples:
        raise ValueError(f"labels must have one entry a sample ({n_samples}), got {len(labels)}")
    order = None if rng is None else rng.permutation(n_samples)

    def slices() -> Iterator[Batch]:
        for start in range(0, n_samples, batch_size):
            stop = min(start + batch_size, n_samples)
            chosen = slice(start, stop) if order is None else order[start:stop]
            inputs = _map(samples, lambda array: _taken(array, chosen))
            found = None if labels is None or labels is False else labels[chosen]
            yield Batch(inputs, found, stop - start)

    return Batches(slices, n_samples, order)


def checked_labels(labels: Any, name: str) -> np.ndarray:
    """Labels as a one-dimensional array of int, bool, float or str."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        hint = "; for one-hot rows pass labels=rows.argmax(axis=1)" if array.ndim == 2 else ""
        raise ValueError(
            f"{name} must be one int, float or str a sample, shape (n_samples,), got shape "
            f"{array.shape} of {array.dtype}{hint}, or labels=False to record without"
        )
    return array


def _arrays(samples: Any) -> list[Any] | None:
    """The arrays of `samples`, or None if these are not arrays."""
    if isinstance(samples, Mapping):
        leaves = list(samples.values())
    elif isinstance(samples, tuple):
        leaves = list(samples)
    else:
        leaves = [samples]
    return leaves if leaves and all(_is_array(leaf) for leaf in leaves) else None


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__") and len(value.shape) > 0


def _common_length(leaves: list[Any]) -> int:
    lengths = {int(leaf.shape[0]) for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(f"samples must be arrays of one length, got lengths {sorted(lengths)}")
    (length,) = lengths
    if length == 0:
        raise ValueError(f"samples must hold at least one sample, got shape {tuple(leaves[0].shape)}")
    return length


def _taken(array: Any, chosen: slice | np.ndarray) -> np.ndarray:
    if hasattr(array, "iloc"):
        array = array.to_numpy()
    if isinstance(chosen, slice):
        return np.asarray(array[chosen])
    # Ascending reads suit files, and h5py takes no other order.
    places = np.argsort(chosen)
    read = np.asarray(array[chosen[places]])
    taken = np.empty_like(read)
    taken[places] = read
    return taken


def _map(structure: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(structure, Mapping):
        return {key: function(value) for key, value in structure.items()}
    if isinstance(structure, (tuple, list)):
        return tuple(function(value) for value in structure)
    return function(structure)


def _stream(samples: Any, labels: Any) -> Iterator[Batch]:
    done = 0
    for item in _items(samples):
        inputs, inside = _unpacked(item)
        inputs = _map(inputs, np.asarray)
        n_samples = _batch_length(inputs)
        if n_samples == 0:
            continue
        if labels is None and inside is not None:
            found = checked_labels(inside, "labels inside samples")
        elif labels is None or labels is False:
            found = None
        else:
            found = labels[done : done + n_samples]
        if found is not None and len(found) != n_samples:
            raise ValueError(
                f"labels must have one entry a sample: a batch of {n_samples} samples after {done} "
                f"has {len(found)}"
            )
        done += n_samples
        yield Batch(inputs, found, n_samples)
    if isinstance(labels, np.ndarray) and len(labels) != done:
        raise ValueError(f"labels must have one entry a sample ({done}), got {len(labels)}")


def _items(samples: Any) -> Iterator[Any]:
    # A Keras PyDataset is indexed and has no end of its own.
    if hasattr(samples, "num_batches"):
        n_batches = samples.num_batches
        if n_batches is None:
            raise ValueError("samples is an endless PyDataset; give one with a length")
        return (samples[index] for index in range(n_batches))
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
        return item[0], item[1] if len(item) > 1 else None
    raise ValueError(
        "each batch of samples must be inputs, (inputs,), (inputs, labels) or (inputs, labels, weights), "
        f"with several inputs in a tuple or dict of their own; got a {type(item).__name__} of {len(item)}"
    )


def _batch_length(inputs: Any) -> int:
    values = inputs.values() if isinstance(inputs, Mapping) else inputs
    leaves = list(values) if isinstance(inputs, (Mapping, tuple)) else [inputs]
    lengths = {leaf.shape[0] if leaf.ndim else None for leaf in leaves}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(
            "each batch of samples must be arrays with one length, samples first; got shapes "
            f"{[leaf.shape for leaf in leaves]} (is the data set batched?)"
        )
    return int(lengths.pop())  # type: ignore[arg-type]
