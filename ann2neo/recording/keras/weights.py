"""The weights of a Keras model: whether they can be recorded with, and which they are."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.recording.observation import NonFiniteWeightError


def read_variable(variable: Any) -> npt.NDArray[Any]:
    """A copy of what a variable holds, past Keras' own ways that warn under recent versions of NumPy."""
    if keras.backend.backend() == "tensorflow":
        return np.array(variable.numpy())
    return np.array(keras.ops.convert_to_numpy(variable.value))


def hash_weights(network: Any) -> str:
    """SHA-256 over shapes, types and values of the model's weights, in its own order."""
    digest = hashlib.sha256()
    for weight in network.weights:
        value = np.asarray(read_variable(weight), order="C")
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def check_weights(network: Any) -> None:
    """Fused kernels of TensorFlow turn the NaN of a broken network into silence: look before."""
    for weight in network.weights:
        value = read_variable(weight)
        if value.dtype.kind not in "fV":
            continue
        # Infinities can be meant in what is not trained, such as masks.
        broken = ~np.isfinite(value) if weight.trainable else np.isnan(value)
        if broken.any():
            raise NonFiniteWeightError(
                f"network {network.name!r} has {value[broken][0]} among its weights, in "
                f"{weight.path!r}; did its training diverge?"
            )
