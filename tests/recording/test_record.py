"""Options of `record`, order, storage, progress, and the registry of frameworks."""

import sys
import types
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.recording import adapters
from ann2neo.recording.observation import Site
from tests.recording.models import inputs, mlp

N = 21
A = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)


def default_rng():
    return np.random.default_rng(11)


@pytest.fixture(scope="module")
def model():
    return mlp()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_any_batch_size_gives_the_same_raster(model, sizes):
    """Weights and samples are whole numbers: no sum depends on the order of its terms."""
    x = inputs(N, 6)
    expected = a2n.record(model, x, layers="all", threshold=0.5)
    stream = np.split(x, [n for n in np.cumsum(sizes) if n < N])
    assert a2n.record(model, stream, layers="all", threshold=0.5) == expected
    assert a2n.record(model, x, layers="all", threshold=0.5, batch_size=sizes[0]) == expected


def test_data_set_order_by_default():
    raster = a2n.record(A)
    np.testing.assert_array_equal(raster.samples["sample_index"], range(N))
    assert raster.annotations["order"] == "data set"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("conv_units", ["all", "channels"])
def test_order_drawn_from_rng(streamed, conv_units):
    activations = A.reshape(N, 5, 1)
    samples = [activations[:8], activations[8:]] if streamed else activations
    options = {"labels": np.arange(N) % 3, "conv_units": conv_units, "batch_size": 8}
    raster = a2n.record(samples, rng=default_rng(), **options)
    assert raster == a2n.record(samples, rng=default_rng(), **options)
    assert raster.annotations["order"] == "permutation"
    order = default_rng().permutation(N)
    assert not np.array_equal(order, range(N))
    n_positions = 5 if conv_units == "channels" else 1
    np.testing.assert_array_equal(raster.samples["sample_index"], np.repeat(order, n_positions))
    rows = (order[:, None] * n_positions + np.arange(n_positions)).ravel()
    straight = a2n.record(samples, **options).select(samples=rows)
    assert straight.with_annotations(order="permutation") == raster


@pytest.mark.parametrize("rng", [0, np.random.RandomState(0), "seed"])
def test_rng_must_be_a_generator(rng):
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, got .*default_rng"):
        a2n.record(A, rng=rng)


def test_global_random_state_is_neither_read_nor_set(model):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    a2n.record(model, inputs(N, 6), rng=default_rng())
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_options_are_kept():
    raster = a2n.record(
        A, sampling_period=0.5, dataset_split="test", annotations={"condition": "start", "seeds": [1, 2]}
    )
    assert raster.sampling_period == 0.5
    assert set(raster.samples["dataset_split"]) == {"test"}
    assert raster.annotations["condition"] == "start"
    assert raster.annotations["seeds"] == [1, 2]
    assert raster.annotations["conv_units"] == "all"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an int"),
        ({"conv_units": "some"}, ValueError, "conv_units must be 'all' or 'channels', got 'some'"),
        ({"sampling_period": 0}, ValueError, "sampling_period must be positive"),
        ({"dataset_split": 3}, TypeError, "dataset_split must be a str, got 3"),
        ({"annotations": {"threshold": 1}}, ValueError, "must not set 'threshold'"),
        ({"annotations": {"a": object()}}, TypeError, r"annotations\['a'\]"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_read(options, error, message):
    def never():
        raise AssertionError("was read")
        yield

    with pytest.raises(error, match=message):
        a2n.record(never(), **options)


def test_networks_and_samples_that_do_not_belong_together(model):
    with pytest.raises(TypeError, match="samples must be given with a network"):
        a2n.record(model)
    with pytest.raises(TypeError, match=r"(?s)network must be a keras.Model.*leave samples out"):
        a2n.record(A, A)
    with pytest.raises(TypeError, match=r"keras.Model or torch.nn.Module, got <class .*\(type\)"):
        a2n.record(type(model), A)


@pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
def test_store_holds_the_raster(model, tmp_path, name):
    options = {"layers": "all", "labels": range(N), "threshold": 0.5, "batch_size": 8}
    path = a2n.record(model, inputs(N, 6), store=tmp_path / name, rng=default_rng(), **options)
    assert path == tmp_path / name
    expected = a2n.record(model, inputs(N, 6), rng=default_rng(), **options)
    assert a2n.SpikeRaster.load(path) == expected
    with pytest.raises(FileExistsError, match="overwrite=True"):
        a2n.record(A, store=path)
    assert a2n.SpikeRaster.load(a2n.record(A, store=str(path), overwrite=True)) == a2n.record(A)


def test_store_of_more_blocks_than_one(tmp_path):
    activations = np.random.default_rng(0).normal(size=(1024 * 64 + 100, 2)).astype(np.float32)
    path = a2n.record(np.array_split(activations, 7), store=tmp_path / "r.zarr")
    assert a2n.SpikeRaster.load(path) == a2n.record(activations)


def test_store_takes_no_order_for_a_stream(tmp_path):
    with pytest.raises(ValueError, match="rng with store needs samples in arrays"):
        a2n.record(iter([A]), rng=default_rng(), store=tmp_path / "r.zarr")
    assert not list(tmp_path.iterdir())


def test_failed_recording_leaves_nothing_on_disk(tmp_path):
    def fail():
        yield A[:8]
        raise RuntimeError("the disk of the data set is gone")

    path = tmp_path / "r.zarr"
    with pytest.raises(RuntimeError, match="is gone"):
        a2n.record(fail(), store=path)
    assert not list(tmp_path.iterdir())
    a2n.record(A, store=path)
    with pytest.raises(RuntimeError, match="is gone"):
        a2n.record(fail(), store=path, overwrite=True)
    assert a2n.SpikeRaster.load(path) == a2n.record(A)
    assert list(tmp_path.iterdir()) == [path]


def test_fast_recordings_print_nothing(capsys):
    a2n.record(A)
    a2n.record([A, A])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [False, True])
def test_slow_recordings_show_progress_unless_told_not_to(capsys, monkeypatch, progress):
    now = iter(range(1000))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("tqdm.std.time", lambda: next(now))
    a2n.record([A] * 8, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("record" in err) == progress


class Net:
    """A network of a framework that ann2neo does not know."""


def register(monkeypatch, observe):
    """A framework called `toy`: one module with networks, and one file with `observe`."""
    toy = types.ModuleType("toy")
    toy.Net = Net
    adapter = types.ModuleType("toy_adapter")
    adapter.observe = observe
    monkeypatch.setitem(sys.modules, "toy", toy)
    monkeypatch.setitem(sys.modules, "toy_adapter", adapter)
    monkeypatch.setitem(adapters.ADAPTERS, "toy.Net", "toy_adapter")


class Doubling:
    annotations = {"network": "toy"}  # noqa: RUF012
    notes = ()
    sites = (Site("double", (5,)), Site("plain", (5,)))

    def __call__(self, x):
        return [2 * x, x]


def test_a_framework_is_one_entry_in_the_registry(monkeypatch):
    @contextmanager
    def observe(network, inputs, layers):
        seen.append((type(network), inputs.shape, layers))
        yield Doubling()

    seen = []
    register(monkeypatch, observe)
    raster = a2n.record(Net(), A, layers="mine", threshold=0.5, batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([2 * A, A]) > 0.5)
    assert raster.annotations["network"] == "toy"
    assert seen == [(Net, (8, 5), "mine")]
    with pytest.raises(TypeError, match=r"keras.Model or torch.nn.Module or toy.Net, got 3 \(int\)"):
        a2n.record(3, A)
    monkeypatch.delitem(sys.modules, "toy")
    with pytest.raises(TypeError, match="network must be"):
        a2n.record(Net(), A)
