"""Pictures on given axes show the numbers of the statistics they are of."""

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n

pytest.importorskip("viziphant", reason="the plot extra is not installed")
from matplotlib.figure import Figure

RNG = np.random.default_rng(0)
ACTIVE = RNG.random((1000, 7)) < np.array([0.1, 0.5, 0, 0.9, 0.2, 0.3, 1])
UNITS = pd.DataFrame({"layer": ["a"] * 4 + ["$x_1$"] * 3, "unit_index": [0, 1, 2, 3, 0, 1, 2]})


@pytest.fixture(scope="module")
def raster():
    return a2n.SpikeRaster.from_dense(ACTIVE, UNITS)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_raster_has_a_tick_per_spike_in_its_units_row(raster, ax):
    assert a2n.plot_raster(raster, ax, n_samples=150, n_units=3) is ax
    spikes = np.concatenate([dots.get_offsets() for dots in ax.collections])
    assert len(spikes) == ACTIVE[:150][:, [0, 1, 2, 4, 5, 6]].sum()
    chosen = ACTIVE[:150][:, [0, 1, 2, 4, 5, 6]]
    for row, train in enumerate(chosen.T):
        own = np.sort(spikes[spikes[:, 1] == row][:, 0])
        np.testing.assert_allclose(own, np.flatnonzero(train), atol=0.51)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a\n3 units", "\\$x_1\\$\n3 units"]
    # A line between layers, none above the last.
    assert [line.get_ydata()[0] for line in ax.get_lines() if np.ptp(line.get_ydata()) == 0] == [2.5]


def test_rates_are_sorted_in_each_layer(raster, ax):
    a2n.plot_rates(raster, ax)
    rates = ACTIVE.mean(axis=0)
    first, second = ax.get_lines()
    np.testing.assert_array_equal(first.get_ydata(), np.sort(rates[:4]))
    np.testing.assert_array_equal(second.get_ydata(), np.sort(rates[4:]))


def test_fano_factors_stand_beside_one_minus_p(raster, ax):
    a2n.plot_fano(raster, ax, window=50)
    line, first, second = ax.get_lines()
    assert line.get_xydata().tolist() == [[0, 1], [1, 0]]
    fano = a2n.fanofactor(raster, 50)
    np.testing.assert_array_equal(first.get_ydata(), fano[[0, 1, 3]])
    np.testing.assert_array_equal(second.get_ydata(), fano[4:])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[1:] == ["a (3 of 4)", "\\$x_1\\$ (3 of 3)"]


def test_pvalues_are_sorted_and_counted(raster, ax):
    result = a2n.fano_test(raster, null="poisson")
    a2n.plot_pvalues(result, ax)
    *_, dots = ax.get_lines()
    known = np.sort(result.pvalue[~np.isnan(result.pvalue)])
    np.testing.assert_array_equal(dots.get_ydata(), known)
    n = result.significant().sum()
    assert ax.get_title(loc="left") == f"{n} of {known.size} reject after adjustment"
    with pytest.raises(ValueError, match="alpha"):
        a2n.plot_pvalues(result, ax, alpha=2)


def test_without_axes_there_is_a_new_figure(raster, monkeypatch):
    import matplotlib as mpl
    from matplotlib import pyplot

    monkeypatch.setitem(mpl.rcParams, "backend", "agg")
    try:
        figures = {draw(raster).figure for draw in (a2n.plot_raster, a2n.plot_rates, a2n.plot_fano)}
        assert len(figures) == 3
    finally:
        pyplot.close("all")


def test_a_layer_in_which_nothing_fires(ax):
    silent = a2n.as_raster(np.zeros((300, 2), bool))
    a2n.plot_rates(silent, ax)
    a2n.plot_fano(silent, ax)
    a2n.plot_raster(silent, ax)
    a2n.plot_pvalues(np.full(2, np.nan), ax)
    assert ax.get_title(loc="left") == "0 of 0 reject after adjustment"


def pattern_table():
    steps, layers = [0, 1, 4], ["conv", "dense"]
    rows = [(step, probe, layer) for step in steps for probe in ("a", "b") for layer in layers]
    table = pd.DataFrame(rows, columns=["step", "probe", "layer"])
    table["n_patterns"] = np.arange(len(rows))
    table["jaccard_previous"] = np.linspace(0, 1, len(rows))
    table.loc[table["step"] == 0, "jaccard_previous"] = np.nan
    return table


@pytest.mark.parametrize("column", ["n_patterns", "jaccard_previous"])
def test_pattern_map(column):
    table = pattern_table()
    ax = a2n.plot_pattern_map(table, column, Figure().subplots(), probe="b")
    expected = table[table["probe"] == "b"][column].to_numpy(float).reshape(3, 2).T
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), np.nan), expected)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["conv", "dense"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "4"]
    assert ax.images[0].get_clim()[1] == (1 if "jaccard" in column else expected.max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"probe must be given with a table of several, one of \['a', 'b'\]"),
        ({"probe": "c"}, r"probe must be one of \['a', 'b'\], got 'c'"),
        ({"probe": "a", "column": "no"}, "column must be one of .*'n_patterns'.*, got 'no'"),
    ],
)
def test_pattern_maps_that_cannot_be_drawn(options, message):
    with pytest.raises(ValueError, match=message):
        a2n.plot_pattern_map(pattern_table(), options.pop("column", "n_patterns"), **options)
    with pytest.raises(ValueError, match="table must be a pattern monitor's"):
        a2n.plot_pattern_map(pd.DataFrame({"step": [1]}))
