"""Optional dependencies: imported when asked for, and named when missing."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def require(module: str, *, extra: str) -> Any:
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
            f"this needs {module.split('.')[0]} ({error}); install it with: {install_command(extra)}"
        ) from error


def install_command(extra: str) -> str:
    """The command that installs an extra of this package, from where the package itself came.

    Examples
    --------
    >>> install_command("nwb").startswith("pip install ")
    True
    """
    source = _find_source()
    return "pip install " + shlex.quote(f"{'ann2neo' if source is None else source}[{extra}]")


def _find_source() -> Path | None:
    """The folder that the package was installed from or lies in, None if that was a package index."""
    folder = Path(__file__).resolve().parents[1]
    if (folder / "setup.cfg").is_file():
        return folder
    try:
        # What installers note of packages that came from no index (PEP 610).
        text = importlib.metadata.distribution("ann2neo").read_text("direct_url.json")
        url = json.loads(text)["url"] if text else ""
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError):
        return None
    if not url.startswith("file:"):
        return None
    folder = Path(url2pathname(urlsplit(url).path))
    return folder if folder.is_dir() else None
