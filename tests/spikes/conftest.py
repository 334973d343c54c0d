"""Fixtures of the tests of stores."""

import shutil
from pathlib import Path

import pytest

from tests.spikes.stores import make_known, small_chunks


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    with small_chunks(3):
        return make_known().save(folder / "r.zarr"), make_known().save(folder / "r.zip")


@pytest.fixture
def saved(originals, tmp_path):
    """A directory store with several chunks in every array, and a zip file of the same."""
    folder, archive = originals
    return (
        Path(shutil.copytree(folder, tmp_path / "r.zarr")),
        Path(shutil.copy(archive, tmp_path / "r.zip")),
    )
