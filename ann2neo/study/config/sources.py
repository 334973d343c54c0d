"""What a study takes from elsewhere: functions given as ``module:function``, conditions of its own."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ann2neo.networks.builders import NETWORKS
from ann2neo.training.conditions import CONDITIONS, Condition, StoppingRule

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_GIVEN = ("width", "input_shape", "n_classes", "rng")
"""What every builder is called with."""


def is_function(place: object) -> bool:
    """Whether a setting is written as ``module:function``."""
    return isinstance(place, str) and _FUNCTION.fullmatch(place) is not None


def load_function(place: str, key: str) -> Callable[..., Any]:
    """The function of a module that can be imported from here or lies in the working directory.

    Raises
    ------
    ValueError
        If there is none; the message names `key`.
    """
    module, name = place.split(":")
    # A user's own module lies where the command is given, as `python -m` has it.
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))
    try:
        function: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{key} must be a function that can be imported, got {place}: {error}"
        ) from error
    if not callable(function):
        raise ValueError(f"{key} must be a function, but {place} is {function!r:.60}")
    found: Callable[..., Any] = function
    return found


def short_name(source: str) -> str:
    """What results call a data set: its name, or that of the function that makes it.

    Examples
    --------
    >>> short_name("mnist"), short_name("my_lab.data:birds")
    ('mnist', 'birds')
    """
    return source.rpartition(":")[2]


def check_options(builder: str, options: Mapping[str, Any]) -> None:
    """Refuse options that a network of this package does not take; others are asked when they build."""
    if builder not in NETWORKS:
        return
    known = [name for name in inspect.signature(NETWORKS[builder]).parameters if name not in _GIVEN]
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "it has none"
            raise ValueError(
                f"key must be one of [[networks]] or an option of network {builder!r} ({listed}), "
                f"got {name!r:.80}"
            )


def name_conditions(conditions: Iterable[str | Condition]) -> tuple[str, ...]:
    """Names of conditions."""
    return tuple(one.name if isinstance(one, Condition) else one for one in conditions)


def read_condition(table: Mapping[str, Any], where: str) -> str | Condition:
    """A condition of a TOML table: a name alone is one of the package's."""
    if set(table) == {"name"}:
        return str(table["name"])
    own, rule = _fields(Condition) - {"stop"}, _fields(StoppingRule)
    for key in table:
        if key not in own | rule:
            raise ValueError(
                f"{where}: key must be one of {', '.join(sorted(own | rule))}, got {key!r:.80}"
            )
    missing = sorted({"name", "start", "labels", "trainable", "epochs"} - set(table))
    if missing:
        raise ValueError(f"{where}: {missing[0]} is missing")
    if table["name"] in CONDITIONS:
        raise ValueError(f"{where}: name must not be one of the package's own, got {table['name']!r}")
    try:
        stop = StoppingRule(**{key: value for key, value in table.items() if key in rule})
        return Condition(stop=stop, **{key: value for key, value in table.items() if key in own})
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error


def describe_condition(condition: str | Condition) -> dict[str, Any]:
    """The TOML table of a condition; what is None is left out."""
    if isinstance(condition, str):
        return {"name": condition}
    values = dataclasses.asdict(condition)
    values |= values.pop("stop")
    return {key: value for key, value in values.items() if value is not None}


def _fields(part: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(part)}
