"""Quiet frameworks, no interactive plots."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# A kernel's first call compiles it, which takes seconds; and shared machines pause.
settings.register_profile("ann2neo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ann2neo")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture
def ann2neo(monkeypatch, capsys):
    """Run the command line, in process; gives (status, stdout, stderr)."""
    from ann2neo.cli import main

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["ann2neo", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def few_objects_to_collect():
    """Collections of garbage leave out what is there already, hundreds of thousands of objects."""
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_collection_modifyitems(items):
    """The documentation first: its site is built by one process, for minutes, beside all other tests."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
