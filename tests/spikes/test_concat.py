"""concat against np.concatenate."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ann2neo import SpikeRaster, concat
from tests.strategies import dense, rasters


def layer(name, n_units=2, n_samples=70, **options):
    active = np.random.default_rng(len(name)).random((n_samples, n_units)) < 0.5
    units = pd.DataFrame({"layer": name, "unit_index": np.arange(n_units)}).assign(
        **options.pop("columns", {})
    )
    return SpikeRaster.from_dense(active, units, **options)


@given(st.data(), rasters())
def test_parts_in_time_make_the_whole(data, raster):
    cuts = data.draw(st.lists(st.integers(1, raster.n_samples), max_size=5))
    edges = sorted({0, raster.n_samples, *cuts})
    parts = [raster.select(samples=np.arange(first, last)) for first, last in itertools.pairwise(edges)]
    assert concat(parts, over="samples") == raster


@given(st.lists(dense(max_samples=150, max_units=3), min_size=1, max_size=4))
def test_samples_as_numpy_does(actives):
    n_units = min(active.shape[1] for active in actives)
    actives = [active[:, :n_units] for active in actives]
    whole = concat([SpikeRaster.from_dense(active) for active in actives], over="samples")
    np.testing.assert_array_equal(whole.to_dense(), np.concatenate(actives))
    expected = np.concatenate([np.arange(len(active)) for active in actives])
    np.testing.assert_array_equal(whole.samples["sample_index"], expected)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 130), st.integers(2, 8))), st.data())
def test_layers_as_numpy_does(active, data):
    cut = data.draw(st.integers(1, active.shape[1] - 1))
    parts = []
    for name, columns in (("a", active[:, :cut]), ("b", active[:, cut:])):
        units = pd.DataFrame({"layer": name, "unit_index": np.arange(columns.shape[1])})
        parts.append(SpikeRaster.from_dense(columns, units))
    whole = concat(parts, over="layers")
    np.testing.assert_array_equal(whole.to_dense(), active)
    assert whole.layers == ["a", "b"]
    assert [whole.select(layer=name) for name in "ab"] == parts


def test_missing_coordinates_and_real_columns_are_filled():
    whole = concat(
        [layer("conv", columns={"channel": [3, 4]}), layer("fc", columns={"gain": 0.5})], over="layers"
    )
    assert whole.units["channel"].to_list() == [3, 4, -1, -1]
    np.testing.assert_array_equal(whole.units["gain"], [np.nan, np.nan, 0.5, 0.5])


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"kind": "relu"}, ValueError, "units: the column 'kind' is in some rasters and not in others"),
        ({"number": 3}, ValueError, "units: the column 'number' is in some rasters"),
        ({"gain": "high"}, TypeError, "units: the column 'gain' has another type in another raster"),
    ],
)
def test_columns_that_do_not_fit(columns, error, message):
    with pytest.raises(error, match=message):
        concat(
            [layer("a", columns={"gain": 0.5}), layer("b", columns={"gain": 0.5, **columns})],
            over="layers",
        )


def test_one_raster_is_its_own_whole():
    for over in ("layers", "samples"):
        assert concat([layer("a")], over=over) == layer("a")
        assert concat(iter([layer("a")]), over=over) == layer("a")


def test_annotations_must_agree_or_be_given():
    a, b = layer("a", annotations={"epoch": 1}), layer("b", annotations={"epoch": 2})
    with pytest.raises(ValueError, match=r"annotations\['epoch'\]: 1 and 2"):
        concat([a, b], over="layers")
    with pytest.raises(ValueError, match=r"annotations\['epoch'\]: 1 and None"):
        concat([a, layer("b")], over="layers")
    with pytest.raises(ValueError, match=r"annotations\['epoch'\]: None and 2"):
        concat([layer("a", annotations={"epoch": None}), b], over="layers")
    assert concat([a, b], over="layers", annotations={"epochs": [1, 2]}).annotations == {
        "epochs": [1, 2]
    }
    assert concat([a, layer("b", annotations={"epoch": 1})], over="layers").annotations == {"epoch": 1}


@pytest.mark.parametrize("over", ["layers", "samples"])
def test_sampling_periods_must_agree(over):
    with pytest.raises(ValueError, match=r"rasters differ in sampling_period: 0\.001 s and 0\.002 s"):
        concat([layer("a"), layer("b", sampling_period=0.002)], over=over)


@pytest.mark.parametrize(
    ("rasters", "over", "message"),
    [
        ([layer("a"), layer("b", n_samples=71)], "layers", "the same samples table"),
        ([layer("a"), layer("b")], "samples", "the same units table"),
        ([layer("a"), layer("a", n_units=3)], "samples", "the same units table"),
        ([layer("a"), layer("a")], "layers", "unit 0 of layer 'a' appears twice"),
        ([layer("a")], "units", "over must be 'layers' or 'samples', got 'units'"),
    ],
)
def test_what_does_not_fit(rasters, over, message):
    with pytest.raises(ValueError, match=message):
        concat(rasters, over=over)


def test_other_samples_of_the_same_number():
    a = layer("a")
    b = layer("b").select(samples=np.arange(70)[::-1])
    with pytest.raises(ValueError, match="the same samples table"):
        concat([a, b], over="layers")


@pytest.mark.parametrize("rasters", [[], layer("a"), [np.eye(2)], None, 3, "a.zarr"])
def test_other_things_than_rasters(rasters):
    with pytest.raises(TypeError, match="rasters must be a non-empty sequence of SpikeRaster, got"):
        concat(rasters, over="layers")
