"""Writing and reading NWB files, 60,000 samples × 512 units (15 million spikes), against Neo's NWBIO and
against pynwb's columns filled by hand; and what checksums cost.

Run with ``python tests/benchmarks/exchange.py`` (about three minutes). NWBIO, which writes train by
train, is measured on the units given in the row, without its validation, and multiplied up; by
hand is what a user of pynwb would write who knows it well, spikes and tables as columns, as much
compressed as ours. All write in the same run; times by hand and of stores are of the processor. Peak
memory (Linux only) is that of a process of its own, libraries included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import ElementIdentifiers, VectorData, VectorIndex
from neo.io import NWBIO
from pynwb import NWBHDF5IO, NWBFile
from pynwb.epoch import TimeIntervals
from pynwb.misc import Units
from rich.console import Console
from timing import Comparison, medians, show

import ann2neo as a2n
from ann2neo.spikes.files import store, zarr_arrays

N_SAMPLES, N_UNITS, N_MEASURED = 60_000, 512, 32


def make_recording() -> a2n.SpikeRaster:
    """Units of all rates from 0 to 1, half a spike a sample on average."""
    rng = np.random.default_rng(0)
    words = np.vstack(
        [a2n.as_raster(rng.random((N_SAMPLES, 64)) < rng.random(64)).words for _ in range(N_UNITS // 64)]
    )
    samples = pd.DataFrame({"sample_index": np.arange(N_SAMPLES), "label": np.arange(N_SAMPLES) % 10})
    annotations = {"network": "mlp-512", "threshold": 0.0, "condition": "Random"}
    return a2n.SpikeRaster(words, N_SAMPLES, samples=samples, annotations=annotations)


def against_neo(raster: a2n.SpikeRaster, folder: Path) -> list[Comparison]:
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


def write_by_hand(raster: a2n.SpikeRaster, path: Path) -> None:
    """Spikes, layer and place of the units, number and label of the samples, as pynwb's columns."""
    unit, sample = np.nonzero(raster.to_dense().T)
    ends = np.cumsum(np.bincount(unit, minlength=raster.n_units)).astype(np.uint64)
    times = _column("spike_times", _compressed(sample * raster.sampling_period))
    index = VectorIndex(name="spike_times_index", target=times, data=ends)
    layer = _column("layer", raster.units["layer"].tolist())
    place = _column("unit_index", raster.units["unit_index"].to_numpy())
    nwb = NWBFile("by hand", "x", datetime.now(UTC))
    nwb.units = Units(
        name="units",
        description="units",
        id=ElementIdentifiers(name="id", data=np.arange(raster.n_units)),
        columns=[layer, place, index, times],
        colnames=["layer", "unit_index", "spike_times"],
        resolution=raster.sampling_period,
    )
    edges = np.arange(raster.n_samples + 1) * raster.sampling_period
    columns = [
        _column("start_time", _compressed(edges[:-1])),
        _column("stop_time", _compressed(edges[1:])),
        *(_column(name, _compressed(raster.samples[name].to_numpy())) for name in raster.samples),
    ]
    nwb.trials = TimeIntervals(
        name="trials",
        description="samples",
        id=ElementIdentifiers(name="id", data=np.arange(raster.n_samples)),
        columns=columns,
        colnames=[column.name for column in columns],
    )
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)


def _column(name: str, data: object) -> VectorData:
    return VectorData(name=name, description=name, data=data)


def _compressed(values: np.ndarray) -> H5DataIO:
    return H5DataIO(values, compression="gzip", compression_opts=1)


def against_hand(raster: a2n.SpikeRaster, folder: Path) -> Comparison:
    """Ours against `write_by_hand`, processor time."""
    ours, baseline = medians(
        lambda: a2n.write_nwb(raster, folder / "ours.nwb", overwrite=True, progress=False),
        lambda: write_by_hand(raster, folder / "hand.nwb"),
        repeats=3,
        clock=time.process_time,
    )
    return Comparison("write", "pynwb's columns by hand", baseline, ours, "≤ 1.2 of it")


class Whatever(int):
    """A checksum that costs nothing and is as good as any."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


@contextmanager
def without(*places: tuple[object, str]) -> Iterator[None]:
    """Functions of modules that compute nothing."""
    before = [(module, name, getattr(module, name)) for module, name in places]
    for module, name, _ in before:
        setattr(module, name, lambda *arguments, **options: Whatever())
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def checksums(raster: a2n.SpikeRaster, folder: Path) -> list[str]:
    """The part of writing and of reading a store that checksums take: with them against without."""
    places = [
        (module, name) for module in (store, zarr_arrays) for name in ("checksum", "checksum_metadata")
    ]
    path = folder / "checked.zarr"
    tasks = {
        "write": lambda: raster.save(path, overwrite=True),
        "read": lambda: a2n.SpikeRaster.load(path),
    }
    spent = {}
    for name, task in tasks.items():

        def bare(task: Callable[[], object] = task) -> None:
            with without(*places):
                task()

        spent[name] = medians(bare, task, repeats=25, clock=time.process_time)
        tasks["write"]()  # with the right ones
    spent["write and read"] = [sum(both) for both in zip(*spent.values(), strict=True)]
    return [
        f"{name} a store: {1000 * full:.3g} ms, of which checksums take {1 - bare / full:.1%}"
        for name, (bare, full) in spent.items()
    ] + ["bound 10% of write and read"]


PEAK = """
import sys, ann2neo as a2n
raster = a2n.SpikeRaster.load(sys.argv[1]).select(units=range(int(sys.argv[3])))
a2n.write_nwb(raster, sys.argv[2], progress=False, overwrite=True)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def memory(folder: Path) -> list[str]:
    """Peak memory of a process that loads the raster from its store and writes it; the file's size."""
    store, path = make_recording().save(folder / "raster.zarr"), folder / "alone.nwb"
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
        folder, raster = Path(name), make_recording()
        show("NWB", [*against_neo(raster, folder), against_hand(raster, folder)])
        for line in (*checksums(raster, folder), *memory(folder)):
            Console().print(line)


if __name__ == "__main__":
    main()
