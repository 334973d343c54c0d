"""The same weights in torch and in Keras give the same bits, unit by unit."""

import keras
import numpy as np
import pytest
from keras import layers as kl

import ann2neo as a2n
from tests.recording.models import inputs, mlp, with_weights

torch = pytest.importorskip("torch")
nn = torch.nn
N = 21


def port(layer):
    """A torch module with the weights of a Keras layer."""
    kernel, bias = (np.array(weight) for weight in layer.get_weights())
    if kernel.ndim == 2:
        module = nn.Linear(*kernel.shape)
        kernel = kernel.T
    else:
        module = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2])
        kernel = kernel.transpose(3, 2, 0, 1)
    module.weight.data = torch.tensor(np.ascontiguousarray(kernel))
    module.bias.data = torch.tensor(bias)
    return module


def in_order_of_place(raster):
    """A raster whose units come layer by layer, in a layer by channel, row and column."""
    table = raster.units.assign(layer=raster.units["layer"].map(raster.layers.index))
    order = table.sort_values(["layer", "channel", "row", "column", "unit_index"], kind="stable").index
    return raster.select(units=order.to_numpy())


@pytest.mark.parametrize(("threshold", "shuffled"), [(0, False), (1.5, True)])
def test_dense_network(threshold, shuffled):
    model, x = mlp(), inputs(N, 6)
    dense = [port(model.get_layer(name)) for name in ("first", "second", "out")]
    network = nn.Sequential(dense[0], nn.ReLU(), dense[1], nn.ReLU(), dense[2], nn.Softmax(-1))
    options = {"threshold": threshold, "batch_size": 8, "labels": np.arange(N)}
    rasters = []
    for net, layers in ((model, ["first", "second"]), (network, ["1", "3"])):
        rng = np.random.default_rng(2) if shuffled else None
        rasters.append(a2n.record(net, x, layers=layers, rng=rng, **options))
    of_keras, of_torch = rasters
    assert 0 < of_keras.to_dense().mean() < 1
    np.testing.assert_array_equal(of_torch.words, of_keras.words)
    assert of_torch.samples.equals(of_keras.samples)
    assert of_torch.units.drop(columns="layer").equals(of_keras.units.drop(columns="layer"))
    last = a2n.record(network, x, **options)
    assert last.layers == ["3"]
    np.testing.assert_array_equal(last.words, a2n.record(model, x, **options).words)


def test_convolutional_network():
    model = with_weights(
        keras.Sequential(
            [
                keras.Input((5, 4, 2)),
                kl.Conv2D(3, 2, activation="relu", name="conv"),
                kl.Conv2D(4, (1, 2), activation="relu", name="wide"),
                kl.Flatten(),
                kl.Dense(6, "relu", name="dense"),
                kl.Dense(2, name="out"),
            ]
        )
    )
    conv, wide, dense, out = (port(model.get_layer(n)) for n in ("conv", "wide", "dense", "out"))
    # Keras flattens row, column, channel; torch channel, row, column.
    columns = np.arange(4 * 2 * 4).reshape(4, 2, 4).transpose(2, 0, 1).ravel()
    dense.weight.data = dense.weight.data[:, columns]
    network = nn.Sequential(
        *(conv, nn.ReLU(inplace=True), wide, nn.ReLU(), nn.Flatten(), dense, nn.ReLU(), out)
    )
    x = inputs(N, 5, 4, 2)
    first = x.transpose(0, 3, 1, 2)
    of_keras = a2n.record(model, x, layers=["conv", "wide", "dense"], batch_size=8)
    of_torch = a2n.record(network, first, layers=["1", "3", "6"], batch_size=8)
    assert 0 < of_keras.to_dense().mean() < 1
    assert not np.array_equal(of_torch.words, of_keras.words)
    ours, theirs = in_order_of_place(of_torch), in_order_of_place(of_keras)
    np.testing.assert_array_equal(ours.words, theirs.words)
    places = ["channel", "row", "column"]
    assert ours.units[places].equals(theirs.units[places])
    # A channel a unit and a position a sample needs no reordering.
    for names in (("conv", "1"), ("wide", "3")):
        options = {"conv_units": "channels", "batch_size": 8}
        a, b = (
            a2n.record(net, given, layers=name, **options)
            for net, given, name in ((model, x, names[0]), (network, first, names[1]))
        )
        np.testing.assert_array_equal(a.words, b.words)
        assert a.samples.equals(b.samples)
        assert a.units.drop(columns="layer").equals(b.units.drop(columns="layer"))
