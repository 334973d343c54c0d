"""Statistics of an opened recording against one in memory, and two workers against one, in one run.

Run with ``python tests/benchmarks/streams_and_workers.py`` (six minutes) on a machine that has nothing
else to do: a thread unpacks the next chunk of a store meanwhile, and on a busy one it has no core of its
own. The store's files are in the system's cache. Random bits of rate 1/4 are hard to pack and slow to
unpack: what that takes alone stands first, and no statistic that is cheaper can keep up with a first
pass. What fits into 128 MiB, as this recording does, is unpacked once; what does not, at each pass.
"""

from __future__ import annotations

import functools
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from timing import Comparison, medians, show

import ann2neo as a2n
from ann2neo.spikes.words import n_words

N_STREAMED, N_SHARED = 2048, 20_000


def make_raster(n_units: int, n_samples: int = 60_000) -> a2n.SpikeRaster:
    """Independent bits, a quarter of them active: as hard to pack as any of that rate."""
    rng = np.random.default_rng(0)
    shape = n_units, n_words(n_samples)
    words = rng.integers(2**64, size=shape, dtype=np.uint64)
    words &= rng.integers(2**64, size=shape, dtype=np.uint64)
    words[:, -1] &= np.uint64(2**64 - 1) >> np.uint64(-n_samples % 64)
    return a2n.SpikeRaster(words, n_samples)


def stream(folder: str) -> list[Comparison]:
    """Seconds of a statistic of a store of seven chunks, and in memory."""
    raster = make_raster(N_STREAMED, 400_000)
    path = raster.save(Path(folder) / "spikes.zarr", progress=False)
    stored = a2n.open_raster(path)
    functions: dict[str, Callable[..., Any]] = {
        "nothing: chunks are read": lambda r: [chunk.n_samples for chunk in r.chunks()],
        "fanofactor": a2n.fanofactor,
        "summarize": a2n.summarize,
        "pattern_counts": a2n.patterns.pattern_counts,
        "poisson_assumptions": a2n.poisson_assumptions,
        "correlation": a2n.correlation,
    }
    rows = []
    for name, function in functions.items():
        again, memory, anew = medians(
            functools.partial(function, stored),
            functools.partial(function, raster),
            lambda function=function: function(a2n.open_raster(path)),
            repeats=3,
        )
        bound = "" if name.startswith("nothing") else "≥ 0.8"
        rows.append(Comparison(name, "an opened store, again", again, memory, bound))
        rows.append(Comparison(name, "a store opened anew", anew, memory, ""))
    return rows


def share() -> list[Comparison]:
    """Seconds of one worker and of two."""
    raster = make_raster(N_SHARED)
    some = raster.select(units=np.arange(4096))

    def test(statistic: Callable[..., Any], n_surrogates: int, workers: int) -> a2n.TestResult:
        options = {"n_surrogates": n_surrogates, "adjust": "max-t", "progress": False}
        rng = np.random.default_rng(0)
        return a2n.surrogate_test(raster, statistic, rng=rng, workers=workers, **options)

    jobs: dict[str, Callable[..., Any]] = {
        "20 surrogates' Fano factors, 20,000 units": functools.partial(test, a2n.fanofactor, 20),
        "24 surrogates' CVs, 20,000 units": functools.partial(test, a2n.cv, 24),
        "poisson_assumptions, 20,000 units": functools.partial(a2n.poisson_assumptions, raster),
        "summarize, 20,000 units": functools.partial(a2n.summarize, raster),
        "correlation, 4,096 units": functools.partial(a2n.correlation, some),
    }
    rows = []
    for name, job in jobs.items():
        times = medians(*(functools.partial(job, workers=workers) for workers in (1, 2)), repeats=3)
        rows.append(Comparison(name, "one worker", *times, "≥ 1.7 × faster"))
    return rows


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows = stream(folder)
    show(f"{N_STREAMED:,} units × 400,000 samples: ours / baseline is the rate that is left", rows)
    show("Two workers against one", share())


if __name__ == "__main__":
    main()
