"""Chunks that stay in memory: the same words, no more of them than said, none of another store."""

import pickle

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo.spikes.files import stored_raster
from ann2neo.spikes.files.chunk_cache import ChunkCache


def words(value, n=4):
    return np.full((n, 2), value, np.uint64)


def test_what_was_read_first_stays_and_the_rest_is_read_again():
    cache, read = ChunkCache(2 * 64), []

    def make(value):
        read.append(value)
        return words(value)

    for _ in range(2):
        for value in (1, 2, 3):
            np.testing.assert_array_equal(
                cache.read(value, lambda value=value: make(value)), words(value)
            )
    assert read == [1, 2, 3, 3]
    assert cache.get(3) is None
    assert not cache.get(1).flags.writeable
    cache.clear()
    assert cache.get(1) is None
    cache.read(1, lambda: make(1))
    assert cache.get(1) is None


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A recording of several chunks, how often it was read, and what it is."""
    rng = np.random.default_rng(0)
    raster = a2n.as_raster(rng.random((300_000, 5)) < 0.3)
    path = raster.save(tmp_path / "spikes.zarr")
    calls = []

    def read_words(*arguments):
        calls.append(arguments[2:4])
        return original(*arguments)

    original = stored_raster.read_words
    monkeypatch.setattr(stored_raster, "read_words", read_words)
    opened = a2n.open_raster(path)
    assert sum(1 for _ in opened.chunks()) > 1
    n_chunks = len(calls)
    calls.clear()
    return opened, raster, calls, n_chunks


def test_a_second_statistic_reads_nothing(stored):
    opened, raster, calls, _ = stored
    np.testing.assert_array_equal(a2n.fanofactor(opened), a2n.fanofactor(raster))
    np.testing.assert_array_equal(opened.load().words, raster.words)
    some = opened.select(units=[3, 1])
    np.testing.assert_array_equal(some.load().words, raster.select(units=[3, 1]).words)
    assert calls == []
    # Pieces that are no whole chunks are read.
    part = opened.select(samples=np.arange(1000, 2000))
    np.testing.assert_array_equal(part.load().words, raster.select(samples=np.arange(1000, 2000)).words)
    assert len(calls) == 1


def test_a_copy_for_another_process_starts_empty_and_a_closed_one_lets_go(stored):
    opened, raster, calls, n_chunks = stored
    copy = pickle.loads(pickle.dumps(opened))
    np.testing.assert_array_equal(copy.spike_counts, raster.spike_counts)
    assert len(calls) == n_chunks
    chunk = next(opened.chunks())
    opened.close()
    with pytest.raises(ValueError, match="the raster is closed"):
        opened.load()
    with pytest.raises(ValueError, match="the raster is closed"):
        opened.select(units=[0]).load()
    # What was handed out stays whole.
    size = chunk.n_samples
    np.testing.assert_array_equal(chunk.words, raster.select(samples=np.arange(size)).words)


def test_a_store_that_was_replaced_is_noticed_though_its_chunks_are_kept(stored, tmp_path):
    opened = stored[0]
    a2n.as_raster(np.ones((300_000, 5), bool)).save(tmp_path / "spikes.zarr", overwrite=True)
    with pytest.raises((ValueError, FileNotFoundError)):
        a2n.fanofactor(opened)
