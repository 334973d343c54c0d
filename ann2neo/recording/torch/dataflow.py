"""Which values of one run were made from which, by what, and with whose weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from ann2neo.recording.flow.operations import (
    CONTRACTIONS,
    LIKENESSES,
    SPREAD_SUM,
    SUMMING,
    name_function,
    works_in_place,
)
from ann2neo.recording.flow.steps import Step, is_elementwise
from ann2neo.recording.torch.inputs import walk_tensors

_CONSTANT = -1
_SECOND = frozenset(["linear", "matmul", "__matmul__", "mm", "bmm", "conv1d", "conv2d", "conv3d"])
_OPERAND = {**dict.fromkeys(_SECOND, 1), "__rmatmul__": 0, "addmm": 2}
"""Functions that multiply values with a matrix from behind → which of their arguments it is."""


@dataclass
class Dataflow:
    """The values of one run, numbered in the order in which they were made.

    Values that a function made out of sight are taken to be made from the last one seen.
    """

    steps: list[Step] = field(default_factory=list)
    _values: Any = field(default_factory=WeakTensorKeyDictionary)
    _weights: Any = field(default_factory=WeakTensorKeyDictionary)
    _stored: Any = field(default_factory=WeakTensorKeyDictionary)
    _owners: dict[int, str] = field(default_factory=dict)

    def begin(
        self,
        inputs: Iterable[Any],
        owners: Mapping[int, str],
        constants: Iterable[Any],
        stored: Iterable[tuple[Any, str]] = (),
    ) -> None:
        """`inputs` are the samples, `owners` tell for the id of each parameter whose it is; `constants`
        are what the network holds besides, `stored` those of them that are a module's own, and whose."""
        self._owners = dict(owners)
        for tensor in constants:
            self._values[tensor] = _CONSTANT
        for tensor, path in stored:
            self._stored[tensor] = (path,)
        for tensor in inputs:
            self._values[tensor] = self._add("samples", (), (), -1, tensor)

    def follow(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        module: int,
        path: str,
    ) -> Any:
        """What the function returns."""
        given = list(walk_tensors([args, kwargs], depth=3))
        name = _name_product(args) or name_function(function)
        for tensor in given:
            self._meet(tensor, module)
        sources = [] if name in LIKENESSES else given
        parents = tuple(dict.fromkeys(value for t in sources if (value := self.find(t)) is not None))
        weights = tuple(dict.fromkeys(owner for t in given for owner in self._list_owners(t)))
        if not weights and name in CONTRACTIONS and _takes_packed_weights(args):
            weights = (path,)
        stored = tuple(dict.fromkeys(owner for t in given for owner in self._stored.get(t, ())))
        if not weights and parents and stored:
            weights = self._find_stored(name, args, kwargs)
        if name in SUMMING and len(parents) == 1 and not weights:
            weights = self._find_spread(parents[0])
            name = SPREAD_SUM if weights else name
        changed = find_target(args, kwargs) if works_in_place(function, kwargs) else None
        returned = function(*args, **kwargs)
        made = [] if returned is NotImplemented else list(walk_tensors(returned, depth=3))
        if changed is not None and all(tensor is not changed for tensor in made):
            made.append(changed)
        given_ids = {id(tensor) for tensor in given}
        for tensor in made:
            if id(tensor) in given_ids and tensor is not changed:
                continue  # handed on as it is
            self._note(tensor, name, parents, weights, module)
            if stored and not parents and not weights:
                self._stored[tensor] = stored
        if changed is not None and parents:
            self._note_base(changed, module)
        return returned

    def find(self, tensor: Any) -> int | None:
        """Number of the value that a tensor holds now; None if it does not depend on the samples."""
        value = self._values.get(tensor)
        return None if value in (None, _CONSTANT) else int(value)

    def note_opaque(
        self, tensor: Any, parents: tuple[int, ...], module: int, weights: tuple[str, ...] = ()
    ) -> int | None:
        """The value of a tensor that a module returned, made out of sight unless it is known."""
        if tensor in self._values:
            return self.find(tensor)
        if not parents:
            self._values[tensor] = _CONSTANT
            return None
        name = "opaque layer" if weights else "opaque"
        value = self._add(name, parents, weights, module, tensor)
        self._values[tensor] = value
        return value

    def walk_beside(self, values: Iterable[int]) -> set[int]:
        """Values from which these were made element by element, whatever the function."""
        return set(self.walk_back(values, stop=lambda step: not is_elementwise(step)))

    def _find_stored(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
        """Whose tensor it is, no parameter, that values are multiplied with from behind."""
        place = _OPERAND.get(name)
        if place is None:
            return ()
        operand = args[place] if len(args) > place else kwargs.get("weight", kwargs.get("mat2"))
        groups = kwargs.get("groups", args[6] if len(args) > 6 else 1)
        if not isinstance(operand, torch.Tensor) or (name.startswith("conv") and groups != 1):
            return ()
        found: tuple[str, ...] = self._stored.get(operand, ())
        return found

    def _find_spread(self, number: int) -> tuple[str, ...]:
        """Whose weights a value was spread over, each with each, before it is summed up: a product or a
        distance written out."""
        while True:
            step = self.steps[number]
            if not is_elementwise(step) or not step.parents:
                return ()
            if step.weights and step.size > max(self.steps[p].size for p in step.parents):
                return step.weights
            if len(step.parents) > 1:
                return ()
            number = step.parents[0]

    def list_weights(self, value: int | None) -> tuple[str, ...]:
        """Whose weights feed a value: the nearest sums with weights before it."""
        found: dict[str, None] = {}
        if value is not None:
            for number in self.walk_back([value], stop=lambda step: step.is_contraction):
                if self.steps[number].is_contraction:
                    found |= dict.fromkeys(self.steps[number].weights)
        return tuple(reversed(found))

    def walk_back(
        self, values: Iterable[int], stop: Callable[[Step], bool] = lambda step: False, first: int = 0
    ) -> Iterator[int]:
        """Values from which these were made, themselves among them, and not beyond one that stops."""
        pending, seen = list(values), set()
        while pending:
            number = pending.pop()
            if number in seen or number < first:
                continue
            seen.add(number)
            yield number
            if not stop(self.steps[number]):
                pending += self.steps[number].parents

    def _note(
        self, tensor: Any, name: str, parents: tuple[int, ...], weights: tuple[str, ...], module: int
    ) -> None:
        if id(tensor) in self._owners:
            return
        if parents:
            self._values[tensor] = self._add(name, parents, weights, module, tensor)
        elif weights:
            self._weights[tensor] = weights
        else:
            self._values[tensor] = _CONSTANT

    def _note_base(self, tensor: Any, module: int) -> None:
        """A part of a tensor was overwritten, and so the whole is another."""
        base = tensor._base
        if base is not None and id(base) not in self._owners:
            parents = [self._values.get(part) for part in (base, tensor)]
            known = tuple(value for value in parents if value not in (None, _CONSTANT))
            self._values[base] = self._add("copy", known, (), module, base)

    def _add(
        self, name: str, parents: tuple[int, ...], weights: tuple[str, ...], module: int, tensor: Any
    ) -> int:
        shape = () if tensor.is_nested else tuple(tensor.shape)
        chooses = not (tensor.is_floating_point() or tensor.is_complex())
        self.steps.append(Step(name, parents, weights, module, shape, chooses))
        return len(self.steps) - 1

    def _list_owners(self, tensor: Any) -> tuple[str, ...]:
        owner = self._owners.get(id(tensor))
        return (owner,) if owner is not None else self._weights.get(tensor, ())

    def _meet(self, tensor: Any, module: int) -> None:
        """A tensor never seen was made out of sight, as by a function with a gradient of its own."""
        known = tensor in self._values or tensor in self._weights or id(tensor) in self._owners
        if not known and self.steps:
            self._values[tensor] = self._add("opaque", (len(self.steps) - 1,), (), module, tensor)


def _name_product(args: Sequence[Any]) -> str:
    """``"mul"`` for Einstein's sums that sum over nothing."""
    if not args or not isinstance(args[0], str) or "->" not in args[0]:
        return ""
    given, _, made = args[0].replace(" ", "").partition("->")
    return "mul" if set(given) <= {*made, ","} and "," in given else ""


def find_target(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The tensor that a function works on in place."""
    out = kwargs.get("out", args[0] if args else kwargs.get("input"))
    return next(walk_tensors(out, depth=2), None)


def _takes_packed_weights(args: Sequence[Any]) -> bool:
    flat = [part for arg in args for part in (arg if isinstance(arg, (list, tuple)) else [arg])]
    return any(type(part).__name__ in ("ScriptObject", "FakeScriptObject") for part in flat)
