"""Accumulators of single units: chunks, stores, any tree of pure merges and files change nothing."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from tests.statistics.chunking import assert_same_bits, cut_rasters

KINDS = {
    "RateDistribution": lambda seen: [seen.result().to_numpy(), seen.histogram(4).to_numpy()],
    "ClassCounts": lambda seen: [
        seen.result().split_samples,
        seen.result().split_spikes,
        seen.result().selectivity,
    ],
    "SignalNoise": lambda seen: [seen.result().signal, seen.result().noise],
}
EVERY = pytest.mark.parametrize("name", KINDS)


def make(name):
    return getattr(a2n, name)()


def assert_same(name, found, expected):
    for one, other in zip(KINDS[name](found), KINDS[name](expected), strict=True):
        assert_same_bits(one, other)


def label(raster, seed):
    """The raster with labels, some of which come late, and two splits."""
    rng = np.random.default_rng(seed)
    samples = pd.DataFrame(
        {
            "sample_index": np.arange(raster.n_samples),
            "label": rng.integers(0, 2 + 3 * np.arange(raster.n_samples) // raster.n_samples),
            "dataset_split": np.where(np.arange(raster.n_samples) % 3, "train", "test"),
        }
    )
    return a2n.SpikeRaster(raster.words, raster.n_samples, raster.units, samples)


@EVERY
@given(cut=cut_rasters(80), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=12, deadline=None)
def test_chunks_and_any_tree_of_merges_change_nothing(name, cut, seed, data):
    raster = label(cut[0], seed)
    edges = np.cumsum([0, *(chunk.n_samples for chunk in cut[1])])
    chunks = [raster.select(samples=np.arange(a, b)) for a, b in itertools.pairwise(edges)]
    whole = make(name).update(raster)
    fed = make(name)
    for chunk in data.draw(st.permutations(chunks)):
        fed = fed.update(chunk)
    assert_same(name, fed, whole)
    parts = [make(name), *(make(name).update(chunk) for chunk in chunks)]
    while len(parts) > 1:
        at = data.draw(st.integers(0, len(parts) - 2))
        before = [part.n_samples for part in parts], KINDS[name](parts[-1])
        merged = parts[at].merge(parts[at + 1])
        after = [part.n_samples for part in parts], KINDS[name](parts[-1])
        np.testing.assert_equal(after, before)
        parts[at : at + 2] = [merged]
    assert_same(name, parts[0], whole)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A recording of several chunks on disk, and the same in memory."""
    rng = np.random.default_rng(0)
    raster = label(a2n.as_raster(rng.random((1000, 5)) < rng.random(5)), 1)
    path = tmp_path_factory.mktemp("store") / "raster.zarr"
    raster.save(path)
    return path, raster


@EVERY
def test_stores_are_read_in_pieces(name, stored, monkeypatch):
    path, raster = stored
    whole = make(name).update(raster)
    with a2n.open_raster(path) as opened:
        cuts = type(opened)._cuts
        monkeypatch.setattr(type(opened), "_cuts", lambda self, most: cuts(self, 64))
        monkeypatch.setattr(type(opened), "load", None)
        assert len(list(opened.chunks())) == 16
        assert_same(name, make(name).update(opened), whole)
        if name != "RateDistribution":
            labels = raster.samples["label"].to_numpy()
            assert_same(name, make(name).update(opened, labels), whole)
        np.testing.assert_array_equal(a2n.population_coupling(opened), a2n.population_coupling(raster))
        np.testing.assert_array_equal(
            a2n.eigenspectrum(opened).eigenvalues, a2n.eigenspectrum(raster).eigenvalues
        )
        pd.testing.assert_frame_equal(
            a2n.summarize_information(opened), a2n.summarize_information(raster)
        )


@EVERY
def test_files_bring_everything_back(name, stored, tmp_path):
    raster = stored[1]
    first, rest = (raster.select(samples=np.arange(*ends)) for ends in ((0, 300), (300, 1000)))
    path = make(name).update(first).save(tmp_path / "seen.npz")
    again = type(make(name)).load(path)
    assert_same(name, again, make(name).update(first))
    assert_same(name, again.merge(make(name).update(rest)), make(name).update(raster))
    if name == "ClassCounts":
        pd.testing.assert_frame_equal(again.result().units, raster.units)
    empty = type(make(name)).load(make(name).save(tmp_path / "empty.npz"))
    with pytest.raises(ValueError, match="no samples yet"):
        empty.result()


@EVERY
def test_other_units_are_refused(name, stored):
    raster = stored[1]
    seen = make(name).update(raster)
    other = raster.units.assign(layer="other")
    there = a2n.SpikeRaster(raster.words, raster.n_samples, other, raster.samples)
    with pytest.raises(ValueError, match="later must have the layers and units"):
        seen.merge(make(name).update(there))
    with pytest.raises(ValueError, match="chunk must have the layers and units"):
        seen.update(there)
    with pytest.raises(TypeError, match=f"later must be a {name}"):
        seen.merge(a2n.FiringRate())
    if name != "RateDistribution":
        with pytest.raises(ValueError, match="later must have labels label, got class"):
            seen.merge(type(seen)("class"))
