"""A small recording for the exchange tests, and Elephant's chance made repeatable."""

import numpy as np
import pandas as pd
import pytest

from ann2neo import SpikeRaster, to_block
from ann2neo.exchange.elephant.methods import seed_globals

SILENT, ALWAYS_ON, ENDS = 0, 1, 2


@pytest.fixture(scope="session")
def dense():
    """150 samples; a silent unit, an always-on one, one at the first and last sample, two others."""
    active = np.random.default_rng(7).random((150, 5)) < 0.4
    active[:, SILENT] = False
    active[:, ALWAYS_ON] = True
    active[:, ENDS] = np.isin(np.arange(150), (0, 149))
    active.setflags(write=False)
    return active


@pytest.fixture(scope="session")
def raster(dense):
    units = pd.DataFrame({"layer": ["conv/1"] * 3 + ["dense"] * 2, "unit_index": [0, 1, 2, 0, 1]})
    samples = pd.DataFrame({"sample_index": np.arange(150)[::-1], "label": np.arange(150) % 10})
    return SpikeRaster.from_dense(
        dense,
        units,
        samples,
        annotations={"network": "mlp", "seed": 3, "widths": [64, 10], "note": None},
    )


@pytest.fixture
def block(raster):
    return to_block(raster)


@pytest.fixture
def seeded():
    """Elephant draws from NumPy's and Python's global generators: seeded here, afterwards as before."""
    with seed_globals(np.random.default_rng(11)):
        yield
