"""The progress of a study: passes over training data done, of those planned, and the time left."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from ann2neo.spikes.progress import ProgressBar
from ann2neo.study.config.cell import Cell
from ann2neo.study.config.study import Study

_BAR = "{desc}: {percentage:3.0f}%|{bar}| "
_STARTING = 60.0
"""Seconds without an estimate: at first, importing frameworks and short cells take most of the time."""


class Progress:
    """A progress bar over the cells to run, each as long as its passes over the training data.

    A context manager. What workers tell of a cell moves it within the cell. The time left is told after
    a minute.

    Parameters
    ----------
    study : Study
    todo : list of Cell
    shown : bool
    """

    def __init__(self, study: Study, todo: list[Cell], *, shown: bool) -> None:
        self._length = {cell: _length(study, cell) for cell in todo}
        self._within: dict[Cell, float] = {}
        self._ended: set[Cell] = set()
        self._lock = threading.Lock()
        self._bar = ProgressBar(
            sum(self._length.values()),
            study.name,
            progress=shown,
            delay=0,
            smoothing=0,  # cells differ: the mean speed tells more than the last one
            bar_format=_BAR + "[{elapsed}] {postfix}",
        )
        self._estimates_from = time.monotonic() + _STARTING

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def begin(self, cell: Cell) -> None:
        """A worker starts with a cell."""
        self.advance(cell, 0.0)

    def advance(self, cell: Cell, fraction: float) -> None:
        """So much of a cell is done."""
        with self._lock:
            self._within[cell] = fraction
            self._show()

    def end(self, cell: Cell) -> None:
        """A cell is done."""
        with self._lock:
            self._ended.add(cell)
            self._within.pop(cell, None)
            self._show()

    def _show(self) -> None:
        done = sum(self._length[cell] for cell in self._ended)
        done += sum(fraction * self._length[cell] for cell, fraction in self._within.items())
        names = [f"{cell.key} {fraction:.0%}" for cell, fraction in self._within.items()]
        self._bar.say(", ".join([f"{len(self._ended)}/{len(self._length)} cells", *names]))
        if self._bar.bar is not None and time.monotonic() >= self._estimates_from:
            self._bar.bar.bar_format = _BAR + "[{elapsed}<{remaining}] {postfix}"
        self._bar.update(done - self._bar.done, now=True)


def _length(study: Study, cell: Cell) -> float:
    """How long a cell takes, in units of nothing: its passes, and as much as two for recording.

    A pass takes about as long as the observed layer is wide; of residual networks, as there are blocks.
    """
    plan = study.plan(cell)
    if cell.kind == "patterns" and study.patterns is not None:
        return (study.patterns.epochs + 2) * cell.width * plan.blocks
    passes = 0
    if cell.kind == "process":
        # Of a perceptron about as long as a few passes.
        return 5 * cell.width
    if cell.kind == "uses" and study.uses is not None:
        passes = study.uses.epochs
    elif cell.kind == "pretraining" and study.pretraining is not None:
        passes = study.pretraining.epochs
    elif plan.condition is not None:
        passes = plan.condition.stop.epochs
    elif study.switch is not None:
        passes = study.switch.epochs_true + study.switch.epochs_random
    return (passes + 2) * cell.width
