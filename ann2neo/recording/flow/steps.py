"""Values of one run, and how each was made of others."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ann2neo.recording.flow.operations import (
    COMPARISONS,
    CONTRACTIONS,
    FUNCTIONS,
    LINEAR,
    PRODUCTS,
    SHAPING,
)


@dataclass(frozen=True)
class Step:
    """One value and how it was made: by a function, in the innermost module that was running.

    `parents` are the values it was made from that depend on the samples; `weights` the modules whose
    parameters took part. `module` is the number of the module's call, −1 outside of all. `shape` is
    its shape; `chooses`: its numbers are no floats, but tell which.
    """

    name: str
    parents: tuple[int, ...]
    weights: tuple[str, ...]
    module: int
    shape: tuple[int, ...] = ()
    chooses: bool = False

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return math.prod(self.shape)

    @property
    def is_contraction(self) -> bool:
        """Whether weights were multiplied with values and summed over."""
        return bool(self.weights) and self.name in CONTRACTIONS

    @property
    def is_linear(self) -> bool:
        """Whether it is linear in its parents."""
        if self.name in PRODUCTS and len(self.parents) > 1:
            return False
        return self.name in LINEAR or self.is_contraction


def is_elementwise(step: Step) -> bool:
    """Whether each value was made from those in its place, or comes from elsewhere as it is."""
    if step.is_contraction or step.name in CONTRACTIONS:
        return False
    names = FUNCTIONS | SHAPING | COMPARISONS
    return step.name in LINEAR or step.name in PRODUCTS or step.name in names or "softmax" in step.name
