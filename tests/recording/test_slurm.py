"""Recordings in parts by a real SLURM of one node: the job array, and Dask's workers as jobs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ann2neo as a2n
from tests.recording import made_parts as made
from tests.recording.slurm_node import ask, find_missing, start_slurm, wait_for_jobs

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(find_missing() is not None, reason=str(find_missing()))

ROOT = Path(__file__).parents[2]
NAMES = "tests.recording.made_parts"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment of a user whose `ann2neo` is this one."""
    folder = tmp_path_factory.mktemp("slurm")
    command = folder / "bin" / "ann2neo"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ann2neo "$@"\n')
    command.chmod(0o755)
    with start_slurm(folder / "node") as environment:
        path = f"{command.parent}{os.pathsep}{environment['PATH']}"
        yield {**environment, "PATH": path, "PYTHONPATH": str(ROOT)}


def record_whole():
    samples, labels = made.samples(0, made.N_SAMPLES), made.labels(0, made.N_SAMPLES)
    return a2n.record(made.network(), samples, labels=labels, progress=False)


def test_a_job_array_makes_the_recording_and_a_killed_task_is_made_again(slurm, tmp_path):
    def call(*command, **options):
        return subprocess.run(
            command, env=slurm, cwd=tmp_path, check=True, capture_output=True, text=True, **options
        ).stdout.strip()

    script = call(
        *("ann2neo", "record-plan", "--network", f"{NAMES}:network", "--samples", f"{NAMES}:samples"),
        *("--labels", f"{NAMES}:labels", "--n-samples", str(made.N_SAMPLES), "--n-parts", "3"),
        *("--out", str(tmp_path / "a.zarr"), "--slurm"),
    )
    (tmp_path / "parts.sh").write_text(script + "\n")
    job = call("sbatch", "--parsable", "parts.sh")
    # Whether it has begun or not, the task starts again from nothing or finds its part done.
    subprocess.run(["scontrol", "requeue", f"{job}_1"], env=slurm, check=False, capture_output=True)
    join = f"ann2neo record-finish {tmp_path / 'a.parts'}"
    call("sbatch", "--parsable", f"--dependency=afterok:{job}", "--wrap", join)
    wait_for_jobs(slurm)
    logs = "\n".join(file.read_text() for file in tmp_path.glob("slurm-*.out"))
    assert (tmp_path / "a.zarr").exists(), logs
    assert a2n.SpikeRaster.load(tmp_path / "a.zarr") == record_whole()


def test_workers_of_dask_are_jobs(slurm, tmp_path, monkeypatch):
    dask_jobqueue = pytest.importorskip("dask_jobqueue")
    distributed = pytest.importorskip("distributed")
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    plan = a2n.plan_recording(
        f"{NAMES}:network",
        f"{NAMES}:samples",
        tmp_path / "a.zarr",
        make_labels=f"{NAMES}:labels",
        n_samples=made.N_SAMPLES,
        n_parts=3,
    )
    with (
        dask_jobqueue.SLURMCluster(
            queue="debug",
            cores=1,
            processes=1,
            memory="1GB",
            walltime="00:10:00",
            interface="lo",
            python=sys.executable,
            local_directory=str(tmp_path),
            log_directory=str(tmp_path),
            scheduler_options={"dashboard_address": ":0"},
            worker_extra_args=["--no-dashboard"],
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        cluster.scale(jobs=2)
        client.wait_for_workers(1, timeout=120)
        assert ask(["squeue", "-h", "-o", "%j"], slurm).splitlines()[0] == "dask-worker"
        a2n.record_parts(plan, workers=client, progress=False)
    wait_for_jobs(slurm)
    assert a2n.SpikeRaster.load(a2n.finish_recording(plan)) == record_whole()
