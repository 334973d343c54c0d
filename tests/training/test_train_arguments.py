"""What `train` and `train_conditions` take, and what they say of something else."""

import numpy as np
import pytest

from ann2neo import training
from ann2neo.recording.keras import weights_hash
from tests.training import own_models

X = np.random.default_rng(0).random((24, 6), dtype=np.float32)
DATA = X, np.arange(24) % 3


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
        assert weights_hash(one.network) == weights_hash(by_list[name].network)


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
    given = training.SpikeMonitor({"train": X}, window=8) if callbacks == "monitor" else callbacks
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="callbacks must be a list or tuple, got "):
        training.train(training.GENERALIZING, own_models.straight(), DATA, rng=rng, callbacks=given)
