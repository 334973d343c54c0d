"""A zoo of Keras models: each layer recorded has the bits that a model cut at this layer gives, a sample
at a time, and each layer with weights or an activation function is recorded, or said why not."""

import warnings

import keras
import numpy as np
import pytest

import ann2neo as a2n
from tests.zoo import keras_networks as zoo


def cut_models(model):
    """Label → tensor of a functional model, or of one of the functional models inside."""
    found = {}
    for layer in model.layers:
        outputs = [node.outputs for node in layer._inbound_nodes if node in _nodes(model)]
        for number, tensors in enumerate(outputs):
            if len(tensors) == 1:
                label = f"{layer.name}:{number}" if len(outputs) > 1 else layer.name
                found[label] = tensors[0]
    return found


def _nodes(model):
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return {node for nodes in graph._nodes_by_depth.values() for node in nodes}


def one_at_a_time(model, x):
    """Label → values for each sample alone."""
    if isinstance(model, zoo.Subclassed):
        first = _each(model.first, x)
        second = _each(model.second, first)
        names = [layer.name for layer in (model.first, model.second, model.out)]
        third = _each(model.second, second)
        return {
            names[0]: first,
            f"{names[1]}:0": second,
            f"{names[1]}:1": third,
            names[2]: _each(model.out, third + first),
        }
    tensors = cut_models(model)
    cut = keras.Model(model.inputs[0], tensors)
    rows = [cut(x[k : k + 1], training=False) for k in range(len(x))]
    found = {label: np.concatenate([np.asarray(row[label]) for row in rows]) for label in tensors}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            given = np.asarray(x)
            found |= {f"{layer.name}.{name}": v for name, v in one_at_a_time(layer, given).items()}
    return found


def _each(layer, x):
    return np.concatenate([np.asarray(layer(x[k : k + 1])) for k in range(len(x))])


def list_weighted(model):
    """Layers with weights or an activation function of their own, at whatever depth."""
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if layer._trainable_variables or getattr(layer, "activation", None) is not None
    ]


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_networks(name):
    make, shape = zoo.NETWORKS[name]
    keras.utils.set_random_seed(0)
    model, x = make(), zoo.samples_of(shape)
    own = one_at_a_time(model, x)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        raster = a2n.record(model, x, layers="all", batch_size=4, progress=False)
    told = " ".join(str(warning.message) for warning in said)
    n_compared = 0
    close = 1e-2 if name == "mixed precision" else 1e-4
    for layer in raster.layers:
        if layer not in own:
            continue
        values = own[layer].reshape(len(x), -1).astype(float)
        undecided = np.abs(values) < close * np.abs(values).max()
        found = raster.select(layer=layer).to_dense()
        assert found.shape == values.shape
        assert ((found == (values > 0)) | undecided).all(), layer
        assert undecided.mean() < 0.9 or (values == 0).mean() > 0.5, layer
        n_compared += 1
    assert n_compared >= 1 + (name != "gated"), (n_compared, raster.layers, list(own))
    table = a2n.list_layers(model, x[:4])
    for layer in list_weighted(model):
        rows = table[table["module"].str.split(".").str[-1] == layer.name]
        stands = rows["in_all"] | (rows["reason"] != "")
        inside = any(f"{row}." in f"{path}." for row in rows["module"] for path in raster.layers)
        assert (
            (len(rows) and stands.all()) or inside or f"{layer.name}'" in told or _is_part(layer, model)
        ), layer.name
    assert table["in_last_hidden"].sum() == 1


def _is_part(layer, model):
    """Whether a layer is inside one of Keras' own, as a cell is or attention's queries: one node."""
    return any(
        type(other).__module__.startswith("keras.")
        and layer in other._flatten_layers(include_self=False)
        for other in model._flatten_layers(include_self=False)
        if not isinstance(other, keras.Model)
    )
