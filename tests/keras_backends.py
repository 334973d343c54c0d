"""Programs of tests under a Keras backend, each in a process of its own: a process has one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Keras' NumPy backend takes its Fourier transforms from JAX and cannot be imported without.
NEEDS = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax", "numpy": "jax"}


def run_under(backend, module, *arguments):
    """Run a module of the tests; skip without the backend, fail with what it says."""
    if importlib.util.find_spec(NEEDS[backend]) is None:
        pytest.skip(f"Keras' {backend} backend needs {NEEDS[backend]}, which is not installed")
    # Networks so small run no faster for being optimized, and JAX takes longest to do that.
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip()
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    environment |= {"OMP_NUM_THREADS": "1"} | ({"XLA_FLAGS": flags} if backend == "jax" else {})
    program = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        program, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
