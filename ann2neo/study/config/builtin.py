"""The studies that come with the package."""

from __future__ import annotations

import importlib.resources
from typing import Any


def builtin_studies() -> list[str]:
    """Names of the studies that come with the package.

    Returns
    -------
    list of str
        In alphabetical order; what `Study.builtin` and ``ann2neo study run`` take.

    Examples
    --------
    >>> from ann2neo.study import builtin_studies
    >>> "digits-quick" in builtin_studies()
    True
    """
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir())


def builtin_text(name: str) -> str:
    """The TOML of one of them."""
    text: str = (_folder() / f"{name}.toml").read_text(encoding="utf-8")
    return text


def _folder() -> Any:
    return importlib.resources.files("ann2neo.study") / "configs"
