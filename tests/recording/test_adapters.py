"""Adapters of other packages join through entry points, asked for only when needed."""

import importlib.metadata

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.recording import adapters
from tests.tiny_packages import write_package

MODULE = """
from contextlib import contextmanager
import numpy as np
from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place

class Net:
    weights = np.array([[1.0, -1.0], [0.5, 2.0], [-3.0, 1.0]])

class Deep(Net):
    pass

class Observed:
    annotations = {"network": "tiny"}
    notes = ()
    sites = (Site("hidden", (2,)),)
    def __init__(self, network):
        self.network = network
    def __call__(self, inputs):
        return [inputs @ self.network.weights]

@contextmanager
def observe(network, inputs, layers):
    yield Observed(network)

def list_places(network, inputs):
    return [Place(None, "hidden", "hidden", 0, 1, 0, "hidden", None, "linear", True, "dense", (2,), -1)]

class Half:
    observe = observe
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of one module with an entry point; the module."""

    def install(name, gives):
        write_package(tmp_path, name, MODULE, "ann2neo.adapters", f"{name}.Net = {name}{gives}")
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(name)

    return install


def test_another_package_joins_through_an_entry_point(install):
    tiny = install("tiny_network", "")
    samples = np.random.default_rng(0).normal(size=(9, 3))
    for network in (tiny.Net(), tiny.Deep()):
        raster = a2n.record(network, samples, batch_size=4)
        np.testing.assert_array_equal(raster.to_dense(), samples @ network.weights > 0)
        assert raster.annotations["network"] == "tiny"
        assert a2n.list_layers(network, samples)["n_units"].tolist() == [2]
    with pytest.raises(TypeError, match="samples must be given with a network"):
        a2n.record(tiny.Net())
    with pytest.raises(TypeError, match=r"keras.Model or torch.nn.Module or tiny_network.Net, got 3"):
        a2n.record(3, samples)


@pytest.mark.parametrize(("gives", "name"), [(":Half", "list_places"), (":MODULE", "observe")])
def test_half_an_adapter_is_refused(install, gives, name):
    tiny = install(f"half_{name}", gives)
    tiny.MODULE = 3
    with pytest.raises(TypeError, match=f"of ann2neo.adapters must give an adapter .* without {name}"):
        a2n.record(tiny.Net(), np.ones((2, 3)))


def test_activations_ask_no_entry_point(monkeypatch):
    ask = importlib.metadata.entry_points

    def refuse(**group):
        assert group != {"group": adapters.GROUP}, "entry points were asked for"
        return ask(**group)

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)
    assert a2n.record([np.eye(2)]).n_samples == 2
    assert a2n.record({"a": np.eye(2)}).n_units == 2


def test_what_no_package_knows_is_activations(install):
    """A table comes of a package too, of which no entry point speaks."""
    install("tiny_again", "")
    assert a2n.record(pd.DataFrame(np.eye(3)).to_numpy()).n_units == 3
    adapter, samples = adapters.find_adapter(pd.DataFrame(np.eye(3)), None)
    assert adapter.__name__ == "ann2neo.recording.arrays"
    assert isinstance(samples, pd.DataFrame)
