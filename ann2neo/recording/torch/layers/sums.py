"""Which values of a torch network are sums with weights, and what stands for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ann2neo.recording.flow.operations import PASSING
from ann2neo.recording.flow.steps import Step
from ann2neo.recording.torch.calls import Call, Seen
from ann2neo.recording.torch.dataflow import Dataflow


class Sums:
    """The sums with weights of a trial run.

    Parameters
    ----------
    flow : Dataflow
    active : iterable of int or None
        Values that activation functions made: what comes of them is no sum any more.
    """

    def __init__(self, flow: Dataflow, active: Iterable[int | None]) -> None:
        self._flow = flow
        self._active = set(active)
        self._products: dict[int, set[int]] = defaultdict(set)
        for number, step in enumerate(flow.steps):
            if step.is_contraction:
                self._products[step.module].add(number)

    def list_steps(self, call: Call) -> list[Step]:
        """What was computed while a module ran."""
        last = max((seen.value for seen in call.made if seen.value is not None), default=-1)
        return self._flow.steps[call.first : last + 1]

    def find_sums(self, call: Call) -> set[int]:
        """Outputs of a module that are sums of its own products with weights, and of nothing else."""
        found = set()
        for seen in call.made:
            terms = self._find_terms(call, seen.value)
            if terms is not None and any(self._flow.steps[t].module == call.number for t in terms):
                found.add(seen.value)
        return {value for value in found if value is not None}

    def _find_terms(self, call: Call, value: int | None) -> set[int] | None:
        """Sums with weights that a value is linear in, inside a call; None if it is not that alone."""
        if value is None or value < call.first:
            return None
        terms = set()
        for number in self._flow.walk_back([value], stop=lambda s: s.is_contraction or not s.is_linear):
            step = self._flow.steps[number]
            if number < call.first or number in self._active:
                return None
            if step.is_contraction:
                terms.add(number)
            elif not step.is_linear:
                return None
        return terms or None

    def find_accounted(self, call: Call) -> set[int]:
        """Sums with weights that an output of their own module stands for."""
        if call.n_inner == 0:
            return self._products[call.number]
        found: set[int] = set()
        for seen in call.made:
            terms = self._find_terms(call, seen.value) or set()
            found |= {t for t in terms if self._flow.steps[t].module == call.number}
        return found

    def is_affine(self, call: Call, seen: Seen) -> bool:
        """Whether a module of several layers is one: a sum of products with weights all the way through,
        as a low-rank adapter and what it adapts, and not just what one of them returned."""
        value = seen.value
        terms = self._find_terms(call, value)
        if value is None or terms is None:
            return False
        if self._passes_on(value, terms):
            return False
        for number in self._flow.walk_back([value], first=call.first):
            step = self._flow.steps[number]
            if number in self._active or not step.is_linear:
                return False
        return True

    def _passes_on(self, value: int, terms: set[int]) -> bool:
        """Whether a value is one of the terms, or that as it lies elsewhere."""
        if len(terms) > 1:
            return False
        for number in self._flow.walk_back([value], stop=lambda step: step.is_contraction):
            step = self._flow.steps[number]
            if not step.is_contraction and (step.name not in PASSING or step.weights):
                return False
        return True
