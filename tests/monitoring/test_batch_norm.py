"""Networks seen by the averages of the samples at hand, against passes in training mode."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from ann2neo import monitoring

SAMPLES = np.random.default_rng(0).normal(3, 2, (40, 4, 4, 2)).astype("float32")


def build_normalized(*, dropout=0.0):
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


def pass_through(network, **options):
    return keras.ops.convert_to_numpy(network(SAMPLES, **options))


def test_inference_is_then_what_training_mode_gives():
    network = build_normalized()
    with monitoring.batch_norm_statistics(network, SAMPLES):
        inside = pass_through(network, training=False)
        # The averages are of all samples, however few are shown at a time.
        few = keras.ops.convert_to_numpy(network(SAMPLES[:7], training=False))
    outside = pass_through(network, training=False)
    np.testing.assert_allclose(inside, pass_through(network, training=True), atol=1e-6)
    np.testing.assert_allclose(few, inside[:7], atol=1e-6)
    assert np.abs(inside - outside).max() > 0.01


def test_the_network_is_as_it_was_also_if_the_block_raises():
    network = build_normalized(dropout=0.5)
    before = state(network)

    def break_look():
        with monitoring.batch_norm_statistics(network, SAMPLES):
            assert not same(network, before)
            # What is trained meanwhile goes by the network's own momenta.
            assert network.get_layer("outer").momentum == 0.9
            assert network.get_layer("nested").layers[0].momentum == 0.8
            raise KeyError("of the block")

    with pytest.raises(KeyError, match="of the block"):
        break_look()
    assert same(network, before)
    assert network.get_layer("outer").momentum == 0.9
    assert network.get_layer("nested").layers[0].momentum == 0.8


def test_frozen_layers_keep_their_own_averages():
    network = build_normalized()
    network.get_layer("outer").trainable = False
    with monitoring.batch_norm_statistics(network, SAMPLES):
        own = network.get_layer("outer").moving_mean
        assert not keras.ops.convert_to_numpy(own).any()
        assert keras.ops.convert_to_numpy(network.get_layer("nested").layers[0].moving_mean).any()


def test_training_is_bit_identical_with_looks_by_such_averages():
    ends = []
    for watched in (False, True):
        network = build_normalized(dropout=0.3)
        network.compile("sgd", "sparse_categorical_crossentropy")
        monitor = monitoring.PatternMonitor({"probe": SAMPLES[:9]}, conv_units="channels")
        look = monitoring.MonitorCallback(monitor, every=1, batch_norm_samples=SAMPLES)
        labels, callbacks = np.arange(40) % 2, [look] if watched else []
        network.fit(
            SAMPLES, labels, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=callbacks
        )
        ends.append(state(network))
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))


def test_a_callback_sees_the_network_by_these_averages():
    network = build_normalized()
    network.compile("sgd", "sparse_categorical_crossentropy")
    monitor = monitoring.PatternMonitor({"probe": SAMPLES}, conv_units="channels")
    look = monitoring.MonitorCallback(monitor, every=99, batch_norm_samples=SAMPLES)
    network.fit(SAMPLES, np.arange(40) % 2, epochs=1, verbose=0, callbacks=[look])
    by_hand = monitoring.PatternMonitor({"probe": SAMPLES}, conv_units="channels")
    again = build_normalized()
    with monitoring.batch_norm_statistics(again, SAMPLES):
        by_hand.observe(again, 0)
    entropy = monitor.to_frame()["entropy"].iloc[0]
    assert entropy == by_hand.to_frame()["entropy"].iloc[0]
    plain = monitoring.PatternMonitor({"probe": SAMPLES}, conv_units="channels")
    plain.observe(build_normalized(), 0)
    assert entropy != plain.to_frame()["entropy"].iloc[0]


def test_weights_that_training_mode_changes_are_as_they_were_within_too():
    layers = [
        keras.Input((8,)),
        kl.SpectralNormalization(kl.Dense(5, name="normed")),
        kl.BatchNormalization(),
    ]
    network = keras.Sequential(layers)
    before = state(network)
    kernel = network.layers[0].get_weights()[0]
    with monitoring.batch_norm_statistics(network, SAMPLES.reshape(40, -1)[:, :8]):
        np.testing.assert_array_equal(network.layers[0].get_weights()[0], kernel)
    assert same(network, before)


def test_a_network_not_yet_built():
    network = keras.Sequential([kl.Dense(3), kl.BatchNormalization(name="late")])
    with monitoring.batch_norm_statistics(network, SAMPLES.reshape(40, -1)):
        assert keras.ops.convert_to_numpy(network.get_layer("late").moving_mean).any()
    assert not keras.ops.convert_to_numpy(network.get_layer("late").moving_mean).any()


def test_averages_that_were_infinite_do_not_matter():
    network = build_normalized()
    network.get_layer("outer").moving_mean.assign([np.inf, np.nan, 0])
    with monitoring.batch_norm_statistics(network, SAMPLES):
        inside = pass_through(network, training=False)
    np.testing.assert_allclose(inside, pass_through(network, training=True), atol=1e-6)


def test_a_call_that_is_a_graph_of_its_own():
    tf = pytest.importorskip("tensorflow")

    class Traced(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = kl.BatchNormalization(momentum=0.5)

        @tf.function
        def call(self, x, training=False):
            return self.inner(x, training=training)

    network = Traced()
    samples = SAMPLES.reshape(40, -1)
    network(samples[:3], training=True)
    with monitoring.batch_norm_statistics(network, samples):
        np.testing.assert_allclose(network.inner.moving_mean, samples.mean(0), rtol=1e-5)


def test_networks_whose_averages_cannot_be_told_are_refused():
    shared = kl.BatchNormalization(name="shared")
    inputs = keras.Input((4,))
    twice = keras.Model(inputs, shared(2 * shared(inputs)))
    before = state(twice)
    assert_refused(
        twice, SAMPLES.reshape(160, -1)[:, :4], r"each batch normalization once, 'shared' is called 2"
    )
    assert same(twice, before)
    renormalized = keras.Sequential([keras.Input((4,)), kl.BatchNormalization(renorm=True, name="re")])
    assert_refused(
        renormalized, SAMPLES.reshape(160, -1)[:, :4], "must not renormalize, layer 're' does"
    )


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (SAMPLES[:0], r"one sample at least, got shape \(0, 4, 4, 2\)"),
        (
            np.where(np.arange(40) == 3, np.nan, 1)[:, None, None, None] * SAMPLES,
            "finite, sample 3 is not",
        ),
        (None, r"must be numbers .* got shape \(\) of object"),
        (np.ones((3, 5, 5, 9)), r"what the network takes, got shape \(3, 5, 5, 9\)"),
    ],
)
def test_samples_that_do_not_fit_change_nothing(samples, said):
    network = build_normalized()
    before = state(network)
    assert_refused(network, samples, said)
    assert same(network, before)
    assert network.get_layer("outer").momentum == 0.9


def assert_refused(network, samples, said):
    with pytest.raises(ValueError, match=said), monitoring.batch_norm_statistics(network, samples):
        pass


def test_other_networks_are_refused():
    with (
        pytest.raises(TypeError, match=r"must be a keras\.Model or a torch\.nn\.Module, got <f"),
        monitoring.batch_norm_statistics(state, SAMPLES),
    ):
        pass


def test_torch_gives_what_training_mode_gives():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.BatchNorm1d(4),
    ).eval()
    samples = SAMPLES.transpose(0, 3, 1, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    generator = torch.random.get_rng_state()
    with monitoring.batch_norm_statistics(network, samples), torch.no_grad():
        found = network(torch.from_numpy(samples.copy()))
        assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(torch.random.get_rng_state(), generator)
    with torch.no_grad():
        expected = network.train()(torch.from_numpy(samples.copy()))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    refused = pytest.raises(ValueError, match="samples must be what the network takes")
    with refused, monitoring.batch_norm_statistics(network, samples[:, :1]):
        pass
    assert network.training
