"""The level above which a unit counts as active."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as kl

import ann2neo as a2n
from ann2neo import monitoring
from tests.recording.models import inputs, mlp

A = np.round(np.random.default_rng(0).normal(size=(21, 5)), 1).astype(np.float32)
B = np.random.default_rng(1).normal(size=(21, 3)).astype(np.float32)
LEVELS = np.array([-0.5, 0.0, 0.25, 0.5, 1.0])


@pytest.mark.parametrize("level", [0, 0.0, -0.5, np.float32(0.5), np.int64(1), True])
def test_number_is_compared_strictly_and_annotated(level):
    raster = a2n.record(A, threshold=level)
    assert np.any(np.float32(level) == A)
    np.testing.assert_array_equal(raster.to_dense(), np.float32(level) < A)
    assert raster.annotations["threshold"] == float(level)
    assert "threshold" not in raster.units


@pytest.mark.parametrize("wrap", [np.asarray, list, tuple, pd.Series])
def test_array_of_one_level_a_unit(wrap):
    raster = a2n.record(A, threshold=wrap(LEVELS), batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), LEVELS < A)
    np.testing.assert_array_equal(raster.units["threshold"], LEVELS)
    assert raster.annotations["threshold"] == "column 'threshold' of units"


def test_dict_of_one_level_a_layer():
    raster = a2n.record({"a": A, "b": B}, threshold={"b": 0.5, "a": LEVELS})
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([LEVELS < A, B > 0.5]))
    np.testing.assert_array_equal(raster.units["threshold"], [*LEVELS, 0.5, 0.5, 0.5])
    same = a2n.record({"a": A, "b": B}, threshold={"b": 0.5, "a": 0.5})
    assert same == a2n.record({"a": A, "b": B}, threshold=0.5)


def row_mean(activations):
    return activations.mean(axis=1, keepdims=True)


def test_callable_that_looks_at_each_sample():
    raster = a2n.record({"a": A, "b": B}, threshold=row_mean, batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), np.hstack([row_mean(A) < A, row_mean(B) < B]))
    assert raster.annotations["threshold"] == "callable row_mean"
    assert raster.units["threshold"].isna().all()
    mixed = a2n.record({"a": A, "b": B}, threshold={"a": row_mean, "b": 1})
    np.testing.assert_array_equal(mixed.to_dense(), np.hstack([row_mean(A) < A, B > 1]))


def test_callable_that_gives_one_level_a_unit():
    raster = a2n.record(A, threshold=lambda a: LEVELS)
    np.testing.assert_array_equal(raster.to_dense(), LEVELS.astype(np.float32) < A)
    assert raster.annotations["threshold"].startswith("callable ")


@pytest.mark.parametrize(
    "level",
    [np.mean, np.max, lambda a: a.mean(axis=0), lambda a: a[:1], lambda a: np.full(a.shape, len(a))],
)
def test_callable_that_looks_across_the_batch_is_refused(level):
    with pytest.raises(ValueError, match="'activations' another level when a sample comes alone"):
        a2n.record(A, threshold=level)
    with pytest.raises(ValueError, match="another level when a sample comes alone"):
        a2n.record([A[:1], A[1:]], threshold=level)


def third_largest_in_place(activations):
    activations.sort(axis=1)
    return activations[:, -3:-2]


def add_in_place(activations):
    activations += 1
    return activations


@pytest.mark.parametrize("level", [third_largest_in_place, add_in_place])
def test_callable_that_changes_the_activations_is_refused(level):
    given = A.copy()
    with pytest.raises(ValueError, match=r"threshold must not change the activations.* 'activations'"):
        a2n.record(given, threshold=level)
    np.testing.assert_array_equal(given, A)
    with pytest.raises(ValueError, match=r"threshold must not change the activations.* 'second'"):
        a2n.record(mlp(), inputs(21, 6), threshold=level)
    monitor = monitoring.ActivityMonitor({"probe": inputs(20, 6)}, threshold=level)
    with pytest.raises(ValueError, match=r"threshold must not change the activations.* 'second'"):
        monitor.observe(mlp(), 0)


def test_errors_of_a_callable_itself_are_its_own():
    def fail(activations):
        raise ValueError("own words")

    with pytest.raises(ValueError, match=r"^own words$"):
        a2n.record(A, threshold=fail)


def test_callable_of_one_level_a_sample_without_its_axis_is_refused():
    with pytest.raises(ValueError, match=r"broadcasts to .* = \(21, 5\).*got shape \(21,\)"):
        a2n.record(A, threshold=lambda a: a.mean(axis=1))
    with pytest.raises(ValueError, match="another level"):
        a2n.record(A[:5], threshold=lambda a: a.mean(axis=1))


@pytest.mark.parametrize("level", [np.nan, np.inf, -np.inf, [0, 0, np.nan, 0, 0]])
def test_levels_must_be_finite(level):
    with pytest.raises(ValueError, match="threshold must be finite"):
        a2n.record(A, threshold=level)
    with pytest.raises(ValueError, match="threshold must return finite levels"):
        a2n.record(A, threshold=lambda a: np.asarray(level))


@pytest.mark.parametrize(
    ("level", "error", "message"),
    [
        ([0.0, 1.0], ValueError, r"'activations', shape \(5,\); got shape \(2,\)"),
        (np.zeros((21, 5)), ValueError, r"shape \(5,\); got shape \(21, 5\)"),
        ("high", TypeError, "got 'high'"),
        (None, TypeError, "got None"),
        ({"a": 1}, ValueError, r"each recorded layer \['activations'\], got \['a'\]"),
        ({}, ValueError, "each recorded layer"),
        ({"activations": 1, "b": 1}, ValueError, "each recorded layer"),
    ],
)
def test_levels_that_do_not_fit(level, error, message):
    with pytest.raises(error, match=message):
        a2n.record(A, threshold=level)


def classifier(activation):
    return keras.Sequential(
        [
            keras.Input((6,)),
            kl.Dense(4, activation, name="hidden"),
            kl.Dense(4, "relu", name="plain"),
            kl.Dense(3, "softmax", name="out"),
        ]
    )


NEVER_SILENT = [("sigmoid", 0.0), ("softplus", 0), ("relu", -0.1), ("tanh", -1.0), ("elu", -2.0)]
SOMETIMES_SILENT = [("sigmoid", 0.5), ("relu", 0), ("tanh", 0), ("selu", -1.7), ("linear", -9)]


@pytest.mark.parametrize(("activation", "level"), [*NEVER_SILENT, ("softmax", [0, 0.5, 0.5, 0.5])])
def test_layer_that_cannot_be_silent_warns_once_by_name(activation, level):
    with pytest.warns(UserWarning, match="always above") as caught:
        a2n.record(classifier(activation), inputs(21, 6), layers="hidden", threshold=level, batch_size=8)
    (warning,) = caught
    assert f"layer 'hidden' ({activation}) is always above the threshold" in str(warning.message)
    assert warning.filename == __file__


def test_each_such_layer_warns():
    with pytest.warns(UserWarning, match="always above") as caught:
        a2n.record(classifier("sigmoid"), inputs(21, 6), layers="all", batch_size=8)
    assert ["'hidden'" in str(w.message) for w in caught] == [True, False]
    assert ["'out'" in str(w.message) for w in caught] == [False, True]


@pytest.mark.parametrize(("activation", "level"), SOMETIMES_SILENT)
def test_other_layers_do_not_warn(activation, level):
    """Warnings are errors here."""
    a2n.record(
        classifier(activation), inputs(21, 6), layers=["hidden", "plain"], threshold=max(level, 0)
    )
    a2n.record(classifier(activation), inputs(21, 6), layers="hidden", threshold=level)
    a2n.record(classifier(activation), inputs(21, 6), layers="hidden", threshold=lambda a: level)


def test_every_unit_of_such_a_layer_does_fire():
    x = inputs(21, 6)
    for activation, level in NEVER_SILENT:
        with pytest.warns(UserWarning, match="hidden"):
            assert (
                a2n.record(classifier(activation), x, layers="hidden", threshold=level).to_dense().all()
            )


def test_units_of_networks_carry_their_level():
    levels = np.linspace(0, 3, 7)
    raster = a2n.record(mlp(), inputs(21, 6), layers="second", threshold=levels)
    np.testing.assert_array_equal(raster.units["threshold"], levels)


SIGN = (
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "tanh",
    "softsign",
    "hardtanh",
)
ABOVE = {
    **dict.fromkeys(SIGN, 0.0),
    "relu": 0.0,
    "hardsigmoid": -3.0,
    "softshrink": 0.5,
    "hardshrink": 0.5,
}


@pytest.mark.parametrize("name", ABOVE)
def test_what_greater_than_zero_means_for_an_activation_function(name):
    torch = pytest.importorskip("torch")
    function = getattr(torch.nn.functional, name)
    before = torch.linspace(-5, 5, 201, dtype=torch.float64)[:, None]
    raster = a2n.record(function(before).numpy())
    np.testing.assert_array_equal(raster.to_dense()[:, 0], (before > ABOVE[name])[:, 0].numpy())
