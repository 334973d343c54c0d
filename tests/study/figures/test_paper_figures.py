"""The figures show what the results hold, and only that."""

from dataclasses import replace

import numpy as np
import pytest

from ann2neo.study.analysis.paper_order import CONDITIONS
from ann2neo.study.figures.indicator_figures import draw_figure3, draw_figure4, draw_figure6
from ann2neo.study.figures.palette import COLORS, pick_color
from ann2neo.study.figures.paper_figures import CAPTIONS, draw_figures
from ann2neo.study.figures.train_figures import draw_figure2, draw_figure5
from tests.study.made_results import make_results, switch_courses, usual

pytest.importorskip("matplotlib", reason="the plot extra is not installed")


def points(figure, shade):
    """Points of all panels drawn in a color with a symbol."""
    from matplotlib.colors import same_color

    lines = [line for axis in figure.axes for line in axis.lines]
    marked = [
        line for line in lines if line.get_marker() in "os^D" and same_color(line.get_color(), shade)
    ]
    return np.concatenate([line.get_xydata() for line in marked])


def rows(condition, split=None):
    frame = usual().indicators
    chosen = frame["condition"] == condition
    return frame[chosen if split is None else chosen & (frame["split"] == split)]


def test_all_five_and_their_captions():
    assert list(draw_figures(usual())) == list(CAPTIONS) == [f"figure{k}" for k in range(2, 7)]


def test_a_table_alone_gives_three():
    bare = make_results(networks=("mlp",), widths=(64,), seeds=(0,))
    bare = replace(bare, units=bare.units.iloc[:0])
    assert list(draw_figures(bare)) == ["figure3", "figure4", "figure6"]


def test_nothing_gives_nothing():
    whole = usual()
    empty = replace(whole, indicators=whole.indicators.iloc[:0], switch=whole.switch.iloc[:0], spikes={})
    assert draw_figures(empty) == {}


def test_conditions_have_colors_of_their_own():
    assert set(COLORS) == set(CONDITIONS)
    assert len({pick_color(name) for name in [*CONDITIONS, "another"]}) == 6


@pytest.mark.parametrize("condition", CONDITIONS)
def test_figure6_shows_every_cell(condition):
    shown = points(draw_figure6(usual()), COLORS[condition])
    expected = rows(condition)[["firing_rate", "fanofactor"]].to_numpy()
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(expected, axis=0))


def test_figure6_has_the_line_of_independent_trains():
    lines = {line.get_label(): line for line in draw_figure6(usual()).axes[0].lines}
    assert lines["independent: 1 − p"].get_xydata().tolist() == [[0, 1], [1, 0]]
    assert len(lines["published"].get_xdata()) == 184


def test_figure3_shows_the_training_data():
    figure = draw_figure3(usual())
    shown = points(figure, COLORS["MemRandomLast"])
    of_cells = rows("MemRandomLast", "train")
    assert len(shown) == 4 * len(of_cells)
    assert set(of_cells["firing_rate"]) <= set(shown[:, 1])
    assert not set(rows("MemRandomLast", "test")["firing_rate"]) & set(shown[:, 1])


def test_figure4_puts_generalizing_left_of_memorizing():
    axis = draw_figure4(usual()).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["64", "128"]
    generalizing = points(axis.figure, COLORS["Generalizing"])
    memorizing = points(axis.figure, COLORS["MemRetrainAll"])
    assert generalizing[:, 0].max() < 1 < memorizing[memorizing[:, 0] > 0.5, 0].min()
    assert len(generalizing) == 4 * len(rows("Generalizing", "train"))


def test_figure4_sums_up_in_a_color_of_no_memorizing_condition():
    from matplotlib.colors import same_color

    figure = draw_figure4(usual())
    bars = [line for axis in figure.axes for line in axis.lines if line.get_linewidth() == 3]
    # Two widths in four panels, each with two bars.
    assert len(bars) == 4 * 2 * 2
    right = [bar for bar in bars if bar.get_xdata()[0] % 1 < 0.5]
    assert len(right) == 8
    for bar in right:
        assert not any(same_color(bar.get_color(), shade) for shade in COLORS.values())
    said = {
        text.get_text(): handle
        for text, handle in zip(
            figure.legends[0].get_texts(), figure.legends[0].legend_handles, strict=True
        )
    }
    assert said["memorizing, all"].get_color() == right[0].get_color()


def test_figure6_caption_says_how_many_dots():
    shown = points(draw_figure6(usual()), COLORS["Random"])
    each = usual().indicators.query("condition == 'Random'")
    assert (
        len(shown)
        == len(each)
        == 2 * each["seed"].nunique() * len(each.drop_duplicates(["network", "width", "dataset"]))
    )
    assert "a dot per network, condition, seed and data split" in CAPTIONS["figure6"]


def test_figure4_of_a_single_network():
    assert draw_figure4(make_results(networks=("mlp",), widths=(64,), seeds=(0,))) is not None


def test_figure2_observed_and_simulated():
    results = usual()
    figure = draw_figure2(results, rng=np.random.default_rng(1))
    assert len(figure.axes) == 3 * len(CONDITIONS)
    assert [axis.get_title("left").split(":")[0] for axis in figure.axes[::3]] == CONDITIONS
    raster = results.spikes["mlp", 64, "mnist", "Generalizing", 0, "train"]
    observed, simulated, counted = figure.axes[:3]
    trains = [collection.get_positions() for collection in observed.collections]
    assert [len(train) for train in trains] == raster.spike_counts.tolist()
    n_simulated = sum(len(collection.get_positions()) for collection in simulated.collections)
    expected = raster.spike_counts.sum()
    assert abs(n_simulated - expected) < 5 * np.sqrt(expected)
    last = [line.get_ydata()[-1] for line in counted.lines[:64]]
    assert last == raster.spike_counts.tolist()


def test_figure2_says_whose_trains_it_shows():
    results = make_results(networks=("cnn",), widths=(70,), seeds=(3,), spikes=True)
    figure = draw_figure2(results, rng=np.random.default_rng(1))
    assert figure.get_suptitle() == (
        "CNN 70, MNIST, train data, seed 3: the first 200 samples recorded, 64 of 70 units; "
        "mean rates are of these"
    )
    raster = results.spikes["cnn", 70, "mnist", "Generalizing", 3, "train"]
    shown = raster.to_dense()[:, :64].mean()
    assert figure.axes[0].get_title("left") == f"Generalizing: observed, mean rate {shown:.2f}"


def test_figure2_is_repeatable():
    results = make_results(networks=("mlp",), widths=(4,), seeds=(0,), spikes=True)

    def events(seed):
        figure = draw_figure2(results, rng=np.random.default_rng(seed))
        return np.concatenate([c.get_positions() for c in figure.axes[1].collections])

    assert np.array_equal(events(3), events(3))
    assert not np.array_equal(events(3), events(4))


def test_figure5_courses_and_switch():
    courses = switch_courses(("mlp",), (64, 128), ("mnist",), (0, 1))
    whole, zoomed = draw_figure5(replace(usual(), switch=courses)).axes
    assert whole.get_xlim() == (0, 300)
    assert zoomed.get_xlim() == (90, 120)  # ten batches a pass
    assert len(whole.lines) == 4  # two widths, each on training and test data
    line = whole.lines[0]
    chosen = courses[(courses["width"] == 64) & (courses["probe"] == "test")]
    expected = chosen.groupby("step")["firing_rate"].mean()
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert line.get_linestyle() == ":"


def test_figure5_of_looks_too_far_apart_for_the_true_labels():
    courses = switch_courses(("mlp",), (64,), ("mnist",), (0,))
    few = courses[(courses["step"] == 0) | (courses["step"] > 100)]
    _, zoomed = draw_figure5(replace(usual(), switch=few)).axes
    assert zoomed.get_xlim() == (0, 20)


def test_pictures_are_neither_blank_nor_filled(tmp_path):
    from matplotlib.image import imread

    draw_figure6(usual()).savefig(tmp_path / "figure6.png", dpi=60)
    image = imread(tmp_path / "figure6.png")[..., :3]
    assert 0.01 < np.mean(image < 0.9) < 0.5
