"""Conditions: the paper's five, their domains, and what is made of them."""

import dataclasses

import numpy as np
import pytest

from ann2neo import training
from ann2neo.training import Condition, StoppingRule


def test_the_papers_five():
    found = {
        name: (c.start, c.labels, c.trainable, c.stop.epochs) for name, c in training.CONDITIONS.items()
    }
    assert found == {
        "Random": ("initial", "true", "all", 0),
        "Generalizing": ("initial", "true", "all", 50),
        "MemRetrainLast": ("generalizing", "random", 2, 2500),
        "MemRetrainAll": ("generalizing", "random", "all", 2500),
        "MemRandomLast": ("initial", "random", 2, 2500),
    }
    assert all(c.name == name for name, c in training.CONDITIONS.items())


def test_is_a_value():
    again = Condition("Generalizing", "initial", "true", "all", StoppingRule(50))
    assert again == training.GENERALIZING
    assert {again: 1}[training.GENERALIZING] == 1
    assert hash(Condition("a", "initial", "true", ["x", "y"], StoppingRule(np.int64(3)))) is not None
    with pytest.raises(dataclasses.FrozenInstanceError):
        again.name = "other"


def test_with_stop_changes_only_the_stop():
    changed = training.MEM_RETRAIN_LAST.with_stop(accuracy=0.3, plateau=4)
    assert changed.stop == StoppingRule(2500, 0.3, 4)
    assert dataclasses.replace(changed, stop=training.MEM_RETRAIN_LAST.stop) == training.MEM_RETRAIN_LAST
    with pytest.raises(TypeError, match="passes"):
        training.RANDOM.with_stop(passes=3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ({"epochs": 0.0}, TypeError, "epochs must be an int of at least 0, got 0.0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an int"),
        ({"epochs": False}, TypeError, "epochs must be an int"),
        ({"epochs": 1, "accuracy": 0}, ValueError, r"accuracy must lie in \(0, 1\], got 0"),
        ({"epochs": 1, "accuracy": 98.7}, ValueError, "98.7"),
        ({"epochs": 1, "accuracy": "high"}, TypeError, "'high'"),
        ({"epochs": 1, "accuracy": float("nan")}, ValueError, "nan"),
        ({"epochs": 1, "plateau": 0}, ValueError, "plateau must be at least 1"),
    ],
)
def test_stops_out_of_domain(arguments, error, message):
    with pytest.raises(error, match=message):
        StoppingRule(**arguments)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": ""}, TypeError, "name must be a non-empty str"),
        ({"start": "scratch"}, ValueError, "start must be one of .*'scratch'"),
        ({"labels": "wrong"}, ValueError, "labels must be one of .*'wrong'"),
        ({"trainable": "hidden"}, ValueError, r"for one layer write \('hidden',\)"),
        ({"trainable": 0}, ValueError, "trainable must be at least 1"),
        ({"trainable": ()}, ValueError, "at least one layer"),
        ({"trainable": (1, 2)}, ValueError, "by str"),
        ({"trainable": None}, TypeError, "trainable must be an int"),
        ({"stop": 50}, TypeError, "stop must be a StoppingRule, got 50"),
    ],
)
def test_conditions_out_of_domain(changes, error, message):
    with pytest.raises(error, match=message):
        dataclasses.replace(training.GENERALIZING, **changes)
