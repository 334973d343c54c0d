"""What an extension costs: its own code and one line in one table, from which all else is read."""

import re
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import ann2neo as a2n
from ann2neo import training
from ann2neo.exchange.format_table import FORMATS, Format, list_endings
from ann2neo.networks.builders import NETWORKS
from ann2neo.recording.adapters import ADAPTERS
from ann2neo.recording.observation import Site
from ann2neo.significance.surrogate_methods.method import describe_method
from ann2neo.significance.surrogate_methods.table import METHODS
from ann2neo.study import Study
from ann2neo.study.analysis.paper_order import find_memorizing, full_name, sort_names
from ann2neo.study.cells.result_tables import Results
from ann2neo.study.figures.palette import pick_color, pick_marker
from ann2neo.study.report.words import write_glossary
from ann2neo.training.conditions import CONDITIONS, Condition, StoppingRule

PACKAGE = Path(a2n.__file__).parent
STUDY = """
name = "extended"
datasets = ["digits"]
conditions = ["Generalizing", "Later"]
[[networks]]
name = "pair"
widths = [4]
options = 3
"""


@pytest.fixture
def raster():
    return a2n.as_raster(np.random.default_rng(0).random((60, 3)) < 0.4)


@pytest.fixture
def module(monkeypatch):
    """A module that tables can name."""
    made = types.ModuleType("tiny_extension")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_a_public_name_is_one_line():
    """A statistic is a function in a file of its own, and this line."""
    lists = [PACKAGE / "__init__.py", PACKAGE / "__init__.pyi"]
    lines = [line for file in lists for line in file.read_text("utf-8").splitlines()]
    for name in ("firing_rate", "autocorrelation", "FanoFactor", "surrogate_test"):
        naming = [line for line in lines if re.search(rf"\bimport {name}\b|[\"']{name}[\"']", line)]
        assert len(naming) == 1, naming


def test_a_statistic(raster):
    def first_spike(raster):
        return np.argmax(a2n.as_raster(raster).to_dense(), axis=0).astype(float)

    options = {"rng": np.random.default_rng(0), "progress": False}
    assert a2n.surrogate_test(raster, first_spike, n_surrogates=199, **options).pvalue.shape == (3,)
    found = a2n.bootstrap(raster, first_spike, block=5, n_resamples=20, method="percentile", **options)
    assert len(found.to_frame()) == 3


def test_a_surrogate_method(monkeypatch, raster):
    @describe_method("nobody ever fires", preserves="nothing", destroys="all spikes")
    def silence(raster):
        return lambda state: np.zeros_like(raster.words)

    monkeypatch.setitem(METHODS, "silence", silence)
    options = {"n_surrogates": 199, "rng": np.random.default_rng(0)}
    (first, *_) = a2n.surrogates(raster, "silence", **options)
    assert first.spike_counts.tolist() == [0, 0, 0]
    found = a2n.surrogate_test(raster, a2n.firing_rate, method="silence", progress=False, **options)
    assert "nobody ever fires" in str(found)
    with pytest.raises(ValueError, match="silence"):
        list(a2n.surrogates(raster, "no such method", **options))


def test_a_framework(monkeypatch, module):
    class Network:
        def __call__(self, samples):
            return samples - 1

    @contextmanager
    def observe(network, inputs, layers):
        class Observed:
            sites, annotations, notes = (Site("own", (2,)),), {"network": "own"}, ()

            def __call__(self, samples):
                return [network(samples)]

        yield Observed()

    module.Network, module.observe = Network, observe
    monkeypatch.setitem(ADAPTERS, "tiny_extension.Network", "tiny_extension")
    samples = np.array([[0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    found = a2n.record(Network(), samples, progress=False)
    assert found.to_dense().astype(int).tolist() == [[0, 1], [1, 0], [1, 1]]


def test_a_format(monkeypatch, module, tmp_path, raster):
    def write(raster, path, *, overwrite, progress):
        np.savetxt(path, raster.to_dense(), fmt="%d")
        return path

    module.read = lambda path, *, sampling_period: a2n.as_raster(np.loadtxt(path))
    module.write = write
    line = Format((".ones",), "tiny_extension:read", "tiny_extension:write")
    monkeypatch.setitem(FORMATS, "ones", line)
    assert a2n.load(a2n.save(raster, tmp_path / "spikes.ones")) == raster
    assert ".ones" in list_endings(reading=True)


def test_a_network(monkeypatch):
    def pair(width, *, input_shape, n_classes, rng, options=1):
        return (width, input_shape, n_classes, options)

    monkeypatch.setitem(NETWORKS, "pair", pair)
    monkeypatch.setitem(CONDITIONS, "Later", CONDITIONS["Random"])
    rng = np.random.default_rng(0)
    built = training.build("pair", 4, input_shape=(2,), n_classes=3, rng=rng, options=2)
    assert built == (4, (2,), 3, 2)
    plan = Study.from_text(STUDY).plan(Study.from_text(STUDY).cells()[0])
    assert (plan.network.builder, plan.network.options) == ("pair", {"options": 3})
    assert (full_name("pair"), pick_marker("pair")) == ("pair", pick_marker("another"))


def test_a_condition(monkeypatch):
    later = Condition("Later", "generalizing", "random", ("output",), StoppingRule(7))
    monkeypatch.setitem(CONDITIONS, "Later", later)
    monkeypatch.setitem(NETWORKS, "pair", lambda width, *, options, **_: None)
    study = Study.from_text(STUDY)
    plan = study.plan(study.cells()[1])
    assert plan.condition == later
    assert plan.start == study.cells()[0]
    results = Results(study, Results.load(PACKAGE / "study/data/mnist-mlp.csv").indicators[:0])
    assert "Later" in find_memorizing(results)
    assert sort_names({"Later", "Random"}, "condition") == ["Random", "Later"]
    assert "its layer(s) output trained on random labels" in write_glossary(results)
    assert pick_color("Later") == pick_color("another")
