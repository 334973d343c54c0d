"""What dicts, lists, sets and arrays hold: whether that changed, and how to put it back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import numpy.typing as npt


def differs(now: Any, before: Any, ignored: AbstractSet[str] = frozenset()) -> bool:
    """Whether a container holds other objects than before; of a dict, but for some keys."""
    if isinstance(now, dict):
        return now.keys() - ignored != before.keys() - ignored or any(
            now.get(key) is not value for key, value in before.items() if key not in ignored
        )
    if isinstance(now, set):
        return bool(now != before)
    return len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True))


def put_back(now: Any, before: Any) -> None:
    """A container holds what it held before, if it does not already."""
    if not differs(now, before):
        return
    # Past what classes derived from these make of it, such as Keras' tracking.
    if isinstance(now, OrderedDict):
        OrderedDict.clear(now)
        OrderedDict.update(now, before)
    elif isinstance(now, dict):
        dict.clear(now)
        dict.update(now, before)
    elif isinstance(now, set):
        set.clear(now)
        set.update(now, before)
    elif isinstance(now, list):
        list.__setitem__(now, slice(None), before)
    else:
        now.clear()
        now.extend(before)


def list_slots(value: Any) -> dict[str, Any]:
    """What an object keeps in the slots of its classes."""
    names = [name for kind in type(value).__mro__ for name in _as_names(vars(kind).get("__slots__", ()))]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _as_names(slots: Any) -> list[str]:
    found = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in found if not name.startswith("__")]


def hold_same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether two arrays are equal, NaN to NaN."""
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def list_own_kinds(value: Any) -> list[type]:
    """Classes of an object that are the user's own, and no framework's."""
    packages = ("torch", "keras", "builtins", "typing", "abc")
    return [k for k in type(value).__mro__ if k.__module__.partition(".")[0] not in packages]


def list_data(kind: type) -> dict[str, Any]:
    """Attributes of a class that are no functions of its own."""
    return {
        name: value
        for name, value in vars(kind).items()
        if not name.startswith("__") and not callable(value) and not hasattr(type(value), "__get__")
    }


def read_data(thing: Any) -> dict[str, Any]:
    """What a class holds, or an object in slots."""
    return list_data(thing) if isinstance(thing, type) else list_slots(thing)


def put_back_data(thing: Any, before: dict[str, Any]) -> None:
    """A class, or an object with slots, holds what it held before."""
    now = read_data(thing)
    for name in now.keys() - before.keys():
        delattr(thing, name)
    for name, value in before.items():
        if name not in now or now[name] is not value:
            setattr(thing, name, value)
