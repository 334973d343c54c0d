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

import numpy as np
import torch

from ann2neo.recording.layer_selection import note_unsteady
from ann2neo.recording.observation import Look, NonFiniteSampleError, Take
from ann2neo.recording.places import Place
from ann2neo.recording.row_proof import choose_suspects
from ann2neo.recording.samples.inputs import count_samples, take_rows
from ann2neo.recording.torch.calls import Calls, observe_calls, observe_modules
from ann2neo.recording.torch.inputs import check_finite, place_inputs
from ann2neo.recording.torch.keeper import Keeper, run
from ann2neo.recording.torch.layers.places import Tap
from ann2neo.recording.torch.modules import list_paths, unwrap
from ann2neo.recording.torch.noise import Chance
from ann2neo.recording.torch.noise import seed_noise as seed_noise
from ann2neo.recording.torch.noise import switch_on_noise as switch_on_noise
from ann2neo.recording.torch.packing import hand_over
from ann2neo.recording.torch.preparation import Prepared, list_proven, prepare, reprove
from ann2neo.recording.torch.restoration import Snapshot, leave_as_found
from ann2neo.recording.torch.rows import DEPENDENT, agree, sum_rows
from ann2neo.recording.torch.trial import Trials
from ann2neo.recording.torch.weights import check_weights, find_device, hash_weights, name_network

_FAST_PATHS = (
    *(torch.nn.MultiheadAttention, torch.nn.TransformerEncoder, torch.nn.TransformerEncoderLayer),
)
"""Modules that skip those inside of them, unless functions are observed."""
_OTHER_CALLS = "the network does not call it as often for a whole batch as for a few samples"
_N_SUMMED = 16
"""Layers by whose values samples of a whole batch are chosen to be shown apart."""


class TorchObservation:
    """Runs the network on a batch and returns the activations at the chosen sites."""

    def __init__(
        self, network: Any, paths: Mapping[int, str], found: Snapshot, prepared: Prepared
    ) -> None:
        self._about = {
            "network": name_network(network),
            "framework": f"torch {torch.__version__}",
            "backend": find_device(network).type,
            "weights_hash": hash_weights(network),
        }
        self._describe(prepared)
        self._begun: tuple[Any, list[Any]] | None = None
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

    def begin(self, inputs: Any) -> None:
        """See `ann2neo.recording.observation.begin`."""
        prepared = self._prepared
        if prepared.is_single or not prepared.shown or count_samples(inputs) <= len(prepared.tried):
            return
        given = place_inputs(inputs, self._network)
        try:
            check_finite(given)
        except NonFiniteSampleError:
            return  # told when it is recorded, by its number
        tensors = self._run_copying(inputs, given)
        faults = self._find_faults(tensors, inputs)
        prepared.shown = []
        if faults:
            kept = dict(zip(prepared.taps, tensors, strict=True))
            prepared.leave_out(faults)
            self._describe(prepared)
            tensors = [kept[tap] for tap in prepared.taps]
        self._begun = inputs, tensors

    def __call__(self, inputs: Any) -> list[Any]:
        prepared = self._prepared
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] is inputs:
            return self._hand_over(begun[1], count_samples(inputs))
        del begun
        given = place_inputs(inputs, self._network)
        check_finite(given)
        n_samples = count_samples(given)
        if prepared.is_single and n_samples > 1:
            with observe_calls(self._network, self._paths) as calls:
                trials = Trials(self._network, calls, self._found, self._paths, inputs)
                reprove(trials, prepared)
        tensors = self._run_copying(inputs, given)
        if prepared.shown and n_samples > len(prepared.tried):
            faults = self._find_faults(tensors, inputs)
            prepared.shown = []
            for site, tap in zip(self.sites, prepared.taps, strict=True):
                if tap in faults:
                    raise ValueError(f"layer {site.name!r} cannot be recorded: {faults[tap]}")
        return self._hand_over(tensors, n_samples)

    def _describe(self, prepared: Prepared) -> None:
        self.sites, self.draws = prepared.sites, prepared.draws
        self.notes = [*prepared.choice.notes, *note_unsteady(prepared.choice.places)]
        self.annotations = {**self._about, **prepared.choice.annotations}

    def _run_copying(self, inputs: Any, given: Any) -> list[Any]:
        """A tensor for each tap, None for those that were not called as often as in the trial."""
        before = self._chance.copy() if self._chance is not None else None
        tensors, overwritten = self._run(given)
        if overwritten:
            # Not in the trial, but now: once more, with copies.
            self._prepared.copied |= overwritten
            self._chance = before
            tensors, _ = self._run(place_inputs(inputs, self._network))
        return tensors

    def _hand_over(self, tensors: list[Any], n_samples: int) -> list[Any]:
        if any(tensor is None for tensor in tensors):
            raise ValueError(
                f"network does not call the layers of {[s.name for s in self.sites]} as often for "
                "every batch as for the first; record others, or the activations themselves: "
                "record(activations)"
            )
        found = []
        arranged = zip(self.sites, self._prepared.arrangements, tensors, strict=True)
        for site, arrangement, tensor in arranged:
            rows = arrangement.arrange(tensor, n_samples)
            if len(rows) != n_samples:
                fault = _tell_rows(rows, n_samples)
                raise ValueError(f"layer {site.name!r} cannot be recorded: {fault}")
            found.append(hand_over(rows))
        return found

    def allow_noise(self, modules: list[Any]) -> None:
        """Run on with these modules in training mode: no two runs are alike then."""
        self._noisy, self._begun = modules, None
        self._prepared.shown = []
        # That no two runs are alike is what was asked for.
        self.notes = self._prepared.choice.notes
        self._chance = Chance(self._network)

    def prepare_looks(self, batches: list[Any]) -> Look:
        """See `ann2neo.recording.repeated_observation.watch`."""
        # Weights change before a look: what was seen before it no longer holds.
        self._prepared.shown, self._begun = [], None

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

    def _find_faults(self, tensors: list[Any], inputs: Any) -> dict[Tap, str]:
        """What is wrong with places in a whole batch: samples of the trial must give the same rows in
        it, and so must a few others that look as if something had become of them."""
        prepared, n_samples = self._prepared, count_samples(inputs)
        faults: dict[Tap, str] = {}
        whole: dict[Tap, Any] = {}
        places = zip(prepared.taps, prepared.arrangements, tensors, prepared.shown, strict=True)
        for tap, arrangement, tensor, rows in places:
            found = None if tensor is None else arrangement.arrange(tensor, n_samples)
            if found is None:
                faults[tap] = _OTHER_CALLS
            elif len(found) != n_samples:
                faults[tap] = _tell_rows(found, n_samples)
            elif found.shape[1:] == rows.shape[1:] and not agree(found[prepared.tried], rows):
                faults[tap] = DEPENDENT
            else:
                whole[tap] = found
        sums = [sum_rows(found) for found in list(whole.values())[:_N_SUMMED]]
        suspects = choose_suspects(sums, prepared.tried) if sums else []
        apart = self._show_apart(suspects, inputs)
        for tap, rows in apart.items():
            found = whole.get(tap)
            if found is None or rows.shape[1:] != found.shape[1:]:
                continue
            if len(rows) != len(suspects) or not agree(found[suspects], rows):
                faults[tap] = DEPENDENT
        return faults

    def _show_apart(self, rows: list[int], inputs: Any) -> dict[Tap, Any]:
        """What the places give for these samples of a batch without the others."""
        if not rows:
            return {}
        try:
            few = take_rows(inputs, np.asarray(rows, np.int64))
            tensors, _ = self._run(place_inputs(few, self._network))
            places = zip(self._prepared.taps, self._prepared.arrangements, tensors, strict=True)
            return {tap: arr.arrange(t, len(rows)) for tap, arr, t in places if t is not None}
        except ValueError:
            return {}  # the network takes no batches of that size


def _tell_rows(found: Any, n_samples: int) -> str:
    return (
        f"it gave {len(found)} rows for {n_samples} samples, and one for each in the trial: experts, for"
        " example, see some rows alone"
    )


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
