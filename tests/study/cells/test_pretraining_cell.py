"""Networks that learn other samples before a study's conditions."""

import dataclasses

import numpy as np
import pytest

from ann2neo import training
from ann2neo.study import Study
from ann2neo.study.cells import condition_cell, pretraining_cell
from ann2neo.study.cells.cell_files import Work
from ann2neo.study.config.cell import locate_cell
from ann2neo.study.config.settings import Network, Pretraining, StopRule, Subset, Training

keras = pytest.importorskip("keras", reason="the tensorflow extra is not installed")
pytest.importorskip("sklearn", reason="the demo extra is not installed")

STUDY = Study(
    "small",
    (Network("mlp", (12,), options={"depth": 2}),),
    ("digits",),
    ("Random", "Generalizing", "MemRetrainLast"),
    splits=("train",),
    window=20,
    training=Training(batch_size=20, validation_split=0),
    stop=(StopRule("Generalizing", 2), StopRule("MemRetrainLast", 2)),
    subset=Subset(60, 40),
    pretraining=Pretraining(epochs=20, n_train=400),
    keep_weights=True,
)
WITHOUT = dataclasses.replace(STUDY, pretraining=None)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("pretraining")
    for cell in STUDY.cells():
        folder = locate_cell(cell, out)
        folder.mkdir(parents=True)
        plan = STUDY.plan(cell)
        work = Work(plan, folder, None if plan.start is None else locate_cell(plan.start, out))
        (pretraining_cell if cell.kind == "pretraining" else condition_cell).run(work)
    return out


def weights(folder):
    with np.load(folder / "weights.npz") as arrays:
        return [arrays[f"weight_{number}"] for number in range(len(arrays))]


def test_cells_start_from_it():
    keys = [cell.key for cell in STUDY.cells()]
    assert keys[0] == "pretraining-mlp-12-digits-0"
    assert len(keys) == len(WITHOUT.cells()) + 1
    starts = {cell.condition: STUDY.plan(cell).start for cell in STUDY.cells()[1:]}
    assert starts["Random"] == starts["Generalizing"] == STUDY.cells()[0]
    assert starts["MemRetrainLast"].condition == "Generalizing"
    assert Study.from_text(STUDY.to_toml()) == STUDY
    longer = dataclasses.replace(STUDY, pretraining=Pretraining(epochs=21, n_train=400))
    for cell in STUDY.cells():
        assert longer.plan(cell).list_settings() != STUDY.plan(cell).list_settings()
    assert "pretraining" not in WITHOUT.plan(WITHOUT.cells()[0]).list_settings()


def test_its_samples_are_no_others_and_leave_the_others_as_they_are(tmp_path):
    parts = []
    for study, cell in (
        (STUDY, STUDY.cells()[0]),
        (STUDY, STUDY.cells()[1]),
        (WITHOUT, WITHOUT.cells()[0]),
    ):
        parts.append(condition_cell.load_data(Work(study.plan(cell), tmp_path)))
    before, after, without = parts
    assert (len(before.x_train), len(after.x_train)) == (400, 60)
    np.testing.assert_array_equal(after.x_train, without.x_train)
    np.testing.assert_array_equal(after.x_test, without.x_test)
    seen = {image.tobytes() for image in training.load("digits").x_train}
    one, two = ({image.tobytes() for image in part.x_train} for part in (before, after))
    # Digits holds no image twice.
    assert len(one | two) == 460
    assert one | two <= seen


def test_what_is_before_the_observed_layer_is_learned_and_the_rest_drawn(out, tmp_path):
    pretrained = weights(locate_cell(STUDY.cells()[0], out))
    random = weights(locate_cell(STUDY.cells()[1], out))
    drawn = condition_cell.build_network(
        Work(WITHOUT.plan(WITHOUT.cells()[0]), tmp_path), training.load("digits")
    ).get_weights()
    assert len(pretrained) == len(random) == len(drawn) == 6
    for number in range(6):
        np.testing.assert_array_equal(random[number], (pretrained if number < 2 else drawn)[number])
    # The weights before it did learn.
    assert np.abs(pretrained[0] - drawn[0]).max() > 0.01
    # What starts from a generalizing network has all of its weights: the last two layers are trained on.
    generalizing = weights(locate_cell(STUDY.cells()[2], out))
    retrained = weights(locate_cell(STUDY.cells()[3], out))
    for number in range(2):
        np.testing.assert_array_equal(retrained[number], generalizing[number])


def build_densenet(seed):
    options = {"weights": None, "input_shape": (32, 32, 3), "n_classes": 3}
    return training.build("densenet121", 8, rng=np.random.default_rng(seed), **options)


def test_weights_are_kept_layer_by_layer_in_the_network_s_own_order(tmp_path):
    """The files of older studies, which were written in that order, can still be read."""
    network = build_densenet(0)
    by_layer = [value for layer in network.layers for value in layer.get_weights()]
    for a, b in zip(by_layer, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    condition_cell.save_weights(network, tmp_path / "weights.npz")
    other = build_densenet(1)
    first = [layer.name for layer in other.layers].index("hidden")
    head = other.layers[-1].get_weights()
    condition_cell.load_weights(other.layers[:first], tmp_path / "weights.npz")
    for one, two in zip(other.layers[:first], network.layers[:first], strict=True):
        for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(other.layers[-1].get_weights(), head, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_needs_a_subset():
    with pytest.raises(ValueError, match="pretraining must be left out without networks and subset"):
        dataclasses.replace(STUDY, subset=None)
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        Pretraining(epochs=0, n_train=10)


def test_a_subset_and_it_must_not_ask_for_more_than_there_is(tmp_path):
    study = dataclasses.replace(STUDY, pretraining=Pretraining(epochs=1, n_train=5000))
    with pytest.raises(ValueError, match="n_train must be at most"):
        condition_cell.load_data(Work(study.plan(study.cells()[0]), tmp_path))
