"""Removed units: the network that comes back says the same, for units that were silent."""

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from ann2neo import training

X = np.random.default_rng(0).normal(size=(2000, 8, 8, 2)).astype("float32")


def silence(network, rng):
    """Biases that silence some units of each layer with a rectifier behind it."""
    for layer in network.layers[:-1]:
        if isinstance(layer, (kl.Dense, kl.Conv2D)):
            bias = rng.normal(size=layer.bias.shape)
            bias[rng.permutation(bias.size)[: bias.size // 3]] = -1000
            layer.bias.assign(bias)
        if isinstance(layer, kl.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, value.shape) for value in layer.get_weights()])
    return network


def convolutional():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            kl.Conv2D(9, 3, name="first"),
            kl.BatchNormalization(beta_initializer="zeros"),
            kl.ReLU(name="first_relu"),
            kl.MaxPooling2D(),
            kl.Conv2D(6, 2, activation="relu", name="second"),
            kl.Flatten(),
            kl.Dropout(0.2),
            kl.Dense(12, "relu", name="third"),
            kl.Dense(4, name="output"),
        ]
    )


def test_a_keras_chain_says_the_same_without_its_silent_units():
    network = silence(convolutional(), np.random.default_rng(2))
    # As beta may lift what the convolution silenced, the recorded place is behind the rectifier.
    recorded = [
        a2n.record(network, X, layers=layer, conv_units="channels", progress=False)
        for layer in ("first_relu", "second", "third")
    ]
    units = {}
    for raster in recorded:
        units |= a2n.removable_units(raster).silent
    assert len(units["second"]) == 2
    assert len(units["third"]) >= 4
    smaller = training.remove_units(network, units)
    assert smaller.get_layer("second").filters == 4
    assert smaller.get_layer("first").filters == 9 - len(units.get("first_relu", ()))
    before, after = network.predict(X, verbose=0), smaller.predict(X, verbose=0)
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    assert smaller.count_params() < network.count_params()


@pytest.mark.parametrize("functional", [False, True])
def test_any_units_may_go(functional):
    network = convolutional()
    if functional:
        network = keras.Model(network.inputs, network.outputs)
    smaller = training.remove_units(network, {"first": [0, 4], "third": [1]})
    # The same as zeros in what the units say.
    network.get_layer("first").set_weights([v.copy() for v in network.get_layer("first").get_weights()])
    for name, gone in (("second", [0, 4]), ("output", [1])):
        kernel, bias = network.get_layer(name).get_weights()
        kernel[..., gone, :] = 0
        network.get_layer(name).set_weights([kernel, bias])
    np.testing.assert_allclose(
        smaller.predict(X[:50], verbose=0), network.predict(X[:50], verbose=0), atol=1e-5
    )


def test_a_torch_chain_and_masks():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    def make():
        return nn.Sequential(
            nn.Conv2d(2, 7, 3),
            nn.BatchNorm2d(7),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Sequential(nn.Flatten(), nn.Linear(63, 10), nn.ReLU()),
            nn.Linear(10, 3),
        ).eval()

    network = make()
    with torch.no_grad():
        network[1].running_mean.uniform_()
        network[1].bias[[2, 5]] = -100
        network[4][1].bias[[0, 3, 4]] = -100
    x = torch.from_numpy(X.transpose(0, 3, 1, 2).copy())
    units = a2n.removable_units(a2n.record(network, x, layers=["2", "4.2"], progress=False))
    assert units.silent["2"].tolist() == [2, 5]
    assert set(units.silent["4.2"]) >= {0, 3, 4}
    smaller = training.remove_units(network, units)
    with torch.no_grad():
        np.testing.assert_allclose(smaller(x), network(x), atol=1e-5)
    assert (smaller[0].out_channels, smaller[1].num_features, network[0].out_channels) == (5, 5, 7)
    masked = training.mask_units(make(), {"4.1": [0, 3]})
    assert (masked[4][1](torch.ones(2, 63))[:, [0, 3]] == 0).all()
    with pytest.raises(ValueError, match=r"must be a torch.nn.Sequential, .* got a Linear"):
        training.remove_units(nn.Linear(2, 2), {"0": [1]})


@pytest.mark.parametrize(
    ("units", "error", "match"),
    [
        (
            {"third": [12]},
            ValueError,
            r"units\['third'\] must lie in \[0, 12\), the layer's units, got 12",
        ),
        ({"third": range(12)}, ValueError, "must leave at least one of the layer's 12 units"),
        ({"flat": [0]}, ValueError, "units names layer 'flat', and no layer with weights is known"),
        ({"output": [0]}, ValueError, "units names layer 'output', and no layer"),
        ({"third": [0.5]}, TypeError, r"units\['third'\] must be int"),
        ([1, 2], TypeError, "units must be what removable_units returns or a dict"),
    ],
)
def test_bad_units(units, error, match):
    with pytest.raises(error, match=match):
        training.remove_units(convolutional(), units)


def test_what_is_no_chain_is_refused_by_name():
    inputs = keras.Input((4,))
    hidden = kl.Dense(5, "relu", name="hidden")(inputs)
    joined = kl.Concatenate(name="joined")([inputs, hidden])
    network = keras.Model(inputs, kl.Dense(2)(joined))
    with pytest.raises(ValueError, match="must be a chain of layers, 'joined' is not fed by the one"):
        training.remove_units(network, {"hidden": [0]})
    recurrent = keras.Sequential(
        [keras.Input((4, 3)), kl.Dense(5, "relu", name="a"), kl.LSTM(2, name="b"), kl.Dense(2)]
    )
    with pytest.raises(ValueError, match="layer 'b', a LSTM, reads units that are to be removed"):
        training.remove_units(recurrent, {"a": [0]})
    with pytest.raises(ValueError, match="has no weights yet"):
        training.remove_units(keras.Sequential([kl.Dense(5, name="a"), kl.Dense(2)]), {"a": [0]})
    with pytest.raises(TypeError, match=r"must be a keras\.Model or a torch\.nn\.Sequential, got str"):
        training.remove_units("network", {})
