"""What all accumulators promise: pure merges under any tree, place and units, files without pickle."""

import functools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo import Autocorrelation, Correlation, FanoFactor, FiringRate, Intervals
from ann2neo.statistics.accumulators import accumulate as feeding
from ann2neo.statistics.accumulators.several import Several
from ann2neo.statistics.halves import Halves
from ann2neo.statistics.patterns.counts import PatternCounts
from tests.statistics.chunking import assert_same_bits, cut_rasters

KINDS = {
    "FiringRate": lambda start: FiringRate(start=start),
    "FanoFactor": lambda start: FanoFactor(3, start=start),
    "Intervals": lambda start: Intervals(start=start),
    "Autocorrelation": lambda start: Autocorrelation(0, start=start),
    "Correlation": lambda start: Correlation(1, start=start),
    "PatternCounts": lambda start: PatternCounts(),
    "Halves": lambda start: Halves(50, start=start),
    "Several": lambda start: Several([FiringRate, Intervals, Autocorrelation0], start=start),
}
Autocorrelation0 = functools.partial(Autocorrelation, 0)
EVERY = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def state(seen):
    """All that an accumulator holds, as bytes."""
    return pickle.dumps(seen.__getstate__())


def values(seen):
    found = seen.result()
    if isinstance(found, tuple):
        return [value for member in found for value in values(member)]
    if isinstance(found, dict):
        return [part for histogram in found.values() for part in (histogram.keys, histogram.counts)]
    return [found]


@EVERY
@given(cut=cut_rasters(60).filter(lambda cut: cut[0].n_samples >= 3), data=st.data())
@settings(max_examples=10, deadline=None)
def test_any_tree_of_merges_gives_the_same_and_changes_nothing(make, cut, data):
    raster, chunks = cut
    starts = np.cumsum([0, *(chunk.n_samples for chunk in chunks)])
    parts = [make(int(start)).update(chunk) for start, chunk in zip(starts, chunks, strict=False)]
    while len(parts) > 1:
        at = data.draw(st.integers(0, len(parts) - 2))
        before = [state(part) for part in parts]
        merged = parts[at].merge(parts[at + 1])
        assert [state(part) for part in parts] == before
        parts[at : at + 2] = [merged]
    whole = make(0).update(raster)
    for found, expected in zip(values(parts[0]), values(whole), strict=True):
        assert_same_bits(found, expected)


@EVERY
@given(cut=cut_rasters(300).filter(lambda cut: cut[0].n_samples >= 3), workers=st.integers(2, 5))
@settings(max_examples=10, deadline=None)
def test_any_number_of_workers_gives_the_same(make, cut, workers):
    raster, whole = cut[0], make(0).update(cut[0])
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(workers) as pool:
        # Pieces of a unit, and of a word.
        patch.setattr(feeding, "_FEWEST_UNITS", 1)
        patch.setattr(feeding, "_COPIED", 1)
        for who in (workers, pool):
            found = a2n.accumulate(lambda start: make(start), raster, workers=who)
            assert (found.n_units, found.start, found.stop) == (raster.n_units, 0, raster.n_samples)
            for one, other in zip(values(found), values(whole), strict=True):
                assert_same_bits(one, other)
            # It is an accumulator like any other, to be merged with what comes behind.
            behind = make(raster.n_samples).update(raster)
            later = found.merge(behind), whole.merge(behind)
            for one, other in zip(*map(values, later), strict=True):
                assert_same_bits(one, other)


@pytest.mark.parametrize("make", [KINDS[name] for name in KINDS if name != "Several"])
def test_files_bring_everything_back(make, tmp_path):
    raster = a2n.as_raster(np.random.default_rng(0).random((50, 4)) < 0.4)
    first, rest = (raster.select(samples=np.arange(*ends)) for ends in ((0, 20), (20, 50)))
    seen = make(0).update(first)
    path = seen.save(tmp_path / "seen.npz")
    again = type(seen).load(path)
    joined = again.merge(make(20).update(rest))
    for found, expected in zip(values(joined), values(make(0).update(raster)), strict=True):
        assert_same_bits(found, expected)
    with pytest.raises(FileExistsError):
        seen.save(path)
    other = FiringRate if type(seen) is not FiringRate else FanoFactor
    with pytest.raises(ValueError, match=f"holds a {type(seen).__name__}, not a {other.__name__}"):
        other.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is no accumulator's file, or is damaged"):
        FiringRate.load(tmp_path / "a.npz")


@EVERY
def test_other_units_and_places_are_refused(make):
    active = np.ones((5, 2), bool)
    here, there = (a2n.SpikeRaster.from_dense(active, units(layer)) for layer in ("a", "b"))
    seen = make(0).update(here)
    with pytest.raises(ValueError, match=r"later must have the (layers and )?units"):
        seen.merge(make(5).update(there))
    with pytest.raises(ValueError, match=r"chunk must have the (layers and )?units"):
        seen.update(there)
    if not isinstance(seen, PatternCounts):
        with pytest.raises(ValueError, match="later must start at sample 5, got 0"):
            seen.merge(make(0).update(here))
    with pytest.raises(TypeError, match="later must be a "):
        seen.merge(3)


def units(layer):
    import pandas as pd

    return pd.DataFrame({"layer": [layer] * 2, "unit_index": [0, 1]})
