"""A recording by Dask on two hosts, one of which loses its cable: the parts are the same.

    python tests/campaigns/two_hosts.py

The hosts are network namespaces of this machine, each with an address of its own and joined by a bridge,
so that it needs Linux, `ip` and root. They share the file system, as the nodes of a cluster do. The
scheduler and one worker are on the first host, the other worker on the second, whose cable is pulled
while it is at work on a part and put back later. What was started is ended, the namespaces are removed.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import ann2neo as a2n

N_SAMPLES, N_UNITS, N_PARTS = 4_000, 64, 8
HOSTS = {"a2nhost0": "10.213.7.1", "a2nhost1": "10.213.7.2"}
BRIDGE = "a2nbridge"
PATIENCE = {
    # Seconds until a worker that is not heard of is given up.
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s",
}


def network():
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return torch.nn.Sequential(
        torch.nn.Linear(16, N_UNITS), torch.nn.ReLU(), torch.nn.Linear(N_UNITS, 2)
    )


def samples(start, stop):
    """Slow enough for a cable to be pulled meanwhile."""
    if stop - start == N_SAMPLES // N_PARTS:
        time.sleep(4)
    return np.random.default_rng(1).standard_normal((N_SAMPLES, 16), np.float32)[start:stop]


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def connect_hosts():
    """Two namespaces on a bridge; yields a function that pulls a host's cable, or puts it back."""
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("link", "set", BRIDGE, "up")
        for number, (host, address) in enumerate(HOSTS.items()):
            ip("netns", "add", host)
            ip("link", "add", f"a2nveth{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"a2nveth{number}", "master", BRIDGE, "up")
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        yield lambda number, state: ip("link", "set", f"a2nveth{number}", state)
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], check=False)
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


def start(host, *command):
    """A program on a host."""
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, **PATIENCE, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        ["ip", "netns", "exec", host, sys.executable, "-m", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


DRIVE = """
import sys, distributed, ann2neo as a2n
with distributed.Client(sys.argv[1], timeout=60) as client:
    client.wait_for_workers(2, timeout=120)
    a2n.record_parts(sys.argv[2], workers=client, progress=False)
"""


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    name = Path(__file__).stem
    (first, address), (second, other) = HOSTS.items()
    port = "8786"
    with tempfile.TemporaryDirectory() as folder, connect_hosts() as switch:
        script = Path(folder) / "drive.py"
        script.write_text(DRIVE)
        target = Path(folder) / "a.zarr"
        plan = a2n.plan_recording(
            f"{name}:network", f"{name}:samples", target, n_samples=N_SAMPLES, n_parts=N_PARTS
        )
        worker = ("distributed.cli.dask_worker", f"tcp://{address}:{port}", "--nthreads", "1")
        own = ("--no-dashboard", "--local-directory")
        started = [
            start(
                *(first, "distributed.cli.dask_scheduler", "--host", address, "--port", port),
                "--no-dashboard",
            ),
            start(first, *worker, "--host", address, *own, f"{folder}/w0"),
            start(second, *worker, "--host", other, *own, f"{folder}/w1"),
        ]
        try:
            here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
            driver = subprocess.Popen(
                [
                    *("ip", "netns", "exec", first, sys.executable, str(script)),
                    *(f"tcp://{address}:{port}", str(plan.folder)),
                ],
                env={**os.environ, **PATIENCE, "PYTHONPATH": here},
            )
            started.append(driver)
            while not list(plan.folder.glob("part-*.zarr")):
                time.sleep(0.2)
                if driver.poll() is not None:
                    raise SystemExit("FAIL: the driver ended before a part was made")
            switch(1, "down")
            pulled, before = time.monotonic(), len(list(plan.folder.glob("part-*.zarr")))
            print(f"cable pulled after {before} of {N_PARTS} parts", flush=True)
            while time.monotonic() < pulled + 25 and driver.poll() is None:
                time.sleep(0.2)
            cut_off = time.monotonic() - pulled
            switch(1, "up")
            ended = driver.wait(timeout=300)
            print(f"driver ended with {ended} {time.monotonic() - pulled:.0f} s after", flush=True)
            if ended:
                raise SystemExit("FAIL: the driver failed")
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(timeout=60)
        joined = a2n.SpikeRaster.load(a2n.finish_recording(plan))
        whole = a2n.record(network(), samples(0, N_SAMPLES), progress=False)
        if joined != whole:
            raise SystemExit("FAIL: the recordings differ")
        print(
            f"ok: {N_PARTS} parts by two hosts, one cut off for {cut_off:.0f} s, equal to one recording"
        )


if __name__ == "__main__":
    main()
