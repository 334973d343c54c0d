"""Checks of a study's settings: the message names key, domain and value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any


def check_int(value: Any, key: str, *, least: int = 0) -> None:
    """Refuse what is not an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{key} must be an integer of at least {least}, got {value!r:.80}")
    if value < least:
        raise ValueError(f"{key} must be at least {least}, got {value}")


def check_fraction(value: Any, key: str, *, with_0: bool = False, with_1: bool = False) -> None:
    """Refuse what is not a number between 0 and 1."""
    domain = f"{'[' if with_0 else '('}0, 1{']' if with_1 else ')'}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{key} must be a number in {domain}, got {value!r:.80}")
    inside = 0 < value < 1 or (with_0 and value == 0) or (with_1 and value == 1)
    if not inside:
        raise ValueError(f"{key} must lie in {domain}, got {value!r}")


def check_positive(value: Any, key: str) -> None:
    """Refuse what is not a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{key} must be a positive number, got {value!r:.80}")
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{key} must be positive and finite, got {value!r}")


def check_flag(value: Any, key: str) -> None:
    """Refuse what is not true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false, got {value!r:.80}")


def check_word(value: Any, key: str, choices: Iterable[str]) -> None:
    """Refuse what is not one of some words."""
    choices = tuple(choices)
    if not isinstance(value, str):
        raise TypeError(f"{key} must be one of {', '.join(choices)}, got {value!r:.80}")
    if value not in choices:
        raise ValueError(f"{key} must be one of {', '.join(choices)}, got {value!r:.80}")


def check_list(value: Any, key: str, check: Callable[[Any, str], None]) -> None:
    """Refuse what is not a tuple of one or more distinct things that `check` lets pass."""
    if not isinstance(value, tuple):
        raise TypeError(f"{key} must be a list (in Python a tuple), got {value!r:.80}")
    if not value:
        raise ValueError(f"{key} must name at least one, got an empty list")
    for item in value:
        check(item, f"each of {key}")
    for item in value:
        if value.count(item) > 1:
            raise ValueError(f"{key} must name each once, got {item!r} {value.count(item)} times")
