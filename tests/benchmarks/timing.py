"""Two ways of doing one thing, timed in turn: medians and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Comparison:
    """One row: what was timed, against what, and how far the two results lie apart."""

    operation: str
    baseline: str
    baseline_s: float
    ours_s: float
    bound: str
    difference: str = ""

    @property
    def ratio(self) -> float:
        """Ours over baseline."""
        return self.ours_s / self.baseline_s


def medians(
    *ways: Callable[[], Any], repeats: int = 7, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median seconds of each way; all are run in turn, after one round that is not counted."""
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(repeats + 1):
        for way, spent in zip(ways, times, strict=True):
            start = clock()
            way()
            if turn:
                spent.append(clock() - start)
    return [statistics.median(spent) for spent in times]


def show(title: str, rows: list[Comparison]) -> None:
    """Print the table."""
    table = Table(title=title)
    table.add_column("operation")
    table.add_column("baseline")
    for name in ("baseline", "ours", "ours / baseline", "times faster", "bound", "largest difference"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.operation,
            row.baseline,
            _seconds(row.baseline_s),
            _seconds(row.ours_s),
            f"{row.ratio:.3g}",
            f"{1 / row.ratio:.3g}",
            row.bound,
            row.difference,
        )
    Console(width=160).print(table)


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
