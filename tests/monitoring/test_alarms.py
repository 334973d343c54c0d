"""The rule against its definition, and networks whose labels turn random."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ann2neo as a2n
from ann2neo import monitoring, training


def flag(rates, **options):
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
    assert flag(rates, drop=drop, **options) == expected


def test_a_fall_is_seen_and_a_slow_drift_is_not():
    # The mean of 20 falls by 0.0205 a look, and below 0.8 × 0.6 with the sixth.
    fall = [0.6] * 300 + [0.19] * 20
    assert flag(fall).index(True) == 305
    drift = list(np.linspace(0.8, 0.3, 3000))
    assert not any(flag(drift))


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
    alarm = monitoring.RateDropAlarm({"train": DIGITS.x_train[:100]}, stop=True)
    callback = monitoring.MonitorCallback(alarm)
    model.fit(DIGITS.x_train, DIGITS.y_train, epochs=5, callbacks=[callback], **options)
    assert alarm.flagged_at is None
    labels = training.random_labels(DIGITS.y_train, rng=rng)
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

    alarm = monitoring.RateDropAlarm({"train": DIGITS.x_train[:100]}, rule=Eager())
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
        ({"rule": 0.2}, TypeError, r"rule must be an object with a method update\(value\), got 0\.2"),
        ({"rule": monitoring.RateDrop}, TypeError, r"rule must be an object .*, got <class .*RateDrop"),
        ({"stop": "yes"}, TypeError, "stop must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments(options, error, match):
    with pytest.raises(error, match=match):
        monitoring.RateDropAlarm({"train": DIGITS.x_train[:100]}, **options)


def test_a_rule_follows_one_layer():
    alarm = monitoring.RateDropAlarm({"train": DIGITS.x_train[:100]}, layers="all")
    callback = monitoring.MonitorCallback(alarm)
    model = digits_model(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"one layer for a rule, got \['hidden', 'output'\]"):
        model.fit(DIGITS.x_train[:320], DIGITS.y_train[:320], verbose=0, callbacks=[callback])


def test_a_small_calibration():
    """The whole one is tests/benchmarks/rate_drop.py."""
    from tests.benchmarks import rate_drop

    outcomes = rate_drop.run((32, ("sgd", 0.2), 32), 3, np.random.default_rng(0))
    for outcome in outcomes:
        assert outcome.accuracy > 0.9
        assert outcome.on_true_labels is None
        assert outcome.changed_at < outcome.on_random_labels <= outcome.changed_at + 100


def separation_of(values, **options):
    rule = monitoring.SeparationDrop(**options)
    return [rule.update(value) for value in values]


def test_a_separation_that_comes_back_is_no_memorization():
    course = [0.3] * 200 + [0.1] * 80 + [0.3] * 200
    assert not any(separation_of(course))
    # The mean of 20 lies below 0.7 × 0.3 from the tenth low look on, and the 100th of these warns.
    assert separation_of([0.3] * 200 + [0.1] * 150).index(True) == 200 + 9 + 99


def test_layers_die_by_rate_and_by_silence():
    looks = [(0.4, 0.2), (0.1, 0.3), (0.3, 0.9), (0.19, 0.31), (0.1, 0.9), (0.4, 0.9), (0.1, 0.9)]
    for patience, expected in ((1, [3, 4, 6]), (2, [4])):
        rule = monitoring.LayerDeath(patience=patience)
        flags = [rule.update(*look) for look in looks]
        assert [number for number, flag in enumerate(flags) if flag] == expected


def learn(model, labels, alarm, epochs):
    callback = alarm if isinstance(alarm, monitoring.MonitorCallback) else None
    callback = callback or monitoring.MonitorCallback(alarm)
    options = {"batch_size": 32, "verbose": 0, "epochs": epochs, "callbacks": [callback]}
    model.fit(DIGITS.x_train, labels, **options)
    return callback


def test_memorization_is_told_from_new_names_of_classes():
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    model = digits_model(rng)
    alarm = monitoring.MemorizationAlarm({"train": DIGITS.x_train[:100]}, stop=True)
    callback = learn(model, DIGITS.y_train, alarm, 8)
    learn(model, (DIGITS.y_train + 1) % 10, callback, 8)
    assert alarm.flagged_at is None
    renamed_until = callback.step
    with pytest.warns(monitoring.MemorizationWarning, match="layer 'hidden' separate the predicted"):
        learn(model, training.random_labels(DIGITS.y_train, rng=rng), callback, 12)
    assert renamed_until + 100 < alarm.flagged_at == callback.step
    # What is followed is what recordings say.
    table = alarm.to_frame()
    raster = a2n.record(model, DIGITS.x_train[:100], progress=False)
    predicted = model.predict(DIGITS.x_train[:100], verbose=0).argmax(axis=1)
    last = table.iloc[-1]
    assert last["layer"] == "hidden"
    assert last["class_separation"] == a2n.patterns.class_separation(raster, predicted)
    assert last["firing_rate"] == pytest.approx(a2n.firing_rate(raster).mean())
    assert alarm.layers == ["hidden"]


def test_memorization_alarm_refuses_what_it_cannot_follow():
    model = digits_model(np.random.default_rng(0))
    samples = {"train": DIGITS.x_train[:100]}
    with pytest.raises(ValueError, match=r"probes must be one set of samples, got \['a', 'b'\]"):
        monitoring.MemorizationAlarm({"a": DIGITS.x_train[:9], "b": DIGITS.x_train[:9]})
    with pytest.raises(ValueError, match="layer must not be the output, 'output'"):
        monitoring.MemorizationAlarm(samples, layer="output").observe(model, 0)
    with pytest.raises(ValueError, match=r"layer must be one layer, got \['hidden', 'output'\]"):
        monitoring.MemorizationAlarm(samples, layer="all").observe(model, 0)


def test_a_layer_that_dies_is_named():
    model = digits_model(np.random.default_rng(0))
    alarm = monitoring.DyingLayerAlarm({"train": DIGITS.x_train[:100]}, layers=["hidden"], patience=2)
    alarm.observe(model, 0)
    hidden = model.get_layer("hidden")
    hidden.bias.assign(np.where(np.arange(32) < 28, -100, 0))
    alarm.observe(model, 1)
    with pytest.warns(monitoring.DyingLayerWarning, match=r"by step 2 in layer 'hidden' \(rate 0\.0"):
        alarm.observe(model, 2)
    assert (alarm.flagged_at, alarm.should_stop) == (2, False)
    alarm.observe(model, 3)


def test_the_switches_in_small(monkeypatch):
    """The whole of them is tests/benchmarks/alarm_switches.py."""
    pytest.importorskip("torch", reason="the torch extra is not installed")
    from tests.benchmarks import alarm_switches

    monkeypatch.setattr(alarm_switches, "N_LAST", alarm_switches.N_AFTER)
    seeds, switches = [3, 4], ("renamed", "random, fresh head")
    courses = alarm_switches.run([("digits", "mlp64x1", 0.1)], seeds, switches)
    rows = [row for course in courses for row in alarm_switches.judge(*course, seeds)]
    memorizing = [row["separation_drop_at"] is not None for row in rows]
    assert memorizing == [False, False, True, True]
    dropped = [row["rate_drop_at"] is not None for row in rows]
    assert any(dropped[:2])
    assert not any(dropped[2:])
