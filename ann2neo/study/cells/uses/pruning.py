"""Units removed from a trained network by several criteria, and what that costs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.statistics.correlation import correlation
from ann2neo.statistics.patterns.classes import unit_information
from ann2neo.statistics.rates import firing_rate
from ann2neo.study.cells.uses.looks import predict
from ann2neo.training.conditions import GENERALIZING
from ann2neo.training.surgery.keras_chain import find_makers, list_chain
from ann2neo.training.surgery.remove import remove_units
from ann2neo.training.training_run import train

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster
    from ann2neo.study.cells.uses.noisy_data import NoisyData
    from ann2neo.study.config.settings import Training

FRACTIONS = (0.25, 0.5, 0.75, 0.9)
TUNING = 0.25
"""Times the rate of the training: at that rate the last batches may leave any accuracy."""
_SAMPLES = 2000
"""Samples by which units are scored: of convolutions each has many positions."""


def prune(network: Any, noisy: NoisyData, training: Training, rng: np.random.Generator) -> pd.DataFrame:
    """Remove a share of each hidden layer's units, those of lowest score first.

    Parameters
    ----------
    network : keras.Model
        A chain of layers, as `remove_units` takes it.
    noisy : NoisyData
    training : Training
        How the smaller networks are tuned, at a quarter of its rate: for a pass over half of the
        training samples.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        A row per ``criterion`` and ``fraction`` removed: ``test_accuracy`` of what is left, and of the
        same when ``tuned``; and one of the whole network, ``"none"``, tuned likewise.
    """
    half = noisy.n_train // 2
    part = (noisy.x[:half], noisy.labels[:half])
    # All are tuned by the same samples in the same order.
    order = rng.spawn(1)[0].integers(2**63)
    scores = score_units(network, noisy.x[:_SAMPLES], noisy.labels[:_SAMPLES], rng)
    rows = []
    for criterion, fraction in [("none", 0.0), *((c, f) for c in scores for f in FRACTIONS)]:
        smaller = network
        if fraction:
            smaller = remove_units(network, choose_units(scores[criterion], fraction))
        tuned = train(
            GENERALIZING.with_stop(epochs=1),
            smaller,
            part,
            rng=np.random.default_rng(order),
            learning_rate=TUNING * training.learning_rate,
            batch_size=training.batch_size,
            validation_split=0,
            progress=False,
        )
        for one, is_tuned in ((smaller, False), (tuned.network, True)):
            right = predict(one, noisy.data.x_test).argmax(axis=1) == noisy.data.y_test
            rows.append((criterion, fraction, is_tuned, float(right.mean())))
    return pd.DataFrame(rows, columns=["criterion", "fraction", "tuned", "test_accuracy"])


def choose_units(
    scores: dict[str, npt.NDArray[np.float64]], fraction: float
) -> dict[str, npt.NDArray[np.int64]]:
    """The units of lowest score in each layer; at least one is left."""
    return {
        layer: np.argsort(score, kind="stable")[: min(round(fraction * score.size), score.size - 1)]
        for layer, score in scores.items()
    }


def score_units(
    network: Any, samples: Any, labels: npt.NDArray[np.int64], rng: np.random.Generator
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Scores of the units of each hidden layer, by criterion; low: to be removed first.

    Standard deviation of the activations times the outgoing weights' absolute sum; absolute sum of the
    ingoing weights; random; redundancy of bits (see `rank_redundancy`); p(1 − p); information on the
    labels in bits; rate (APoZ: Hu et al., "Network trimming", 2016, removes units that are most often
    zero).
    """
    chain = list_chain(network)
    makers = [layer for layer in chain if layer.get_weights() and hasattr(layer, "kernel")]
    last = {maker: label for label, maker in find_makers(chain).items()}
    found: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for layer, reader in itertools.pairwise(makers):
        kernel, out = np.asarray(layer.kernel), np.asarray(reader.kernel)
        n_units = kernel.shape[-1]
        # Behind a Flatten channels lie last, and convolutions read them so.
        outgoing = np.abs(out.reshape(-1, n_units, out.shape[-1])).sum(axis=(0, 2))
        # The last layer that still has these units is behind their activation function.
        view = keras.Model(network.inputs, network.get_layer(last[layer.name]).output)
        activations = predict(view, samples).reshape(-1, n_units)
        each = np.repeat(labels, len(activations) // len(labels))
        raster = as_raster(activations > 0)
        rate = firing_rate(raster)
        scores = {
            "std x output weights": activations.std(axis=0) * outgoing,
            "input weights": np.abs(kernel.reshape(-1, n_units)).sum(axis=0),
            "random": rng.random(n_units),
            "redundancy": rank_redundancy(raster),
            "p(1 - p)": rate * (1 - rate),
            "information": unit_information(raster, each),
            "rate": rate,
        }
        for criterion, score in scores.items():
            found.setdefault(criterion, {})[layer.name] = np.asarray(score, np.float64)
    return found


def rank_redundancy(raster: SpikeRaster) -> npt.NDArray[np.float64]:
    """The place at which each unit is removed, if always one of the two most alike units left goes.

    Alike: by the absolute correlation of their bits; of the two that one goes which is more like the
    other units left. Units that never change go first.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> one, two = np.array([[0, 1, 0, 1, 1, 0], [0, 0, 1, 1, 0, 1]])
    >>> rank_redundancy(a2n.as_raster(np.stack([one, two, one, 0 * one], axis=1)))
    array([1., 2., 3., 0.])
    """
    with np.errstate(invalid="ignore"):
        alike = np.abs(correlation(raster))
    constant = np.isnan(np.diag(alike))
    alike = np.nan_to_num(alike)
    np.fill_diagonal(alike, -1)
    order: list[int] = np.flatnonzero(constant).tolist()
    alike[constant] = alike[:, constant] = -1
    left = ~constant
    while left.sum() > 1:
        one, two = divmod(int(alike.argmax()), len(alike))
        of_both = alike[[one, two]][:, left].sum(axis=1)
        gone = one if of_both[0] >= of_both[1] else two
        order.append(gone)
        alike[gone] = alike[:, gone] = -1
        left[gone] = False
    order += np.flatnonzero(left).tolist()
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return ranks
