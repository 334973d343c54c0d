"""A process that runs cells: a job per line on its standard input, events on its standard output.

An event is a line of JSON: ``{"progress": [done, total]}`` within a cell, ``{"ended": true}`` behind it.

A process of its own, not a thread or a fork: TensorFlow's results may depend on its number of threads,
which can be set only before it starts, and what a cell leaks or breaks does not reach the next run.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from ann2neo.spikes.progress import listen
from ann2neo.study.cells.cell_files import State, Work, list_versions
from ann2neo.study.config.cell import Cell
from ann2neo.study.config.study import Study

_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_SAID = 2000
"""Characters of a process' last words that are kept."""
_INTERVAL = 0.5
"""Seconds from one event of progress to the next, at least."""


class WorkerDiedError(RuntimeError):
    """The process ended in the midst of a cell."""


class Worker:
    """The other end: starts the process and gives it cells.

    Parameters
    ----------
    """

    def __init__(self) -> None:
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from ann2neo.study.cells.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        self._said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def run(self, job: Mapping[str, Any], tell: Callable[[float], None]) -> None:
        """Have a cell run; its ``cell.json`` says how it ended.

        Parameters
        ----------
        job : mapping
            The arguments of `run_job`.
        tell : callable
            Called with the fraction of the cell that is done, whenever there is more.

        Raises
        ------
        WorkerDiedError
            If the process ended, with its last words.
        """
        commands, answers = self._process.stdin, self._process.stdout
        if commands is None or answers is None:  # for type checkers
            raise WorkerDiedError("no pipes")
        self._said = ""
        try:
            commands.write(json.dumps(job) + "\n")
            commands.flush()
            has_ended = _follow(answers, tell)
        except OSError:
            has_ended = False
        if not has_ended:
            status = self._process.wait()
            self._listener.join(1)
            said = " ".join(self._said.split())[-300:]
            raise WorkerDiedError(f"the process ended with status {status}; it said last: {said}")

    def close(self) -> None:
        """End the process, also in the midst of a cell."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                # What could not be sent need not be.
                with contextlib.suppress(OSError):
                    pipe.close()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._said = (self._said + line)[-_SAID:]


def _follow(answers: IO[str], tell: Callable[[float], None]) -> bool:
    """Hand on the progress of a cell until it has ended; False if the process did so before."""
    for line in answers:
        event = json.loads(line)
        if "ended" in event:
            return True
        done, total = event["progress"]
        tell(done / total)
    return False


def main() -> None:
    """Run cells until the input ends."""
    answers = _take_output()
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    while True:
        job = json.loads(jobs.get())
        with listen(_Reporter(answers)):
            run_job(**job)
        _write(answers, {"ended": True})


class _Reporter:
    """Writes what progress bars tell as events, a few in a second at most."""

    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._last = -math.inf

    def __call__(self, description: str, done: float, total: float | None) -> None:
        now = time.monotonic()
        if total and (done >= total or now - self._last >= _INTERVAL):
            self._last = now
            _write(self._answers, {"progress": [done, total]})


def _write(answers: IO[str], event: Mapping[str, Any]) -> None:
    answers.write(json.dumps(event) + "\n")
    answers.flush()


def _take_output() -> IO[str]:
    """Standard output for answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _read(jobs: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    # Whoever started this process has ended: nobody waits for the cell.
    os._exit(1)


def run_job(
    study: str,
    cell: Mapping[str, Any],
    function: str,
    folder: str,
    start: str | None,
    data_dir: str | None,
) -> None:
    """Run a cell and write how it ended beside what it wrote."""
    from ann2neo.training.training_loop import DivergedError

    work = Work(
        Study.from_text(study).plan(Cell(**cell)),
        Path(folder),
        None if start is None else Path(start),
        data_dir,
    )
    began = time.perf_counter()
    status, error, rows = "ok", "", []
    try:
        module, name = function.split(":")
        rows = getattr(importlib.import_module(module), name)(work)
    except FloatingPointError as raised:
        # Of `train`, with the history so far, or of a monitor.
        status, error = "diverged", _one_line(raised)
        if isinstance(raised, DivergedError):
            raised.history.to_csv(work.folder / "history.csv", index=False)
    except Exception as raised:
        status, error = "failed", _one_line(raised)
    seconds = round(time.perf_counter() - began, 3)
    settings = work.plan.list_settings()
    State(status, error, seconds, rows, settings, list_versions()).save(work.folder)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
