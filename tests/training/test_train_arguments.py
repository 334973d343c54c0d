"""What `train` and `train_conditions` take, and what they say of something else."""

import dataclasses

import numpy as np
import pytest

from ann2neo import monitoring, training
from ann2neo.recording.keras.weights import hash_weights
from tests.training import own_models

X = np.random.default_rng(0).random((24, 6), dtype=np.float32)
DATA = X, np.arange(24) % 3


SHORT = training.Condition("short", "initial", "true", "all", training.StoppingRule(3))


def train_all(conditions):
    rng = np.random.default_rng(3)
    options = {"batch_size": 8, "validation_split": 0, "progress": False}
    return training.train_conditions(own_models.straight(), DATA, conditions, rng=rng, **options)


def test_conditions_in_a_mapping_are_those_in_a_list():
    short = {
        name: condition.with_stop(epochs=min(condition.stop.epochs, 1))
        for name, condition in training.CONDITIONS.items()
        if name in ("Random", "Generalizing")
    }
    by_mapping, by_list = train_all(short), train_all(list(short.values()))
    assert list(by_mapping) == list(by_list) == ["Random", "Generalizing"]
    for name, one in by_mapping.items():
        assert one.condition == short[name]
        assert hash_weights(one.network) == hash_weights(by_list[name].network)


@pytest.mark.parametrize(
    ("conditions", "given"),
    [
        ("Random", "'Random'"),
        (["Random"], "'Random'"),
        ([training.RANDOM, None], "None"),
        ({"a": "Random"}, "'Random'"),
        (training.RANDOM, r"Condition\(name='Random'"),
        (None, "None"),
    ],
)
def test_what_is_no_condition_is_named(conditions, given):
    message = rf"^conditions must be Conditions, .*, got {given}.*; see ann2neo\.training\.CONDITIONS$"
    with pytest.raises(TypeError, match=message):
        train_all(conditions)


@pytest.mark.parametrize("callbacks", ["monitor", None, {}])
def test_callbacks_without_a_list(callbacks):
    given = (
        monitoring.MonitorCallback(monitoring.ActivityMonitor({"train": X}, window=8))
        if callbacks == "monitor"
        else callbacks
    )
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="callbacks must be a list or tuple, got "):
        training.train(training.GENERALIZING, own_models.straight(), DATA, rng=rng, callbacks=given)


def unbuilt():
    return own_models.Subclassed(3)


def unrepeatable():
    network = own_models.Unrepeatable(5)
    network(np.zeros((1, 6)))
    return network


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"condition": "Random"}, TypeError, "condition must be a Condition, got 'Random'"),
        ({"network": 3}, TypeError, "network must be a keras.Model or a Trained, got int"),
        ({"network": unbuilt}, ValueError, "has no weights yet"),
        ({"network": unrepeatable}, TypeError, r"\(Unrepeatable\) cannot be copied: no configuration"),
        ({"data": (np.zeros((9, 5)), np.zeros(9, int))}, ValueError, r"^data do not fit .*\(5,\)"),
        ({"data": (np.zeros((9, 6)), np.full(9, 3))}, ValueError, "^y_train must be .* 0 to 2"),
        ({"data": (np.zeros((9, 6)), np.zeros(9))}, TypeError, "y_train must be whole numbers"),
        (
            {"condition": dataclasses.replace(SHORT, trainable=("hidden",))},
            ValueError,
            r"trainable names 'hidden', but .* no layer of that name .* \['first', 'second', 'third'\]",
        ),
        ({"condition": dataclasses.replace(SHORT, trainable=4)}, ValueError, "must be at most 3"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate must be a positive number"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be a keras optimizer, got 'adam'"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"validation_split": 1}, ValueError, r"validation_split must lie in \[0, 1\), got 1"),
        ({"validation_split": True}, TypeError, "validation_split must be a number"),
        ({"validation_split": 0.999}, ValueError, "leaves none of 24 samples"),
        ({"fast": "yes"}, ValueError, "fast must be 'auto', True or False, got 'yes'"),
        ({"callbacks": [print]}, TypeError, "callbacks must be keras.callbacks.Callback"),
    ],
)
def test_refusals(changes, error, message):
    if callable(changes.get("network")):
        changes = {**changes, "network": changes["network"]()}
    options = {"condition": SHORT, "network": own_models.straight(), "data": DATA, **changes}
    with pytest.raises(error, match=message):
        training.train(**options, rng=np.random.default_rng(1), progress=False)


def test_an_rng_is_needed():
    with pytest.raises(TypeError, match="rng must be a"):
        training.train(SHORT, own_models.straight(), DATA, rng=0)
