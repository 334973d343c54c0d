"""Reading files that one does not trust, in a process of its own with a limit of time and memory.

A damaged or hostile file may crash the library that reads it, keep it busy for ever or fill the memory.
The other process reads it and leaves what it read in a folder, in this package's own formats, which are
checked as they are read again. Nothing is unpickled.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 600
"""How long it may take."""

GIBIBYTES = 8
"""How much memory it may have, beside what the libraries take."""


def run_isolated(place: str, folder: Path, path: Path, **options: Any) -> None:
    """Call ``function(folder, path, **options)`` in another process.

    Parameters
    ----------
    place : str
        ``"module:function"``; the function writes to `folder` what is wanted of the file at `path`.
    options
        JSON-able.

    Raises
    ------
    ValueError
        If it raises, crashes, takes longer than `SECONDS` or more memory than `GIBIBYTES`.
    """
    job = json.dumps([place, str(folder), str(path.absolute()), options, SECONDS, GIBIBYTES])
    program = "from ann2neo.spikes.files.isolation import work; work()"
    paths = json.dumps(sys.path)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {paths}; {program}"],
            input=job,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path} could not be read within {SECONDS} s") from None
    answer = folder / "answer.json"
    if answer.is_file():
        kind, message = json.loads(answer.read_text(encoding="utf-8"))
        if not kind:
            return
        if kind in ("FileNotFoundError", "PermissionError", "ImportError", "TypeError"):
            raise {
                "FileNotFoundError": FileNotFoundError,
                "PermissionError": PermissionError,
                "ImportError": ImportError,
            }.get(kind, TypeError)(message)
        raise ValueError(message)
    raise ValueError(f"{path} is damaged: reading it ended the process (exit {ended.returncode})")


def work() -> None:
    """What the other process does: read the job, limit itself, do it, and say how it ended."""
    place, folder, path, options, seconds, gibibytes = json.load(sys.stdin)
    _limit(seconds, gibibytes)
    module, function = place.split(":")
    try:
        getattr(importlib.import_module(module), function)(Path(folder), Path(path), **options)
        answer = ["", ""]
    except MemoryError:
        answer = ["MemoryError", f"{path} needs more than {gibibytes} GiB of memory to be read"]
    except Exception as error:
        answer = [type(error).__name__, str(error) or type(error).__name__]
    text = json.dumps(answer)
    (Path(folder) / "answer.json").write_text(text, encoding="utf-8")


def _limit(seconds: int, gibibytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # Libraries reserve many gigabytes of addresses that they do not use: those are there already.
    room = _address_space() + gibibytes * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 2**34
    import resource

    return pages * resource.getpagesize() + 2**32
