"""Spike trains of artificial neural networks, for Neo, Elephant and NWB.

Everything here is loaded when it is first asked for: importing the package imports nothing heavy.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        import importlib.metadata

        return importlib.metadata.version("ann2neo")
    return _load(name)
