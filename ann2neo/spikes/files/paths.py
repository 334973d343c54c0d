"""Paths as users give them: ``~`` is their home, an empty one is a mistake, a pipe is no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ann2neo.spikes.typing import PathLikeStr


def as_path(path: PathLikeStr, name: str = "path") -> Path:
    """`path` as a Path, with ``~`` at its beginning the user's home.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is empty or holds NUL.
    """
    text: Any = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or a pathlib.Path, got {path!r:.80}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must be the name of a file or a folder, got {text!r:.80}")
    return Path(os.path.expanduser(text))


def find_path(path: PathLikeStr, what: str = "file", *, folder: bool = False) -> Path:
    """`path` as a Path, if there is a file to read (or, if `folder` is said, a file or a directory).

    Raises
    ------
    FileNotFoundError
        If there is nothing, or a directory where a file is needed.
    ValueError
        If there is something else, such as a pipe, which would be waited for without end.
    """
    found = as_path(path)
    if found.is_file() or (folder and found.is_dir()):
        return found
    if not found.exists():
        raise FileNotFoundError(f"no {what} at {found}")
    if found.is_dir():
        raise FileNotFoundError(f"no {what} at {found}, which is a directory")
    raise ValueError(f"{found} is neither a file nor a directory, but a pipe or a device")
