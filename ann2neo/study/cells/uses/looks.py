"""What is looked at after each pass over the training data, and when the labels are learned."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.statistics.patterns.classes import class_separation, unit_information
from ann2neo.statistics.patterns.flips import flip_rate
from ann2neo.study.cells.uses.noisy_data import NoisyData
from ann2neo.study.config.uses_settings import UsesSettings

_BATCH = 1000


class Looks(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes what could tell when to stop, and stops once enough wrong labels are known by heart.

    Parameters
    ----------
    noisy : NoisyData
    settings : UsesSettings
    layer : str
        The layer whose patterns are looked at.
    stops : bool
        Whether training ends with `settings.learned`.

    Attributes
    ----------
    early_loss : array of float, shape (n_train,)
        Loss of each training sample behind pass `settings.early_epoch`; NaN before.
    """

    def __init__(self, noisy: NoisyData, settings: UsesSettings, layer: str, *, stops: bool) -> None:
        super().__init__()
        self._noisy, self._settings, self._layer, self._stops = noisy, settings, layer, stops
        self._rows: list[dict[str, float]] = []
        self._observed: Any = None
        self._before: Any = None
        self.early_loss = np.full(noisy.n_train, np.nan)

    def set_model(self, model: Any) -> None:
        """Find the layer in the network that is trained."""
        super().set_model(model)
        self._observed = keras.Model(model.inputs, model.get_layer(self._layer).output)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look."""
        noisy = self._noisy
        shares = predict(self.model, noisy.x)
        predicted = shares.argmax(axis=1)
        known = predicted == noisy.labels
        learned = float(known[noisy.wrong].mean()) if noisy.wrong.any() else np.nan
        test = predict(self.model, noisy.data.x_test).argmax(axis=1)
        active = predict(self._observed, noisy.x[: self._settings.n_probe]) > 0
        raster = as_raster(active.reshape(len(active), -1))
        named = predicted[: raster.n_samples]
        two = np.unique(named).size > 1
        self._rows.append(
            {
                "training_epoch": epoch + 1,
                "training_accuracy": float(known.mean()),
                "learned": learned,
                "validation_accuracy": float((logs or {}).get("val_accuracy", np.nan)),
                "test_accuracy": float((test == noisy.data.y_test).mean()),
                "firing_rate": float(active.mean()),
                "class_separation": class_separation(raster, named) if two else np.nan,
                "unit_information": float(unit_information(raster, named).mean()) if two else np.nan,
                "flip_rate": float(flip_rate(self._before, raster).mean())
                if self._before is not None
                else np.nan,
            }
        )
        self._before = raster
        if epoch + 1 == self._settings.early_epoch:
            self.early_loss = find_loss(shares, noisy.labels)
        if self._stops and learned >= self._settings.learned and epoch + 1 >= self._settings.early_epoch:
            self.model.stop_training = True

    def to_frame(self) -> pd.DataFrame:
        """A row per pass."""
        return pd.DataFrame(self._rows)


def predict(network: Any, samples: Any) -> np.ndarray:
    """What a network returns."""
    return np.asarray(network.predict(samples, batch_size=_BATCH, verbose=0))


def find_loss(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross-entropy of each sample, of the softmax's outputs."""
    told = shares[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.maximum(told, np.finfo(np.float64).tiny)))
