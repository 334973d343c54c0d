"""Recordings that are opened, not loaded: memory, time, and the same results, in one run.

    python tests/benchmarks/larger_than_memory.py [n_samples] [n_units] [n_parts]

Records a random network in parts by two processes, and runs statistics and tests on the store; prints
seconds, processor seconds and the peak memory of this process. Up to 200 MB of words the results are
compared with those of the recording in memory.
"""

import functools
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import ann2neo as a2n

N_INPUTS = 32


def network():
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    n_units = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    return torch.nn.Sequential(
        torch.nn.Linear(N_INPUTS, n_units), torch.nn.ReLU(), torch.nn.Linear(n_units, 2)
    )


def samples(start, stop):
    blocks = range(start // 1024, -(-stop // 1024))
    drawn = [np.random.default_rng(k).standard_normal((1024, N_INPUTS), np.float32) for k in blocks]
    return np.concatenate(drawn)[start - 1024 * blocks.start : stop - 1024 * blocks.start]


def time_function(what, function):
    start, processor = time.perf_counter(), time.process_time()
    found = function()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:32s} {time.perf_counter() - start:8.2f} s {time.process_time() - processor:8.2f} s of "
        f"processor time, peak {peak:6.0f} MB",
        flush=True,
    )
    return found


def main(n_samples=100_000, n_units=4096, n_parts=8):
    with tempfile.TemporaryDirectory() as folder:
        # By name, as other processes find it; they get the sizes from this command line.
        sys.path.insert(0, str(Path(__file__).parent))
        name = Path(__file__).stem
        plan = a2n.plan_recording(
            f"{name}:network",
            f"{name}:samples",
            Path(folder) / "spikes.zarr",
            n_samples=n_samples,
            n_parts=n_parts,
            batch_size=1024,
        )
        time_function(
            "parts by two processes", lambda: a2n.record_parts(plan, workers=2, progress=False)
        )
        path = time_function("finish", lambda: a2n.finish_recording(plan))
        stored = time_function("open", lambda: a2n.open_raster(path))
        print(stored)
        rng = np.random.default_rng
        fano = functools.partial(
            a2n.surrogate_test, statistic=a2n.fanofactor, n_surrogates=3, progress=False
        )
        run = {
            "fanofactor": a2n.fanofactor,
            "summarize": a2n.summarize,
            "summarize, two workers": functools.partial(a2n.summarize, workers=2),
            "poisson_assumptions": lambda r: a2n.poisson_assumptions(r).to_frame(),
            "pattern statistics": lambda r: a2n.patterns.pattern_counts(r, fingerprint=True)["1"].counts,
            "surrogate test": lambda r: fano(r, rng=rng(0)).to_frame(),
        }
        found = {
            what: time_function(what, functools.partial(function, stored))
            for what, function in run.items()
        }
        if stored.nbytes > 200e6:
            return
        raster = time_function("load", stored.load)
        for what, function in run.items():
            expected = time_function(f"{what}, in memory", functools.partial(function, raster))
            same = (
                expected.equals(found[what])
                if isinstance(expected, pd.DataFrame)
                else np.array_equal(expected, found[what])
            )
            print(f"{what}: {'the same' if same else 'DIFFERS'}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
