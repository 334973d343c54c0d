"""Renames that POSIX lacks: two names exchanged at once, or a name taken only if it is free.

The system does them where it can (Linux, macOS); elsewhere `replace_path` goes step by step and puts
back what it moved when a step fails.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

# Of Linux' renameat2 and of macOS' renamex_np.
_AT_FDCWD = -100
_LINUX = {"exchange": 2, "free": 1}
_MACOS = {"exchange": 2, "free": 4}

_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV}


def replace_path(new: Path, target: Path, aside: Path) -> None:
    """Put a file or directory in the place of another, or of nothing.

    `target` is the old one or the new one at every moment where the system can exchange names, or where
    both are files. Else what was there is at `aside` for a moment, from which `restore_path` puts it
    back after a process was killed there. Afterwards the old one is at `new` or `aside`.
    """
    if not os.path.lexists(target) or not (new.is_dir() or target.is_dir()):
        os.replace(new, target)
        return
    if _rename(new, target, "exchange"):
        return
    try:
        os.replace(target, aside)
        os.replace(new, target)
    except BaseException:
        restore_path(target, aside)
        raise


def restore_path(target: Path, aside: Path) -> None:
    """Put back what `replace_path` had moved aside, if nothing has taken its place."""
    if os.path.lexists(aside) and not os.path.lexists(target):
        os.replace(aside, target)


def place_path(new: Path, target: Path) -> None:
    """Rename to a name that must be free.

    Raises
    ------
    FileExistsError
        If it is not.
    """
    try:
        if _rename(new, target, "free"):
            return
    except FileExistsError:
        raise FileExistsError(f"{target} exists; pass overwrite=True to replace it") from None
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists; pass overwrite=True to replace it")
    os.replace(new, target)


def _rename(source: Path, target: Path, how: str) -> bool:
    """Whether the system did it; False where it cannot."""
    call = _system_call()
    if call is None:
        return False
    if call(os.fsencode(source), os.fsencode(target), how) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


@functools.cache
def _system_call() -> Callable[[bytes, bytes, str], int] | None:
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            swap = library.renamex_np
            return lambda source, target, how: int(swap(source, target, ctypes.c_uint(_MACOS[how])))
        rename = library.renameat2
    except (AttributeError, OSError, TypeError):
        return None
    return lambda source, target, how: int(
        rename(_AT_FDCWD, source, _AT_FDCWD, target, ctypes.c_uint(_LINUX[how]))
    )
