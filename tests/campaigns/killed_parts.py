"""Kill processes that make parts, and the one that joins them, at random: the recording is the same.

    python tests/campaigns/killed_parts.py [kills] [seed]

Each kill is a SIGKILL. No finished part may be made again, and the store at the end must be that of one
recording, chunk for chunk.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import ann2neo as a2n

N_SAMPLES, N_UNITS, N_PARTS = 40_000, 512, 4


def network():
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return torch.nn.Sequential(
        torch.nn.Linear(16, N_UNITS), torch.nn.ReLU(), torch.nn.Linear(N_UNITS, 2)
    )


def samples(start, stop):
    return np.random.default_rng(1).standard_normal((N_SAMPLES, 16), np.float32)[start:stop]


MAKE = "import sys, ann2neo as a2n; a2n.record_parts(sys.argv[1], progress=False)"
JOIN = "import sys, ann2neo as a2n; a2n.finish_recording(sys.argv[1])"


def run(code, folder, kills, rng):
    """Run the code until it ends, killed so often on the way; times of the parts that were ever seen."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    seen, killed = {}, 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)], env=environment)
        if killed < kills:
            time.sleep(rng.uniform(0.5, 8))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        ended = process.wait() == 0
        for part in folder.glob("part-*.zarr"):
            made = (part / ".zattrs").stat().st_mtime_ns
            if seen.setdefault(part, made) != made:
                raise SystemExit(f"FAIL: {part.name} was made again")
        if ended and killed >= kills:
            return
        if ended:
            # Done before it could be killed: once more, from what is there.
            killed += 1


def main(kills=20, seed=0):
    rng = random.Random(seed)
    sys.path.insert(0, str(Path(__file__).parent))
    name = Path(__file__).stem
    with tempfile.TemporaryDirectory() as folder:
        factories = f"{name}:network", f"{name}:samples"
        target = Path(folder) / "a.zarr"
        plan = a2n.plan_recording(*factories, target, n_samples=N_SAMPLES, n_parts=N_PARTS, layers="all")
        run(MAKE, plan.folder, kills, rng)
        run(JOIN, plan.folder, kills, rng)
        whole = a2n.record(
            network(),
            samples(0, N_SAMPLES),
            layers="all",
            progress=False,
            store=Path(folder) / "b.zarr",
        )
        for chunk in sorted((whole / "words").iterdir()):
            if chunk.read_bytes() != (target / "words" / chunk.name).read_bytes():
                raise SystemExit(f"FAIL: {chunk.name} differs")
        if a2n.SpikeRaster.load(whole) != a2n.SpikeRaster.load(target):
            raise SystemExit("FAIL: the recordings differ")
        left = [path.name for path in Path(folder).glob(".*")]
        print(f"ok: {kills} kills each of making and of joining, the same bytes; left beside: {left}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
