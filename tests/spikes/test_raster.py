"""SpikeRaster against boolean arrays."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import SpikeRaster, as_raster
from tests.strategies import dense, rasters, selections


def example(**changes):
    """A raster of three units, two layers and 65 samples, with every component set."""
    active = changes.pop("active", np.arange(65)[:, None] % [2, 3, 5] == 0)
    arguments = {
        "units": pd.DataFrame(
            {"layer": ["a", "a", "b"], "unit_index": [0, 1, 0], "gain": [0.5, np.nan, 2.0]}
        ),
        "samples": pd.DataFrame({"sample_index": np.arange(65), "label": ["x"] * 64 + ["y"]}),
        "sampling_period": 0.001,
        "annotations": {"network": "mlp", "seeds": [1, 2]},
    }
    return SpikeRaster.from_dense(active, **{**arguments, **changes})


def change_table(table, column, value, row=0):
    table = table.copy()
    table.loc[row, column] = value
    return table


@given(dense(max_units=70))
def test_dense_round_trip(active):
    raster = SpikeRaster.from_dense(active)
    assert (raster.n_samples, raster.n_units) == active.shape
    back = raster.to_dense()
    assert back.dtype == bool
    np.testing.assert_array_equal(back, active)
    np.testing.assert_array_equal(raster.spike_counts, active.sum(axis=0))
    assert raster.spike_counts.dtype == np.int64
    for unit in range(-raster.n_units, raster.n_units):
        indices = raster.spike_indices(unit)
        assert indices.dtype == np.int64
        np.testing.assert_array_equal(indices, np.flatnonzero(active[:, unit]))


@pytest.mark.parametrize("n_samples", [1, 2, 63, 64, 65, 127, 128, 129, 1000])
@pytest.mark.parametrize("kind", ["silent", "always on", "first", "last"])
def test_edges(n_samples, kind):
    active = np.full((n_samples, 2), kind == "always on")
    if kind in ("first", "last"):
        active[0 if kind == "first" else -1, 1] = True
    raster = SpikeRaster.from_dense(active)
    np.testing.assert_array_equal(raster.to_dense(), active)
    np.testing.assert_array_equal(raster.spike_counts, active.sum(axis=0))
    np.testing.assert_array_equal(raster.spike_indices(1), np.flatnonzero(active[:, 1]))


@pytest.mark.parametrize("n_units", [1, 2047, 2048, 2049, 10_000])
def test_many_units(n_units):
    active = np.random.default_rng(0).random((67, n_units)) < 0.3
    raster = SpikeRaster.from_dense(active)
    np.testing.assert_array_equal(raster.to_dense(), active)
    np.testing.assert_array_equal(raster.spike_counts, active.sum(axis=0))
    np.testing.assert_array_equal(raster.select(units=[-1]).to_dense(), active[:, -1:])


def test_words_are_little_bit_order_unit_major():
    active = np.zeros((66, 2), bool)
    active[[0, 63, 64], 1] = True
    words = SpikeRaster.from_dense(active).words
    np.testing.assert_array_equal(words, np.array([[0, 0], [1 + 2**63, 1]], np.uint64))
    assert SpikeRaster(words, 66) == SpikeRaster.from_dense(active)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32, ">f8", ">i4"])
def test_dense_of_any_real_type_and_layout(dtype):
    active = np.random.default_rng(1).random((70, 5)) < 0.5
    expected = SpikeRaster.from_dense(active)
    assert SpikeRaster.from_dense(active.astype(dtype)) == expected
    assert SpikeRaster.from_dense(np.asfortranarray(active.astype(dtype))) == expected
    assert SpikeRaster.from_dense(np.repeat(active, 2, axis=0).astype(dtype)[::2]) == expected


@given(st.data(), rasters())
def test_select_as_numpy_does(data, raster):
    layers = data.draw(st.none() | st.lists(st.sampled_from(raster.layers), min_size=1))
    wanted = raster.layers if layers is None else layers
    of_layers = np.flatnonzero(np.isin(raster.units["layer"].to_numpy(object), wanted))
    units = data.draw(st.none() | selections(of_layers.size))
    samples = data.draw(st.none() | selections(raster.n_samples))
    chosen = of_layers if units is None else of_layers[units]
    order = np.arange(raster.n_samples) if samples is None else np.arange(raster.n_samples)[samples]

    part = raster.select(layer=layers, units=units, samples=samples)

    np.testing.assert_array_equal(part.to_dense(), raster.to_dense()[:, chosen][order])
    pd.testing.assert_frame_equal(part.units, raster.units.iloc[chosen].reset_index(drop=True))
    pd.testing.assert_frame_equal(part.samples, raster.samples.iloc[order].reset_index(drop=True))
    assert part.sampling_period == raster.sampling_period
    assert part.annotations == raster.annotations


@given(st.data(), rasters())
def test_permutation_and_its_inverse(data, raster):
    order = np.array(data.draw(st.permutations(range(raster.n_samples))))
    assert raster.select(samples=order).select(samples=np.argsort(order)) == raster


@given(rasters(300), st.data())
def test_select_a_stretch_of_samples(raster, data):
    start = data.draw(st.integers(0, raster.n_samples - 1))
    stop = data.draw(st.integers(start + 1, raster.n_samples))
    part = raster.select(samples=np.arange(start, stop))
    np.testing.assert_array_equal(part.to_dense(), raster.to_dense()[start:stop])
    np.testing.assert_array_equal(
        part.samples["sample_index"], raster.samples["sample_index"][start:stop]
    )
    # Samples in a row, one of them at another place or twice, are no stretch.
    for order in (np.roll(np.arange(start, stop), 1), np.r_[start, np.arange(start, stop)]):
        shown = raster.select(samples=order)
        np.testing.assert_array_equal(shown.to_dense(), raster.to_dense()[order])


def test_select_one_layer_by_name():
    part = example().select(layer="b")
    assert part.layers == ["b"]
    assert part == example().select(units=[2])


@given(rasters())
def test_equal_after_copying(raster):
    for twin in (
        pickle.loads(pickle.dumps(raster)),
        copy.deepcopy(raster),
        copy.copy(raster),
        raster.select(),
        raster.with_annotations(),
        SpikeRaster(
            np.array(raster.words),
            raster.n_samples,
            raster.units,
            raster.samples,
            sampling_period=raster.sampling_period,
            annotations=raster.annotations,
        ),
    ):
        assert twin == raster
        assert not twin.words.flags.writeable


@pytest.mark.parametrize(
    "changes",
    [
        {"active": np.ones((65, 3), bool)},
        {"units": change_table(example().units, "layer", "c")},
        {"units": change_table(example().units, "gain", 1.0, row=1)},
        {"units": example().units.drop(columns="gain")},
        {"units": example().units[["unit_index", "layer", "gain"]]},
        {"units": example().units.astype({"gain": object}).fillna("").astype({"gain": str})},
        {"samples": change_table(example().samples, "sample_index", 9)},
        {"samples": change_table(example().samples, "label", "z", row=64)},
        {"samples": example().samples.drop(columns="label")},
        {"sampling_period": 0.002},
        {"annotations": {"network": "mlp", "seeds": [1, 3]}},
        {"annotations": {"network": "mlp"}},
        {"annotations": None},
    ],
)
def test_unequal_when_one_component_differs(changes):
    assert example() == example()
    assert example(**changes) != example()


def test_unequal_lengths_with_equal_words():
    samples = [pd.DataFrame({"sample_index": np.arange(n)}) for n in (3, 4)]
    words = np.array([[5]], np.uint64)
    assert SpikeRaster(words, 3, samples=samples[0]) != SpikeRaster(words, 4, samples=samples[1])
    assert example() != "a string"
    with pytest.raises(TypeError, match="unhashable"):
        hash(example())


def test_repr_says_what_is_inside():
    active = np.zeros((1000, 3), bool)
    active[:, 0] = True
    active[:500, 1] = True
    raster = SpikeRaster.from_dense(
        active,
        pd.DataFrame({"layer": ["a", "b", "b"], "unit_index": [0, 0, 1]}),
        sampling_period=0.002,
        annotations={"network": "mlp", "weights_hash": "f00"},
    )
    assert repr(raster).splitlines() == [
        "SpikeRaster: 3 units × 1,000 samples of 2 ms (0 kB)",
        "  layers: a (1), b (2)",
        "  samples: sample_index",
        "  firing rate: 0.5 spikes per sample on average, 0 to 1; 1 silent, 1 always on",
        "  network='mlp'",
    ]


def test_repr_of_many_layers_stays_short():
    units = pd.DataFrame({"layer": [f"layer{i}" for i in range(40)], "unit_index": 0})
    text = repr(SpikeRaster.from_dense(np.eye(40), units))
    assert "layer5 (1), … (34 more)" in text
    assert "layer6" not in text


def test_defaults():
    raster = SpikeRaster.from_dense([[0, 1], [1, 1], [0, 0]])
    pd.testing.assert_frame_equal(raster.units, SpikeRaster.from_dense(np.eye(2), raster.units).units)
    assert raster.units.to_dict("list") == {"layer": ["units", "units"], "unit_index": [0, 1]}
    assert raster.samples.to_dict("list") == {"sample_index": [0, 1, 2]}
    assert raster.sampling_period == 0.001
    assert raster.annotations == {}


def test_with_annotations_adds_and_replaces():
    raster = example()
    other = raster.with_annotations(network="cnn", epoch=3)
    assert other.annotations == {"network": "cnn", "seeds": [1, 2], "epoch": 3}
    assert raster.annotations == {"network": "mlp", "seeds": [1, 2]}
    assert other.with_annotations(network="mlp", epoch=None) != raster


@pytest.mark.parametrize(
    "source",
    [
        np.eye(3, dtype=bool),
        np.eye(3),
        np.eye(3, dtype=int).tolist(),
        [np.array([1, 0, 0]), np.array([0, 1, 0]), np.array([0, 0, 1])],
    ],
)
def test_as_raster_of_arrays(source):
    assert as_raster(source) == SpikeRaster.from_dense(np.eye(3, dtype=bool))
    assert as_raster(source, sampling_period=0.5).sampling_period == 0.5


def test_as_raster_of_a_raster_is_itself():
    raster = example()
    assert as_raster(raster) is raster
    assert as_raster(raster, sampling_period=0.001) is raster
    with pytest.raises(ValueError, match=r"sampling_period is 0\.001 s in this raster, got 0\.002"):
        as_raster(raster, sampling_period=0.002)


@pytest.mark.parametrize("source", [None, 3, b"spikes", [], (), {}, object(), pd.Series([1, 0])])
def test_as_raster_refuses_unknown_objects(source):
    with pytest.raises(TypeError, match=rf"(?s)expected a SpikeRaster.*\({type(source).__name__}\)"):
        as_raster(source)
