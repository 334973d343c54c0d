"""`as_raster`: converters of other packages join through entry points, asked for only when needed."""

import importlib.metadata

import numpy as np
import pytest

import ann2neo as a2n
from tests.tiny_packages import write_package

MODULE = """
import ann2neo as a2n
class Trains:
    active = [[1, 0], [1, 1]]
def to_raster(trains, *, sampling_period):
    return a2n.SpikeRaster.from_dense(trains.active, sampling_period=sampling_period or 0.5)
def to_nothing(trains, *, sampling_period):
    return trains.active
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of one module with an entry point; its class of trains."""

    def install(name, function):
        write_package(tmp_path, name, MODULE, "ann2neo.converters", f"{name} = {name}:{function}")
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(name).Trains

    return install


def test_another_package_joins_through_an_entry_point(install):
    trains = install("made_trains", "to_raster")()
    raster = a2n.as_raster(trains)
    assert raster.to_dense().tolist() == [[True, False], [True, True]]
    assert raster.sampling_period == 0.5
    assert a2n.as_raster(trains, sampling_period=0.1).sampling_period == 0.1
    assert a2n.firing_rate([trains][0]).tolist() == [1, 0.5]


def test_a_converter_must_return_a_raster(install):
    with pytest.raises(TypeError, match="made_nothing must return a SpikeRaster, got"):
        a2n.as_raster(install("made_nothing", "to_nothing")())


def test_plain_sources_ask_no_entry_point(monkeypatch):
    ask = importlib.metadata.entry_points

    def refuse(**group):
        if group.get("group") == "ann2neo.converters":
            raise RuntimeError("asked")
        return ask(**group)

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)
    a2n.as_raster(np.eye(2, dtype=bool))
    a2n.as_raster([[0, 1], [1, 1]])
    with pytest.raises(TypeError, match="expected a SpikeRaster"):
        a2n.as_raster(3)
    with pytest.raises(TypeError, match="expected a SpikeRaster"):
        a2n.as_raster(None)
