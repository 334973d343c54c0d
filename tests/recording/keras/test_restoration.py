"""A model is run in inference mode and left as it was found, also when recording raises."""

import functools

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from tests.recording.models import cut, inputs, mlp, record_dense, with_weights

N = 21


def build_with_everything():
    """A compiled and trained model with every kind of state."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            kl.Dense(9, "relu", name="frozen", activity_regularizer="l2"),
            kl.BatchNormalization(name="norm"),
            kl.GaussianNoise(0.5, seed=1),
            kl.Dropout(0.5, seed=2, name="drop"),
            kl.Dense(4, "relu", name="last"),
            kl.Dense(1, name="out"),
        ]
    )
    model.get_layer("frozen").trainable = False
    model.compile("adam", "mse", metrics=["mae"])
    x = inputs(N, 6)
    model.fit(x, x.sum(1), epochs=2, batch_size=7, verbose=0, shuffle=False)
    model.predict(x, verbose=0)
    return model


def state(model):
    """All that recording could touch."""
    layers = model._flatten_layers()
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "values": [variable.numpy().tolist() for variable in variables],
        "variables": [id(variable) for variable in variables],
        "trainable": [(layer.trainable, layer.built) for layer in layers],
        "attributes": [sorted(layer.__dict__) for layer in layers],
        "functions": [id(getattr(model, f"{name}_function")) for name in ("train", "test", "predict")],
        "compiled": (model.compiled, id(model.optimizer), id(model.loss), model.run_eagerly),
        "losses": [[id(loss) for loss in layer._losses] for layer in layers],
        "nodes": [len(layer._inbound_nodes) for layer in layers],
    }


def test_model_is_left_as_found():
    model, x = build_with_everything(), inputs(N, 6)
    before = state(model)
    raster = a2n.record(model, x, layers="all", batch_size=8)
    assert state(model) == before
    assert raster == a2n.record(model, x, layers="all", batch_size=8)
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(raster.select(layer="out").to_dense(), expected > 0)
    model.fit(x, x.sum(1), verbose=0)


class MoodError(Exception):
    pass


def yield_and_fail(model):
    yield inputs(8, 6)
    raise MoodError


def make_overflowing(model):
    """Samples that make an activation infinite; a NaN would be lost in TensorFlow's relu."""
    return np.tile(3e38 * np.sign(model.get_layer("frozen").kernel.numpy()[:, 0]), (N, 1))


@pytest.mark.parametrize(
    ("samples", "options", "error"),
    [
        (yield_and_fail, {}, MoodError),
        (lambda _: inputs(N, 6), {"layers": "no such"}, ValueError),
        (lambda _: inputs(N, 5), {}, ValueError),
        (make_overflowing, {"layers": "frozen"}, ValueError),
        (lambda _: inputs(N, 6), {"threshold": [1.0, 2.0]}, ValueError),
    ],
)
def test_model_is_left_as_found_by_exceptions(samples, options, error):
    model = build_with_everything()
    before = state(model)
    with pytest.raises(error):
        a2n.record(model, samples(model), batch_size=8, **options)
    assert state(model) == before
    model.predict(inputs(N, 6), verbose=0)


def test_model_is_left_as_found_when_a_layer_raises():
    class Moody(kl.Layer):
        fail = False

        def call(self, x):
            if self.fail:
                raise MoodError
            return x

    moody = Moody()
    model = keras.Sequential([keras.Input((6,)), kl.Dense(3, "relu"), moody, kl.Dense(1)])
    model.compile("sgd", "mse")
    before, moody.fail = state(model), True
    with pytest.raises(MoodError):
        a2n.record(model, inputs(N, 6))
    after, moody.fail = state(model), False
    before["attributes"] = after["attributes"] = [
        [name for name in names if name != "fail"] for names in after["attributes"]
    ]
    assert after == before
    assert not any("call" in layer.__dict__ for layer in model._flatten_layers())


def test_a_call_that_was_replaced_by_the_user_stays_replaced():
    model, x = mlp(), inputs(N, 6)
    first = model.get_layer("first")
    replaced = functools.partial(type(first).call, first)
    first.__dict__["call"] = replaced
    np.testing.assert_array_equal(record_dense(model, x, "first"), np.asarray(first(x)) > 0)
    assert first.__dict__["call"] is replaced


def test_dropout_and_normalization_are_in_inference_mode():
    model, x = build_with_everything(), inputs(N, 6)
    layers = ["norm", "drop", "last"]
    np.testing.assert_array_equal(record_dense(model, x, layers, batch_size=N), cut(model, *layers)(x))
    moving = np.asarray(model.get_layer("norm").moving_mean)
    assert np.abs(moving).max() > 0  # or inference and training could not be told apart
    values = np.asarray(keras.Model(model.inputs[0], model.get_layer("drop").output)(x, training=True))
    assert not np.array_equal(record_dense(model, x, "drop"), values > 0)


@pytest.mark.parametrize("eager", [False, True])
def test_stateful_recurrent_layers_start_from_their_state_and_keep_it(eager):
    def build():
        model = keras.Sequential(
            [keras.Input((5, 3), batch_size=4), kl.LSTM(6, stateful=True, name="lstm"), kl.Dense(1)]
        )
        with_weights(model).compile(run_eagerly=eager)
        model.predict(inputs(4, 5, 3, seed=9), batch_size=4, verbose=0)
        return model

    x, model, reference = inputs(12, 5, 3), build(), build()
    found = [variable.numpy().copy() for variable in model.get_layer("lstm").states]
    assert np.abs(found[0]).max() > 0
    expected = [np.asarray(reference.get_layer("lstm")(x[i : i + 4])) for i in (0, 4, 8)]
    bits = record_dense(model, x, "lstm", batch_size=4, threshold=0.1)
    np.testing.assert_array_equal(bits, np.concatenate(expected) > 0.1)
    for variable, value in zip(model.get_layer("lstm").states, found, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_layers_with_their_own_seeds_draw_as_if_nothing_had_been_recorded():
    class Noisy(kl.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.seeds = keras.random.SeedGenerator(7)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)

    def build():
        return keras.Sequential([keras.Input((6,)), Noisy(name="noisy"), kl.Dense(1)])

    model, reference, x = build(), build(), inputs(16, 6)
    expected = [np.asarray(reference.get_layer("noisy")(x[i : i + 8])) for i in (0, 8)]
    with pytest.warns(UserWarning, match="'noisy': values are others each time"):
        raster = a2n.record(model, x, layers="noisy", batch_size=8)
    np.testing.assert_array_equal(raster.to_dense(), np.concatenate(expected) > 0)
    with pytest.warns(UserWarning, match="'noisy': values are others each time"):
        assert raster == a2n.record(model, x, layers="noisy", batch_size=8)


def test_a_model_can_be_recorded_with_many_batch_shapes():
    model, x = mlp(), inputs(20 * 21 // 2, 6)
    starts = np.cumsum(np.arange(20))
    raster = a2n.record(model, (x[start : start + n + 1] for n, start in enumerate(starts)))
    np.testing.assert_array_equal(raster.to_dense(), record_dense(model, x, "last_hidden"))
