"""The pictures of activation patterns show what the results hold."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ann2neo.study.analysis.pattern_findings import describe_layers, find_in_patterns
from ann2neo.study.figures.pattern_figures import (
    CAPTIONS,
    draw_entropy_by_depth,
    draw_pattern_figures,
    draw_pattern_maps,
    draw_settling,
)
from tests.study.made_patterns import STEPS, course, only_patterns, study_patterns
from tests.study.made_results import make_results

pytest.importorskip("matplotlib", reason="the plot extra is not installed")


def panels(figure):
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>" and axis.get_visible()]


def test_all_three_with_captions():
    figures = draw_pattern_figures(only_patterns(blocks=(1,), seeds=(0,)))
    assert list(figures) == list(CAPTIONS)


def test_none_without_patterns():
    assert draw_pattern_figures(make_results(networks=("mlp",), widths=(4,), seeds=(0,))) == {}


def test_each_data_set_has_its_own():
    results = only_patterns(networks=("plain",), blocks=(1,), seeds=(0,))
    both = pd.concat([results.patterns, results.patterns.assign(dataset="mnist")])
    figures = draw_pattern_figures(replace(results, patterns=both))
    assert list(figures)[::3] == ["pattern_maps_digits", "pattern_maps_mnist"]
    assert figures["settling_mnist"].get_suptitle() == "MNIST"


def test_maps_show_means_over_seeds_of_the_networks_nearest_to_three():
    looks = study_patterns(blocks=(1, 2, 4), seeds=(0, 1))
    figure = draw_pattern_maps(looks)
    axes = panels(figure)
    assert [axis.get_title("left") for axis in axes[:2]] == [
        "residual, 2 blocks a stage",
        "plain, 2 blocks a stage",
    ]
    assert len(axes) == 6
    rest, untrained = axes[4].collections
    chosen = looks[looks["network"] == "residual_2"].groupby(["depth", "step"])
    means = chosen["weighted_jaccard_final"].mean().to_numpy().reshape(13, len(STEPS))
    np.testing.assert_allclose(rest.get_array(), means[:, 1:])
    np.testing.assert_allclose(untrained.get_array(), means[:, :1])
    borders = rest.get_coordinates()[0, :, 0]
    assert ((borders[:-1] < STEPS[1:]) & (STEPS[1:] < borders[1:])).all()
    assert untrained.get_coordinates()[0, :, 0].max() < borders[0]
    assert [label.get_text() for label in axes[4].get_xticklabels()] == ["1", "10", "100", "0"]


def test_more_than_four_networks_are_wrapped():
    looks = pd.concat([course(f"net{k}", 1, 0, 10) for k in range(5)])
    axes = panels(draw_pattern_maps(looks))
    assert len(axes) == 15
    assert len({round(axis.get_position().x0, 2) for axis in axes}) == 4


def test_a_single_look_behind_the_first():
    looks = course("plain", 1, 0, 10, steps=np.array([0, 3]))
    assert len(panels(draw_pattern_maps(looks))) == 3


def test_entropy_against_depth():
    looks = pd.concat([study_patterns(blocks=(1, 2)), course("fixup", 3, 0, 10)])
    axes = panels(draw_entropy_by_depth(describe_layers(looks)))
    titles = [axis.get_title("left") for axis in axes]
    assert len(titles) == 6  # that of a single depth is left out
    assert titles[:2] == ["residual, early: a tenth of a pass", "residual, after half of training"]
    one, two = axes[5].lines
    chosen = looks[(looks["network"] == "plain_2") & (looks["step"] == 100)].groupby("depth")
    np.testing.assert_allclose(two.get_ydata(), chosen["entropy_fraction"].mean())
    np.testing.assert_allclose(two.get_xdata(), np.arange(13) / 12)
    assert one.get_markevery() == [2, 4, 6]
    band = axes[5].collections[1].get_paths()[0].vertices[:, 1]
    sd = chosen["entropy_fraction"].std()
    assert band.max() == pytest.approx((chosen["entropy_fraction"].mean() + sd).max())


def test_of_single_depths_all_are_shown():
    axes = panels(draw_entropy_by_depth(describe_layers(study_patterns(blocks=(1,), seeds=(0,)))))
    assert len(axes) == 6


def test_settling_has_a_line_a_layer_and_tau():
    looks = study_patterns(blocks=(1,), seeds=range(5))
    figure = draw_settling(looks)
    residual, plain = panels(figure)
    assert len(residual.lines) == 7
    chosen = looks[(looks["network"] == "plain_1") & (looks["depth"] == 3)].groupby("step")
    np.testing.assert_allclose(
        plain.lines[2].get_ydata(), chosen["weighted_jaccard_final"].mean().to_numpy()
    )
    np.testing.assert_allclose(plain.lines[2].get_xdata(), STEPS / 100)
    found = find_in_patterns(describe_layers(looks))
    row = found[(found["finding"] == "settling") & (found["network"] == "plain_1")].iloc[0]
    assert plain.get_title("left") == (
        f"plain, 1 block a stage\nτ = {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    )
    one_seed = pd.concat([looks[looks["seed"] == 0], course("same", 1, 0, 9)])
    one, undefined = panels(draw_settling(one_seed))[1:]
    assert re.search(r"\nτ = −?[01]\.\d\d$", one.get_title("left"))
    assert undefined.get_title("left").endswith("τ not defined")


def test_neither_blank_nor_filled(tmp_path):
    from matplotlib.image import imread

    draw_settling(study_patterns(blocks=(1,), seeds=(0,))).savefig(tmp_path / "s.png", dpi=60)
    image = imread(tmp_path / "s.png")[..., :3]
    assert 0.01 < np.mean(image < 0.9) < 0.5
