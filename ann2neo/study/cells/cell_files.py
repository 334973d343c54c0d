"""How cells are run and how they ended: their files on disk."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KINDS = {
    "condition": "ann2neo.study.cells.condition_cell:run",
    "process": "ann2neo.study.cells.process_cell:run",
    "switch": "ann2neo.study.cells.switch_cell:run",
    "uses": "ann2neo.study.cells.uses.uses_cell:run",
    "patterns": "ann2neo.study.cells.pattern_cell:run",
    "pretraining": "ann2neo.study.cells.pretraining_cell:run",
}
"""Kind of cell → ``"module:function"`` that runs one: it takes a `Work`, writes files to its folder and
returns the rows of the cell, JSON-able."""

_PACKAGES = ["ann2neo", "numpy", "scipy", "pandas", "matplotlib", "keras", "tensorflow", "torch", "jax"]


@dataclass(frozen=True)
class Work:
    """What a cell's function gets.

    Parameters
    ----------
    plan : CellPlan
        The cell, and all that its study says of it.
    folder : Path
        Where to write; it becomes the cell's folder once all is written.
    start : Path or None
        Folder of the cell whose weights this one starts from.
    data_dir : str or None
        See `ann2neo.training.load`.
    """

    plan: Any
    folder: Path
    start: Path | None = None
    data_dir: str | None = None


@dataclass(frozen=True)
class State:
    """How a cell ended: ``cell.json``.

    Parameters
    ----------
    status : {"ok", "failed", "diverged"}
    error : str
        One line, empty if there is none.
    seconds : float
    rows : list of dict
        What the cell's function returned.
    settings : dict
        What of the study the cell depends on.
    versions : dict
        Of Python and the packages that ran it.
    """

    status: str
    error: str = ""
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def outcome(self) -> dict[str, Any]:
        """The columns every cell has."""
        return {"status": self.status, "error": self.error, "seconds": self.seconds}

    def save(self, folder: Path) -> None:
        """Write ``cell.json``."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
        (folder / "cell.json").write_text(text, encoding="utf-8")


def read_state(folder: Path) -> State | None:
    """How the cell of a folder ended; None if it has not.

    Raises
    ------
    ValueError
        If its ``cell.json`` cannot be read.
    """
    file = folder / "cell.json"
    if not file.is_file():
        return None
    try:
        return State(**json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{file} must say how a cell ended, but cannot be read: {error}; run the study again"
        ) from error


def list_versions() -> dict[str, str]:
    """Versions of Python, of what numbers depend on, and the kind of machine; no name of it."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {**found, "system": f"{platform.system()} {platform.machine()}"}
