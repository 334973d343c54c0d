"""Every Keras backend that is installed, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Keras' NumPy backend takes its Fourier transforms from JAX and cannot be imported without.
NEEDS = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax", "numpy": "jax"}


@pytest.mark.parametrize("backend", NEEDS)
def test_recording_under(backend):
    if importlib.util.find_spec(NEEDS[backend]) is None:
        pytest.skip(f"Keras' {backend} backend needs {NEEDS[backend]}, which is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "tests.recording.backend_program", backend]
    done = subprocess.run(
        program, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
