"""Kill Dask's workers, and its scheduler, at random while they make parts: the recording is the same.

    python tests/campaigns/killed_cluster.py [kills] [seed]

Each kill is a SIGKILL. First workers are killed under a scheduler that starts them anew, then
schedulers, after each of which scheduler, workers and driver are started again. No finished part may be
made again, and the recording must be that of one process.
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

N_SAMPLES, N_UNITS, N_PARTS = 5_120, 64, 20
UP_AFTER = 8
"""Seconds until a worker is taken to be up."""


def network():
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return torch.nn.Sequential(
        torch.nn.Linear(16, N_UNITS), torch.nn.ReLU(), torch.nn.Linear(N_UNITS, 2)
    )


def samples(start, stop):
    """Slow enough to be killed meanwhile."""
    if stop - start == N_SAMPLES // N_PARTS:
        time.sleep(1.5)
    return np.random.default_rng(1).standard_normal((N_SAMPLES, 16), np.float32)[start:stop]


DRIVE = """
import sys, distributed, ann2neo as a2n
if __name__ == "__main__":
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        print("at work", [worker.pid for worker in cluster.workers.values()], flush=True)
        a2n.record_parts(sys.argv[1], workers=client, progress=False)
"""


class Parts:
    """When each part was made, and whether one was made again."""

    def __init__(self, folder):
        self.folder, self._seen = folder, {}

    def look(self):
        for part in self.folder.glob("part-*.zarr"):
            made = (part / ".zattrs").stat().st_mtime_ns
            if self._seen.setdefault(part, made) != made:
                raise SystemExit(f"FAIL: {part.name} was made again")
        return len(self._seen)


def find_workers(process):
    """Processes of Dask's workers that are up, as far as can be told from outside: of a certain age.

    A nanny whose worker dies while it starts gives it up, as it should.
    """
    found = subprocess.run(
        ["ps", "-o", "pid=,etimes=,args=", "--ppid", str(process.pid)], capture_output=True, text=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in found.splitlines()]
    return [int(pid) for pid, age, command in rows if "spawn_main" in command and int(age) >= UP_AFTER]


def start(script, folder):
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kill_workers(script, folder, kills, rng):
    """Kill until so many are or all parts are made; how many were."""
    killed, parts = 0, Parts(folder)
    while True:
        process = start(script, folder)
        process.stdout.readline()
        while process.poll() is None and killed < kills:
            time.sleep(rng.uniform(0.5, 4))
            workers = find_workers(process)
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
            parts.look()
        # A part whose worker was killed too often ends the driver, which is then started again.
        if process.wait() == 0:
            parts.look()
            return killed


def kill_schedulers(script, folder, kills, rng):
    """Kill the process that has scheduler, nannies and driver; its children end by themselves."""
    killed, parts = 0, Parts(folder)
    while True:
        process = start(script, folder)
        process.stdout.readline()
        if killed < kills:
            time.sleep(rng.uniform(0.2, 3))
            process.send_signal(signal.SIGKILL)
        ended = process.wait()
        killed += ended == -signal.SIGKILL
        parts.look()
        if ended == 0:
            return killed


def main(kills=20, seed=0):
    rng = random.Random(seed)
    sys.path.insert(0, str(Path(__file__).parent))
    factories = f"{Path(__file__).stem}:network", f"{Path(__file__).stem}:samples"
    whole = a2n.record(network(), samples(0, N_SAMPLES), progress=False)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "drive.py"
        script.write_text(DRIVE)
        for what, kill in (("workers", kill_workers), ("schedulers", kill_schedulers)):
            killed = runs = 0
            while killed < kills:
                target = Path(folder) / f"{what}{runs}.zarr"
                plan = a2n.plan_recording(*factories, target, n_samples=N_SAMPLES, n_parts=N_PARTS)
                killed += kill(script, plan.folder, kills - killed, rng)
                runs += 1
                if a2n.SpikeRaster.load(a2n.finish_recording(plan)) != whole:
                    raise SystemExit(f"FAIL: with {what} killed the recordings differ")
            left = [path.name for path in Path(folder).glob(".*")]
            print(
                f"ok: {killed} {what} killed in {runs} runs, the same recordings; left beside: {left}",
                flush=True,
            )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
