"""Batch normalization by the samples at hand, outside training."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def batch_norm_statistics(network: Any, samples: Any) -> Iterator[None]:
    """Within the block, batch normalization in inference mode uses the averages of `samples`.

    Else it uses moving averages over the batches trained on. These lag behind weights that change fast,
    as at the start of training, and say nothing of an untrained network: what is seen of such a network
    in inference mode is as much about the averages as about the weights. Afterwards all variables are as
    they were, bit for bit, also if the block raises. Do not train inside it.

    Parameters
    ----------
    network : keras.Model or torch.nn.Module
    samples : array of shape (n_samples, ...)
        Finite; shown to the network at once, in training mode.

    Raises
    ------
    TypeError
        If `network` is neither.
    ValueError
        If `samples` are none, not finite or not what the network takes, or the network calls one batch
        normalization several times or has one that renormalizes: no averages would then do.

    Notes
    -----
    Layers below are in training mode too when a layer's averages are taken, so that the network gives
    for `samples` in inference mode what it gives in training mode, up to rounding. With dropout that is
    another network, and the averages are those of one draw. A layer that is frozen keeps its own
    averages, as it does in training; torch does not say which are frozen, and all take the samples'.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import monitoring
    >>> network = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(epsilon=1e-7)])
    >>> samples = np.array([[3.0], [5.0]], "float32")
    >>> with monitoring.batch_norm_statistics(network, samples):
    ...     normalized = network.predict(samples, verbose=0)
    >>> normalized.round(3).tolist(), network.predict(samples, verbose=0).round(3).tolist()
    ([[-1.0], [1.0]], [[3.0], [5.0]])
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(network, torch.nn.Module) and not _is_keras(network):
        from ann2neo.monitoring.torch_batch_norm import use_averages

        with use_averages(network, _check_samples(samples)):
            yield
        return
    if not _is_keras(network):
        raise TypeError(f"network must be a keras.Model or a torch.nn.Module, got {network!r:.60}")
    keras = sys.modules["keras"]
    samples = _check_samples(samples)
    if not network.built:
        network(samples[:1], training=False)
    # A pass in training mode may change more than averages: states of random layers, normed weights.
    kept = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in network.variables]
    layers = _find_normalizations(network)
    averages = {id(average) for one in layers for average in (one.moving_mean, one.moving_variance)}
    try:
        _take_averages(network, layers, samples)
        for variable, value in kept:
            if id(variable) not in averages:
                variable.assign(value)
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def _is_keras(network: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(network, keras.Model)


def _check_samples(samples: Any) -> np.ndarray:
    array = np.asarray(samples)
    if array.ndim < 2 or array.dtype.kind not in "fiub" or not len(array):
        raise ValueError(
            "samples must be numbers of shape (n_samples, ...), with one sample at least, got shape "
            f"{array.shape} of {array.dtype}"
        )
    if not np.isfinite(array).all():
        rows = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        raise ValueError(f"samples must be finite, sample {int(np.argmin(rows))} is not")
    return array


def _find_normalizations(network: Any) -> list[Any]:
    """The batch normalizations whose averages training would change."""
    import keras

    kind = keras.layers.BatchNormalization
    found = [layer for layer in network._flatten_layers() if isinstance(layer, kind) and layer.trainable]
    for layer in found:
        if getattr(layer, "renorm", False):
            raise ValueError(f"network must not renormalize, layer {layer.name!r} does")
    return found


def _take_averages(network: Any, layers: list[Any], samples: np.ndarray) -> None:
    """One pass in training mode in which moving averages keep nothing of what they were."""
    from ann2neo.recording.keras.calls import note_calls

    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
            # Times 0, what is infinite or NaN would be NaN.
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
            layer.moving_variance.assign(np.zeros(layer.moving_variance.shape))
        with note_calls(layers) as notes, _eagerly():
            try:
                network(samples, training=True)
            except ValueError as error:
                raise ValueError(
                    f"samples must be what the network takes, got shape {samples.shape}: {error}"
                ) from error
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    for name, n_calls in Counter(call.layer.name for call in notes).items():
        if n_calls > 1:
            raise ValueError(
                f"network must call each batch normalization once, {name!r} is called {n_calls} times"
            )


@contextlib.contextmanager
def _eagerly() -> Iterator[None]:
    """A call that is a graph of its own would use the momentum it was traced with."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
