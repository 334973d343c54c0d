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


@pytest.fixture(scope="module")
def few_objects_to_collect():
    """Collections of garbage leave out what is there already, hundreds of thousands of objects."""
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_collection_modifyitems(items):
    """The documentation first: its site is built by one process, for minutes, beside all other tests."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
