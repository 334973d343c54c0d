"""Cells of networks that learn wrong labels, and what their spikes are good for."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

import ann2neo as a2n
from ann2neo import training
from ann2neo.study import Results, Study, write_report
from ann2neo.study.analysis.uses_findings import (
    OVER_LOSS,
    summarize_labels,
    summarize_pruning,
    summarize_remedies,
    summarize_removal,
    summarize_stops,
)
from ann2neo.study.cells.cell_files import State, Work
from ann2neo.study.cells.uses.stopping import find_stops
from ann2neo.study.cells.uses.uses_cell import find_auc, run, score_activations
from ann2neo.study.config.cell import locate_cell
from ann2neo.study.config.settings import Network, Subset, Training
from ann2neo.study.config.uses_settings import REMEDIES, UsesSettings, list_variants
from ann2neo.study.figures.uses_figures import draw_uses_figures

keras = pytest.importorskip("keras", reason="the tensorflow extra is not installed")
pytest.importorskip("sklearn", reason="the demo extra is not installed")
pruning = pytest.importorskip("ann2neo.study.cells.uses.pruning")
remedies = pytest.importorskip("ann2neo.study.cells.uses.remedies")

STUDY = Study(
    "small",
    (Network("mlp", (48,), options={"depth": 2}),),
    ("digits",),
    seeds=(0, 1),
    training=Training(learning_rate=0.3, batch_size=32, validation_split=0.2),
    uses=UsesSettings(
        noise=(0.0, 0.4),
        learned=0.8,
        epochs=150,
        clean_epochs=5,
        n_neighbors=10,
        n_probe=50,
        remedies=("none", "unit rate"),
        remedy_epochs=2,
        spare_units=True,
    ),
    subset=Subset(300, 200),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A study as it is when it has been run, of the second seed only the network with wrong labels."""
    out = tmp_path_factory.mktemp("uses")
    (out / "study.toml").write_text(STUDY.to_toml())
    with pytest.MonkeyPatch.context() as patch:
        # Each fraction trains seven networks.
        patch.setattr(pruning, "FRACTIONS", (0.25, 0.9))
        for cell in STUDY.cells():
            if cell.seed and cell.condition != "wrong40":
                continue
            folder = locate_cell(cell, out)
            folder.mkdir(parents=True)
            plan = STUDY.plan(cell)
            rows = run(Work(plan, folder))
            State("ok", rows=rows, settings=plan.list_settings()).save(folder)
    return Results.load(out)


def test_a_cell_for_each_share_and_remedy():
    names = list(list_variants(STUDY.uses))
    assert names == ["wrong00", "wrong40", "wrong40-none", "wrong40-unit-rate", "spare-units"]
    assert [cell.key for cell in STUDY.cells()] == [
        f"uses-mlp-48-digits-{name}-{seed}" for seed, name in itertools.product((0, 1), names)
    ]
    assert Study.from_text(STUDY.to_toml()) == STUDY
    plan = STUDY.plan(STUDY.cells()[0])
    more = dataclasses.replace(STUDY.uses, noise=(0.0, 0.2, 0.4))
    longer = dataclasses.replace(STUDY.uses, epochs=151)
    same, other = (
        dataclasses.replace(STUDY, uses=uses).plan(STUDY.cells()[0]).list_settings()
        for uses in (more, longer)
    )
    # A share of wrong labels more leaves the cells that are there as they are.
    assert same == plan.list_settings() != other


def test_the_network_has_learned_wrong_labels_and_its_patterns_tell_them(results):
    rows = results.uses.set_index(["condition", "seed"])
    learned = rows.loc["wrong40"]
    assert learned["learned"].ge(0.8).all()
    assert learned["n_wrong"].between(75, 115).all()
    assert (learned["auc_patterns"] - learned["auc_final_loss"]).mean() > 0.1
    assert learned["auc_patterns"].gt(0.85).all()
    assert learned["auc_early_loss"].between(0, 1).all()
    assert learned["vote_patterns"].gt(learned["test_accuracy"]).all()
    clean = rows.loc["wrong00"]
    assert clean[["learned", "auc_patterns"]].isna().all(axis=None)
    assert clean["n_wrong"].eq(0).all()
    # Stopped where enough was known, not at the last pass.
    assert learned["epochs_run"].between(5, 149).all()
    assert clean["epochs_run"].eq(5).all()


def test_remedies_change_what_is_learned_by_heart(results):
    tried = results.uses[results.uses["remedy"] != ""].set_index("remedy")
    assert list(tried.index) == ["none", "unit rate"]
    assert tried["epochs_run"].eq(2).all()
    assert tried["learned"].notna().all()
    assert tried.loc["unit rate", "firing_rate"] < tried.loc["none", "firing_rate"] - 0.05
    found = summarize_remedies(results.uses)
    assert set(found["measure"]) == {"test_accuracy", "learned"}
    assert found["low"].isna().all()


def test_removal_is_lossless_where_units_were_silent(results):
    rows = results.removal
    assert set(rows["layer"]) == {"hidden_1", "hidden", "all"}
    by_place = rows.set_index(["condition", "seed", "layer"])["n_silent"].astype(int)
    both = by_place.xs("hidden_1", level="layer") + by_place.xs("hidden", level="layer")
    pd.testing.assert_series_equal(both, by_place.xs("all", level="layer"), check_names=False)
    assert by_place.loc["spare-units", 0, "all"] > 0
    never = rows[rows["n_firing"] == 0]
    assert never["changed"].eq(0).all()
    assert never["largest_change"].lt(1e-4).all()
    found = summarize_removal(rows)
    assert found.set_index(["condition", "layer"]).loc[("wrong40", "all"), "n"] == 2


def test_pruning_has_each_criterion_and_the_whole_network(results):
    table = results.pruning
    assert len(table) == 2 * (1 + 7 * 2)
    whole = table[(table["criterion"] == "none") & ~table["tuned"]].set_index("seed")["test_accuracy"]
    clean = results.uses[results.uses["condition"] == "wrong00"].set_index("seed")["test_accuracy"]
    pd.testing.assert_series_equal(whole, clean, check_names=False)
    found = summarize_pruning(table).set_index(["criterion", "fraction", "tuned"])["value"]
    # Three quarters at random cost more than a quarter of the smallest weights.
    assert found["random", 0.9, False] < found["input weights", 0.25, False]


def test_stops_are_of_networks_with_wrong_labels(results):
    assert set(results.stopping["condition"]) == {"wrong40"}
    found = summarize_stops(results.stopping, results.uses).set_index("criterion")
    assert found["n"].eq(2).all()
    assert found["worst"].ge(found["value"]).all()
    assert found.loc["noisy validation accuracy", "value"] < found.loc["no stop", "value"]


def test_differences_are_within_seeds(results):
    found = summarize_labels(results.uses).set_index(["noise", "by"])["value"]
    rows = results.uses[results.uses["condition"] == "wrong40"]
    expected = (rows["auc_patterns"] - rows["auc_final_loss"]).mean()
    assert found[0.4, OVER_LOSS] == pytest.approx(expected)


def test_figures_and_report(results, tmp_path):
    assert list(draw_uses_figures(results)) == [
        "uses_labels",
        "uses_pruning",
        "uses_stops",
        "uses_remedies",
    ]
    page = write_report(results, tmp_path / "report.html").read_text()
    for said in (
        "40% wrong",
        "noisy validation accuracy",
        "unit rate",
        "90% removed, tuned",
        "spare-units",
    ):
        assert said in page
    assert "Hypotheses" not in page
    saved = results.save(tmp_path)
    again = Results.load(saved)
    for name in ("uses", "stopping", "pruning", "removal"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(results, name), check_dtype=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_probe": 241}, "n_probe must be at most 240, the samples trained on, got 241"),
        ({"n_neighbors": 500}, "n_neighbors must be at most 240, the samples trained on, got 500"),
    ],
)
def test_what_the_data_do_not_hold_is_refused_before_training(changes, message, tmp_path):
    study = dataclasses.replace(STUDY, uses=dataclasses.replace(STUDY.uses, **changes))
    with pytest.raises(ValueError, match=message):
        run(Work(study.plan(study.cells()[0]), tmp_path))


def test_a_network_that_is_no_chain_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(training.training_run, "train", None)
    study = dataclasses.replace(
        STUDY, networks=(Network("resnet", (4,), options={"blocks": 1}, layer="output"),)
    )
    with pytest.raises(ValueError, match="must be a chain of layers"):
        run(Work(study.plan(study.cells()[0]), tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": (0.4, 0.401)}, "noise must differ by a hundredth at least"),
        ({"noise": (1.0,)}, r"each of noise must lie in \[0, 1\), got 1.0"),
        ({"learned": 0.0}, r"learned must lie in \(0, 1\), got 0.0"),
        ({"remedies": ("prayer",)}, "each of remedies must be one of none, dropout"),
        ({"epochs": 3}, "epochs must be at least 5, got 3"),
        ({"spare_units": 1}, "spare_units must be true or false"),
    ],
)
def test_settings_are_checked(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        UsesSettings(**options)


def test_a_study_without_conditions_must_have_something_else():
    with pytest.raises((TypeError, ValueError), match="conditions must"):
        dataclasses.replace(STUDY, uses=None)


def test_area_under_the_curve_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    wrong = rng.random(300) < 0.3
    score = np.round(rng.normal(0, 1, 300) + wrong, 1)
    assert find_auc(score, wrong) == pytest.approx(metrics.roc_auc_score(wrong, score), abs=1e-12)
    assert np.isnan(find_auc(score, np.zeros(300, bool)))


def test_scores_of_activations_by_brute_force():
    rng = np.random.default_rng(1)
    activations, labels = rng.random((12, 5)), np.repeat([0, 1, 2], 4)
    found = score_activations(activations, labels)
    for row, label in enumerate(labels):
        others = np.arange(12) != row
        apart = [
            np.abs(activations[row] - activations[others & (labels == c)].mean(axis=0)).mean()
            for c in range(3)
        ]
        nearest = min(value for c, value in enumerate(apart) if c != label)
        assert found[row] == pytest.approx(apart[label] - nearest, abs=1e-12)


def test_scores_of_bits_are_those_of_label_suspicion():
    rng = np.random.default_rng(2)
    active, labels = rng.random((40, 16)) < 0.4, rng.integers(0, 3, 40)
    expected = a2n.label_suspicion(active, labels).score
    np.testing.assert_allclose(score_activations(active.astype(float), labels), expected, atol=1e-12)


def test_class_separation_stops_before_it_falls():
    looks = pd.DataFrame({"training_epoch": [1, 2, 3, 4], "test_accuracy": [0.2, 0.8, 0.7, 0.9]})
    looks = looks.assign(validation_accuracy=np.nan, unit_information=np.nan, flip_rate=np.nan)
    looks = looks.assign(firing_rate=0.5, class_separation=[0.1, 0.3, 0.28, 0.2])
    found = find_stops(looks).set_index("criterion")["training_epoch"]
    assert found.to_dict() == {"class separation": 3, "firing rate": 1, "no stop": 4}


def test_scores_of_convolutions_and_their_pooling():
    """Channels are scored behind the pooling, the weights that read them are found behind Flatten."""
    rng = np.random.default_rng(3)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu", name="convolution"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(5, "relu", name="hidden"),
            layers.Dense(3, "softmax"),
        ]
    )
    x, y = rng.random((30, 6, 6, 1)).astype(np.float32), rng.integers(0, 3, 30)
    scores = pruning.score_units(network, x, y, rng)
    pooled = keras.Model(network.inputs, network.layers[1].output).predict(x, verbose=0)
    kernel = np.abs(network.get_layer("hidden").get_weights()[0]).reshape(2, 2, 4, 5)
    expected = pooled.std(axis=(0, 1, 2)) * kernel.sum(axis=(0, 1, 3))
    np.testing.assert_allclose(scores["std x output weights"]["convolution"], expected, rtol=1e-5)
    np.testing.assert_allclose(scores["rate"]["convolution"], (pooled > 0).mean(axis=(0, 1, 2)))
    for criterion in scores:
        smaller = training.remove_units(network, pruning.choose_units(scores[criterion], 0.5))
        assert smaller.get_layer("convolution").filters == 2


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_remedy_leaves_what_the_network_says(remedy):
    """Without training; and its loss is there in training."""
    rng = np.random.default_rng(4)
    network = training.build("mlp", 12, depth=2, input_shape=(6,), n_classes=3, rng=rng)
    changed = remedies.apply_remedy(network, remedy)
    x = rng.normal(0, 1, (8, 6)).astype(np.float32)
    np.testing.assert_allclose(changed.predict(x, verbose=0), network.predict(x, verbose=0), atol=1e-6)
    hidden = keras.Model(changed.inputs, changed.get_layer("hidden").output).predict(x, verbose=0)
    expected = keras.Model(network.inputs, network.get_layer("hidden").output).predict(x, verbose=0)
    np.testing.assert_allclose(hidden, expected, atol=1e-6)
    noisy = np.asarray(changed(x, training=True))
    assert (np.abs(noisy - np.asarray(network(x))).max() > 1e-3) == (remedy == "dropout")
    penalizes = remedy in ("weight decay", "layer rate", "unit rate", "pattern entropy")
    assert (float(sum(changed.losses)) > 0 if changed.losses else False) == penalizes


def test_rates_are_penalized_by_their_distance_from_the_target():
    z = np.array([[0.0, 8.0], [0.0, -8.0]], np.float32)
    rates = (1 / (1 + np.exp(-z.astype(float)))).mean(axis=0)
    for each_unit, expected in ((True, np.mean((rates - 0.1) ** 2)), (False, (rates.mean() - 0.1) ** 2)):
        layer = remedies.RatePenalty(each_unit)
        np.testing.assert_array_equal(np.asarray(layer(z)), z)
        assert float(layer.losses[0]) == pytest.approx(remedies.RATE_STRENGTH * expected, rel=1e-5)


def test_redundancy_by_brute_force():
    """Of the most alike pair left one goes, whatever the order of units."""
    rng = np.random.default_rng(5)
    bits = rng.random((60, 6)) < 0.5
    bits[:, 3] = bits[:, 1] ^ (rng.random(60) < 0.1)
    ranks = pruning.rank_redundancy(a2n.as_raster(bits))
    left = list(range(6))
    for unit in np.argsort(ranks)[:-1]:
        alike = np.abs(np.corrcoef(bits[:, left].T.astype(float)))
        np.fill_diagonal(alike, 0)
        pair = np.unravel_index(alike.argmax(), alike.shape)
        assert unit in {left[place] for place in pair}
        left.remove(unit)
    assert sorted(ranks) == list(range(6))
