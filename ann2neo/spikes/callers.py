"""Who called the package."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

# Files whose frames are passed over: a context manager's entry runs in contextlib.
_PASSED_OVER = (f"{Path(__file__).parents[1]}{os.sep}", contextlib.__file__)


def find_stacklevel() -> int:
    """The `stacklevel` that makes a warning of the function that asks point at who called the package.

    From Python 3.12 on ``warnings.warn`` does this itself, by ``skip_file_prefixes``.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PASSED_OVER):
        frame, level = frame.f_back, level + 1
    return level
