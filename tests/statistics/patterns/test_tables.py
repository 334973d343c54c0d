"""Tables of the pattern statistics."""

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo.statistics.patterns.tables import compare_patterns, summarize_patterns
from ann2neo.statistics.summary import summarize


@pytest.fixture(scope="module")
def two_layers():
    rng = np.random.default_rng(0)
    active = rng.random((500, 12)) < rng.uniform(0, 0.6, 12)
    active[:, [2, 9]] = False
    active[:, 5] = True
    units = pd.DataFrame({"layer": ["b"] * 7 + ["a"] * 5, "unit_index": [*range(7), *range(5)]})
    samples = pd.DataFrame({"sample_index": range(500), "label": rng.integers(3, size=500)})
    other = active ^ (rng.random(active.shape) < 0.05)
    return [a2n.SpikeRaster.from_dense(bits, units, samples) for bits in (active, other)]


def test_summary_says_what_the_functions_say(two_layers):
    raster, _ = two_layers
    table = summarize_patterns(raster, labels="label")
    assert list(table.index) == ["b", "a"]
    assert table.index.name == "layer"
    for layer, row in table.iterrows():
        part = raster.select(layer=layer)
        assert row["n_units"] == part.n_units
        assert row["n_samples"] == 500
        expected = {
            "n_patterns": a2n.patterns.n_patterns(part),
            "entropy": a2n.patterns.pattern_entropy(part),
            "entropy_fraction": a2n.patterns.pattern_entropy(part, normalized=True),
            "entropy_miller_madow": a2n.patterns.pattern_entropy(part, estimator="miller-madow"),
            "entropy_chao_shen": a2n.patterns.pattern_entropy(part, estimator="chao-shen"),
            "coverage": a2n.patterns.pattern_coverage(part),
            "saturated": a2n.patterns.is_saturated(part),
            "top_pattern_fraction": a2n.patterns.top_pattern_fraction(part),
            "pattern_distance": a2n.patterns.pattern_distance(part),
            "conditional_entropy": a2n.patterns.conditional_entropy(part),
            "mutual_information": a2n.patterns.mutual_information(part),
        }
        assert {name: row[name] for name in expected} == expected
    shares = ["silent_fraction", "always_on_fraction"]
    pd.testing.assert_frame_equal(table[shares], summarize(raster)[shares])
    assert "mutual_information" not in summarize_patterns(raster)


def test_comparison_says_what_the_functions_say(two_layers):
    table = compare_patterns(*two_layers)
    for layer, row in table.iterrows():
        one, two = (raster.select(layer=layer) for raster in two_layers)
        assert row["flip_rate"] == pytest.approx(a2n.patterns.flip_rate(one, two).mean())
        a, b = one.to_dense(), two.to_dense()
        assert row["spike_jaccard"] == (a & b).sum() / (a | b).sum()
        assert row["jaccard"] == a2n.patterns.jaccard(one, two)
        assert row["weighted_jaccard"] == a2n.patterns.weighted_jaccard(one, two)
        assert tuple(row[["appeared", "vanished"]]) == a2n.patterns.pattern_turnover(one, two)


def test_whole_network(two_layers):
    one, two = two_layers
    assert summarize_patterns(one, None).loc["all", "n_patterns"] == a2n.patterns.n_patterns(one)
    assert compare_patterns(one, two, None).loc["all", "jaccard"] == a2n.patterns.jaccard(one, two)


def test_silent_layers():
    silent = np.zeros((5, 2), bool)
    row = compare_patterns(silent, silent).loc["units"]
    assert row["flip_rate"] == 0
    assert np.isnan(row["spike_jaccard"])
    assert row["jaccard"] == row["weighted_jaccard"] == 1
    assert summarize_patterns(silent).loc["units", "silent_fraction"] == 1


def test_refusals(two_layers):
    one, two = two_layers
    with pytest.raises(ValueError, match="by must be None or one of"):
        summarize_patterns(one, "colour")
    renamed = two.select(units=np.arange(12)[::-1])
    with pytest.raises(ValueError, match="must have the same units in each layer"):
        compare_patterns(one, renamed)


DOORS = {
    "flip_rate": lambda r: a2n.patterns.flip_rate(r, r),
    "jaccard": lambda r: a2n.patterns.jaccard(r, r),
    "overfitting_underfitting_indicator": a2n.patterns.overfitting_underfitting_indicator,
    "pattern_counts": lambda r: a2n.patterns.pattern_counts(r, None)["all"],
    "pattern_distance": a2n.patterns.pattern_distance,
    "pattern_entropy": a2n.patterns.pattern_entropy,
    "spike_jaccard": lambda r: a2n.patterns.spike_jaccard(r, r),
    "summarize_patterns": lambda r: summarize_patterns(r, None).to_numpy().tolist(),
    "compare_patterns": lambda r: compare_patterns(r, r, None).to_numpy().tolist(),
}


@pytest.mark.parametrize("name", DOORS)
def test_whatever_becomes_a_raster(name):
    active = np.random.default_rng(0).random((130, 3)) < 0.4
    raster = a2n.SpikeRaster.from_dense(active)
    expected = DOORS[name](raster)
    for source in (active, active.astype(int), a2n.to_spiketrains(raster), a2n.to_block(raster)):
        assert np.all(DOORS[name](source) == expected)
    with pytest.raises(TypeError, match="expected a SpikeRaster"):
        DOORS[name](b"raster")
