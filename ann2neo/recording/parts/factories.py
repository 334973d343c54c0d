"""Factories of networks and samples, called by name wherever a part of a recording is made."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

Factory = str | Callable[..., Any]


def name_factory(factory: Factory) -> str:
    """A factory as "module:function", which leads back to it."""
    if isinstance(factory, str):
        find_factory(factory)
        return factory
    name = f"{getattr(factory, '__module__', None)}:{getattr(factory, '__qualname__', None)}"
    try:
        found = find_factory(name)
    except (ValueError, TypeError):
        found = None
    if found is not factory or name.startswith("__main__:"):
        raise ValueError(
            "factories must be functions of a module that other processes can import, "
            f"got {factory!r:.80}"
        )
    return name


def find_factory(factory: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, name = factory.partition(":")
    if os.getcwd() not in sys.path:
        # Where `ann2neo record-part` is called: installed scripts do not look there.
        sys.path.append(os.getcwd())
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"factory {factory!r} cannot be found ('module:function'): {error}") from error
    if not callable(found):
        raise TypeError(f"factory {factory!r} is no function, but {found!r:.60}")
    return found


@functools.lru_cache(maxsize=1)
def build_network(factory: str) -> Any:
    """The network, built once per process."""
    return find_factory(factory)()
