"""Nothing that was passed in or handed out changes a raster."""

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster


@pytest.fixture
def parts():
    return {
        "words": np.array([[5], [3]], np.uint64),
        "n_samples": 3,
        "units": pd.DataFrame({"layer": ["a", "b"], "unit_index": [0, 0], "gain": [1.0, 2.0]}),
        "samples": pd.DataFrame({"sample_index": [2, 0, 1], "label": ["x", "y", "z"]}),
        "annotations": {"seeds": [1, 2], "network": "mlp"},
    }


@pytest.fixture
def raster(parts):
    return SpikeRaster(**parts)


@pytest.fixture
def untouched(raster):
    """A twin that shares nothing with the raster."""
    twin = SpikeRaster(
        np.array([[5], [3]], np.uint64),
        3,
        pd.DataFrame({"layer": ["a", "b"], "unit_index": [0, 0], "gain": [1.0, 2.0]}),
        pd.DataFrame({"sample_index": [2, 0, 1], "label": ["x", "y", "z"]}),
        annotations={"seeds": [1, 2], "network": "mlp"},
    )
    assert twin == raster
    return twin


def write_everywhere(table):
    """Every way into a table that pandas leaves open; some raise, none may reach the raster."""
    for column in list(table.columns):
        value = "hacked" if table[column].dtype.kind not in "bif" else 99
        for array in (table[column].array, table[column].to_numpy(), table[column].values):
            try:
                array[0] = value
            except ValueError:  # a read-only array
                continue
        table.loc[0, column] = value
        table.iloc[1, table.columns.get_loc(column)] = value
    table["further"] = 1
    table.index = table.index + 5
    table.columns = [f"renamed {name}" for name in table.columns]
    del table[table.columns[0]]


def test_arguments_may_change_afterwards(parts, raster, untouched):
    parts["words"][:] = 0
    parts["annotations"]["seeds"].append(3)
    parts["annotations"]["network"] = "cnn"
    write_everywhere(parts["units"])
    write_everywhere(parts["samples"])
    assert raster == untouched


def test_dense_argument_may_change_afterwards():
    active = np.eye(3, dtype=bool)
    raster = SpikeRaster.from_dense(active)
    active[:] = True
    np.testing.assert_array_equal(raster.to_dense(), np.eye(3))


def test_read_only_view_of_writeable_words_is_copied(parts, untouched):
    view = parts["words"][:]
    view.flags.writeable = False
    raster = SpikeRaster(**{**parts, "words": view})
    parts["words"][:] = 0
    assert raster == untouched


def test_read_only_words_are_taken_over_without_a_copy(parts):
    parts["words"].flags.writeable = False
    raster = SpikeRaster(**parts)
    assert np.shares_memory(raster.words, parts["words"])
    assert np.shares_memory(raster.with_annotations(a=1).words, parts["words"])


def test_tables_handed_out_are_copies(raster, untouched):
    write_everywhere(raster.units)
    write_everywhere(raster.samples)
    assert raster == untouched
    pd.testing.assert_frame_equal(raster.units, untouched.units)


def test_words_cannot_be_written(raster, untouched):
    with pytest.raises(ValueError, match="read-only"):
        raster.words[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        raster.words.flags.writeable = True
    assert raster == untouched


def test_dense_handed_out_is_a_copy(raster, untouched):
    raster.to_dense()[:] = False
    raster.spike_counts[:] = 0
    raster.spike_indices(0)[:] = 0
    assert raster == untouched


def test_annotations_handed_out_are_copies(raster, untouched):
    with pytest.raises(TypeError, match="item assignment"):
        raster.annotations["network"] = "cnn"
    raster.annotations["seeds"].append(3)
    assert raster == untouched


@pytest.mark.parametrize(
    "name",
    ["words", "n_samples", "n_units", "units", "samples", "sampling_period", "annotations", "other"],
)
def test_attributes_cannot_be_set(raster, untouched, name):
    with pytest.raises(AttributeError):
        setattr(raster, name, getattr(raster, name, None))
    assert raster == untouched


def test_parts_share_nothing_writeable(raster, untouched):
    part = raster.select()
    part.annotations["seeds"].append(3)
    write_everywhere(part.units)
    assert raster == untouched
    assert part == untouched
