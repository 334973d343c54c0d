"""Adapter for torch networks: any `torch.nn.Module`, on any device.

A trial run on a few samples says what there is to observe, and three more prove whose rows those of the
chosen layers are. Hooks then note what modules return, and torch's own interception of function calls
what activation functions between them do. What runs later may overwrite a tensor in place: the trial
tells which are to be copied at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from ann2neo.recording.observation import Look, Take
from ann2neo.recording.places import Place
from ann2neo.recording.samples.inputs import count_samples
from ann2neo.recording.torch.calls import (
    Calls,
    list_paths,
    observe_calls,
    observe_modules,
    unwrap,
)
from ann2neo.recording.torch.inputs import check_finite, place_inputs
from ann2neo.recording.torch.keeper import Keeper, run
from ann2neo.recording.torch.noise import seed_noise as seed_noise
from ann2neo.recording.torch.noise import switch_on_noise as switch_on_noise
from ann2neo.recording.torch.packing import hand_over
from ann2neo.recording.torch.preparation import Prepared, list_proven, prepare, reprove
from ann2neo.recording.torch.restoration import Chance, Snapshot, leave_as_found
from ann2neo.recording.torch.rows import DEPENDENT, agree
from ann2neo.recording.torch.trial import Trials
from ann2neo.recording.torch.weights import check_weights, find_device, hash_weights, name_network

_FAST_PATHS = (
    *(torch.nn.MultiheadAttention, torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer),
)
"""Modules that skip those inside of them, unless functions are observed."""


class TorchObservation:
    """Runs the network on a batch and returns the activations at the chosen sites."""

    def __init__(
        self, network: Any, paths: Mapping[int, str], found: Snapshot, prepared: Prepared
    ) -> None:
        self.sites = prepared.sites
        self.notes = prepared.choice.notes
        self.annotations = {
            "network": name_network(network),
            "framework": f"torch {torch.__version__}",
            "backend": find_device(network).type,
            "weights_hash": hash_weights(network),
            **prepared.choice.annotations,
        }
        self._network, self._paths, self._found, self._prepared = network, paths, found, prepared
        self._chance = Chance(network) if prepared.draws else None
        self._noisy: list[Any] = []
        self._sees_functions = any(tap.module is None for tap in prepared.taps) or any(
            isinstance(module, _FAST_PATHS) for module in network.modules()
        )

    @contextmanager
    def attach(self) -> Iterator[None]:
        """Hooks on the network, while inside."""
        taps = self._prepared.taps
        with ExitStack() as stack:
            if self._sees_functions:
                self._calls = stack.enter_context(observe_calls(self._network, self._paths))
                self._calls.names = frozenset(tap.key[1].rpartition(".")[2] for tap in taps)
            else:
                self._calls = Calls(self._paths)
                seen = {tap.key: (tap.module, tap.key[1]) for tap in taps if tap.side == "output"}
                given = {tap.key: (tap.module, tap.key[1]) for tap in taps if tap.side == "input"}
                stack.enter_context(observe_modules(seen.values(), given.values(), self._calls))
            yield

    def __call__(self, inputs: Any) -> list[Any]:
        prepared = self._prepared
        given = place_inputs(inputs, self._network)
        check_finite(given)
        n_samples = count_samples(given)
        if prepared.is_single and n_samples > 1:
            with observe_calls(self._network, self._paths) as calls:
                trials = Trials(self._network, calls, self._found, self._paths, inputs)
                reprove(trials, prepared)
        before = self._chance.copy() if self._chance is not None else None
        tensors, overwritten = self._run(given)
        if overwritten:
            # Not in the trial, but now: once more, with copies.
            prepared.copied |= overwritten
            self._chance = before
            tensors, _ = self._run(place_inputs(inputs, self._network))
        if any(tensor is None for tensor in tensors):
            raise ValueError(
                f"network does not call the layers of {[s.name for s in self.sites]} as often for "
                "every batch as for the first; record others, or the activations themselves: "
                "record(activations)"
            )
        found = [
            arrangement.arrange(tensor, n_samples)
            for arrangement, tensor in zip(prepared.arrangements, tensors, strict=True)
        ]
        for site, tensor in zip(self.sites, found, strict=True):
            if len(tensor) != n_samples:
                raise ValueError(
                    f"layer {site.name!r} cannot be recorded: it gave {len(tensor)} rows for {n_samples}"
                    " samples, and one for each in the trial: experts, for example, see some rows alone"
                )
        self._check_first(found)
        return [hand_over(tensor) for tensor in found]

    def allow_noise(self, modules: list[Any]) -> None:
        """Run on with these modules in training mode: no two runs are alike then."""
        self._noisy = modules
        self._prepared.shown = []
        self._chance = Chance(self._network)

    def standing(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        # Weights change before a look: the trial's rows are no longer those of the batch.
        self._prepared.shown = []

        def look(take: Take) -> None:
            check_weights(self._network)
            with leave_as_found(self._network) as self._found, self.attach():
                for batch in batches:
                    take(self(batch))

        return look

    def _run(self, given: Any) -> tuple[list[Any], set[Any]]:
        prepared = self._prepared
        if prepared.moves:
            self._found.put_back()
            self._found.settle()
        for module in self._noisy:
            module.training = True
        keeper = Keeper(prepared.taps, prepared.copied)
        self._calls.take, self._calls.take_given = keeper.take, keeper.take_given
        try:
            with ExitStack() as stack:
                if self._chance is not None:
                    stack.enter_context(self._chance.own())
                run(self._network, self._calls, given, sees_functions=self._sees_functions)
        finally:
            self._calls.drop()
        return keeper.read(), keeper.find_overwritten() - prepared.copied

    def _check_first(self, found: list[Any]) -> None:
        """Samples of the trial must give the same rows in the whole batch."""
        shown, self._prepared.shown = self._prepared.shown, []
        if not shown or any(module.training for module in self._network.modules()):
            return  # compared before, or noise layers were switched on since
        for site, rows, tensor in zip(self.sites, shown, found, strict=True):
            if tensor.shape[1:] == rows.shape[1:] and not agree(tensor[self._prepared.tried], rows):
                raise ValueError(f"layer {site.name!r} cannot be recorded: {DEPENDENT}")


@contextmanager
def observe(network: Any, inputs: Any, layers: Any) -> Iterator[TorchObservation]:
    """See `ann2neo.recording.adapters.Adapter`."""
    network = _check_network(network)
    with leave_as_found(network) as found:
        paths = list_paths(network)
        with observe_calls(network, paths) as calls:
            trials = Trials(network, calls, found, paths, inputs)
            prepared = prepare(trials, layers, network, paths)
        # Otherwise the first batch would be held throughout.
        del inputs, trials, calls
        observation = TorchObservation(network, paths, found, prepared)
        with observation.attach():
            yield observation


def list_places(network: Any, inputs: Any) -> list[Place]:
    """See `ann2neo.recording.adapters.Adapter`."""
    network = _check_network(network)
    with leave_as_found(network) as found:
        paths = list_paths(network)
        with observe_calls(network, paths) as calls:
            return list_proven(Trials(network, calls, found, paths, inputs))


def _check_network(network: Any) -> Any:
    network = unwrap(network)
    if isinstance(network, torch.jit.ScriptModule):
        raise TypeError(
            f"network must be a module whose inside can be observed, got a {type(network).__name__}: "
            "record the module that it was scripted or traced from"
        )
    check_weights(network)
    return network
