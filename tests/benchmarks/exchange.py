"""Writing and reading NWB files, 60,000 samples × 512 units (15 million spikes), against Neo's NWBIO.

Run with ``python tests/benchmarks/exchange.py`` (about a minute). NWBIO, which writes train by train, is
measured on the number of units given in the row, without its validation, and multiplied up; both write
in the same run. Memory (Linux only) is that of a process of its own, libraries included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from neo.io import NWBIO
from rich.console import Console
from timing import Comparison, medians, show

import ann2neo as a2n

N_SAMPLES, N_UNITS, N_MEASURED = 60_000, 512, 32


def recording() -> a2n.SpikeRaster:
    """Units of all rates from 0 to 1, half a spike a sample on average."""
    rng = np.random.default_rng(0)
    words = np.vstack(
        [a2n.as_raster(rng.random((N_SAMPLES, 64)) < rng.random(64)).words for _ in range(N_UNITS // 64)]
    )
    samples = pd.DataFrame({"sample_index": np.arange(N_SAMPLES), "label": np.arange(N_SAMPLES) % 10})
    annotations = {"network": "mlp-512", "threshold": 0.0, "condition": "Random"}
    return a2n.SpikeRaster(words, N_SAMPLES, samples=samples, annotations=annotations)


def writing(raster: a2n.SpikeRaster, folder: Path) -> list[Comparison]:
    """Write and read, ours from the raster, Neo's with and without making the spike trains."""
    path, neos = folder / "ours.nwb", folder / "neo.nwb"
    part = raster.select(units=np.arange(N_MEASURED))
    block = a2n.to_block(part)
    block.segments[0].epochs.clear()
    block.annotate(session_start_time=datetime.now(UTC), identifier="x", session_description="x")

    def theirs() -> None:
        NWBIO(str(neos), "w").write_all_blocks([block], validate=False)

    def read_theirs() -> None:
        io = NWBIO(str(path), "r")
        io.read_all_blocks()
        io.close()

    ours, baseline = medians(
        lambda: a2n.write_nwb(raster, path, overwrite=True, progress=False), theirs, repeats=3
    )
    read, read_baseline = medians(lambda: a2n.read_nwb(path), read_theirs, repeats=3)
    differing = int(np.sum(a2n.read_nwb(path).words != raster.words))
    name = f"write {N_SAMPLES:,} × {N_UNITS}, {raster.spike_counts.sum() / 1e6:.1f} M spikes"
    times = N_UNITS / N_MEASURED
    return [
        Comparison(name, f"NWBIO, {N_MEASURED} units × {times:.0f}", baseline * times, ours, "≥ 20 ×"),
        Comparison("read it", "NWBIO, our file", read_baseline, read, "", f"{differing} words"),
    ]


PEAK = """
import sys, ann2neo as a2n
raster = a2n.SpikeRaster.load(sys.argv[1]).select(units=range(int(sys.argv[3])))
a2n.write_nwb(raster, sys.argv[2], progress=False, overwrite=True)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def memory(folder: Path) -> list[str]:
    """Peak memory of a process that loads the raster from its store and writes it; the file's size."""
    store, path = recording().save(folder / "raster.zarr"), folder / "alone.nwb"
    peaks = []
    for n_units in (1, N_UNITS):
        task = [sys.executable, "-c", PEAK, str(store), str(path), str(n_units)]
        result = subprocess.run(task, capture_output=True, text=True, check=True)
        peaks.append(f"{int(result.stdout) / 1000:.0f} MB for {n_units} units")
    size = path.stat().st_size / 1e6
    return [f"peak memory: {', '.join(peaks)}; bound 1 GB", f"file: {size:.1f} MB; bound 55 MB"]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show("NWB", writing(recording(), folder))
        for line in memory(folder):
            Console().print(line)


if __name__ == "__main__":
    main()
