"""Rasters cut into chunks: what every accumulator must not notice."""

import itertools

import numpy as np
from hypothesis import strategies as st

from tests.strategies import rasters


@st.composite
def cut_rasters(draw, max_samples=200):
    """A raster and consecutive chunks of it, some of a single sample."""
    raster = draw(rasters(max_samples))
    cuts = draw(st.sets(st.integers(1, max(1, raster.n_samples - 1)), max_size=6))
    edges = [0, *sorted(cut for cut in cuts if cut < raster.n_samples), raster.n_samples]
    return raster, [raster.select(samples=np.arange(*ends)) for ends in itertools.pairwise(edges)]


def feed(make, chunks):
    """One accumulator fed with one chunk after another."""
    seen = make(0)
    for chunk in chunks:
        seen = seen.update(chunk)
    return seen


def merge(make, chunks):
    """An accumulator a chunk, merged two by two, with empty ones in between; `make` takes the place."""
    starts = np.cumsum([0, *(chunk.n_samples for chunk in chunks)])
    parts = [make(int(start)).update(chunk) for start, chunk in zip(starts, chunks, strict=False)]
    stops = [int(stop) for stop in starts[1:]]
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        joined = [first.merge(second) for first, second in pairs]
        if len(parts) % 2:
            joined.append(parts[-1])
        parts, stops = joined, [*stops[1::2], stops[-1]][: len(joined)]
    nothing = make(0).merge(parts[0])
    return nothing.merge(make(stops[-1]))


def assert_same_bits(found, expected):
    """Equal to the last bit, NaN and the sign of 0 included."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
