"""Bits packed by torch, where the activations lie, against NumPy."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo.spikes.packing import NonFiniteActivation, Packer
from tests.recording.models import inputs

torch = pytest.importorskip("torch")
packing = pytest.importorskip("ann2neo.recording.torch.packing")
models = pytest.importorskip("tests.recording.torch_models")

KINDS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 150), min_size=1, max_size=4),
    st.integers(1, 9),
    st.sampled_from(["number", "unit", "value"]),
    st.integers(0, 2**32 - 1),
)
def test_packed_words_are_those_of_numpy(kind, sizes, n_units, level, seed):
    rng = np.random.default_rng(seed)
    flushed = []
    # Blocks of one word: batches are split wherever one is full.
    with mock.patch("ann2neo.spikes.packing._BUFFER_BYTES", 8 * n_units):
        ours = Packer(n_units, flush=lambda words: flushed.append(words.copy()))
    theirs, active = Packer(n_units), []
    for size in sizes:
        # A grid of eighths, so that values meet their level.
        values = torch.tensor(rng.integers(-9, 10, (size, n_units)) / 8).to(kind)
        shape = {"number": (), "unit": (n_units,), "value": (size, n_units)}[level]
        at = rng.integers(-9, 10, shape) / 8
        ours.append([packing.TensorActivations(values)], [at])
        theirs.append([values.double().numpy()], [at])
        active.append(values.double().numpy() > at)
    ours.finish()
    words = np.concatenate(flushed, axis=1)
    np.testing.assert_array_equal(words, theirs.finish())
    dense = a2n.SpikeRaster(words, sum(sizes)).to_dense()
    np.testing.assert_array_equal(dense, np.concatenate(active))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_located(kind, value):
    values = torch.zeros(70, 3, dtype=kind)
    values[66, 2] = value
    with pytest.raises(NonFiniteActivation) as error:
        Packer(3).append([packing.TensorActivations(values)], [0.0])
    assert (error.value.row, error.value.column) == (66, 2)
    np.testing.assert_equal(error.value.value, value)


@pytest.mark.parametrize("kind", KINDS)
def test_finite_values_whose_sum_overflows_are_finite(kind):
    values = torch.full((9, 2), torch.finfo(kind).max, dtype=kind)
    np.testing.assert_array_equal(packing.TensorActivations(values).pack_above(1.0), 2**9 - 1)


def test_levels_beyond_a_precision_compare_as_they_should():
    values = torch.tensor([[6e4, -6e4]], dtype=torch.float16)
    for level, expected in ((1e9, [0, 0]), (-1e9, [1, 1]), (6e4, [0, 0]), (5e4, [1, 0])):
        packed = packing.TensorActivations(values).pack_above(level)
        np.testing.assert_array_equal(packed[:, 0], expected)


@pytest.fixture
def elsewhere(monkeypatch):
    """The recorder takes activations as from a GPU; what else it asks for them is counted."""
    asked = []

    class Counted(packing.TensorActivations):
        def __array__(self, *args, **options):
            asked.append(self.shape)
            return super().__array__(*args, **options)

    monkeypatch.setattr("ann2neo.recording.torch.adapter.hand_over", Counted)
    monkeypatch.setattr(packing, "TensorActivations", Counted)
    return asked


def functional():
    torch.manual_seed(0)
    return models.Functional(), inputs(models.N, 2, 5, 4)


OPTIONS = [
    {"layers": "all", "threshold": 0.25},
    {"layers": "relu:0", "conv_units": "channels"},
    {"layers": "relu:1", "threshold": [0.1, 0.2, 0.3, 0.4, 0.5]},
    {"layers": ["relu:1", "out"], "rng": 5},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_only_bits_travel(elsewhere, monkeypatch, options, tmp_path):
    model, x = functional()

    def record(**further):
        drawn = {"rng": np.random.default_rng(options["rng"])} if "rng" in options else {}
        return a2n.record(model, x, **{**options, **drawn, "batch_size": 8, **further})

    there, stored = record(), a2n.SpikeRaster.load(record(store=tmp_path / "r.zarr"))
    assert elsewhere == []
    monkeypatch.undo()
    assert there == stored == record()


def test_callable_thresholds_get_arrays(elsewhere, monkeypatch):
    model, x = functional()

    def level(activations):
        assert isinstance(activations, np.ndarray)
        return activations.mean(axis=1, keepdims=True)

    options = {"layers": ["relu:1", "out"], "threshold": {"relu:1": level, "out": 0.0}, "batch_size": 8}
    there = a2n.record(model, x, **options)
    assert set(elsewhere) == {(8, 5), (5, 5)}
    monkeypatch.undo()
    assert there == a2n.record(model, x, **options)
