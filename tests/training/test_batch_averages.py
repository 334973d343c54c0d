"""Networks seen by the averages of the samples at hand, against passes in training mode."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from ann2neo import training

SAMPLES = np.random.default_rng(0).normal(3, 2, (40, 4, 4, 2)).astype("float32")


def normalized(*, dropout=0.0):
    """Two layers of batch normalization, one inside a nested network, and averages of no meaning."""
    keras.utils.set_random_seed(7)
    inner = keras.Sequential(
        [keras.Input((4, 4, 3)), kl.BatchNormalization(momentum=0.8, name="inner"), kl.ReLU()],
        name="nested",
    )
    layers = [
        keras.Input((4, 4, 2)),
        kl.Conv2D(3, 3, padding="same"),
        kl.BatchNormalization(momentum=0.9, name="outer"),
        kl.Dropout(dropout, seed=1),
        inner,
        kl.GlobalAveragePooling2D(),
        kl.Dense(2, "softmax"),
    ]
    return keras.Sequential(layers)


def state(network):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in network.variables]


def same(network, values):
    return all(np.array_equal(now, before) for now, before in zip(state(network), values, strict=True))


def passed(network, **options):
    return keras.ops.convert_to_numpy(network(SAMPLES, **options))


def test_inference_is_then_what_training_mode_gives():
    network = normalized()
    with training.averages_of(network, SAMPLES):
        inside = passed(network, training=False)
        # The averages are of all samples, however few are shown at a time.
        few = keras.ops.convert_to_numpy(network(SAMPLES[:7], training=False))
    outside = passed(network, training=False)
    np.testing.assert_allclose(inside, passed(network, training=True), atol=1e-6)
    np.testing.assert_allclose(few, inside[:7], atol=1e-6)
    assert np.abs(inside - outside).max() > 0.01


def test_the_network_is_as_it_was_also_if_the_block_raises():
    network = normalized(dropout=0.5)
    before = state(network)

    def broken_look():
        with training.averages_of(network, SAMPLES):
            assert not same(network, before)
            raise KeyError("of the block")

    with pytest.raises(KeyError, match="of the block"):
        broken_look()
    assert same(network, before)
    assert network.get_layer("outer").momentum == 0.9
    assert network.get_layer("nested").layers[0].momentum == 0.8


def test_samples_that_do_not_fit_change_nothing():
    network = normalized()
    before = state(network)
    with pytest.raises(Exception, match="shape"), training.averages_of(network, np.ones((3, 5, 5, 9))):
        pass
    assert same(network, before)
    assert network.get_layer("outer").momentum == 0.9


def test_frozen_layers_keep_their_own_averages():
    network = normalized()
    network.get_layer("outer").trainable = False
    with training.averages_of(network, SAMPLES):
        own = network.get_layer("outer").moving_mean
        assert not keras.ops.convert_to_numpy(own).any()
        assert keras.ops.convert_to_numpy(network.get_layer("nested").layers[0].moving_mean).any()


def test_training_is_bit_identical_with_looks_by_such_averages():
    class Looks(training.MonitorCallback):
        def look(self, network):
            with training.averages_of(network, SAMPLES):
                super().look(network)

    ends = []
    for callbacks in ([], [Looks(training.PatternMonitor({"probe": SAMPLES[:9]}), every=1)]):
        network = normalized(dropout=0.3)
        network.compile("sgd", "sparse_categorical_crossentropy")
        labels = np.arange(40) % 2
        network.fit(
            SAMPLES, labels, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=callbacks
        )
        ends.append(state(network))
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))


def test_other_networks_are_refused():
    with (
        pytest.raises(TypeError, match=r"network must be a keras\.Model, got <function"),
        training.averages_of(state, SAMPLES),
    ):
        pass
