"""Work shared out: the same results from here, threads, processes and executors; errors come back."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.spikes.workers import count_workers, look_ahead, map_work


def square(number):
    if number == 13:
        raise ValueError("unlucky")
    return number**2


def threads_of_blas(_):
    return os.environ.get("OMP_NUM_THREADS")


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_all_ways_give_the_same(kind):
    for workers in (1, 2):
        found = dict(map_work(square, range(6), workers=workers, kind=kind))
        assert found == {k: k**2 for k in range(6)}
        with pytest.raises(ValueError, match="unlucky"):
            list(map_work(square, [1, 13, 2], workers=workers, kind=kind))


def test_executors_are_used_and_left_open():
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            assert dict(map_work(square, [3, 4], workers=pool)) == {0: 9, 1: 16}


def test_processes_have_one_blas_thread_and_the_parent_is_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert dict(map_work(threads_of_blas, [0], workers=2)) == {0: "1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_looking_ahead_keeps_the_order_and_little_else(size):
    made, used = [], []

    def make(number):
        made.append(number)
        assert len(made) - len(used) <= 3
        return number, threading.current_thread()

    for number, maker in look_ahead(make, iter(range(size))):
        assert number == len(used)
        assert (maker is threading.main_thread()) == (size == 1)
        used.append(number)
    assert made == used == list(range(size))


def test_the_next_is_made_while_one_is_in_use():
    begun = [threading.Event() for _ in range(3)]
    for number in look_ahead(lambda k: begun[k].set() or k, range(3)):
        assert begun[min(number + 1, 2)].wait(10)


def test_looking_ahead_fails_where_the_item_is_due():
    coming = look_ahead(square, [1, 13, 2])
    assert next(coming) == 1
    with pytest.raises(ValueError, match="unlucky"):
        next(coming)
    before = threading.active_count()
    left = look_ahead(square, range(5))
    next(left)
    left.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [0, -1, "two", None, 1.5])
def test_bad_workers(workers):
    with pytest.raises((TypeError, ValueError), match="workers must"):
        list(map_work(square, [1], workers=workers))
    with pytest.raises((TypeError, ValueError), match="workers must"):
        count_workers(workers)


def test_statistics_do_not_depend_on_the_workers():
    raster = a2n.as_raster(np.random.default_rng(0).random((1000, 5)) < 0.3)
    for make in (a2n.FiringRate, a2n.FanoFactor, a2n.Intervals, a2n.Correlation):
        whole = a2n.accumulate(make, raster)
        for workers in (2, 3, 40):
            assert (
                a2n.accumulate(make, raster, workers=workers).result().tobytes()
                == whole.result().tobytes()
            )
