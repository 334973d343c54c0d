"""Samples as a stream of batches, whatever they come in.

Nothing here keeps a batch that it has given out: `map` holds none, where the variables of a generator
would hold the last one while the next is made.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.samples.inputs import (
    as_array,
    check_dense,
    count_samples,
    is_array,
    is_option,
    list_arrays,
    list_leaves,
    map_arrays,
)
from ann2neo.recording.samples.labels import LabelReader, check_labels
from ann2neo.recording.samples.order import Order, find_order, warn_if_redrawn


@dataclass(frozen=True)
class Batch:
    """Samples shown together: what goes into the network and, where known, a label per sample.

    Labels from inside the samples may also be one per position, shape (n_samples, ...). `indices` are
    the places of the samples in the data set, None where they follow those of the batch before; `mask`
    is False at positions to be left out; `trial` counts how often they were shown.
    """

    inputs: Any
    labels: npt.NDArray[Any] | None
    n_samples: int
    indices: npt.NDArray[np.int64] | None = None
    mask: npt.NDArray[np.bool_] | None = None
    trial: int | None = None


@dataclass(frozen=True)
class Batches:
    """Samples in batches; iterate to read them.

    `order` is the permutation applied, or None; `n_samples` is None where only reading tells.
    `is_repeatable` says whether they can be read again, and are the same then.
    """

    iterate: Callable[[], Iterator[Batch]]
    n_samples: int | None
    order: npt.NDArray[np.int64] | None
    is_repeatable: bool = True

    def __iter__(self) -> Iterator[Batch]:
        return self.iterate()


def batches(
    samples: Any,
    *,
    labels: Any,
    batch_size: int,
    rng: np.random.Generator | None,
    takes: Callable[[str], bool] | None = None,
    per_position: bool = False,
) -> Batches:
    """Read `samples` as batches.

    Parameters
    ----------
    samples : array, mapping or tuple of arrays, tf.data.Dataset, PyDataset or iterable of batches
        Anything else than arrays (or tensors of torch) comes in batches already, each ``inputs`` or
        ``(inputs, labels)``. Beside arrays, mappings and tuples may hold options.
    labels : array, None or False
        A label per sample; None takes those that come with the batches, False drops them.
    batch_size : int
        Samples per batch, for arrays.
    rng : numpy.random.Generator, optional
        Arrays are read in an order drawn from it. Other samples come as they come.
    takes : callable, optional
        Whether the network takes an input of this name. With it, the entry ``"labels"`` (or ``"label"``)
        of a mapping are labels; without, all entries are inputs and nothing else.
    per_position : bool
        Whether `labels` may have an entry per position of each sample.

    Raises
    ------
    TypeError, ValueError
        If samples or labels do not fit, or the order in which they come is not that of the data set.

    Warns
    -----
    UserWarning
        If the order may be another and cannot be checked.
    """
    apart = labels is not None and labels is not False
    given = check_labels(labels, "labels", per_position=per_position) if apart else None
    if apart and hasattr(samples, "iloc") and hasattr(labels, "iloc"):
        _check_same_rows(samples, labels)
    reader = LabelReader(given, leave_out=labels is False, takes=takes)
    if not _are_arrays(samples):
        check_dense(samples)
        order = find_order(samples)
        repeatable = not isinstance(samples, Iterator)
        return Batches(lambda: _Stream(reader, order).read(samples), None, None, repeatable)
    samples = map_arrays(samples, _as_indexable)
    n_samples = _check_common_length(list_arrays(samples))
    if given is not None and len(given) != n_samples:
        raise ValueError(f"labels must have one entry per sample ({n_samples}), got {len(given)}")
    drawn = None if rng is None else rng.permutation(n_samples)

    def batch_at(start: int) -> Batch:
        stop = min(start + batch_size, n_samples)
        chosen = slice(start, stop) if drawn is None else drawn[start:stop]
        inputs = _map_lists(
            map_arrays(samples, lambda array: _take(array, chosen)),
            n_samples,
            np.arange(start, stop) if drawn is None else drawn[start:stop],
        )
        inputs, inside = reader.split(inputs, None)
        found = inside if given is None else given[chosen]
        return Batch(inputs, found, stop - start, None if drawn is None else drawn[start:stop])

    return Batches(lambda: map(batch_at, range(0, n_samples, batch_size)), n_samples, drawn)


def _check_same_rows(samples: Any, labels: Any) -> None:
    """Tables say which of their rows belong together."""
    if len(samples) == len(labels) and not samples.index.equals(labels.index):
        raise ValueError(
            "labels must have the index of samples, got two tables with others: if their rows belong "
            "together in the order in which they are, pass labels.to_numpy()"
        )


def _are_arrays(samples: Any) -> bool:
    if not isinstance(samples, Mapping | tuple):
        return is_array(samples)
    leaves = list_leaves(samples)
    fit = all(is_array(leaf) or is_option(leaf) or isinstance(leaf, list) for leaf in leaves)
    return fit and any(map(is_array, leaves))


def _as_indexable(array: Any) -> Any:
    """An array that takes slices and ascending indices; what is on disk stays there."""
    check_dense(array)
    # Tensors cannot be indexed by an array.
    return as_array(array) if callable(getattr(array, "numpy", None)) else array


def _check_common_length(leaves: list[Any]) -> int:
    lengths = {int(leaf.shape[0]) for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(f"samples must be arrays of one length, got lengths {sorted(lengths)}")
    (length,) = lengths
    if length == 0:
        raise ValueError(f"samples must hold at least one sample, got shape {tuple(leaves[0].shape)}")
    return length


def _take(array: Any, chosen: slice | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    rows = getattr(array, "iloc", array)
    if isinstance(chosen, slice):
        return np.asarray(rows[chosen])
    # Ascending reads suit files, and h5py takes no other order.
    places = np.argsort(chosen)
    read = np.asarray(rows[chosen[places]])
    taken = np.empty_like(read)
    taken[places] = read
    return taken


def _map_lists(inputs: Any, n_samples: int, rows: npt.NDArray[np.int64]) -> Any:
    """Lists with an entry per sample, such as texts, cut as the arrays beside them were."""
    if isinstance(inputs, Mapping):
        return {key: _map_lists(value, n_samples, rows) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_map_lists(value, n_samples, rows) for value in inputs)
    if isinstance(inputs, list) and len(inputs) == n_samples:
        return [inputs[row] for row in rows]
    return inputs


class _Stream:
    """Batches from an iterable of them; counts samples against the labels given for all."""

    def __init__(self, reader: LabelReader, order: Order) -> None:
        self._reader = reader
        self._order = order
        self._done = 0
        self._n_read = 0
        self._first = b""

    def read(self, samples: Any) -> Iterator[Batch]:
        filled = filter(lambda batch: batch.n_samples, map(self._batch, _items(samples)))
        return itertools.chain(filled, self._check_end(samples))

    def _batch(self, item: Any) -> Batch:
        if self._order.ask_again is not None and self._n_read == 0:
            self._first = _digest(item)
        inputs, beside = _unpack(item)
        inputs, inside = self._reader.split(map_arrays(inputs, as_array), beside)
        n_samples = count_samples(inputs)
        indices = self._indices(n_samples)
        found = inside
        if self._reader.given is not None:
            chosen = slice(self._done, self._done + n_samples) if indices is None else indices
            found = _take_labels(self._reader.given, chosen)
        if found is not None and len(found) != n_samples:
            raise ValueError(
                "labels must have one entry per sample: the batch of samples after the first "
                f"{self._done} has {n_samples} and {len(found)} labels"
            )
        self._done += n_samples
        self._n_read += 1
        return Batch(inputs, found, n_samples, indices)

    def _indices(self, n_samples: int) -> npt.NDArray[np.int64] | None:
        if self._order.read_indices is None:
            return None
        indices = self._order.read_indices(self._n_read)
        if len(indices) != n_samples:
            raise ValueError(
                f"samples tell an order that they do not keep: batch {self._n_read} holds {n_samples} "
                f"samples, its order {len(indices)}; pass a generator of the batches"
            )
        return indices

    def _check_end(self, samples: Any) -> Iterator[Batch]:
        given = self._reader.given
        if given is not None and len(given) != self._done:
            raise ValueError(f"labels must have one entry per sample ({self._done}), got {len(given)}")
        if self._n_read:
            warn_if_redrawn(samples, self._order, self._first, _digest)
        yield from ()


def _take_labels(given: npt.NDArray[Any], chosen: slice | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    if not isinstance(chosen, slice) and len(chosen) and chosen.max() >= len(given):
        raise ValueError(
            f"labels must have one entry per sample, got {len(given)} and a sample {chosen.max()}"
        )
    found: npt.NDArray[Any] = given[chosen]
    return found


def _digest(item: Any) -> bytes:
    """Tells one batch from another, without keeping it."""
    digest = hashlib.sha256()
    for leaf in list_arrays(_unpack(item)[0]):
        digest.update(np.ascontiguousarray(as_array(leaf)).tobytes())
    return digest.digest()


def _items(samples: Any) -> Iterator[Any]:
    # A Keras PyDataset is indexed and has no end of its own.
    if hasattr(samples, "num_batches"):
        n_batches = samples.num_batches
        if n_batches is None:
            raise ValueError("samples must end: this PyDataset has no length (num_batches is None)")
        return map(samples.__getitem__, range(n_batches))
    try:
        return iter(samples)
    except TypeError:
        raise TypeError(
            "samples must be an array, a dict or tuple of arrays, a tf.data.Dataset, a "
            f"keras.utils.PyDataset or an iterable of batches, got {samples!r:.80} "
            f"({type(samples).__name__})"
        ) from None


def _unpack(item: Any) -> tuple[Any, Any]:
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
