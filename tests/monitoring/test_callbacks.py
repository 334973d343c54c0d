"""Callbacks in `fit`: nothing is perturbed, steps and passes are counted, what was seen is kept."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as kl

import ann2neo as a2n
from ann2neo import monitoring
from tests.keras_backends import run_under

BATCH_SIZE = 16
X = np.random.default_rng(0).random((80, 6), dtype=np.float32)
Y = (X.sum(axis=1) > 3).astype(np.int64)
PROBES = {"train": X[:20], "test": X[-20:]}


def watch(every=1, tensorboard=None, **options):
    monitor = monitoring.ActivityMonitor(PROBES, **options)
    return monitoring.MonitorCallback(monitor, every=every, tensorboard=tensorboard)


class Noisy(kl.Layer):
    """Draws from a seed of its own, in inference as well."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(7)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.1, seed=self.seeds)


def dropout():
    return kl.Dropout(0.3)


def model_of(*kinds, **compile_options):
    """A model that starts the same each time, its weights and its dropout."""
    keras.utils.set_random_seed(3)
    inside = [kind() for kind in kinds]
    hidden = kl.Dense(8, "relu", name="hidden", activity_regularizer="l2")
    model = keras.Sequential([keras.Input((6,)), kl.Dense(5, "relu"), *inside, hidden, kl.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"], **compile_options)
    return model


def fit(model, *callbacks, epochs=2, **options):
    return model.fit(
        X, Y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=list(callbacks), **options
    )


def state(model):
    return [np.asarray(v.numpy()) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_training_is_bit_identical_with_and_without_a_monitor(options):
    def train_model(*callbacks):
        model = model_of(dropout, kl.BatchNormalization, Noisy, **options)
        history = fit(model, *callbacks, validation_split=0.2)
        return state(model), history.history

    monitor = watch(layers="all", statistics={"n": lambda raster: raster.n_units})
    plain = train_model()
    # `Noisy` draws whether it is in training or not.
    with pytest.warns(UserWarning, match="values are others each time"):
        watched = train_model(monitor)
    assert len(monitor.to_frame()) == (2 * 4 + 1) * 2 * 4
    for one, other in zip(plain[0], watched[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert plain[1] == watched[1]
    assert not np.array_equal(plain[0][0], state(model_of())[0])


class Spy(keras.callbacks.Callback):
    """Records after every batch."""

    def on_train_begin(self, logs=None):
        self.rates = []
        self.on_train_batch_end(0)

    def on_train_batch_end(self, batch, logs=None):
        raster = a2n.record(self.model, PROBES["test"], layers="hidden", progress=False)
        self.rates.append(raster.spike_counts.sum() / (20 * 8))


def test_each_look_is_the_network_of_that_step():
    spy, monitor = Spy(), watch()
    fit(model_of(), spy, monitor, epochs=1)
    found = monitor.to_frame()
    assert found["step"].tolist() == [step for step in range(6) for _ in PROBES]
    np.testing.assert_allclose(found.loc[found["probe"] == "test", "firing_rate"], spy.rates)
    assert len(set(spy.rates)) > 1


def list_looks(monitor):
    table = monitor.to_frame().drop_duplicates("step")
    return list(zip(table["step"], table["training_epoch"], strict=True))


def test_schedules():
    expected = [
        (4, [(0, 0), (4, 1), (8, 2)]),
        ("training_epoch", [(0, 0), (5, 1), (10, 2)]),
        ([7, 0, 2, 99], [(0, 0), (2, 1), (7, 2)]),
        (monitoring.log_spaced(10, 3), [(0, 0), (1, 1), (3, 1), (10, 2)]),
    ]
    monitors = [watch(every=every) for every, _ in expected]
    fit(model_of(), *monitors)
    assert [list_looks(monitor) for monitor in monitors] == [looks for _, looks in expected]


def test_a_further_fit_goes_on_counting():
    model, monitor = model_of(), watch(every=5)
    fit(model, monitor, epochs=1)
    fit(model, monitor, epochs=1)
    fit(model, monitor, epochs=8, initial_epoch=6)
    assert list_looks(monitor) == [(0, 0), (5, 1), (10, 2), (15, 7), (20, 8)]
    model.compile("sgd", model.loss, run_eagerly=True)
    fit(model, monitor, epochs=1)
    assert list_looks(monitor)[-1] == (25, 9)


def test_several_batches_an_execution_count_as_many_steps():
    monitor = watch(every=3)
    fit(model_of(steps_per_execution=2), monitor)
    assert [step for step, _ in list_looks(monitor)] == [0, 4, 7, 9]


def test_interrupted_training_keeps_what_was_seen(tmp_path):
    def interrupt(batch, logs=None):
        if batch == 2:
            raise KeyboardInterrupt

    monitor = watch()
    with pytest.raises(KeyboardInterrupt):
        fit(model_of(), keras.callbacks.LambdaCallback(on_train_batch_end=interrupt), monitor)
    assert list_looks(monitor) == [(0, 0), (1, 1), (2, 1)]
    saved = pd.read_csv(monitor.save(tmp_path / "m.csv"))
    pd.testing.assert_frame_equal(saved, monitor.to_frame(), check_dtype=False)


def test_diverged_training_says_when():
    broken = X.copy()
    broken[BATCH_SIZE : 2 * BATCH_SIZE] = np.nan
    monitor = watch()
    options = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
    with pytest.raises(FloatingPointError, match="diverged by step 2"):
        model_of().fit(broken, Y, callbacks=[monitor], **options)
    assert list_looks(monitor) == [(0, 0), (1, 1)]


def test_unknown_layers_are_refused_before_training():
    model = model_of()
    before = state(model)
    with pytest.raises(ValueError, match="layers must be 'all', 'activations', 'last_hidden' or among"):
        fit(model, watch(layers="third"))
    for one, other in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_curves_for_tensorboard(tmp_path):
    tf = pytest.importorskip("tensorflow")
    monitor = watch(tensorboard=tmp_path / "log")
    fit(model_of(), monitor)
    fit(model_of(), monitor, epochs=1)
    (file,) = (tmp_path / "log").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            assert (value.tag, event.step) not in found
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    columns = ["firing_rate", "cv_firing_rate_percent", "fanofactor"]
    table = monitor.to_frame()
    expected = {
        (f"{row.layer}/{row.probe}/{column}", row.step): getattr(row, column)
        for row in table.itertuples()
        for column in columns
    }
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends(backend):
    run_under(backend, "tests.monitoring.callbacks_backend_program")
