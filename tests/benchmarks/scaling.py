"""What grows with a recording and what must not: memory, time, opening, selecting; in one run.

Run with ``python tests/benchmarks/scaling.py`` (five minutes).

On Linux, by what the kernel says of a process of its own: peak memory while a function runs, over what
it held before. The exponent is that of the size, from the last two: 1 is linear.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ann2neo as a2n
from ann2neo.spikes.files.store import StoreWriter
from ann2neo.spikes.words import n_words

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "fanofactor": a2n.fanofactor,
    "summarize": a2n.summarize,
    "poisson_assumptions": a2n.poisson_assumptions,
    "correlation": a2n.correlation,
    "cv2": a2n.cv2,
}
SAMPLES = (100_000, 1_000_000, 10_000_000)
UNITS = (500, 2000, 8000)


def write(path: Path, n_units: int, n_samples: int) -> Path:
    """A store of random bits of rate 1/4, whose words are never all in memory."""
    rng = np.random.default_rng(0)
    samples = pd.DataFrame({"sample_index": np.arange(n_samples)})
    units = pd.DataFrame({"layer": "a", "unit_index": np.arange(n_units)})
    with StoreWriter(path, n_units) as writer:
        for start in range(0, n_words(n_samples), writer.block):
            stop = min(start + writer.block, n_words(n_samples))
            size = n_units, stop - start
            words = rng.integers(2**64, size=size, dtype=np.uint64)
            words &= rng.integers(2**64, size=size, dtype=np.uint64)
            if stop == n_words(n_samples):
                words[:, -1] &= np.uint64(2**64 - 1) >> np.uint64(-n_samples % 64)
            writer.write(words)
        writer.finish(n_samples, units, samples, 0.001, {})
    return path


def read_memory(name: str) -> float:
    """MB of this process: ``VmRSS`` now, or ``VmHWM``, the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name))) / 1024


def measure(name: str, path: str) -> tuple[float, float]:
    """Processor seconds, and MB more than before at the peak; in a process of its own."""
    function = FUNCTIONS[name]
    # Compiled loops are loaded.
    function(np.random.default_rng(0).random((5000, 20)) < 0.3)
    # The most is what there is now.
    Path("/proc/self/clear_refs").write_text("5")
    before, start = read_memory("VmRSS"), time.process_time()
    function(path)
    return time.process_time() - start, read_memory("VmHWM") - before


def measure_alone(name: str, path: Path) -> tuple[float, float]:
    """`measure` in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, name, str(path)).result()


def grow(what: str, sizes: tuple[int, ...], make: Callable[[int], Path]) -> None:
    """Print processor time and memory of each function at each size, and the exponents."""
    paths = {size: make(size) for size in sizes}
    for name in FUNCTIONS:
        if what == "units" and name == "correlation":
            continue  # of pairs of units
        found = [measure_alone(name, path) for path in paths.values()]
        exponent = np.log(found[-1][0] / found[-2][0]) / np.log(sizes[-1] / sizes[-2])
        said = "  ".join(f"{s:7.2f} s {m:5.0f} MB" for s, m in found)
        print(f"{name:20s} {said}   exponent over {what} {exponent:.2f} (at most 1.05)", flush=True)


def open_large(folder: Path) -> None:
    """Seconds to open 1.6 million units in 103 layers, and to select ten of them."""
    n_layers, n_units = 103, 1_600_000
    layer = np.sort(np.arange(n_units) % n_layers)
    names = np.array([f"block{k:03d}.relu" for k in range(n_layers)])
    units = pd.DataFrame({"layer": names[layer], "unit_index": np.arange(n_units)})
    words = np.random.default_rng(0).integers(2**64, size=(n_units, 1), dtype=np.uint64)
    raster = a2n.SpikeRaster(words, 64, units)
    path = raster.save(folder / "large.zarr", progress=False)
    ten = names[5:95:9].tolist()
    jobs: dict[str, tuple[Callable[[], Any], str]] = {
        "open": (lambda: a2n.open_raster(path), "at most 0.2 s"),
        "select ten layers, opened": (lambda: a2n.open_raster(path).select(layer=ten), "at most 0.1 s"),
        "and load them": (lambda: a2n.open_raster(path).select(layer=ten).load(), ""),
        "select ten layers, in memory": (lambda: raster.select(layer=ten), "at most 0.1 s"),
    }
    for name, (job, bar) in jobs.items():
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            job()
            spent.append(time.perf_counter() - start)
        print(f"{name:30s} {np.median(spent):.3f} s {bar}", flush=True)


def main() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_large(folder)
        grow("samples", SAMPLES, lambda size: write(folder / f"samples{size}.zarr", 256, size))
        grow("units", UNITS, lambda size: write(folder / f"units{size}.zarr", size, 200_000))


if __name__ == "__main__":
    main()
