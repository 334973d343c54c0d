"""The trial run of a Keras model: which layers it calls, and whether their rows are the samples'."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.recording.keras.calls import Call, list_tensors, note_calls
from ann2neo.recording.keras.inputs import describe, has_fixed_batch, list_leaves, map_leaves, run
from ann2neo.recording.keras.layers import find_places
from ann2neo.recording.keras.restoration import keep_unchanged
from ann2neo.recording.keras.running import Taps, without_gradients
from ann2neo.recording.keras.tracing import join_operations
from ann2neo.recording.keras.weights import read_variable
from ann2neo.recording.places import Place
from ann2neo.recording.row_proof import (
    DEPENDS,
    agree,
    choose_suspects,
    choose_trials,
    choose_whole_trials,
    find_fault,
)

_FRAMEWORKS = ("jax", "jaxlib", "tensorflow", "torch")
_MISFITS = (ValueError, TypeError, RuntimeError, IndexError, KeyError, AssertionError)
_TOLERANCE = 1e-3
_COARSE_TOLERANCE = 0.1
_N_SUMMED = 16
_TRACED = (
    "it runs inside a compiled function of the network, out of sight: switch that off while recording "
    "(TensorFlow: tf.config.run_functions_eagerly(True)), or record the activations themselves: "
    "record(activations)"
)

Key = tuple[int, int, int, str]
Paths = Mapping[int, tuple[str, Any]]


def try_network(network: Any, inputs: Any, paths: Paths) -> list[Place]:
    """All places that a run comes to, each with what is wrong with its rows.

    The samples of the batch are shown in up to three runs of a few samples: the layers whose rows are
    not the same in each do not give a row per sample.
    """
    n_samples = len(list_leaves(inputs)[0])
    whole = has_fixed_batch(network)
    trials = choose_whole_trials(np.arange(n_samples)) if whole else choose_trials(n_samples)
    try:
        calls, returned = _run_noted(network, _take(inputs, trials[0]), paths)
    except ValueError:
        if whole:
            raise
        # A network may be made for one number of samples without saying so.
        trials = choose_whole_trials(np.arange(n_samples))
        calls, returned = _run_noted(network, _take(inputs, trials[0]), paths)
    if not calls:
        raise ValueError(
            "no layer of this network could be observed: it calls no Keras layers, or calls them inside "
            "a compiled function. Keep its layers as attributes and call them in `call`, or record the "
            "activations themselves: record(activations)"
        )
    with keep_unchanged(network):  # the model's own code runs once more
        few = _take(inputs, trials[0])
        calls, returned = join_operations(network, few, paths, calls, returned)
    places = find_places(paths, calls, returned, network)
    return _prove_rows(network, inputs, paths, places, trials)


def find_whole_faults(
    network: Any,
    places: list[Place],
    inputs: Any,
    whole: list[npt.NDArray[Any]],
    one_batch: Callable[[], AbstractContextManager[None]],
) -> list[str]:
    """What is wrong with places in a whole batch, "" for nothing: samples of the trial, and a few others
    that look as if something had become of them, must give the same without the others. No list at all
    if nothing is wrong with any. `one_batch` is the context in which a batch is shown."""
    n_samples = len(list_leaves(inputs)[0])
    fits = [len(values) == n_samples for values in whole]
    if has_fixed_batch(network) or not any(fits):
        return []
    tried = choose_trials(n_samples)[0].tolist()
    sums = [
        np.abs(values.reshape(n_samples, -1).astype(np.float64)).sum(axis=1)
        for values, fit in zip(whole, fits, strict=True)
        if fit and values.size
    ][:_N_SUMMED]
    rows = np.unique([*tried, *choose_suspects(sums, tried)]) if sums else np.array(tried)
    if len(rows) >= n_samples:
        rows = np.unique(tried)[: max(1, n_samples // 2)]
    rows = rows[::-1]  # the last ones first, where nothing may have become of them

    def show() -> list[Any]:
        with one_batch(), without_gradients():
            return [_read(tensor) for tensor in Taps(places).read(lambda: run(network, few))]

    few = _take(inputs, rows)
    with keep_unchanged(network):
        try:
            apart = show()
        except Exception:
            return []  # the network takes no batches of that size
        faults = [
            "" if not fit or values is None or _agrees(found[rows], values) else DEPENDS
            for found, values, fit in zip(whole, apart, fits, strict=True)
        ]
        if any(faults):
            # What is another each time is as its maker meant it.
            again = show()
            faults = [
                fault if _is_same(before, after) else ""
                for fault, before, after in zip(faults, apart, again, strict=True)
            ]
    return faults if any(faults) else []


def _agrees(expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> bool:
    return expected.shape == found.shape and agree(expected, found, _find_tolerance(expected))


def _find_tolerance(values: npt.NDArray[Any]) -> float:
    precise = values.dtype == np.float32 or values.dtype == np.float64
    return _TOLERANCE if precise else _COARSE_TOLERANCE


def _prove_rows(
    network: Any,
    inputs: Any,
    paths: Paths,
    places: Sequence[Place],
    trials: list[npt.NDArray[np.int64]],
) -> list[Place]:
    try:
        further = [_list_values(network, _take(inputs, rows), paths) for rows in trials[1:]]
    except ValueError:
        # It takes no such number of samples: what can be shown are the same in another order.
        trials = choose_whole_trials(trials[0])
        further = [_list_values(network, _take(inputs, trials[1]), paths)]
    judged = [_judge(place, further, trials) for place in places]
    if not any(place.fault == DEPENDS for place in judged):
        return judged
    moved, draws = _find_moved(network, _take(inputs, trials[0]), paths)
    excused = [place.fault == DEPENDS and _key(place) in moved for place in judged]
    unsteady = set()
    if any(excused):
        unsteady = moved if draws else _find_unsteady(network, _take(inputs, trials[0]), paths)
    return [
        dataclasses.replace(place, fault="", is_unsteady=_key(place) in unsteady) if free else place
        for place, free in zip(judged, excused, strict=True)
    ]


def _list_values(network: Any, inputs: Any, paths: Paths) -> dict[Key, Any]:
    calls, returned = _run_noted(network, inputs, paths)
    return {_key(place): place.tensor for place in find_places(paths, calls, returned)}


def _find_moved(network: Any, inputs: Any, paths: Paths) -> tuple[set[Key], bool]:
    """Places that are other ones when the same samples are shown again: what is random, and what keeps a
    state from batch to batch, is as its maker meant it, and no two runs of it can be compared. And
    whether seeds of its layers move."""
    seeds = [s.state for layer in network._flatten_layers() for s in layer._seed_generators]
    with keep_unchanged(network):
        before = [read_variable(state) for state in seeds]
        first, again = (_list_values_moving(network, inputs, paths) for _ in range(2))
        after = [read_variable(state) for state in seeds]
        draws = any((new != old).any() for new, old in zip(after, before, strict=True))
    return {k for k, values in first.items() if not _is_same(values, again.get(k))}, draws


def _find_unsteady(network: Any, inputs: Any, paths: Paths) -> set[Key]:
    """Of these, places that are other ones though all that can be put back was: by random numbers that
    no seed of a layer decides, or by what is kept out of reach."""
    first, again = (_list_values(network, inputs, paths) for _ in range(2))
    return {key for key, value in first.items() if not _is_same(_read(value), _read(again.get(key)))}


def _list_values_moving(network: Any, inputs: Any, paths: Paths) -> dict[Key, Any]:
    layers = [layer for _, layer in paths.values()]
    with note_calls(layers) as calls, without_gradients():
        returned = run(network, inputs)
    places = find_places(paths, calls, list_tensors(returned))
    return {_key(place): _read(place.tensor) for place in places}


def _is_same(values: Any, others: Any) -> bool:
    return values is None or (others is not None and np.array_equal(values, others))


def _judge(place: Place, further: list[dict[Key, Any]], trials: list[npt.NDArray[np.int64]]) -> Place:
    if place.fault:
        return place
    values = _read(place.tensor)
    if values is None:
        return dataclasses.replace(place, fault=_TRACED)
    tolerance = _find_tolerance(values)
    parts = [_read(found.get(_key(place))) for found in further]
    return dataclasses.replace(place, fault=find_fault(values, parts, trials, tolerance))


def _key(place: Place) -> Key:
    return id(place.layer), place.call, place.position, place.side


def _take(inputs: Any, rows: npt.NDArray[np.int64]) -> Any:
    return map_leaves(inputs, lambda leaf: leaf[rows])


def _run_noted(network: Any, inputs: Any, paths: Paths) -> tuple[list[Call], list[Any]]:
    layers = [layer for _, layer in paths.values()]
    with keep_unchanged(network), note_calls(layers) as calls:
        try:
            with without_gradients():
                returned = run(network, inputs)
        except Exception as error:
            of_framework = type(error).__module__.split(".")[0] in _FRAMEWORKS
            if not (of_framework or isinstance(error, _MISFITS)):
                raise
            # Such errors are pages long, most of it tensors; the whole stays as the cause.
            raise ValueError(_describe_misfit(network, inputs, error)) from error
    return list(calls), list_tensors(returned)


def _describe_misfit(network: Any, inputs: Any, error: Exception) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    reason = next((line for line in lines if line and not line.startswith("Exception")), "")
    return (
        f"samples do not fit network {network.name!r}: {describe(network, inputs)}, samples first (is "
        f"the data set batched?): {reason[:200]}"
    )


def _read(tensor: Any) -> npt.NDArray[Any] | None:
    """Values of a tensor; None of one without values yet, or one that was not found."""
    if tensor is None or isinstance(tensor, keras.KerasTensor) or _is_traced(tensor):
        return None
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _is_traced(tensor: Any) -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.is_symbolic_tensor(tensor))
    if keras.backend.backend() == "jax":
        import jax  # type: ignore[import-not-found,unused-ignore]

        return isinstance(tensor, jax.core.Tracer)
    return False
