"""The rule against its definition, and networks whose labels turn random."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann2neo import monitoring, training
from tests.benchmarks import memorization_warning


def flagged(rates, **options):
    rule = monitoring.RateDrop(**options)
    return [rule.update(rate) for rate in rates]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.floats(0.05, 0.9),
    st.integers(1, 4),
    st.integers(1, 8),
    st.integers(1, 5),
)
def test_is_its_definition(rates, drop, smoothing, memory, warm_up):
    means = [
        (look, sum(rates[look - smoothing + 1 : look + 1]) / smoothing)
        for look in range(warm_up + smoothing - 1, len(rates))
    ]
    expected = [False] * len(rates)
    for number, (look, mean) in enumerate(means):
        highest = max(value for _, value in means[max(0, number - memory + 1) : number + 1])
        expected[look] = mean < (1 - drop) * highest
    options = {"smoothing": smoothing, "memory": memory, "warm_up": warm_up}
    assert flagged(rates, drop=drop, **options) == expected


def test_a_fall_is_seen_and_a_slow_drift_is_not():
    # The mean of 20 falls by 0.0205 a look, and below 0.8 × 0.6 with the sixth.
    fall = [0.6] * 300 + [0.19] * 20
    assert flagged(fall).index(True) == 305
    drift = list(np.linspace(0.8, 0.3, 3000))
    assert not any(flagged(drift))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"drop": 1}, ValueError, r"drop must lie in \(0, 1\)"),
        ({"smoothing": 0}, ValueError, "smoothing must be at least 1"),
        ({"memory": 0}, ValueError, "memory must be at least 1"),
        ({"warm_up": 1.5}, TypeError, "warm_up must be an int"),
    ],
)
def test_bad_rules(options, error, match):
    with pytest.raises(error, match=match):
        monitoring.RateDrop(**options)


DIGITS = training.load("digits")


def digits_model(rng):
    model = training.build("mlp", 32, input_shape=(8, 8, 1), n_classes=10, rng=rng)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def test_warns_and_stops_in_fit_when_labels_turn_random():
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    model, options = digits_model(rng), {"batch_size": 32, "verbose": 0}
    alarm = monitoring.MemorizationAlarm({"train": DIGITS.x_train[:100]}, stop=True)
    callback = monitoring.MonitorCallback(alarm)
    model.fit(DIGITS.x_train, DIGITS.y_train, epochs=5, callbacks=[callback], **options)
    assert alarm.flagged_at is None
    labels = training.random_labels(DIGITS.y_train, rng)
    with pytest.warns(
        monitoring.RateDropWarning, match=r"layer 'hidden' has fallen to 0\.\d+ at step 2"
    ):
        model.fit(DIGITS.x_train, labels, epochs=2, callbacks=[callback], **options)
    assert 225 < alarm.flagged_at < 260
    assert callback.step == alarm.flagged_at
    assert callback.to_frame()["step"].max() == alarm.flagged_at


def test_warns_once_and_goes_on_unless_told_to_stop():
    class Eager:
        def update(self, rate):
            return rate >= 0

    alarm = monitoring.MemorizationAlarm({"train": DIGITS.x_train[:100]}, rule=Eager())
    callback = monitoring.MonitorCallback(alarm)
    model = digits_model(np.random.default_rng(0))
    with pytest.warns(monitoring.RateDropWarning) as caught:
        model.fit(DIGITS.x_train[:320], DIGITS.y_train[:320], verbose=0, callbacks=[callback])
    assert len(caught) == 1
    assert alarm.flagged_at == 0
    assert callback.step == 10


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"rule": 0.2}, TypeError, r"rule must be an object with a method update\(rate\), got 0\.2"),
        ({"rule": monitoring.RateDrop}, TypeError, r"rule must be an object .*, got <class .*RateDrop"),
        ({"stop": "yes"}, TypeError, "stop must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments(options, error, match):
    with pytest.raises(error, match=match):
        monitoring.MemorizationAlarm({"train": DIGITS.x_train[:100]}, **options)


def test_a_rule_follows_one_layer():
    alarm = monitoring.MemorizationAlarm({"train": DIGITS.x_train[:100]}, layers="all")
    callback = monitoring.MonitorCallback(alarm)
    model = digits_model(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"one layer for a rule, got \['hidden', 'output'\]"):
        model.fit(DIGITS.x_train[:320], DIGITS.y_train[:320], verbose=0, callbacks=[callback])


def test_a_small_calibration():
    """The whole one is tests/benchmarks/memorization_warning.py."""
    outcomes = memorization_warning.run((32, ("sgd", 0.2), 32), 3, np.random.default_rng(0))
    for outcome in outcomes:
        assert outcome.accuracy > 0.9
        assert outcome.on_true_labels is None
        assert outcome.changed_at < outcome.on_random_labels <= outcome.changed_at + 100
