"""Rasters on disk: round trips, parts, and what either zarr reads."""

import contextlib
import itertools
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Zlib

from ann2neo import SpikeRaster
from ann2neo.spikes.files import store, zarr_arrays
from tests.spikes.stores import make_known, small_chunks
from tests.strategies import rasters

GOLDENS = Path(__file__).parents[2] / "goldens"


@settings(max_examples=30)
@given(rasters(), st.sampled_from(["r.zarr", "r.zip", "r.Zarr", "a b.ZIP"]), st.integers(1, 3))
def test_round_trip(raster, name, words):
    with tempfile.TemporaryDirectory() as folder, small_chunks(raster.n_units, words):
        path = raster.save(Path(folder) / name)
        assert path == Path(folder) / name
        assert path.is_file() == (path.suffix.lower() == ".zip")
        assert SpikeRaster.load(str(path)) == raster
        assert os.listdir(folder) == [name]


@pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 200])
def test_loaded_columns_have_the_same_types(tmp_path, name, n_samples):
    raster = make_known(n_samples)
    loaded = SpikeRaster.load(raster.save(tmp_path / name))
    pd.testing.assert_frame_equal(loaded.units, raster.units)
    pd.testing.assert_frame_equal(loaded.samples, raster.samples)
    assert loaded == raster
    assert not loaded.words.flags.writeable


@pytest.mark.parametrize(
    "column", [[-0.0, -0.0, -0.0], [np.nan, np.inf, -np.inf], [5e-324, 1e308, 0.1], [0.0, 0.0, 0.0]]
)
def test_floats_come_back_bit_by_bit(tmp_path, column):
    units = pd.DataFrame({"layer": "a", "unit_index": range(3), "gain": column})
    raster = SpikeRaster.from_dense(np.zeros((3, 3)), units)
    gain = SpikeRaster.load(raster.save(tmp_path / "r.zarr")).units["gain"].to_numpy()
    np.testing.assert_array_equal(gain.view(np.int64), np.array(column).view(np.int64))


@pytest.mark.parametrize("text", ["", " ", "a\x00b", "é", "e\u0301", "../..", "🐱", "nan", "None", "1"])
def test_any_text(tmp_path, text):
    units = pd.DataFrame({"layer": [text, "b"], "unit_index": 0, text + "?": [text, text]})
    raster = SpikeRaster.from_dense(np.eye(2), units, annotations={text + "?": text})
    assert SpikeRaster.load(raster.save(tmp_path / "r.zip")) == raster


@settings(max_examples=20)
@given(st.data(), rasters(), st.integers(1, 3))
def test_part_is_what_select_gives(data, raster, words):
    with tempfile.TemporaryDirectory() as folder, small_chunks(raster.n_units, words):
        path = raster.save(Path(folder) / "r.zarr")
        for _ in range(4):
            start = data.draw(st.integers(0, raster.n_samples - 1))
            stop = data.draw(st.integers(start + 1, raster.n_samples))
            expected = raster.select(samples=np.arange(start, stop))
            assert SpikeRaster.load(path, start=start, stop=stop) == expected
        assert SpikeRaster.load(path, start=start) == raster.select(
            samples=np.arange(start, raster.n_samples)
        )


def test_every_part_of_a_short_raster(tmp_path):
    raster = make_known(131)
    with small_chunks(3):
        path = raster.save(tmp_path / "r.zip")
    borders = (0, 1, 63, 64, 65, 127, 128, 129, 130, 131)
    for start, stop in itertools.combinations(borders, 2):
        part = SpikeRaster.load(path, start=np.int64(start), stop=stop)
        assert part == raster.select(samples=np.arange(start, stop)), (start, stop)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (-1, 5), (5, 4), (0, 201), (200, None), (0, -1)])
def test_part_out_of_range(tmp_path, start, stop):
    path = make_known().save(tmp_path / "r.zarr")
    with pytest.raises(ValueError, match=r"0 <= start < stop <= n_samples = 200, got"):
        SpikeRaster.load(path, start=start, stop=stop)


@pytest.mark.parametrize(("start", "stop"), [(0.0, 5), ("0", 5), (None, 5), (0, 5.0)])
def test_part_of_wrong_type(tmp_path, start, stop):
    path = make_known().save(tmp_path / "r.zarr")
    with pytest.raises(TypeError, match="start and stop must be int, got"):
        SpikeRaster.load(path, start=start, stop=stop)


@pytest.mark.parametrize("name", ["r.zarr", "r.zip"])
def test_plain_zarr_reads_the_words(tmp_path, name):
    raster = make_known()
    path = raster.save(tmp_path / name)
    with contextlib.ExitStack() as stack:
        where = str(path)
        if path.suffix == ".zip":
            where = stack.enter_context(contextlib.closing(zarr.storage.ZipStore(where, mode="r")))
        root = zarr.open_group(where, mode="r")
        words, indices = root["words"][...], root["samples"]["0"][...]
        assert root.attrs["n_samples"] == 200
    np.testing.assert_array_equal(words, raster.words)
    np.testing.assert_array_equal(indices, raster.samples["sample_index"])


# Made in two environments, one with zarr 2.18.7, numcodecs 0.15.2 and pandas 2.3.3, one with zarr 3.1.6,
# numcodecs 0.16.6 and pandas 3.1.1, by: with small_chunks(3): make_known(130).save("raster_zarr….zip")
@pytest.mark.parametrize("name", ["raster_zarr2.zip", "raster_zarr3.zip"])
def test_stores_of_both_zarr_versions(name):
    assert SpikeRaster.load(GOLDENS / name) == make_known(130)
    assert SpikeRaster.load(GOLDENS / name, start=70) == make_known(130).select(
        samples=np.arange(70, 130)
    )


def test_a_store_packed_by_zlib_is_read_and_not_adopted_as_it_is(tmp_path, monkeypatch):
    raster = make_known(320)
    with small_chunks(3):
        with monkeypatch.context() as patched:
            patched.setattr(zarr_arrays, "Zstd", Zlib)
            patched.setattr(store, "FORMAT_VERSION", 2)
            old = raster.save(tmp_path / "old.zarr")
        new = raster.save(tmp_path / "new.zarr")
        for path, codec in ((old, "zlib"), (new, "zstd")):
            assert json.loads((path / "words" / ".zarray").read_text())["compressor"]["id"] == codec
            assert SpikeRaster.load(path) == raster
            with store.StoreWriter(tmp_path / "joined.zarr", 3, overwrite=True) as writer:
                assert writer.adopt(path) is (codec == "zstd")
                if codec == "zlib":
                    for block in np.split(raster.words, 5, axis=1):
                        writer.write(block)
                writer.finish(320, raster.units, raster.samples, 0.002, raster.annotations)
            assert SpikeRaster.load(tmp_path / "joined.zarr") == raster


def test_missing_folder_and_missing_store(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the directory .*nowhere does not exist"):
        make_known().save(tmp_path / "nowhere" / "r.zarr")
    with pytest.raises(FileNotFoundError, match=r"no raster at .*r\.zarr"):
        SpikeRaster.load(tmp_path / "r.zarr")
    assert os.listdir(tmp_path) == []
