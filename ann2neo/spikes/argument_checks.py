"""Checks of arguments that the whole package shares: the message names argument, domain and value."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np


def check_count(value: Any, name: str, least: int = 1) -> int:
    """`value` as an int of at least `least`."""
    problem = f"{name} must be an int of at least {least}, got {value!r:.80}"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(problem)
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(problem) from None
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count


def check_level(value: Any, name: str) -> float:
    """`value` as a float strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number in (0, 1), got {value!r:.80}")
    level = float(value)
    if not 0 < level < 1:
        raise ValueError(f"{name} must lie in (0, 1), got {value!r:.80}")
    return level


def check_choice(value: Any, name: str, choices: Iterable[str]) -> None:
    """Refuse what is not one of some words."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name} must be one of {tuple(choices)}, got {value!r:.80}")


def check_rng(rng: Any) -> np.random.Generator:
    """`rng`, if it is a Generator: seeds and NumPy's older RandomState are refused."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r:.60}; use default_rng(seed)")
    return rng


def as_seconds(value: Any, name: str) -> Any:
    """A time of the package quantities (not imported on this floor) in seconds; others as they are.

    Raises
    ------
    ValueError
        If it is a quantity of something else, or several.
    """
    if not hasattr(value, "rescale"):
        return value
    try:
        seconds, factor = (float((1.0 * one).rescale("s").magnitude) for one in (value, value.units))
        # 1.1 / 1000, not 1.1 * 0.001, is the number nearest to 0.0011.
        per_second = round(1 / factor)
        exact = per_second > 1 and math.isclose(per_second * factor, 1.0, rel_tol=1e-12)
        return float(value.magnitude) / per_second if exact else seconds
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be one time, got {value!r:.80}") from error


def check_period(value: Any, name: str = "sampling_period") -> float:
    """`value` as a positive, finite number of seconds; also a time of the package quantities."""
    given, value = value, as_seconds(value, name)
    number = (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, number):
        raise TypeError(f"{name} must be a number of seconds or a time with a unit, got {given!r:.80}")
    try:
        period = float(value)
    except OverflowError:
        period = math.inf
    if not (math.isfinite(period) and period > 0):
        raise ValueError(f"{name} must be positive and finite, in seconds, got {given!r:.80}")
    return period


def check_range(start: Any, stop: Any, size: int) -> tuple[int, int]:
    """`start` and `stop` (None: the end) of a non-empty range among `size` samples."""
    try:
        first, last = operator.index(start), size if stop is None else operator.index(stop)
    except TypeError:
        raise TypeError(f"start and stop must be int, got {start!r:.40} and {stop!r:.40}") from None
    if not 0 <= first < last <= size:
        raise ValueError(
            f"start and stop must satisfy 0 <= start < stop <= n_samples = {size}, "
            f"got {first} and {last}"
        )
    return first, last


def as_bits(active: Any) -> np.ndarray:
    """A two-dimensional array of 0 and 1 as contiguous uint8."""
    try:
        array = np.asarray(active)
    except ValueError as error:
        raise ValueError(
            f"active must have shape (n_samples, n_units), got what is no array: {error}"
        ) from None
    if array.ndim != 2:
        raise ValueError(f"active must have shape (n_samples, n_units), got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"active must have at least one sample and one unit, got shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"active must be boolean or hold 0 and 1, got dtype {array.dtype}")
    if array.dtype != bool:
        wrong = (array != 0) & (array != 1)
        if wrong.any():
            t, u = np.argwhere(wrong)[0]
            raise ValueError(
                f"active must hold only 0 and 1, got {array[t, u]} at sample {t}, unit {u}; "
                "for activations use ann2neo.record, which takes a threshold"
            )
        array = array.astype(bool)
    return np.ascontiguousarray(array).view(np.uint8)


def as_indices(selection: Any, size: int, name: str) -> np.ndarray:
    """A selection among `size` things, by mask or by index, as indices from 0."""
    try:
        array = np.asarray(selection)
    except ValueError:
        array = np.empty(0, object)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "biu":
        raise ValueError(f"{name} must be a non-empty 1-D array of int or bool, got {selection!r:.80}")
    if array.dtype == bool:
        if array.size != size:
            raise ValueError(f"{name} mask must have length {size}, got {array.size}")
        array = np.flatnonzero(array)
        if array.size == 0:
            raise ValueError(f"{name} mask selects nothing")
        return array
    lowest, highest = int(array.min()), int(array.max())
    if lowest < -size or highest >= size:
        raise IndexError(f"{name} must lie in [{-size}, {size}), got {lowest} to {highest}")
    array = array.astype(np.int64)
    return np.where(array < 0, array + size, array)
