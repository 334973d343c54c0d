"""Functions that are no activation functions by name, and act as such where they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from ann2neo.recording.flow.operations import (
    CHOOSING,
    COMPARING,
    MULTIPLYING,
    NORMALIZATIONS,
    PASSING,
    SELECTING,
    SHAPING,
    SPREAD_SUM,
)
from ann2neo.recording.flow.steps import Step, is_elementwise

_GROWING = frozenset(["cat", "concat", "concatenate", "stack", "pad", "constant_pad_nd"])
_TELLING = frozenset(
    [
        *("argmax", "argmin", "argsort", "argwhere", "gather", "multinomial", "nonzero", "one_hot"),
        *("take_along_dim", "__eq__", "__ne__", "ne", "not_equal", "__invert__", "bitwise_not"),
        *("logical_not", "logical_and", "logical_or", "logical_xor", "__and__", "__or__", "__xor__"),
        *("bitwise_and", "bitwise_or"),
    ]
)
"""Functions beside those element by element that masks and the like are made by."""


def find_shaped(steps: Sequence[Step], active: AbstractSet[int]) -> dict[int, set[int]]:
    """Values that a function of no name made of sums with weights, and that go on to others, or to a
    normalization, without another such function or an activation function: ``sin(fc(x))``, products of
    two layers, the largest of some units. With each come the values that it was made of.

    `active` are those that activation functions made.
    """
    return _Finder(steps, active).find()


class _Finder:
    def __init__(self, steps: Sequence[Step], active: AbstractSet[int]) -> None:
        self._steps, self._active = steps, active

    def find(self) -> dict[int, set[int]]:
        readers: dict[int, list[int]] = {}
        for number, step in enumerate(self._steps):
            for parent in step.parents:
                readers.setdefault(parent, []).append(number)
        shaped = {
            number
            for number, step in enumerate(self._steps)
            if number not in self._active and step.parents and self._shapes(step)
        }
        stops = shaped | self._active
        found = [number for number in sorted(shaped) if self._leads_on(number, readers, stops)]
        return {number: self._find_sources(self._steps[number].parents) for number in found}

    def _shapes(self, step: Step) -> bool:
        """Whether a step is a function, not linear, of sums with weights alone."""
        if step.weights or not self._bends(step):
            return False
        sources = self._find_sources(step.parents)
        return bool(sources) and all(self._is_unit(number, step) for number in sources)

    def _bends(self, step: Step) -> bool:
        if step.name in COMPARING:
            return True
        if step.chooses:
            return False
        if step.name in MULTIPLYING and len(step.parents) > 1:
            return len([p for p in step.parents if _gates(self._steps[p].shape, step.shape)]) > 1
        if step.name in CHOOSING:
            return self._chooses_by_itself(step)
        return step.name in SHAPING - MULTIPLYING

    def _chooses_by_itself(self, step: Step) -> bool:
        """Whether what is chosen, and what it is chosen by, come of the same sums."""
        choosing = [p for p in step.parents if self._steps[p].chooses]
        rest = [p for p in step.parents if not self._steps[p].chooses]
        by, of = self._find_sources(choosing), self._find_sources(rest, choices=False)
        full = any(self._steps[p].size >= step.size for p in choosing)
        return bool(by) and (full or not of or not by.isdisjoint(of))

    def _find_sources(self, parents: Iterable[int], *, choices: bool = True) -> set[int]:
        """Where values come from: sums, activation functions, or what is neither; without `choices`
        only the values themselves, and not what they were chosen by."""
        pending, seen, found = list(parents), set(), set()
        while pending:
            number = pending.pop()
            if number in seen or (self._steps[number].chooses and not choices):
                continue
            seen.add(number)
            if number in self._active or not _is_passed(self._steps[number]):
                found.add(number)
            else:
                pending += self._steps[number].parents
        return found

    def _is_unit(self, number: int, step: Step) -> bool:
        """Whether a value is a sum with weights, normalized perhaps, or an activation function's."""
        if number in self._active:
            return True
        while True:
            source = self._steps[number]
            if source.is_contraction:
                return True
            if source.name not in NORMALIZATIONS or not source.parents:
                return source.name == "samples" and step.name in MULTIPLYING
            number = source.parents[0]

    def _leads_on(
        self, number: int, readers: Mapping[int, Sequence[int]], stops: AbstractSet[int]
    ) -> bool:
        """Whether a value goes on to sums with weights, element by element and not spread over more."""
        own = self._steps[number]
        # A part of the samples let through is none in a sum with others.
        sources = self._find_sources(own.parents) - self._active
        direct = own.name in COMPARING or any(self._steps[s].name == "samples" for s in sources)
        pending, seen = [number], set()
        while pending:
            before = pending.pop()
            for reader in readers.get(before, ()):
                step = self._steps[reader]
                if step.name == SPREAD_SUM:
                    continue
                if step.is_contraction or step.name in NORMALIZATIONS:
                    return True
                # What compares makes spikes if they are read as numbers, else a mask.
                goes_on = step.name in PASSING if direct else _is_passed(step)
                spread = step.size > self._steps[before].size and step.name not in _GROWING
                if reader not in seen and reader not in stops and goes_on and not spread:
                    seen.add(reader)
                    pending.append(reader)
        return False


def _gates(factor: tuple[int, ...], product: tuple[int, ...]) -> bool:
    """Whether a factor is another for each unit, or for each channel of images, and not one for all."""
    if len(factor) != len(product):
        return math.prod(factor) >= math.prod(product)
    alike = [a == b for a, b in zip(factor, product, strict=True)]
    channels = len(product) > 3 and sum(alike[1:]) == 1 and math.prod(factor[1:]) > 1
    return all(alike) or channels


def _is_passed(step: Step) -> bool:
    """Whether what comes of a step comes of its parents one by one."""
    names = SELECTING | CHOOSING | _TELLING
    return is_elementwise(step) or step.name in names
