"""Optional dependencies: imported when asked for, and named when missing."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, *, extra: str) -> Any:
    """Import `module`, or say which extra brings it.

    Raises
    ------
    ImportError
        If it is not installed; the message gives the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs {module.split('.')[0]} ({error}); "
            f"install it with: pip install 'ann2neo[{extra}]'"
        ) from error
