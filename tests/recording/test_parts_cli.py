"""Recordings in parts on the command line, and by the script for SLURM."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ann2neo as a2n
from ann2neo.cli.app import app
from tests.recording import made_parts as made

pytest.importorskip("torch")
NAMES = "tests.recording.made_parts"


def call(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def plan(out, *more):
    return call(
        *("record-plan", "--network", f"{NAMES}:network", "--samples", f"{NAMES}:samples"),
        *(
            "--labels",
            f"{NAMES}:labels",
            "--n-samples",
            made.N_SAMPLES,
            "--n-parts",
            2,
            "--out",
            out,
            *more,
        ),
    )


def test_the_commands_make_one_recording(tmp_path):
    assert "9 units × 1,000 samples in 2 parts, 2 to be made" in plan(tmp_path / "a.zarr")
    folder = tmp_path / "a.parts"
    for part in (1, 0):
        assert call("record-part", folder, part).strip().endswith(f"part-0000{part}.zarr")
    of_parts = call("analyze", folder)
    assert call("record-finish", folder).strip().endswith("a.zarr")
    whole = a2n.SpikeRaster.load(tmp_path / "a.zarr")
    samples, labels = made.samples(0, made.N_SAMPLES), made.labels(0, made.N_SAMPLES)
    assert whole == a2n.record(made.network(), samples, labels=labels, progress=False)
    assert call("analyze", tmp_path / "a.zarr") == of_parts
    assert "fano_bernoulli" in of_parts


def test_the_script_for_slurm_makes_its_part(tmp_path):
    script = plan(tmp_path / "a.zarr", "--slurm")
    assert "#SBATCH --array=0-1\n" in script
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "ann2neo"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ann2neo "$@"\n')
    command.chmod(0o755)
    for part in ("0", "1"):
        environment = {
            **os.environ,
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SLURM_ARRAY_TASK_ID": part,
        }
        subprocess.run(["bash", "-c", script], check=True, env=environment, timeout=120)
    assert a2n.open_raster(tmp_path / "a.parts").n_samples == made.N_SAMPLES
