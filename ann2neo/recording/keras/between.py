"""What a Keras model computes between its layers, and where that can be recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from ann2neo.recording.keras.activations import OWN, is_combined, is_cut, is_product, name_between
from ann2neo.recording.keras.calls import Call, has_inside, is_operation
from ann2neo.recording.keras.steps import is_linear, is_passing
from ann2neo.recording.keras.weights import read_variable

_LINEAR = "linear"
_N_NEAREST = 4

Paths = Mapping[int, tuple[str, Any]]


@dataclass(frozen=True)
class Role:
    """Whether what a call made are values of nodes, and which activation function made them."""

    activation: str
    is_node: bool
    reason: str

    @property
    def is_active(self) -> bool:
        """Whether an activation function made the values."""
        return self.activation != _LINEAR


@dataclass
class Outlets:
    """Where the results of operations between layers can be noted.

    `read`: (call, place among what it is given) → activation function; `returned`: call of a layer made
    of layers that returned it → activation function; `unseen`: calls of operations whose results are
    seen nowhere.
    """

    read: dict[tuple[int, int], str] = field(default_factory=dict)
    returned: dict[int, str] = field(default_factory=dict)
    unseen: set[int] = field(default_factory=set)


def find_outlets(
    calls: Sequence[Call], roles: Sequence[Role], weighted: Sequence[bool], paths: Paths
) -> Outlets:
    """Where what operations made is returned by a layer made of layers, or read by another layer: as it
    is, or else in a sum with others."""
    found = Outlets()
    search = _Search(calls, roles, weighted, paths)
    for index in reversed(range(len(calls))):
        call, role = calls[index], roles[index]
        if id(call.layer) in paths or not (role.is_node or weighted[index]):
            continue
        if not role.is_active and search.goes_into_activation(index, found.unseen):
            continue
        if role.activation == "softmax" and not search.is_of_units(index):
            continue  # how much attention is paid
        direct = next(search.walk(index, is_passing), None)
        indirect = next(search.walk(index, is_linear), None)
        place, activation = (direct, role.activation) if direct else (indirect, OWN)
        if place is None:
            if search.goes_unseen(index):
                found.unseen.add(index)
        elif place[1] < 0:
            found.returned.setdefault(place[0], activation)
        elif id(calls[place[0]].given[place[1]]) not in search.marked:
            search.marked.add(id(calls[place[0]].given[place[1]]))
            found.read[place] = activation
    return found


class _Search:
    """From operations on to the layers that return or read what they made."""

    def __init__(
        self, calls: Sequence[Call], roles: Sequence[Role], weighted: Sequence[bool], paths: Paths
    ) -> None:
        self._calls, self._roles, self._weighted, self._paths = calls, roles, weighted, paths
        self.marked: set[int] = set()
        self._readers: dict[int, list[tuple[int, int]]] = {}
        self._givers: dict[int, int] = {}
        self._makers: dict[int, int] = {}
        for index, call in enumerate(calls):
            for position, tensor in enumerate(call.given):
                self._readers.setdefault(id(tensor), []).append((index, position))
            for tensor in call.made:
                self._makers.setdefault(id(tensor), index)
            if id(call.layer) in paths and has_inside(call.layer):
                for tensor in call.made:
                    self._givers.setdefault(id(tensor), index)

    def walk(self, index: int, goes_on: Callable[[Any], bool]) -> Iterator[tuple[int, int]]:
        """(call, place among what it is given) of layers that read what a call made, −1 for one that
        returns it, through operations that go on."""
        pending, seen = list(self._calls[index].made), set()
        while pending:
            tensor = pending.pop(0)
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if id(tensor) in self._givers:
                yield self._givers[id(tensor)], -1
            readers = [r for r in self._readers.get(id(tensor), []) if r[0] > index]
            layers = [r for r in readers if id(self._calls[r[0]].layer) in self._paths]
            yield from sorted(layers, key=lambda r: has_inside(self._calls[r[0]].layer))
            for reader, _ in readers:
                call, role = self._calls[reader], self._roles[reader]
                stands = role.is_node or self._weighted[reader]
                if id(call.layer) not in self._paths and not stands and goes_on(call.layer):
                    pending += call.made

    def goes_into_activation(self, index: int, unseen: AbstractSet[int]) -> bool:
        """Whether an activation function takes what a call made, one that is seen and goes on."""
        given = [r for t in self._calls[index].made for r, _ in self._readers.get(id(t), [])]
        active = [r for r in given if r > index and self._roles[r].is_active and r not in unseen]
        return any(id(self._calls[r].layer) in self._paths or self.is_read(r) for r in active)

    def is_read(self, index: int) -> bool:
        """Whether a layer reads or returns what an operation made."""
        return next(self.walk(index, is_linear), None) is not None

    def goes_unseen(self, index: int) -> bool:
        """Whether what a call made goes on to weights: what another function is made of, which can be
        noted, stands in that."""
        pending, seen = [index], set()
        while pending:
            number = pending.pop()
            if number in seen:
                continue
            seen.add(number)
            if self._weighted[number]:
                return True
            if number == index or not self._roles[number].is_node:
                for tensor in self._calls[number].made:
                    readers = self._readers.get(id(tensor), [])
                    pending += [reader for reader, _ in readers if reader > number]
        return False

    def is_of_units(self, index: int) -> bool:
        """Whether a call is given what layers made, or sums of that, and not products of two."""
        pending, seen = [index], set()
        while pending:
            number = pending.pop()
            for tensor in self._calls[number].given:
                maker = self._makers.get(id(tensor))
                if maker is None or maker in seen or self._weighted[maker]:
                    continue
                seen.add(maker)
                if id(self._calls[maker].layer) in self._paths or self._roles[maker].is_node:
                    continue
                if not is_linear(self._calls[maker].layer):
                    return False
                pending.append(maker)
        return True


def find_between(
    paths: Paths, calls: Sequence[Call], network: Any, is_weighted: Callable[[Call], bool]
) -> dict[tuple[int, int], str]:
    """By values alone, what layers with weights are given that no layer made: (call, place among those)
    → the activation function that it was made by, or ``"linear"`` where weights made it that no layer
    holds."""
    owners = [(path, layer) for path, layer in paths.values() if holds_own(layer)]
    whole = bool(network._trainable_variables)
    weights = [read_variable(variable) for variable in network.weights]
    found: dict[tuple[int, int], str] = {}
    made: dict[int, Any] = {}
    for index, call in enumerate(calls):
        if is_weighted(call) and not has_inside(call.layer):
            path = paths[id(call.layer)][0]
            has_weights = whole or any(path.startswith(f"{outer}.") for outer, _ in owners)
            for position, tensor in enumerate(call.given):
                if id(tensor) in made or not made:
                    continue
                known = list(made.values())
                nearest = known[-_N_NEAREST:]
                name = name_between(tensor, nearest)
                if not name and not is_combined(tensor, known):
                    product = has_weights or is_product(tensor, nearest, weights)
                    name = _LINEAR if product and not is_cut(tensor) else OWN
                if name:
                    found[index, position] = name
        made.update({id(tensor): tensor for tensor in [*call.given, *call.made]})
    return found


def find_tied_end(calls: Sequence[Call], returned: Sequence[Any], network: Any) -> Any:
    """By values alone, what the network returned that weights made of its layers and that none of these
    returned; None if there is nothing such."""
    made = {id(tensor): tensor for call in calls for tensor in call.made}
    nearest = list(made.values())[-_N_NEAREST:]
    unknown = [tensor for tensor in returned if id(tensor) not in made]
    weights = [read_variable(variable) for variable in network.weights]
    return next((t for t in unknown if is_product(t, nearest, weights)), None)


def holds_own(layer: Any) -> bool:
    """Whether a layer made of layers has weights beside theirs."""
    return not is_operation(layer) and has_inside(layer) and bool(layer._trainable_variables)
