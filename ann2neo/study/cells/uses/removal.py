"""Units that were silent on the training samples, removed, and what of it test samples notice."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.recording.record import record
from ann2neo.statistics.uses.removable_units import removable_units
from ann2neo.study.cells.uses.looks import predict
from ann2neo.training.surgery.keras_chain import find_makers, list_chain
from ann2neo.training.surgery.remove import remove_units

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster
    from ann2neo.study.cells.uses.noisy_data import NoisyData

_SIZES = (500, 2000)
_NONE = np.zeros(0, np.int64)


def remove_silent(network: Any, noisy: NoisyData) -> pd.DataFrame:
    """Remove the silent units of hidden layers, seen on more and more training samples.

    Returns
    -------
    pandas.DataFrame
        A row per number of samples and ``layer``, or ``"all"`` of them at once: ``n_samples`` looked at,
        ``n_silent`` units, ``n_firing`` of them on test samples, predictions of test samples that are
        ``changed`` by their removal, and the ``largest_change`` of a logit.
    """
    chain = list_chain(network)
    layers = list({maker: label for label, maker in find_makers(chain).items()}.values())
    options: dict[str, Any] = {"layers": layers, "conv_units": "channels", "progress": False}
    test = record(network, noisy.data.x_test, **options)
    before = _find_logits(network, noisy.data.x_test)
    rows = []
    for n_samples in sorted({*(n for n in _SIZES if n < noisy.n_train), noisy.n_train}):
        raster = record(network, noisy.x[:n_samples], **options)
        with warnings.catch_warnings():
            # That these are few samples is what is asked.
            warnings.simplefilter("ignore", UserWarning)
            silent = removable_units(raster).silent
        for place in (*layers, "all"):
            chosen = silent if place == "all" else {place: silent.get(place, _NONE)}
            after = _find_logits(remove_units(network, chosen), noisy.data.x_test)
            rows.append(
                {
                    "layer": place,
                    "n_samples": n_samples,
                    "n_silent": sum(map(len, chosen.values())),
                    "n_firing": sum(_count_firing(test, *one) for one in chosen.items()),
                    "changed": int((before.argmax(axis=1) != after.argmax(axis=1)).sum()),
                    "largest_change": float(np.abs(after - before).max()),
                }
            )
    return pd.DataFrame(rows)


def _count_firing(raster: SpikeRaster, layer: str, units: npt.NDArray[np.int64]) -> int:
    if not len(units):
        return 0
    return int(raster.select(layer=layer, units=units).to_dense().any(axis=0).sum())


def _find_logits(network: Any, samples: Any) -> np.ndarray:
    """What the last layer gives to its softmax."""
    last = network.layers[-1]
    read = predict(keras.Model(network.inputs, last.input), samples).astype(np.float64)
    kernel, bias = (np.asarray(value, np.float64) for value in last.get_weights())
    return np.asarray(read @ kernel + bias)
