"""Checks of arguments that several statistics share."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np


def check_number(value: Any, name: str, domain: str, *, above: float | None = None) -> float:
    """`value` as a finite float of at least 0, or larger than `above`.

    A quantity with a unit is refused, since as a float 5 ms would pass for 5 seconds: see `as_seconds`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {domain}, got {value!r:.80}")
    number = float(value)
    fits = number >= 0 if above is None else number > above
    if not (math.isfinite(number) and fits):
        raise ValueError(f"{name} must be {domain}, got {value!r}")
    return number


def check_units(expected: int, given: int, name: str) -> None:
    """Refuse a chunk or an accumulator of another number of units than those before."""
    if given != expected:
        raise ValueError(f"{name} must have {expected} units, as those before; got {given}")


def check_labels(labels: Any, n_samples: int) -> Any:
    """Refuse labels that are not one per sample."""
    if np.ndim(labels) != 1 or len(labels) != n_samples:
        raise ValueError(
            f"labels must have shape ({n_samples},), a label per sample, got {np.shape(labels)}"
        )
    return labels
