"""Float activations of one batch at a time, one bit a unit and sample beside them."""

import gc
import sys
import tracemalloc
import types
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.recording import adapters
from ann2neo.recording.observation import Site
from tests.recording.models import inputs, mlp

N = 21
A = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)


class Watched(np.ndarray):
    """An array that weak references can point at."""


@contextmanager
def count_arrays():
    """A function that makes arrays, and the numbers alive after each was made."""
    made, counts = [], []

    def make(values):
        # Owning its data: views keep the owner alive, and not the views between.
        array = Watched(np.shape(values), np.float32)
        array[...] = values
        made.append(weakref.ref(array))
        counts.append(sum(ref() is not None for ref in made))
        return array

    gc.collect()
    gc.disable()
    try:
        yield make, counts
    finally:
        gc.enable()


@pytest.mark.parametrize("store", [None, "r.zarr"])
@pytest.mark.parametrize("labelled", [False, True])
def test_one_batch_of_activations_is_held(store, labelled, tmp_path):
    with count_arrays() as (make, counts):
        stream = ((make(A), range(N)) for _ in range(5)) if labelled else (make(A) for _ in range(5))
        a2n.record(stream, store=store and tmp_path / store)
    assert counts == [1] * 5


@pytest.mark.parametrize("rng", [None, np.random.default_rng(3)])
def test_one_batch_of_an_array_is_held(rng):
    with count_arrays() as (make, counts):

        class Lazy:
            shape = (5 * N, 5)

            def __getitem__(self, key):
                size = len(range(*key.indices(5 * N))) if isinstance(key, slice) else len(key)
                return make(np.ones((size, 5), np.float32))

        raster = a2n.record(Lazy(), batch_size=N, rng=rng)
    assert counts == [1] * 5
    assert raster.to_dense().all()


class Net:
    """A network of which one run makes two arrays."""


def test_one_batch_of_a_networks_activations_is_held(monkeypatch):
    with count_arrays() as (make, counts):

        class Doubling:
            annotations = {}  # noqa: RUF012
            notes = ()
            sites = (Site("double", (5,)), Site("plain", (5,)))

            def __call__(self, x):
                return [make(2 * x), make(x)]

        @contextmanager
        def observe(network, inputs, layers):
            del inputs
            yield Doubling()

        toy, adapter = types.ModuleType("toy"), types.ModuleType("toy_adapter")
        toy.Net, adapter.observe = Net, observe
        monkeypatch.setitem(sys.modules, "toy", toy)
        monkeypatch.setitem(sys.modules, "toy_adapter", adapter)
        monkeypatch.setitem(adapters.ADAPTERS, "toy.Net", "toy_adapter")
        a2n.record(Net(), A, batch_size=5)
    assert counts == [1, 2] * 5


def test_first_batch_of_a_keras_model_is_not_held():
    with count_arrays() as (make, counts):
        a2n.record(mlp(), (make(inputs(8, 6)) for _ in range(4)))
    assert counts == [1] * 4


@pytest.mark.parametrize("store", [None, "r.zarr"])
def test_sixty_thousand_samples_of_512_units_take_under_60_mb(store, tmp_path):
    rng = np.random.default_rng(11)
    a2n.record(A, store=tmp_path / "warm.zarr")  # compiles and imports

    def activations():
        for _ in range(60):
            yield rng.standard_normal((1000, 512), np.float32)

    tracemalloc.start()
    try:
        found = a2n.record(activations(), labels=np.arange(60_000), store=store and tmp_path / store)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if store is None:
        assert found.words.nbytes == 512 * 938 * 8
    assert peak < 60e6
