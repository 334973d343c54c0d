"""Batch normalization by the samples at hand, outside training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ann2neo.extras import needed


@contextlib.contextmanager
def averages_of(network: Any, samples: Any) -> Iterator[None]:
    """Within the block, batch normalization in inference mode uses the averages of `samples`.

    Else it uses moving averages over the batches trained on. These lag behind weights that change fast,
    as at the start of training, and say nothing of an untrained network: what is seen of such a network
    in inference mode is as much about the averages as about the weights. Afterwards the network is as
    it was, bit for bit, also if the block raises.

    Parameters
    ----------
    network : keras.Model
    samples : array of shape (n_samples, ...)
        Shown to the network at once, in training mode.

    Raises
    ------
    TypeError
        If `network` is not a `keras.Model`.

    Notes
    -----
    Layers below are in training mode too when a layer's averages are taken, so that the network gives
    for `samples` in inference mode what it gives in training mode, up to rounding. With dropout that is
    another network, and the averages are those of one draw. A layer that is frozen keeps its own
    averages, as it does in training. Other networks than Keras': in torch, run
    the model on the samples in training mode with ``momentum=1`` and put the buffers back.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import training
    >>> network = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(epsilon=1e-7)])
    >>> samples = np.array([[3.0], [5.0]], "float32")
    >>> with training.averages_of(network, samples):
    ...     normalized = network.predict(samples, verbose=0)
    >>> normalized.round(3).tolist(), network.predict(samples, verbose=0).round(3).tolist()
    ([[-1.0], [1.0]], [[3.0], [5.0]])
    """
    keras = needed("keras", extra="tensorflow")
    if not isinstance(network, keras.Model):
        raise TypeError(f"network must be a keras.Model, got {network!r:.60}")
    layers = [
        layer
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in layers]
    # All that a pass in training mode may change: moving averages, and the states of random layers.
    kept = [
        (variable, np.array(keras.ops.convert_to_numpy(variable)))
        for variable in network.non_trainable_variables
    ]
    try:
        for layer in layers:
            layer.momentum = 0.0
        network(samples, training=True)
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for variable, value in kept:
            variable.assign(value)
