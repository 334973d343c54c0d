"""`run`: run the cells of a study that are not there yet, and collect the results."""

from __future__ import annotations

import functools
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ann2neo.extras import require
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.workers import Workers, count_workers, open_executor
from ann2neo.study.cells import cell_files as cell_files
from ann2neo.study.cells.cell_files import KINDS, State
from ann2neo.study.cells.elsewhere import run_elsewhere
from ann2neo.study.cells.needs import check_needs
from ann2neo.study.cells.progress import Progress
from ann2neo.study.cells.result_tables import Results, gather_results
from ann2neo.study.cells.worker import Worker, WorkerDiedError
from ann2neo.study.config.cell import Cell, locate_cell
from ann2neo.study.config.study import Study

_LOG = logging.getLogger(__name__)


def run(
    study: Study,
    out: str | Path,
    *,
    resume: bool = True,
    workers: Workers = 1,
    data_dir: str | Path | None = None,
    progress: bool = True,
) -> Results:
    """Run the cells of a study.

    Parameters
    ----------
    study : Study
    out : str or Path
        Folder for ``study.toml``, a folder per cell in ``cells/``, and at the end ``results.csv``,
        ``results.parquet``, ``units.parquet`` and the tables of other kinds of cells, as far as there
        are such cells (`Results.load` reads them).
    resume : bool
        Keep the cells that are there, ended or diverged; those that failed or cannot be read are run
        again. False: run all again, each replacing the old one when it is whole.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        Processes, each of one thread, here or where an executor's or a Dask client's workers are; these
        must see `out` and `data_dir` by the same paths. Results do not depend on it.
    data_dir : str or Path, optional
        Folder with data sets; see `ann2neo.training.load`.
    progress : bool
        Show progress, and after a minute the time left.

    Returns
    -------
    Results
        Also of what failed or diverged: a cell that does is marked with its error and the others go on.

    Raises
    ------
    ImportError
        If a package of the extra ``study`` is not installed.
    ValueError
        If `out` holds other files than a study's or cells that were run with other settings, or
        `workers` is below 1.
    FileNotFoundError
        If workers do not see `out`.
    RuntimeError
        If another run is at work in `out`.

    Notes
    -----
    A cell is in its folder whole or not at all: a study that is killed loses the cells at work alone.
    What a cell draws depends on its seed and place alone, not on order, workers or interruptions: two
    runs on one machine write the same ``results.csv`` but for its seconds.

    Examples
    --------
    >>> from ann2neo import study
    >>> results = study.run(study.Study.from_toml("digits-quick"), "out")  # doctest: +SKIP
    """
    n_workers = count_workers(workers)
    # What only `save` uses: missed there, it would end a study after all its hours.
    require("pyarrow", extra="study")
    out = Path(out)
    _check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone_in(out):
        ended = _find_ended(study, out) if resume else {}
        _check_settings(study, out, ended)
        (out / "cells").mkdir(exist_ok=True)
        with write_whole(out / "study.toml", overwrite=True) as path:
            path.write_text(study.to_toml(), encoding="utf-8")
        _sweep(out)
        todo = [cell for cell in study.cells() if cell not in ended]
        data = None if data_dir is None else str(Path(data_dir).resolve())
        if todo:
            check_needs(study, todo, data)
        with Progress(study, todo, shown=progress) as bar:
            if isinstance(workers, int):
                _Run(study, out, data, bar).all(todo, n_workers)
            else:
                with open_executor(workers) as executor:
                    # Some wait there, for workers that come later.
                    _Run(study, out, data, bar, executor).all(todo, 4 * n_workers)
                _sweep(out)
        results = gather_results(study, out)
        results.save(out, overwrite=True)
    return results


def _check_folder(out: Path) -> None:
    """Refuse what is no folder, or holds the files of something else."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"out must be a folder, got the file {out}")
    # A run that was killed at once has left hidden files, or no more than `cells`.
    names = {file.name for file in out.iterdir() if not file.name.startswith(".")}
    if names - {"cells"} and not {"cells", "study.toml"} <= names:
        raise ValueError(
            f"out must be new, empty or the folder of a study, but {out} holds "
            f"{', '.join(sorted(names)):.80}"
        )


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    filelock = require("filelock", extra="study")
    lock = filelock.FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RuntimeError(f"out must be free, but another run is at work in {out}") from None
    try:
        yield
    finally:
        lock.release()


def _sweep(out: Path) -> None:
    """Remove what cells that did not end have left."""
    for kind in KINDS:
        for part in (out / "cells").glob(f".{kind}-*"):
            shutil.rmtree(part, ignore_errors=True)


def _find_ended(study: Study, out: Path) -> dict[Cell, State]:
    """The cells that need not be run: there, readable, and not failed."""
    ended = {}
    for cell in study.cells():
        try:
            state = cell_files.read_state(locate_cell(cell, out))
        except ValueError as error:
            _LOG.warning("%s is run again: %s", cell.key, error)
            continue
        # What failed may have failed for its settings: they are not looked at.
        if state is not None and state.status != "failed":
            ended[cell] = state
    return ended


def _check_settings(study: Study, out: Path, ended: dict[Cell, State]) -> None:
    """Refuse a folder whose cells were run in another way, before anything is changed in it."""
    for cell, state in ended.items():
        settings = study.plan(cell).list_settings()
        for key in {**settings, **state.settings}:
            there, wanted = state.settings.get(key), settings.get(key)
            if there != wanted:
                raise ValueError(
                    f"out must be new or made by the same study, but {cell.key} in {out} was run with "
                    f"{key} = {there}, not {wanted}"
                )


class _Run:
    """Hands cells to workers as soon as those they start from are done."""

    def __init__(
        self,
        study: Study,
        out: Path,
        data_dir: str | None,
        bar: Progress,
        executor: Executor | None = None,
    ) -> None:
        self._study, self._out, self._data_dir, self._bar = study, out, data_dir, bar
        self._executor = executor
        self._elsewhere: dict[int, Future[tuple[str, str]]] = {}
        self._free: SimpleQueue[int] = SimpleQueue()
        self._processes: dict[int, Worker] = {}
        self._closed = False

    def all(self, todo: list[Cell], workers: int) -> None:
        waiting, running = list(todo), dict[Future[State], Cell]()
        starts = {cell: self._study.plan(cell).start for cell in todo}
        for number in range(workers):
            self._free.put(number)
        with ThreadPoolExecutor(workers) as pool:
            try:
                while waiting or running:
                    undone = {*waiting, *running.values()}
                    ready = [cell for cell in waiting if starts[cell] not in undone]
                    for cell in ready[: workers - len(running)]:
                        waiting.remove(cell)
                        running[pool.submit(self._run_cell, cell)] = cell
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        self._report(running.pop(future), future.result())
            finally:
                # Before the pool closes: that waits for its threads, and they wait for the workers.
                self._close()

    def _run_cell(self, cell: Cell) -> State:
        number = self._free.get()
        try:
            return self._put_in_place(cell, self._run_in_worker(cell, number))
        finally:
            self._free.put(number)

    def _run_in_worker(self, cell: Cell, number: int) -> Path:
        """Run a cell in worker `number`; gives the folder it wrote."""
        folder = self._out / "cells" / f".{cell.key}.{os.getpid()}"
        folder.mkdir()
        start = self._study.plan(cell).start
        start_folder = None if start is None else locate_cell(start, self._out)
        if start is not None and start_folder is not None:
            state = cell_files.read_state(start_folder)
            if state is None or state.status != "ok":
                self._fail(cell, folder, f"it starts from {start.key}, which did not end well")
                return folder
        self._bar.begin(cell)
        job = self._job(cell, folder, start_folder)
        if self._executor is not None:
            self._run_elsewhere(cell, job, number, self._executor)
            return folder
        try:
            if number not in self._processes:
                self._processes[number] = Worker()
            self._processes[number].run(job, functools.partial(self._bar.advance, cell))
        except WorkerDiedError as error:
            if self._closed:
                raise
            self._processes.pop(number).close()
            self._fail(cell, folder, str(error))
        return folder

    def _run_elsewhere(
        self, cell: Cell, job: Mapping[str, Any], number: int, executor: Executor
    ) -> None:
        """Run a cell by an executor; what it wrote takes the place of the folder of `job`."""
        folder = Path(job["folder"])
        future = self._elsewhere[number] = executor.submit(run_elsewhere, job)
        try:
            made, error = future.result()
        except Exception as raised:
            # Dask's word for a cell that took one worker after the other with it.
            if self._closed or type(raised).__name__ != "KilledWorker":
                raise
            self._fail(cell, folder, f"{type(raised).__name__}: {raised}")
            return
        if not Path(made).is_dir():
            raise FileNotFoundError(f"{made} is not there: workers must write to the study's own folder")
        folder.rmdir()
        os.replace(made, folder)
        if error:
            self._fail(cell, folder, error)

    def _job(self, cell: Cell, folder: Path, start: Path | None) -> dict[str, Any]:
        return {
            "study": self._study.to_toml(),
            "cell": asdict(cell),
            "function": KINDS[cell.kind],
            "folder": str(folder.resolve()),
            "start": None if start is None else str(start.resolve()),
            "data_dir": self._data_dir,
        }

    def _fail(self, cell: Cell, folder: Path, error: str) -> None:
        State("failed", error, settings=self._study.plan(cell).list_settings()).save(folder)

    def _put_in_place(self, cell: Cell, folder: Path) -> State:
        # Only the process that has the lock renames: a worker it leaves behind cannot.
        target = locate_cell(cell, self._out)
        if target.exists():
            replaced = folder.with_name(f"{folder.name}.replaced")
            os.replace(target, replaced)
            os.replace(folder, target)
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            os.replace(folder, target)
        state = cell_files.read_state(target)
        if state is None:
            raise RuntimeError(f"{target} has no cell.json")
        return state

    def _report(self, cell: Cell, state: State) -> None:
        self._bar.end(cell)
        if state.status != "ok":
            _LOG.warning("%s %s: %s", cell.key, state.status, state.error)

    def _close(self) -> None:
        self._closed = True
        for future in list(self._elsewhere.values()):
            future.cancel()
        for worker in list(self._processes.values()):
            worker.close()
