"""One way to share work out: over threads, processes, or whatever others run, Dask among it."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from ann2neo.spikes.argument_checks import check_count

_T = TypeVar("_T")
_R = TypeVar("_R")

_FEWEST = 64
"""Units that are worth being handed to somebody."""

_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@runtime_checkable
class ClientLike(Protocol):
    """A ``dask.distributed.Client``."""

    def get_executor(self, **options: Any) -> Executor:
        """Its ``concurrent.futures`` executor."""


Workers: TypeAlias = "int | Executor | ClientLike"
"""What `workers` arguments take: how many, an executor, or a Dask client."""


def map_work(
    function: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    workers: Workers = 1,
    kind: Literal["threads", "processes"] = "processes",
) -> Iterator[tuple[int, _R]]:
    """Yield ``(number of the item, function(item))`` as they are done.

    Parameters
    ----------
    function : callable
        With processes or Dask it has to be picklable, as have the items and results.
    items : iterable
        Items of work.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        1: here, one after another. A Dask client tries each item again twice, as a worker may die.
    kind : {"threads", "processes"}
        What an int means. Threads for compiled loops, which let one another run, and need no copies;
        processes for Python code. Processes have one BLAS thread each and end with this one.

    Raises
    ------
    TypeError, ValueError
        If `workers` is none of these.
    """
    if isinstance(workers, int) and check_count(workers, "workers") == 1:
        for number, item in enumerate(items):
            yield number, function(item)
        return
    with open_executor(workers, kind) as executor:
        futures: dict[Future[_R], int] = {}
        try:
            with _one_blas_thread():
                for number, item in enumerate(items):
                    futures[executor.submit(function, item)] = number
            for future in as_completed(list(futures)):
                number = futures.pop(future)
                yield number, future.result()
        finally:
            for future in futures:
                future.cancel()


def map_in_order(
    function: Callable[[_T], _R],
    items: Iterable[_T],
    *,
    workers: Workers = 1,
    kind: Literal["threads", "processes"] = "processes",
) -> Iterator[_R]:
    """The results of `map_work` in the order of the items; early ones wait for those before them."""
    waiting: dict[int, _R] = {}
    number = 0
    for found, result in map_work(function, items, workers=workers, kind=kind):
        waiting[found] = result
        while number in waiting:
            yield waiting.pop(number)
            number += 1


def look_ahead(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """``function(item)`` in order; while one is at work with, a thread makes the next.

    At most three results are there at a time: one in use, one that waits, one that is made.
    """
    coming = iter(items)
    some = list(itertools.islice(coming, 2))
    if len(some) < 2:
        yield from map(function, some)
        return
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(function, some[0])
        for item in itertools.chain(some[1:], coming):
            following = thread.submit(function, item)
            # What was handed on is not kept here.
            result, waiting = waiting.result(), following
            yield result
            del result
        yield waiting.result()


def count_workers(workers: Workers) -> int:
    """How many there are; eight where that is not known."""
    if not isinstance(workers, (Executor, ClientLike)):
        return check_count(workers, "workers")
    known = getattr(workers, "_max_workers", None) or len(
        getattr(workers, "nthreads", dict)() or [0] * 8
    )
    return int(known)


def split_units(columns: Sequence[np.ndarray], workers: Workers) -> list[tuple[np.ndarray, ...]]:
    """Rows of arrays with a row per unit: some pieces a worker, as some take longer than others."""
    n_units = len(columns[0])
    n_pieces = 1 if workers == 1 else 4 * count_workers(workers)
    size = max(_FEWEST, math.ceil(n_units / n_pieces))
    return [tuple(c[first : first + size] for c in columns) for first in range(0, n_units, size)]


@contextmanager
def open_executor(workers: Workers, kind: str = "processes") -> Iterator[Executor]:
    """What takes work; those made here end with the block. `kind` is what an int means."""
    if isinstance(workers, Executor):
        yield workers
    elif isinstance(workers, ClientLike):
        yield workers.get_executor(pure=False, retries=2)
    else:
        n_workers = check_count(workers, "workers")
        if kind == "threads":
            pool: Executor = ThreadPoolExecutor(n_workers)
        else:
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_settle)
        try:
            yield pool
        except BaseException:
            # What is at work is of no use any more, and must not be waited for.
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Processes that start in the block take these variables over."""
    before = {name: os.environ.get(name) for name in _BLAS}
    os.environ.update(dict.fromkeys(_BLAS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _settle() -> None:
    """In a process of the pool: interrupts are the parent's business, and its end is this one's too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
