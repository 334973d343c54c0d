"""Activation patterns: the public names of `ann2neo.statistics.patterns`, where users look for them."""

from ann2neo.statistics.patterns import *  # noqa: F403
from ann2neo.statistics.patterns import __all__ as __all__


def __dir__() -> list[str]:
    return sorted(__all__)
