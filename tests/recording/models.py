"""Keras models for the tests, with whole-number weights: sums are exact whatever the batch shape."""

import keras
import numpy as np

import ann2neo as a2n


def with_weights(model, seed=0):
    """The model with weights drawn from −2 to 2; those of a normalization stay as they are."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer._trainable_variables:
                variable.assign(rng.integers(-2, 3, variable.shape).astype(np.float32))
    return model


def inputs(*shape, seed=1):
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


def mlp(**options):
    return with_weights(
        keras.Sequential(
            [
                keras.Input((6,), name="x"),
                keras.layers.Dense(9, "relu", name="first"),
                keras.layers.Dense(7, "relu", name="second"),
                keras.layers.Dense(3, "softmax", name="out"),
            ],
            **options,
        )
    )


def cut(model, *names):
    """What the layers give, by Keras' own means: a sub-model that ends there."""

    def activations(x, threshold=0):
        outputs = [model.get_layer(name).output for name in names]
        found = keras.Model(model.inputs, outputs).predict(x, verbose=0)
        found = found if isinstance(found, list) else [found]
        return np.hstack([values.reshape(len(values), -1) > threshold for values in found])

    return activations


def record_dense(model, x, layers, **options):
    return a2n.record(model, x, layers=layers, **{"batch_size": 8, **options}).to_dense()
