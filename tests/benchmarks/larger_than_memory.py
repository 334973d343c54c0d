"""Recordings that are opened, not loaded: memory, time, and the same results, in one run.

    python tests/benchmarks/larger_than_memory.py [--dask] [n_samples] [n_units] [n_parts]

Records a random network in parts by two processes, or by two workers of a Dask cluster on this machine,
and runs statistics and tests on the store, by one and by two workers; prints seconds, processor seconds
of this process, and the peak memory of each. All results are compared: with those of the recording in
memory where that takes up to 200 MB, else with those of one worker. With ``--dask`` it also says what
Dask adds to a part.
"""

import functools
import os
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

import ann2neo as a2n
from ann2neo.spikes.workers import map_work

N_INPUTS = 32
N_UNITS = "LARGER_THAN_MEMORY_UNITS"


def network():
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    # Said in the environment, which other processes take over.
    n_units = int(os.environ[N_UNITS])
    return torch.nn.Sequential(
        torch.nn.Linear(N_INPUTS, n_units), torch.nn.ReLU(), torch.nn.Linear(n_units, 2)
    )


def samples(start, stop):
    blocks = range(start // 1024, -(-stop // 1024))
    drawn = [np.random.default_rng(k).standard_normal((1024, N_INPUTS), np.float32) for k in blocks]
    return np.concatenate(drawn)[start - 1024 * blocks.start : stop - 1024 * blocks.start]


def find_peak(_=None):
    """MB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def time_function(what, function):
    start, processor = time.perf_counter(), time.process_time()
    found = function()
    print(
        f"{what:32s} {time.perf_counter() - start:8.2f} s {time.process_time() - processor:8.2f} s of "
        f"processor time, peak {find_peak():6.0f} MB",
        flush=True,
    )
    return found


def same(found, expected):
    if isinstance(expected, pd.DataFrame):
        return expected.equals(found)
    return np.array_equal(expected, found)


def test_surrogates(recording, workers):
    return a2n.surrogate_test(
        recording,
        a2n.fanofactor,
        n_surrogates=3,
        adjust="max-t",
        rng=np.random.default_rng(0),
        workers=workers,
        progress=False,
    ).to_frame()


FUNCTIONS = {
    "summarize": a2n.summarize,
    "poisson_assumptions": lambda r, workers: a2n.poisson_assumptions(r, workers=workers).to_frame(),
    "pattern statistics": lambda r, workers: (
        a2n.patterns.pattern_counts(r, fingerprint=True, workers=workers)["1"].counts
    ),
    "surrogate test": test_surrogates,
}


def start_dask(stack):
    """A client of two workers on this machine; prints what it adds to a part, and the workers' peaks."""
    import distributed

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    cluster = stack.enter_context(distributed.LocalCluster(**options))
    client = stack.enter_context(distributed.Client(cluster))
    stack.callback(lambda: print("peaks of Dask's workers, MB:", list(client.run(find_peak).values())))
    list(map_work(find_peak, range(10), workers=client))
    start = time.perf_counter()
    list(map_work(find_peak, range(300), workers=client))
    print(f"Dask adds {(time.perf_counter() - start) / 300 * 1000:.1f} ms to a part of 300")
    return client


def main(n_samples, n_units, n_parts, *, dask):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # By name, as other processes find it.
        sys.path.insert(0, str(Path(__file__).parent))
        name = Path(__file__).stem
        who = start_dask(stack) if dask else 2
        plan = a2n.plan_recording(
            f"{name}:network",
            f"{name}:samples",
            Path(folder) / "spikes.zarr",
            n_samples=n_samples,
            n_parts=n_parts,
            batch_size=1024,
        )
        by = "two workers of Dask" if dask else "two processes"
        time_function(f"parts by {by}", lambda: a2n.record_parts(plan, workers=who, progress=False))
        path = time_function("finish", lambda: a2n.finish_recording(plan))
        stored = time_function("open", lambda: a2n.open_raster(path))
        print(stored)
        one = {
            what: time_function(what, functools.partial(function, stored, workers=1))
            for what, function in FUNCTIONS.items()
        }
        for what, function in FUNCTIONS.items():
            two = time_function(f"{what}, two workers", functools.partial(function, stored, workers=who))
            print(f"{what}, two workers: {'the same' if same(two, one[what]) else 'DIFFERS'}")
        if stored.nbytes > 200e6:
            return
        raster = time_function("load", stored.load)
        for what, function in FUNCTIONS.items():
            whole = time_function(f"{what}, in memory", functools.partial(function, raster, workers=1))
            print(f"{what}, in memory: {'the same' if same(one[what], whole) else 'DIFFERS'}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    sizes = [*given, *(100_000, 4096, 8)[len(given) :]]
    os.environ[N_UNITS] = str(sizes[1])
    main(*sizes, dask="--dask" in sys.argv)
