"""Tables written row by row, so that a program that was stopped goes on with what is missing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


class Rows:
    """A table in a file: what is there is not computed again.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    n_keys : int
        The first columns, which say what a row is of.
    """

    def __init__(self, path: Path, columns: Sequence[str], n_keys: int) -> None:
        self._path, self._columns, self._n_keys = path, list(columns), n_keys
        self._seen: set[tuple[str, ...]] = set()
        if path.exists():
            with path.open(newline="") as file:
                header, *rows = csv.reader(file)
            if header != self._columns:
                raise ValueError(f"{path} has columns {header}, not {self._columns}: remove it")
            self._seen = {tuple(row[:n_keys]) for row in rows}
        else:
            self._append(self._columns)

    def __contains__(self, keys: Sequence[object]) -> bool:
        return tuple(map(str, keys)) in self._seen

    def add(self, *row: object) -> None:
        """Write a row, and show it."""
        self._seen.add(tuple(map(str, row[: self._n_keys])))
        self._append(list(row))
        print(*row, sep="  ", flush=True)

    def _append(self, row: Sequence[object]) -> None:
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow(row)
