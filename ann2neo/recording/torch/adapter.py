"""Adapter for torch networks: any `torch.nn.Module`, on any device.

Hooks note what modules return, and torch's own interception of function calls what activation functions
between them do. Each note is a copy, made at once: what runs later may overwrite the tensor in place.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ann2neo.recording.layer_selection import Choice, choose, list_labels
from ann2neo.recording.observation import Look, NonFiniteSampleError, Site, Take
from ann2neo.recording.places import Place
from ann2neo.recording.torch.calls import Call, Calls, called, module_paths, unwrapped
from ann2neo.recording.torch.channels import Channels, tensors_in
from ann2neo.recording.torch.layers import key_of, outputs_of, site
from ann2neo.recording.torch.packing import handed_over
from ann2neo.recording.torch.restoration import Chance, left_as_found
from ann2neo.recording.torch.weights import all_finite, check_weights, device_of, name_of, weights_hash

_N_TRIED = 2


class TorchObservation:
    """Runs the network on a batch and returns the activations at the chosen sites."""

    def __init__(self, network: Any, calls: Calls, choice: Choice, sites: list[Site]) -> None:
        chosen = choice.places
        self.notes = choice.notes
        self.sites = sites
        self.annotations = {
            "network": name_of(network),
            "framework": f"torch {torch.__version__}",
            "backend": device_of(network).type,
            "weights_hash": weights_hash(network),
            **choice.annotations,
        }
        self._network = network
        self._calls = calls
        self._keys = [(_key(output), output.call, output.position) for output in chosen]
        self._n_calls = {_key(output): output.n_calls for output in chosen}
        self._chance = Chance(network)

    def __call__(self, inputs: Any) -> list[Any]:
        found: dict[Any, Any] = {}
        seen: Counter[Any] = Counter()
        wanted = set(self._keys)

        def keep(call: Call) -> None:
            key = key_of(call)
            for position, tensor in enumerate(call.tensors):
                if (key, seen[key], position) in wanted:
                    copy = tensor.clone(memory_format=torch.contiguous_format)
                    found[key, seen[key], position] = copy
            seen[key] += 1

        given = _given(inputs, self._network)
        for leaf in _leaves(given):
            _check_finite(leaf)
        with self._chance.own():
            _run(self._network, self._calls, given, keep)
        called_alike = all(seen[key] == n_calls for key, n_calls in self._n_calls.items())
        if not called_alike or any(key not in found for key in self._keys):
            raise ValueError(
                f"network does not call the layers of {[s.name for s in self.sites]} as often for "
                "every batch as for the first; record others, or the activations themselves: "
                "record(activations)"
            )
        return [handed_over(found.pop(key)) for key in self._keys]

    def standing(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        network, paths = self._network, module_paths(self._network)

        def look(take: Take) -> None:
            check_weights(network)
            with left_as_found(network), called(network, paths) as self._calls:
                for batch in batches:
                    take(self(batch))

        return look


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[TorchObservation]:
    """See `ann2neo.recording.observation.Observe`."""
    network = unwrapped(network)
    if isinstance(network, torch.jit.ScriptModule):
        raise TypeError(
            f"network must be a module whose inside can be observed, got a {type(network).__name__}: "
            "record the module that it was scripted or traced from"
        )
    check_weights(network)
    paths = module_paths(network)
    with left_as_found(network), called(network, paths) as calls:
        with left_as_found(network):
            choice, sites = _try(network, calls, inputs, layers, paths)
        # Otherwise the first batch would be held throughout.
        del inputs
        observation = TorchObservation(network, calls, choice, sites)
        del choice
        yield observation


def _try(
    network: Any, calls: Calls, inputs: Any, layers: Any, paths: Mapping[int, str]
) -> tuple[Choice, list[Site]]:
    """What a first run on a few samples calls; networks made for one batch size are shown the batch."""
    n_batch = len(_leaves(inputs)[0])
    # Another number than the batch has: no axis but that of the samples has both lengths.
    n_tried = _N_TRIED if n_batch != _N_TRIED else _N_TRIED + 1
    few = _map(inputs, lambda leaf: leaf[np.arange(n_tried) % n_batch])
    with Chance(network).own():
        try:
            noted, returned = _trial(network, calls, few)
        except ValueError:
            few, n_tried = inputs, n_batch
            noted, returned = _trial(network, calls, few)
    found = outputs_of(noted, n_tried)
    if not found:
        raise ValueError(
            f"no layer of network {name_of(network)!r} could be observed: it calls no modules and no "
            "activation functions of torch. Put what is to be recorded into a module of its own and "
            "name it, or record the activations themselves: record(activations)"
        )
    if not any(len(output.tensor) == n_tried for output in found):
        raise ValueError(
            f"samples do not fit network {name_of(network)!r}: none of its layers gives a row a sample, "
            f"for a batch of {_shapes(few)} (is the data set batched?)"
        )
    _check_called(network, layers, found, paths)
    ends = {tensor.untyped_storage().data_ptr() for tensor in tensors_in(returned)}
    final = {id(o.tensor) for o in found if o.tensor.untyped_storage().data_ptr() in ends}
    found = [dataclasses.replace(o, is_hidden=id(o.tensor) not in final) for o in found]
    choice = choose(found, layers)
    _check_rows(choice.places, n_tried)
    return choice, [site(output) for output in choice.places]


def _trial(network: Any, calls: Calls, few: Any) -> tuple[list[Call], Any]:
    """All calls of a run that follows where the channels lie, and what the network returned."""
    noted: list[Call] = []
    given = _given(few, network)
    calls.channels = Channels(_leaves(given))
    try:
        return noted, _run(network, calls, given, noted.append)
    finally:
        calls.channels = None


def _check_rows(chosen: list[Place], n_samples: int) -> None:
    for output in chosen:
        if len(output.tensor) != n_samples:
            raise ValueError(
                f"layer {output.label!r} gave {len(output.tensor)} rows for {n_samples} samples: its "
                "first axis is not the samples (steps, in recurrent layers and transformers of torch "
                "without batch_first=True); record another layer"
            )


def _check_called(network: Any, layers: Any, found: list[Place], paths: Mapping[int, str]) -> None:
    known = {output.path for output in found}
    for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
        path = layer if isinstance(layer, str) else paths.get(id(unwrapped(layer)))
        if path in paths.values() and path not in known:
            raise ValueError(
                f"network {name_of(network)!r} never calls its layer {path!r} with these samples, or it "
                f"returns no tensor; it calls {list_labels(found)}"
            )


def _run(network: Any, calls: Calls, given: Any, take: Callable[[Call], None]) -> Any:
    calls.take = take
    calls.restart()
    try:
        with torch.no_grad(), calls:
            if isinstance(given, Mapping):
                return network(**given)
            return network(*given) if isinstance(given, tuple) else network(given)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(_misfit(network, given, error)) from error


def _misfit(network: Any, given: Any, error: Exception) -> str:
    whole = not all(leaf.is_floating_point() for leaf in _leaves(given))
    hint = "; whole numbers stay whole, for embeddings: else give floats" if whole else ""
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"samples do not fit network {name_of(network)!r}: the batch is {_shapes(given)}, samples first "
        f"(is the data set batched?){hint}: {reason.strip()[:200]}"
    )


def _shapes(inputs: Any) -> str:
    return ", ".join(f"{tuple(leaf.shape)} of {leaf.dtype}" for leaf in _leaves(inputs))


def _given(inputs: Any, network: Any) -> Any:
    """What to call the network with: copies, since it may overwrite them, on its device."""
    device = device_of(network)
    weights = (weight.dtype for weight in network.parameters() if weight.is_floating_point())
    precision = next(weights, None)

    def placed(leaf: Any) -> Any:
        given = isinstance(leaf, torch.Tensor)
        tensor = leaf.detach() if given else _from_array(np.asarray(leaf))
        return tensor.to(device, precision if tensor.is_floating_point() else None, copy=given)

    return _map(inputs, placed)


def _from_array(array: np.ndarray) -> Any:
    kinds: dict[str, Any] = {
        "f": array.dtype.newbyteorder("="),
        "i": np.int64,
        "u": np.int64,
        "b": np.bool_,
    }
    if array.dtype.kind not in kinds and not np.can_cast(array.dtype, np.float32):
        raise TypeError(f"samples must be real numbers or bool, got dtype {array.dtype}")
    # A copy: torch takes no array that is read-only or runs backwards.
    return torch.from_numpy(np.array(array, kinds.get(array.dtype.kind, np.float32), order="C"))


def _check_finite(leaf: Any) -> None:
    if not leaf.is_floating_point() or all_finite(leaf):
        return
    row, *place = (~torch.isfinite(leaf)).nonzero()[0].tolist()
    raise NonFiniteSampleError(row, float(leaf[(row, *place)]))


def _key(output: Place) -> tuple[int, str]:
    return 0 if output.layer is None else id(output.layer), output.path


def _leaves(inputs: Any) -> list[Any]:
    if isinstance(inputs, Mapping):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def _map(inputs: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(inputs, Mapping):
        return {key: function(leaf) for key, leaf in inputs.items()}
    return tuple(function(leaf) for leaf in inputs) if isinstance(inputs, tuple) else function(inputs)
