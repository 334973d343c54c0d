"""Keeping the tensors of chosen places in one run of a network."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import torch

from ann2neo.recording.samples.inputs import list_arrays
from ann2neo.recording.torch.calls import Calls, Key
from ann2neo.recording.torch.inputs import describe_inputs, takes_whole
from ann2neo.recording.torch.layers.places import Tap
from ann2neo.recording.torch.weights import name_network


class Keeper:
    """Keeps what taps give in one run, as copies for those of `copied`: they are overwritten later."""

    def __init__(self, taps: Sequence[Tap], copied: AbstractSet[Tap]) -> None:
        self._taps = list(taps)
        self._copied = copied
        self._wanted: dict[tuple[Key, str], list[Tap]] = {}
        for tap in taps:
            self._wanted.setdefault((tap.key, tap.side), []).append(tap)
        self._n_seen: Counter[tuple[Key, str]] = Counter()
        self._kept: dict[Tap, list[Any]] = {tap: [] for tap in taps}
        self._versions: list[tuple[Tap, Any, int]] = []

    def take(self, key: Key, tensors: list[Any]) -> None:
        """A module or function returned these."""
        self._keep(key, "output", tensors)

    def take_given(self, key: Key, tensors: list[Any]) -> None:
        """A module is given these."""
        self._keep(key, "input", tensors)

    def find_overwritten(self) -> set[Tap]:
        """Taps whose tensors changed after they were taken."""
        return {tap for tap, tensor, version in self._versions if tensor._version != version}

    def read(self) -> list[Any]:
        """A tensor for each tap, in their order; None if it was not called as often as in the trial."""
        return [self._read(tap) for tap in self._taps]

    def _read(self, tap: Tap) -> Any:
        kept = self._kept.pop(tap)
        n_wanted = tap.n_calls if tap.call is None else 1
        if self._n_seen[tap.key, tap.side] != tap.n_calls or len(kept) != n_wanted:
            return None
        if tap.call is not None:
            return kept[0]
        return torch.stack(kept, 1) if len({tensor.shape for tensor in kept}) == 1 else None

    def _keep(self, key: Key, side: str, tensors: list[Any]) -> None:
        wanted = self._wanted.get((key, side))
        if wanted is None:
            return
        call = self._n_seen[key, side]
        self._n_seen[key, side] += 1
        for tap in wanted:
            if tap.call not in (None, call) or tap.position >= len(tensors):
                continue
            tensor = tensors[tap.position]
            # What torch makes in its inference mode does not count its changes.
            counts = not tensor.is_inference()
            if counts:
                self._versions.append((tap, tensor, tensor._version))
            self._kept[tap].append(tensor.clone() if tap in self._copied or not counts else tensor)


class TraceKeeper:
    """Keeps whatever modules and functions give in one run on few samples, without copies: what was
    overwritten later is not to be had."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Key, str], list[list[tuple[Any, int | None]]]] = {}

    def take(self, key: Key, tensors: list[Any]) -> None:
        """A module or function returned these."""
        self._keep(key, "output", tensors)

    def take_given(self, key: Key, tensors: list[Any]) -> None:
        """A module is given these."""
        self._keep(key, "input", tensors)

    def read(self, taps: Sequence[Tap]) -> list[Any] | None:
        """A tensor for each tap, or None if one of them changed after it was taken."""
        found = [self._read(tap) for tap in taps]
        return None if any(tensor is None for tensor in found) else found

    def _read(self, tap: Tap) -> Any:
        calls = self._kept.get((tap.key, tap.side), [])
        if len(calls) != tap.n_calls:
            return None
        chosen = calls if tap.call is None else calls[tap.call : tap.call + 1]
        if any(len(tensors) <= tap.position for tensors in chosen):
            return None
        kept = [tensors[tap.position] for tensors in chosen]
        if any(version is None or tensor._version != version for tensor, version in kept):
            return None
        if tap.call is not None:
            return kept[0][0]
        alike = len({tensor.shape for tensor, _ in kept}) == 1
        return torch.stack([tensor for tensor, _ in kept], 1) if alike else None

    def _keep(self, key: Key, side: str, tensors: list[Any]) -> None:
        # What torch makes in its inference mode does not count its changes.
        noted = [(tensor, None if tensor.is_inference() else tensor._version) for tensor in tensors]
        self._kept.setdefault((key, side), []).append(noted)


def run(network: Any, calls: Calls, given: Any, *, sees_functions: bool = True) -> Any:
    """What the network returns, without gradients; with `sees_functions` they are observed, too."""
    calls.restart()
    try:
        with torch.no_grad(), _avoid_compiling():
            if not sees_functions:
                return _call(network, given)
            with calls:
                return _call(network, given)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, KeyError) as error:
        raise ValueError(_describe_misfit(network, given, error)) from error


def _avoid_compiling() -> AbstractContextManager[Any]:
    """While inside, functions that torch.compile made run as they were written, and can be seen."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _call(network: Callable[..., Any], given: Any) -> Any:
    if isinstance(given, Mapping):
        if takes_whole(network, given):
            with suppress(TypeError, AttributeError):
                return network(given)
        return network(**given)
    return network(*given) if isinstance(given, tuple) else network(given)


def _describe_misfit(network: Any, given: Any, error: Exception) -> str:
    whole = not all(leaf.is_floating_point() for leaf in list_arrays(given))
    hint = "; whole numbers stay whole, for embeddings: else give floats" if whole else ""
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"samples do not fit network {name_network(network)!r}: the batch is {describe_inputs(given)}, "
        f"samples first (is the data set batched?){hint}: {reason.strip()[:200]}"
    )
