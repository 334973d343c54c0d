"""Opened rasters: everything they give is that of the loaded raster."""

import itertools
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo import SpikeRaster, StoredRaster, open_raster
from ann2neo.spikes import packing
from ann2neo.spikes.files.stored_parts import PART_NAME
from ann2neo.spikes.words import WORD

N_UNITS, N_SAMPLES = 6, 700


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A raster in one store and in three parts, in chunks of two words; the raster."""
    patch = pytest.MonkeyPatch()
    patch.setattr(packing, "_BUFFER_BYTES", 2 * 8 * N_UNITS)
    folder = tmp_path_factory.mktemp("stored")
    raster = make_known()
    raster.save(folder / "whole.zarr")
    raster.save(folder / "whole.zarr.zip")
    (folder / "parts").mkdir()
    for number, (start, stop) in enumerate([(0, 256), (256, 357), (357, 700)]):
        part = raster.select(samples=np.arange(start, stop))
        part.save(folder / "parts" / PART_NAME.format(number))
    patch.undo()
    return folder


def make_known():
    rng = np.random.default_rng(3)
    units = pd.DataFrame({"layer": ["a", "b", "a", "c", "c", "b"], "unit_index": [0, 0, 1, 0, 1, 1]})
    samples = pd.DataFrame(
        {"sample_index": np.arange(N_SAMPLES), "label": rng.choice(["x", "y"], N_SAMPLES)}
    )
    return SpikeRaster.from_dense(
        rng.random((N_SAMPLES, N_UNITS)) < 0.4, units, samples, annotations={"network": "n"}
    )


SOURCES = pytest.mark.parametrize("name", ["whole.zarr", "whole.zarr.zip", "parts"])


@SOURCES
def test_what_it_says_and_loads(folder, name):
    raster = make_known()
    stored = open_raster(folder / name)
    assert (stored.n_units, stored.n_samples) == (N_UNITS, N_SAMPLES)
    assert stored.layers == raster.layers == ["a", "b", "c"]
    assert stored.sampling_period == raster.sampling_period
    assert stored.annotations == raster.annotations
    pd.testing.assert_frame_equal(stored.units, raster.units)
    pd.testing.assert_frame_equal(stored.samples, raster.samples)
    assert stored.spike_counts.tolist() == raster.spike_counts.tolist()
    assert stored.load() == raster
    assert a2n.as_raster(stored) == a2n.as_raster(str(folder / name)) == raster
    assert pickle.loads(pickle.dumps(stored)).load() == raster
    assert stored.nbytes == raster.words.nbytes
    assert "6 units × 700 samples" in repr(stored)


@SOURCES
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_select_and_chunks_are_those_of_the_raster(folder, name, data):
    raster, stored = make_known(), open_raster(folder / name)
    for _ in range(data.draw(st.integers(1, 2))):
        what = {}
        if data.draw(st.booleans()):
            layers = st.lists(st.sampled_from(raster.layers), min_size=1, max_size=3)
            what["layer"] = data.draw(st.one_of(st.sampled_from(raster.layers), layers))
        if data.draw(st.booleans()):
            n = raster.select(**what).n_units
            what["units"] = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=8))
        how = data.draw(st.sampled_from(["all", "range", "any"]))
        if how == "range":
            ends = st.integers(0, raster.n_samples)
            start, stop = sorted(data.draw(st.tuples(ends, ends).filter(lambda e: e[0] != e[1])))
            what["samples"] = np.arange(start, stop)
        elif how == "any":
            rng = np.random.default_rng(data.draw(st.integers(0, 99)))
            what["samples"] = rng.integers(0, raster.n_samples, rng.integers(1, 500))
        raster, stored = raster.select(**what), stored.select(**what)
    assert stored.load() == raster
    assert stored.layers == raster.layers
    most = data.draw(st.one_of(st.none(), st.integers(1, 400)))
    pieces = list(stored.chunks(most))
    assert a2n.concat(pieces, over="samples") == raster
    assert max(piece.n_samples for piece in pieces) <= min(2 * WORD, most or 2 * WORD)


def test_only_what_is_needed_is_read(folder, tmp_path):
    import shutil

    shutil.copytree(folder / "whole.zarr", tmp_path / "broken.zarr")
    (tmp_path / "broken.zarr" / "words" / "0.3").unlink()
    stored = open_raster(tmp_path / "broken.zarr")
    assert stored.select(samples=np.arange(128)).load() == make_known().select(samples=np.arange(128))
    with pytest.raises(ValueError, match=r"broken\.zarr is damaged"):
        stored.load()


def test_bad_input(folder, tmp_path):
    stored = open_raster(folder / "whole.zarr")
    with pytest.raises(ValueError, match=r"layer must be one of \['a', 'b', 'c'\], got 'z'"):
        stored.select(layer="z")
    with pytest.raises(ValueError, match=r"layer must be one of \['b'\], got 'a'"):
        stored.select(layer="b").select(layer="a")
    with pytest.raises(IndexError, match="units must lie"):
        stored.select(units=[6])
    with pytest.raises(ValueError, match="n_samples must be at least 1"):
        list(stored.chunks(0))
    with pytest.raises(FileNotFoundError, match=r"no raster at .*nothing\.zarr"):
        open_raster(tmp_path / "nothing.zarr")
    with pytest.raises(ValueError, match="not a raster's Zarr store"):
        open_raster(tmp_path)
    with open_raster(folder / "whole.zarr") as closed:
        pass
        part, layer = closed.select(samples=np.arange(10, 500)), closed.select(layer="a")
        chunks = closed.chunks()
        next(chunks)
    for use in (
        closed.load,
        part.load,
        lambda: layer.units,
        lambda: list(part.chunks()),
        lambda: list(chunks),
    ):
        with pytest.raises(ValueError, match="the raster is closed"):
            use()
    with pytest.raises(ValueError, match="the raster is closed"):
        pickle.dumps(part)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (None, FileNotFoundError, r"lacks part-00001\.zarr"),
        (lambda r: r.select(units=[1, 0, 2, 3, 4, 5]), ValueError, r"part-00001\.zarr has other units"),
        (
            lambda r: r.with_annotations(network="m"),
            ValueError,
            r"annotations\['network'\]: 'm' and 'n'",
        ),
        (
            lambda r: SpikeRaster(r.words, r.n_samples, r.units, r.samples, sampling_period=1.0),
            ValueError,
            "sampling_period",
        ),
    ],
)
def test_parts_must_be_of_one_recording(tmp_path, change, error, message):
    part = make_known().select(samples=np.arange(100))
    part.save(tmp_path / PART_NAME.format(0))
    if change is not None:
        change(part).save(tmp_path / PART_NAME.format(1))
    part.save(tmp_path / PART_NAME.format(2))
    with pytest.raises(error, match=message):
        open_raster(tmp_path)


def test_a_whole_recording_that_is_large_is_loaded_with_a_warning(folder, monkeypatch):
    import importlib

    module = importlib.import_module("ann2neo.spikes.as_raster")
    monkeypatch.setattr(module, "_LARGE", 100)
    with pytest.warns(UserWarning, match="needs the whole recording in memory"):
        a2n.as_raster(folder / "whole.zarr")


def test_instances(folder):
    assert isinstance(open_raster(folder / "whole.zarr").select(layer="a"), StoredRaster)


def planned(folder, edges):
    """Parts of a known raster, and beside them what a plan says of where they begin."""
    raster = make_known()
    folder.mkdir()
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        raster.select(samples=np.arange(start, stop)).save(folder / PART_NAME.format(number))
    (folder / "plan.json").write_text(json.dumps({"edges": edges}))
    return folder


def test_parts_are_those_of_the_plan_beside_them(tmp_path):
    folder = planned(tmp_path / "a.parts", [0, 200, 400, 700])
    assert open_raster(folder).load() == make_known()
    first, second, last = (folder / PART_NAME.format(number) for number in range(3))
    last.rename(tmp_path / "last.zarr")
    with pytest.raises(FileNotFoundError, match=r"lacks part-00002\.zarr; it has 2 parts of 3"):
        a2n.firing_rate(folder)
    # Another part in its place, of the same recording.
    shutil.copytree(first, last)
    with pytest.raises(ValueError, match=r"part-00002\.zarr begins with sample 0, .*400 to 700"):
        open_raster(folder)
    shutil.rmtree(last)
    (tmp_path / "last.zarr").rename(last)
    shutil.copytree(second, folder / PART_NAME.format(3))
    with pytest.raises(ValueError, match=r"holds part-00003\.zarr too"):
        open_raster(folder)
    for plan in ("{", "[]", "{}", '{"edges": [0]}', '{"edges": [0, 1.5]}', '{"edges": null}'):
        (folder / "plan.json").write_text(plan)
        with pytest.raises(ValueError, match=r"plan\.json is no plan of a recording, or is damaged"):
            open_raster(folder)


def test_a_plan_without_parts_says_what_is_missing(tmp_path):
    (tmp_path / "plan.json").write_text('{"edges": [0, 5]}')
    with pytest.raises(FileNotFoundError, match=r"lacks part-00000\.zarr; it has 0 parts of 1"):
        open_raster(tmp_path)


def test_an_opened_raster_is_found_from_everywhere(tmp_path, monkeypatch):
    raster = make_known()
    monkeypatch.chdir(tmp_path)
    raster.save("here.zarr")
    stored = open_raster("here.zarr")
    monkeypatch.chdir("/")
    assert stored.load() == pickle.loads(pickle.dumps(stored)).load() == raster


@pytest.mark.parametrize("name", ["a.zarr", "a.zarr.zip"])
def test_what_is_gone_is_not_called_replaced(tmp_path, name):
    path = make_known().save(tmp_path / name)
    stored = open_raster(path)
    path.rename(tmp_path / "elsewhere")
    for use in (stored.load, lambda: stored.units, lambda: a2n.fanofactor(stored)):
        with pytest.raises(FileNotFoundError, match=r"is not there any more, or .* does not see it"):
            use()
