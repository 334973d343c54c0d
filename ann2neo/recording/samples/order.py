"""Whether batches come in the order of the data set: read where they tell it, else refused.

A row under another sample's number looks like any other: nothing later can tell.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.samples.pipelines import check_pipeline
from ann2neo.spikes.callers import find_stacklevel


@dataclass(frozen=True)
class Order:
    """In which order batches come.

    `read_indices` gives, for the number of a batch that was read, the places of its samples in the data
    set; None where they come one after another. `ask_again` gives the first batch anew, None where
    that cannot be asked for.
    """

    read_indices: Callable[[int], npt.NDArray[np.int64]] | None = None
    ask_again: Callable[[], Any] | None = None


_VOUCH = "if the order is known to be that of the data set, pass {}"
_DEPTH = 6
_MOST_LOOKED_AT = 1000
_MOST_NUMBERS = 10_000_000
_FEW = 6
_SIGNS = ("shuffle", "shuffling", "permute", "random_order", "randomize")


def find_order(samples: Any) -> Order:
    """The order in which batches come.

    Raises
    ------
    ValueError
        If the batches come in another order and do not tell which.

    Warns
    -----
    UserWarning
        If the order may be another, and nothing here can check it.
    """
    if _is_loader(samples):
        _check_loader(samples)
        return Order(ask_again=_find_loader_again(samples))
    if hasattr(samples, "num_batches") and hasattr(samples, "__getitem__"):
        indices = _find_order_of_indexed(samples)
        return Order(indices, None if indices else lambda: samples[0])
    if _is_tf_dataset(samples):
        is_doubtful = check_pipeline(samples)
        return Order(ask_again=None if is_doubtful else lambda: next(iter(samples)))
    if type(samples).__name__ == "NumpyIterator" and _is_tf_dataset(vars(samples).get("_dataset")):
        # No choice of the order, unlike iter(dataset): another form of the same data set.
        check_pipeline(vars(samples)["_dataset"])
    elif not isinstance(samples, Iterator | list | tuple | Mapping):
        _check_signs(samples, "an iterator over it")
        _warn_if_permuted(samples)
        return Order(ask_again=lambda: next(iter(samples)))
    elif _framework(samples) in ("torch", "torchdata") and hasattr(samples, "datapipe"):
        _check_signs(samples, "a generator of its batches")
    return Order()


def warn_if_redrawn(samples: Any, order: Order, first: bytes, digest: Callable[[Any], bytes]) -> None:
    """Ask for the first batch again, when all have been read."""
    if order.ask_again is None:
        return
    try:
        again = order.ask_again()
    except StopIteration:  # it could be read once
        return
    if digest(again) != first:
        _warn(
            f"the {type(samples).__name__} given returned another batch when it was asked for the first "
            "one again, as where samples are drawn or augmented anew"
        )


def _find_loader_again(loader: Any) -> Callable[[], Any] | None:
    """The first batch of a DataLoader anew, in this process; None where workers would have to start."""
    if _is_iterable_dataset(loader):
        return (lambda: next(iter(loader))) if loader.num_workers == 0 else None
    collate, sampler = loader.collate_fn, loader.batch_sampler
    if collate is None or sampler is None or not hasattr(loader.dataset, "__getitem__"):
        return None
    return lambda: collate([loader.dataset[k] for k in next(iter(sampler))])


def _check_loader(loader: Any) -> None:
    """Refuse a DataLoader of torch in another order, or in one of its user's own making: nobody learns
    which sample comes when."""
    sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    while _torch_name(sampler) == "BatchSampler":
        sampler = sampler.sampler
    in_order = getattr(loader, "in_order", True)
    if not (in_order and _is_sequential(sampler)):
        found = type(sampler).__name__ if in_order else "in_order=False"
        raise ValueError(
            f"samples must come in the order of the data set, got a DataLoader with a {found}: make one "
            f"with shuffle=False; for another order pass rng; {_VOUCH.format('iter(loader)')}"
        )
    if not _is_iterable_dataset(loader):
        sign = _find_sign(loader.dataset)
        if sign:
            _warn(f"its data set {type(loader.dataset).__name__} has {sign}")
        else:
            _warn_if_permuted(loader.dataset)
        return
    if loader.num_workers > 1:
        raise ValueError(
            "samples must come in the order of the data set, got a DataLoader of an IterableDataset "
            f"with num_workers={loader.num_workers}, whose workers take turns, or each read all of it: "
            f"make one with num_workers of 0 or 1; {_VOUCH.format('iter(loader)')}"
        )
    _check_signs(loader.dataset, "iter(loader)")
    _warn_if_permuted(loader.dataset)


def _is_loader(samples: Any) -> bool:
    return hasattr(samples, "sampler") and hasattr(samples, "batch_sampler")


def _is_iterable_dataset(loader: Any) -> bool:
    return any(
        kind.__name__ == "IterableDataset" for kind in type(getattr(loader, "dataset", None)).__mro__
    )


def _is_sequential(sampler: Any) -> bool:
    name = _torch_name(sampler)
    if name == "DistributedSampler":
        return not sampler.shuffle and sampler.num_replicas == 1
    # The second stands in where the data set is an iterable, which is read as it comes.
    return name in ("SequentialSampler", "_InfiniteConstantSampler")


def _torch_name(sampler: Any) -> str:
    """Name of a class of torch, or of torchdata, which has its own of the same names; else ""."""
    return type(sampler).__name__ if _framework(sampler) in ("torch", "torchdata") else ""


def _framework(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _is_tf_dataset(samples: Any) -> bool:
    return callable(getattr(samples, "cardinality", None)) and _framework(samples) == "tensorflow"


def _find_order_of_indexed(
    samples: Any,
) -> Callable[[int], npt.NDArray[np.int64]] | None:
    """Of a Keras PyDataset: its image iterators tell their order, others may say that they shuffle."""
    if _is_keras_iterator(samples):
        return lambda batch: _read_index_array(samples, batch)
    sign = _find_sign(samples)
    if sign:
        vouch = _VOUCH.format("a generator of its batches")
        raise ValueError(
            f"samples must come in the order of the data set, got a {type(samples).__name__} with "
            f"{sign}: make one that does not shuffle; for another order pass arrays and rng; {vouch}"
        )
    says_not = any(
        "shuffle" in name.lower() and not value and not callable(value)
        for name, value in _list_attributes(samples)
    )
    redrawn = _find_redrawing(samples)
    if redrawn and not says_not:
        _warn(
            f"the {type(samples).__name__} given has {redrawn}, where such data sets draw an order anew"
        )
    _warn_if_permuted(samples)
    return None


def _is_keras_iterator(samples: Any) -> bool:
    return hasattr(samples, "index_array") and any(
        kind.__name__ == "Iterator" and kind.__module__.partition(".")[0] in ("keras", "tf_keras")
        for kind in type(samples).__mro__
    )


def _read_index_array(samples: Any, batch: int) -> npt.NDArray[np.int64]:
    """Rows of a batch that an image iterator has given out, by its own rule."""
    start = samples.batch_size * batch
    return np.asarray(samples.index_array[start : start + samples.batch_size], np.int64)


def _find_redrawing(samples: Any) -> str:
    """A method of the user's own that Keras calls between epochs, if it does anything; else ""."""
    for name in ("on_epoch_end", "on_epoch_begin"):
        method = getattr(type(samples), name, None)
        if method is None or method.__module__.partition(".")[0] in ("keras", "tensorflow"):
            continue
        try:
            body = [line.strip() for line in inspect.getsource(method).splitlines()]
        except (OSError, TypeError):
            return f"an {name} of its own"
        if body[-1] != "pass":
            return f"an {name} of its own"
    return ""


def _warn_if_permuted(samples: Any) -> None:
    found = _find_permuted(samples, _DEPTH, set())
    if found:
        _warn(f"the {type(samples).__name__} given {found}")


def _find_permuted(value: Any, depth: int, seen: set[int]) -> str:
    """What in a data set, or in those it is made of, holds an order of its own; else ""."""
    if depth == 0 or id(value) in seen or len(seen) > _MOST_LOOKED_AT:
        return ""
    seen.add(id(value))
    if isinstance(value, Mapping | list | tuple):
        if len(value) > _MOST_LOOKED_AT:
            return ""
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        named = [(str(name), part) for name, part in parts]
    else:
        named = _list_attributes(value)
    for name, part in named:
        if _is_subset_order(value, name, part) or _is_permuted(part):
            return f"holds a permuted order in its attribute {name!r}"
    for _, part in named:
        if isinstance(part, Mapping | list | tuple) or _is_object(part):
            found = _find_permuted(part, depth - 1, seen)
            if found:
                return found
    return ""


def _is_subset_order(value: Any, name: str, part: Any) -> bool:
    """Whether it is the choice that a part of a data set is made of, and not in the order of that."""
    if name not in ("indices", "_indices") or not hasattr(value, "__getitem__"):
        return False
    numbers = _as_numbers(part)
    return numbers is not None and not (np.diff(numbers) > 0).all()


def _is_permuted(value: Any) -> bool:
    """Whether `value` holds the numbers from 0 on, each once and not in order."""
    # A table that was shuffled keeps the numbers of its rows.
    numbers = _as_numbers(getattr(value, "index", value) if hasattr(value, "iloc") else value)
    # A few numbers may be the axes of a transposition, or the order of some classes.
    if numbers is None or len(numbers) < _FEW or (np.diff(numbers) > 0).all():
        return False
    return bool(np.array_equal(np.sort(numbers), np.arange(len(numbers))))


def _as_numbers(value: Any) -> npt.NDArray[Any] | None:
    """Whole numbers in a row, of an array, a list or the like; None of anything else."""
    if isinstance(value, list | tuple):
        if len(value) < 2 or not all(isinstance(item, int | np.integer) for item in value[:2]):
            return None
    elif not hasattr(value, "__array__") or len(getattr(value, "shape", ())) != 1:
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        return None
    fits = array.ndim == 1 and array.dtype.kind in "iu" and 1 < len(array) < _MOST_NUMBERS
    return array if fits else None


def _is_object(value: Any) -> bool:
    return hasattr(value, "__dict__") and not callable(value) and not inspect.ismodule(value)


def _check_signs(samples: Any, otherwise: str) -> None:
    sign = _find_sign(samples)
    if sign:
        raise ValueError(
            f"samples must come in the order of the data set, got a {type(samples).__name__} with "
            f"{sign}: make one that does not shuffle; for another order pass arrays and rng; "
            f"{_VOUCH.format(otherwise)}"
        )


def _find_sign(samples: Any, depth: int = _DEPTH) -> str:
    """What says, in a data set or in those it is made of, that it shuffles or repeats; else ""."""
    kind = type(samples).__name__
    if any(sign in kind for sign in ("Shuffle", "RandomSampler", "Repeater", "Cycler")):
        if _list_attributes(samples) and getattr(samples, "_enabled", True):
            return f"a {kind} in it"
        return ""
    for name, value in _list_attributes(samples):
        if any(sign in name.lower() for sign in _SIGNS) and _is_on(value):
            return f"{name}={value!r:.40}"
    if depth == 0:
        return ""
    for _, value in _list_attributes(samples):
        if _is_object(value):
            sign = _find_sign(value, depth - 1)
            if sign:
                return sign
    return ""


def _is_on(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | int):
        return bool(value)
    # A configuration object stands for shuffling that was asked for; arrays and functions say nothing.
    return hasattr(value, "__dict__") and not callable(value)


def _list_attributes(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, type) or inspect.ismodule(value):
        return []
    found: list[tuple[str, Any]] = []
    for kind in type(value).__mro__:
        if kind.__module__.partition(".")[0] in ("builtins", "keras", "torch", "tensorflow", "typing"):
            continue
        found += [(name, own) for name, own in vars(kind).items() if isinstance(own, bool | int)]
    return [*getattr(value, "__dict__", {}).items(), *found]


def _warn(reason: str) -> None:
    warnings.warn(
        f"the order of samples cannot be checked: {reason}; if they are shuffled, sample_index and "
        "labels given apart are those of other samples",
        stacklevel=find_stacklevel(),
    )
