"""The layers of a torch network: what they are called, which have nodes, what lies before the output."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ann2neo.recording.flow.operations import (
    COMPARISONS,
    FUNCTIONS,
)
from ann2neo.recording.flow.shaped import find_shaped
from ann2neo.recording.places import Place
from ann2neo.recording.torch.calls import Call, Key, Seen, Trial
from ann2neo.recording.torch.dataflow import Dataflow
from ann2neo.recording.torch.layers.kinds import is_lookup, is_normalization, name_activation
from ann2neo.recording.torch.layers.sums import Sums
from ann2neo.recording.torch.modules import holds_weights
from ann2neo.recording.torch.rows import Arrangement, list_arrangements


@dataclass(frozen=True)
class Tap:
    """Where a place is found while recording: a call of a module or function, a tensor of it.

    With `call` None the tensors of all calls, one behind the other. `channel_axis` is the axis of the
    tensor that holds the channels, where that is known; `has_samples` says
    whether an axis could be that of the samples, `value` is the tensor's in the dataflow.
    """

    key: Key
    module: Any
    call: int | None
    n_calls: int
    position: int
    side: str
    channel_axis: int | None
    has_samples: bool
    value: int | None


def find_places(trial: Trial, returned: Sequence[Any], n_samples: int) -> list[tuple[Place, Tap]]:
    """All places of a trial run, in the order of the calls, labeled so that each is told apart."""
    return _Finder(trial, returned, n_samples).find()


class _Finder:
    def __init__(self, trial: Trial, returned: Sequence[Any], n_samples: int) -> None:
        self._flow: Dataflow = trial.dataflow
        self._calls = trial.calls
        self._n_samples = n_samples
        self._n_calls = Counter(call.key for call in self._calls)
        ends = [v for tensor in returned if (v := self._flow.find(tensor)) is not None]
        self._ends = set(ends)
        self._output = _find_output_stage(self._flow, ends)
        # What is computed beside and returned nowhere lies before no output.
        self._returned = set(self._flow.walk_back(ends))
        self._spikes = self._find_spikes()
        modules = [call for call in self._calls if call.module is not None]
        self._given_back = {seen.value for call in modules for seen in call.made}
        # What an activation function takes or makes stands in the raster under the function's name.
        self._shaped = self._find_shaped()
        active = [call for call in self._calls if self._name_activation(call) != "linear"]
        self._taken = {value for call in active for value in self._list_taken(call)}
        self._made = {seen.value for call in active if call.module is None for seen in call.made}
        self._made -= {None}
        self._sums = Sums(self._flow, {seen.value for call in active for seen in call.made})
        self._summed: set[int] = set()
        for call in self._calls:
            if call.module is not None:
                self._summed |= self._sums.find_accounted(call)

    def find(self) -> list[tuple[Place, Tap]]:
        found = []
        seen: Counter[Key] = Counter()
        spikes: set[tuple[Key, int]] = set()
        for call in self._calls:
            number = seen[call.key]
            seen[call.key] += 1
            if not self._is_place(call):
                continue
            found += list(self._list_inputs(call, number))
            for position in range(len(call.made)):
                place, tap = self._describe_output(call, number, position)
                steps = self._n_calls[call.key] > 1 and place.activation == "spikes"
                if steps and (call.key, position) not in spikes:
                    spikes.add((call.key, position))
                    found.append(self._stack_calls(place, tap))
                found.append((place, tap))
        if any(place.is_node and place.is_hidden for place, _ in found):
            return found
        # Without weights after them, what is more than a function away from the output counts as hidden.
        output = self._flow.walk_beside(self._ends)
        return [
            (
                dataclasses.replace(
                    place, is_hidden=tap.value in self._returned and tap.value not in output
                ),
                tap,
            )
            for place, tap in found
        ]

    def _is_place(self, call: Call) -> bool:
        """Functions other than activation functions are places where nothing else stands for them."""
        if call.module is not None or call.name in FUNCTIONS or self._is_function(call):
            return True
        if "softmax" in call.name and any(seen.value in self._output for seen in call.made):
            return True
        return any(self._is_unaccounted(seen) for seen in call.made)

    def _find_shaped(self) -> dict[int | None, set[int]]:
        """Values made by functions that are none by name, but act as activation functions."""
        named = [call for call in self._calls if call.name in FUNCTIONS or call.is_rectified]
        known = [seen.value for call in named for seen in call.made if seen.value is not None]
        return dict(find_shaped(self._flow.steps, frozenset(known)).items())

    def _list_taken(self, call: Call) -> list[int]:
        """What an activation function is of, if it is of one value alone."""
        made = call.made[0].value if call.made else None
        taken = [call.given[0].value] if call.given else []
        if call.module is None and made in self._shaped:
            taken = taken if len(self._shaped[made]) == 1 else []
        return [value for value in taken if value is not None]

    def _is_function(self, call: Call) -> bool:
        """Whether a function does what an activation function does."""
        return call.is_rectified or (bool(call.made) and call.made[0].value in self._shaped)

    def _is_unaccounted(self, seen: Seen) -> bool:
        if seen.value is None or not self._flow.steps[seen.value].is_contraction:
            return False
        return seen.value not in self._summed and seen.value not in self._taken

    def _describe_output(self, call: Call, number: int, position: int) -> tuple[Place, Tap]:
        seen = call.made[position]
        label = f"{call.path}:{number}" if self._n_calls[call.key] > 1 else call.path
        label = f"{label}[{position}]" if len(call.made) > 1 else label
        activation = self._name_activation(call) if position == 0 else self._name_further(call, seen)
        reason = self._find_reason(call, position, activation)
        place = self._make_place(call, number, position, seen, label, activation, reason)
        return place, self._make_tap(call, number, position, seen, "output")

    def _list_inputs(self, call: Call, number: int) -> Iterator[tuple[Place, Tap]]:
        n_calls = self._n_calls[call.key]
        for position, seen in enumerate(call.given if call.module is not None else []):
            label = f"{call.path}:{number}:input" if n_calls > 1 else f"{call.path}:input"
            label = f"{label}[{position}]" if len(call.given) > 1 else label
            unseen = self._is_unseen(call, seen)
            reason = "" if unseen else "what a layer reads; name it to record it"
            activation = "own function" if unseen else "linear"
            place = self._make_place(
                call, number, position, seen, label, activation, reason, side="input"
            )
            yield place, self._make_tap(call, number, position, seen, "input")

    def _is_unseen(self, call: Call, seen: Seen) -> bool:
        """Whether a layer with weights reads what was made of others' values out of sight."""
        if seen.value is None or call.n_inner or not holds_weights(call.module):
            return False
        if seen.value in self._given_back:
            return False
        weights = self._flow.list_weights(seen.value)
        return self._flow.steps[seen.value].name == "opaque" and bool(weights)

    def _make_tap(self, call: Call, number: int, position: int, seen: Seen, side: str) -> Tap:
        return Tap(
            key=call.key,
            module=call.module,
            call=number,
            n_calls=self._n_calls[call.key],
            position=position,
            side=side,
            channel_axis=seen.channel_axis,
            has_samples=bool(list_arrangements(seen.shape, self._n_samples)),
            value=seen.value,
        )

    def _make_place(
        self,
        call: Call,
        number: int,
        position: int,
        seen: Seen,
        label: str,
        activation: str,
        reason: str,
        side: Any = "output",
    ) -> Place:
        arrangement = next(iter(list_arrangements(seen.shape, self._n_samples)), Arrangement())
        suffix = "" if side == "output" else ":input"
        return Place(
            layer=call.module,
            name=call.name + suffix,
            path=call.path + suffix,
            call=number,
            n_calls=self._n_calls[call.key],
            position=position,
            label=label,
            tensor=None,
            activation=activation,
            is_node=not reason,
            kind=call.name if call.module is None else type(call.module).__name__,
            shape=arrangement.shape_sample(seen.shape),
            channel_axis=arrangement.find_axis(seen.channel_axis),
            side=side,
            is_hidden=any(
                self._is_before_output(one) for one in _list_alike(call, seen, side, position)
            ),
            weights=self._flow.list_weights(seen.value),
            reason=reason,
        )

    def _is_before_output(self, seen: Seen) -> bool:
        return seen.value in self._returned and seen.value not in self._output

    def _stack_calls(self, place: Place, tap: Tap) -> tuple[Place, Tap]:
        """The calls of a spiking layer are time steps of one recording."""
        path = place.path
        label = f"{path}[{tap.position}]" if place.label.endswith("]") else path
        axis = place.channel_axis
        shape = None if place.shape is None else (tap.n_calls, *place.shape)
        whole = dataclasses.replace(
            place,
            label=label,
            shape=shape,
            channel_axis=len(shape or ()) - 1 if axis is None else axis + 1,
            is_node=True,
            reason="",
        )
        return whole, dataclasses.replace(
            tap, call=None, channel_axis=2 if tap.channel_axis is None else tap.channel_axis + 1
        )

    def _find_reason(self, call: Call, position: int, activation: str) -> str:
        """Why an output is no node; "" if it is one."""
        seen = call.made[position]
        if seen.value is None and ".parametrizations." in call.path:
            return "makes a weight"
        if activation == "spikes" and self._n_calls[call.key] > 1:
            return f"a time step of {call.path!r}"
        if call.module is None:
            return self._find_function_reason(seen, position, activation)
        if activation != "linear":
            return "" if position == 0 or activation == "spikes" else "a further output, such as a state"
        if isinstance(call.module, torch.nn.RNNBase) and position > 0:
            return "a state"  # whose first axis is that of the layers
        if isinstance(call.module, torch.nn.MultiheadAttention) and position > 0:
            return "how much attention is paid, not what is made of it"
        if seen.value in self._taken:
            return "goes straight into an activation function"
        if seen.value in self._spikes:
            return f"{self._spikes[seen.value].path!r} stands for it"
        if seen.value in self._made:
            return "an activation function inside stands for it"
        return self._find_weightless_reason(call, seen)

    def _find_function_reason(self, seen: Seen, position: int, activation: str) -> str:
        if position and not seen.dtype.is_floating_point:
            return "which ones were chosen"
        unsaid = activation == "linear" and not self._is_unaccounted(seen)
        return "makes the output of what is recorded" if unsaid else ""

    def _find_weightless_reason(self, call: Call, seen: Seen) -> str:
        steps = self._sums.list_steps(call)
        direct = [step for step in steps if step.module == call.number]
        weighted = [step for step in direct if step.weights]
        if not weighted and not holds_weights(call.module):
            if self._sums.is_affine(call, seen):
                return ""
            return "no weights of its own, nor an activation function"
        if is_lookup(call.module, weighted) and not self._is_chosen(call):
            return "an embedding"
        if is_normalization(call.module, direct):
            return "a normalization"
        if call.n_inner == 0:
            return ""
        value = seen.value
        if value is not None and value in self._sums.find_sums(call):
            return ""
        return "what is inside stands for it"

    def _is_chosen(self, call: Call) -> bool:
        """Whether the network itself chose what is looked up, as one does that quantizes vectors."""
        given = [seen.value for seen in call.given if seen.value is not None]
        return any(self._flow.steps[number].is_contraction for number in self._flow.walk_back(given))

    def _find_spikes(self) -> dict[int | None, Call]:
        """Value → the module of spiking units that made it: of several that return it, the outermost
        that computes something itself."""
        found: dict[int | None, Call] = {}
        for call in self._calls:
            if call.module is None or not call.made or not call.functions:
                continue
            seen = call.made[0]
            if not seen.is_binary or seen.value is None or not seen.dtype.is_floating_point:
                continue
            own = call.n_inner == 0 and set(call.functions) & COMPARISONS
            if own or seen.value in found:
                found[seen.value] = call
        return found

    def _name_activation(self, call: Call) -> str:
        spikes = bool(call.made) and self._spikes.get(call.made[0].value) is call
        shaped = bool(call.made) and call.made[0].value in self._shaped
        return name_activation(call, spikes=spikes, shaped=shaped)

    def _name_further(self, call: Call, seen: Seen) -> str:
        first = self._name_activation(call)
        return (
            "spikes"
            if first == "spikes" and seen.is_binary
            else "linear"
            if first == "spikes"
            else first
        )


def _list_alike(call: Call, seen: Seen, side: str, position: int) -> list[Seen]:
    """What stands for an output: of a recurrent layer its last state, too, which is its last step."""
    recurrent = isinstance(call.module, torch.nn.RNNBase) and side == "output" and position == 0
    return call.made if recurrent else [seen]


def _find_output_stage(flow: Dataflow, ends: Sequence[int]) -> set[int]:
    """Values between the last weights and what the network returned.

    What it returned beside, and made the rest of it from, is not its output: features beside logits.
    """
    stages = {end: set(flow.walk_back([end], stop=lambda step: step.is_contraction)) for end in ends}
    before = {
        end: set(flow.walk_back(p for n in stage for p in flow.steps[n].parents)) - stage
        for end, stage in stages.items()
    }
    last = [end for end in ends if not any(end in before[other] for other in ends)]
    return set().union(*(stages[end] for end in last))
