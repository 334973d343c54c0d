"""Stores to test with: small, of many chunks, and known without a file."""

import contextlib
import json
import zipfile
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster
from ann2neo.spikes import packing
from ann2neo.spikes.files import zarr_arrays


@contextlib.contextmanager
def small_chunks(n_units, words=1, rows=50):
    """Chunks of a few words and rows, so that small rasters have many."""
    with (
        mock.patch.object(packing, "_BUFFER_BYTES", 8 * n_units * words),
        mock.patch.object(zarr_arrays, "_CHUNK_ROWS", rows),
    ):
        yield


def make_known(n_samples=200, **changes):
    """A raster that needs no file to be known; the goldens hold `known(130)`."""
    active = np.arange(n_samples)[:, None] * [1, 3, 5] % 11 < [4, 1, 7]
    units = pd.DataFrame(
        {"layer": ["a", "a", "ß/日"], "unit_index": [0, 1, 0], "gain": [0.5, np.nan, -0.0]}
    )
    samples = pd.DataFrame(
        {
            "sample_index": np.arange(n_samples)[::-1],
            "label": [f"label {i % 7}" for i in range(n_samples)],
            "seen": np.arange(n_samples) % 2 == 0,
        }
    )
    annotations = {"network": "mlp", "seeds": [1, 2], "epoch": None, "threshold": 0.1}
    options = {"sampling_period": 0.002, "annotations": annotations, **changes}
    return SpikeRaster.from_dense(active, units, samples, **options)


def files_of(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def is_chunk(name):
    return not name.split("/")[-1].startswith(".")


def zip_folder(folder, target):
    """A zip file of a damaged folder: its own checksums are right again."""
    with zipfile.ZipFile(target, "w") as archive:
        for name in files_of(folder):
            archive.write(folder / name, name)
    return target


def both(folder, tmp_path):
    return folder, zip_folder(folder, tmp_path / "again.zip")


def edit_json(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def assert_refused(path, message="is damaged"):
    with pytest.raises(ValueError, match=message) as error:
        SpikeRaster.load(path)
    assert str(path) in str(error.value)


def loads_equal(path):
    """Whether the store is read as if nothing were wrong; else it has to be refused."""
    try:
        found = SpikeRaster.load(path)
    except ValueError as error:
        return str(path) not in str(error)
    assert found == make_known()
    return True
