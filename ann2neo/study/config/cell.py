"""The identity of a cell: its place in a study, its randomness and its folder."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Cell:
    """One network of a study and what is done with it.

    Parameters
    ----------
    kind : str
        ``"condition"``, ``"process"``, ``"switch"``, ``"uses"``, ``"patterns"`` or ``"pretraining"``: a
        key of `cell_files.KINDS`.
    network, width, dataset, condition, seed
        `condition` is empty for kinds without one, and for ``"uses"`` the name of a variant.
    """

    kind: str
    network: str
    width: int
    dataset: str
    condition: str
    seed: int

    @property
    def key(self) -> str:
        """Name of the cell's folder."""
        parts = (self.kind, self.network, self.width, self.dataset, self.condition, self.seed)
        return "-".join(str(part) for part in parts if part != "")

    def place(self) -> dict[str, Any]:
        """Where in the grid the cell is: the first columns of the results."""
        return {name: value for name, value in asdict(self).items() if name != "kind"}

    def to_generalizing(self) -> Cell:
        """The cell that trains the same network on the true labels."""
        return replace(self, kind="condition", condition="Generalizing")

    def to_pretraining(self) -> Cell:
        """The cell that trains the same network on other samples first."""
        return replace(self, kind="pretraining", condition="")


def make_rng(seed: int, *parts: object) -> np.random.Generator:
    """A generator for a purpose, the same wherever and whenever it is asked for.

    Parameters
    ----------
    seed : int
        Of the replicate.
    *parts
        What it is for. Other parts give an independent generator.

    Examples
    --------
    >>> bool(make_rng(0, "weights", "mlp", 64).random() == make_rng(0, "weights", "mlp", 64).random())
    True
    """
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    words = np.frombuffer(digest, "<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


def locate_cell(cell: Cell, out: Path) -> Path:
    """Where a cell's files are once it is whole."""
    return out / "cells" / cell.key
