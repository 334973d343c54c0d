"""A cell that trains a network on partly wrong labels, and tries what its spikes are good for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.recording.record import record
from ann2neo.spikes.as_raster import as_raster
from ann2neo.statistics.patterns.classes import class_separation
from ann2neo.statistics.uses.label_suspicion import label_suspicion
from ann2neo.statistics.uses.nearest_patterns import nearest_patterns
from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import build_network
from ann2neo.study.cells.uses.noisy_data import NoisyData, load_noisy
from ann2neo.study.config.cell import make_rng
from ann2neo.study.config.uses_settings import list_variants
from ann2neo.training.conditions import GENERALIZING

if TYPE_CHECKING:
    import numpy.typing as npt

    from ann2neo.spikes.typing import Floats
    from ann2neo.study.config.uses_settings import UsesSettings, Variant

SPARE_RATE, SPARE_EPOCHS = 0.01, 5
"""Learning rate of Adam at which many units fall silent, and passes."""


def run(work: Work) -> list[dict[str, Any]]:
    """Write ``uses.csv``, a row, ``history.csv``, a row per pass, and tables of what was tried."""
    from ann2neo.study.cells.uses.looks import Looks
    from ann2neo.study.cells.uses.removal import remove_silent
    from ann2neo.study.cells.uses.stopping import find_stops

    study, cell = work.plan.study, work.plan.cell
    wanted: UsesSettings = study.uses
    variant = list_variants(wanted)[cell.condition]
    noisy = load_noisy(work, variant.noise)
    _check_sizes(wanted, noisy)
    looks = Looks(noisy, wanted, work.plan.network.layer, stops=not variant.remedy)
    network = _train(work, noisy, variant, looks)
    history = looks.to_frame()
    history.to_csv(work.folder / "history.csv", index=False)
    last = history.iloc[-1]
    row = {
        "noise": variant.noise,
        "remedy": variant.remedy,
        "epochs_run": len(history),
        "n_samples": noisy.n_train,
        "n_wrong": int(noisy.wrong.sum()),
        "training_accuracy": last["training_accuracy"],
        "learned": last["learned"],
        "test_accuracy": last["test_accuracy"],
        "firing_rate": last["firing_rate"],
    }
    if not variant.remedy:
        row |= _describe_labels(network, noisy, wanted, work.plan.network.layer, looks.early_loss)
        remove_silent(network, noisy).to_csv(work.folder / "removal.csv", index=False)
    if variant.noise and not variant.remedy:
        find_stops(history).to_csv(work.folder / "stopping.csv", index=False)
    if not (variant.noise or variant.is_spare):
        from ann2neo.study.cells.uses.pruning import prune

        rng = make_rng(cell.seed, "pruning", *cell.place().values())
        prune(network, noisy, study.training, rng).to_csv(work.folder / "pruning.csv", index=False)
    pd.DataFrame([row]).to_csv(work.folder / "uses.csv", index=False)
    return []


def _check_sizes(wanted: UsesSettings, noisy: NoisyData) -> None:
    """Refuse before training what would only fail behind it."""
    for key in ("n_probe", "n_neighbors"):
        if getattr(wanted, key) > noisy.n_train:
            raise ValueError(
                f"{key} must be at most {noisy.n_train}, the samples trained on, got "
                f"{getattr(wanted, key)}"
            )


def _train(work: Work, noisy: NoisyData, variant: Variant, looks: Any) -> Any:
    import keras

    from ann2neo.study.cells.uses.remedies import NARROW, apply_remedy
    from ann2neo.training.surgery.keras_chain import list_chain
    from ann2neo.training.training_run import train

    study, cell = work.plan.study, work.plan.cell
    wanted = study.uses
    if variant.remedy == "narrow":
        narrow = dataclasses.replace(cell, width=max(1, cell.width // NARROW))
        work = dataclasses.replace(work, plan=dataclasses.replace(work.plan, cell=narrow))
    network = build_network(work, noisy.data)
    # Refused before the training rather than behind it: units of other networks cannot be removed.
    list_chain(network)
    epochs = wanted.epochs if variant.noise else wanted.clean_epochs
    epochs = SPARE_EPOCHS if variant.is_spare else epochs
    if variant.remedy:
        network, epochs = apply_remedy(network, variant.remedy), wanted.remedy_epochs
    trained = train(
        GENERALIZING.with_stop(epochs=epochs),
        network,
        noisy.data,
        # Not of the variant: networks of a seed see the same samples in the same order, but for one with
        # dropout, whose seeds are drawn before.
        rng=make_rng(cell.seed, "uses", cell.network, cell.width, cell.dataset),
        optimizer=keras.optimizers.Adam(SPARE_RATE) if variant.is_spare else None,
        learning_rate=study.training.learning_rate,
        batch_size=study.training.batch_size,
        validation_split=study.training.validation_split,
        callbacks=[looks],
    )
    return trained.network


def _describe_labels(
    network: Any, noisy: NoisyData, wanted: UsesSettings, layer: str, early_loss: Floats
) -> dict[str, Any]:
    """How well wrong labels are found, and test samples read, from a network that has learned them."""
    import keras

    from ann2neo.study.cells.uses.looks import find_loss, predict

    labels, wrong, x_test = noisy.labels, noisy.wrong, noisy.data.x_test
    options: dict[str, Any] = {"layers": layer, "progress": False}
    train = record(network, noisy.x, labels=labels, **options)
    test = record(network, x_test, **options)
    flat, flat_test = (x.reshape(len(x), -1) for x in (noisy.x, x_test))
    middle = np.median(flat, axis=0)
    pixels, test_pixels = as_raster(flat > middle), as_raster(flat_test > middle)
    shares = predict(network, noisy.x)
    observed = keras.Model(network.inputs, network.get_layer(layer).output)
    suspicion = label_suspicion(train)
    scores = {
        "patterns": suspicion.score,
        "activations": score_activations(predict(observed, noisy.x).reshape(len(labels), -1), labels),
        "pixels": label_suspicion(pixels, labels).score,
        "final_loss": find_loss(shares, labels),
        "early_loss": early_loss,
    }

    def vote(reference: Any, query: Any) -> float:
        found = nearest_patterns(reference, query, k=wanted.n_neighbors, n_workers=1)
        return float((found.vote(labels) == noisy.data.y_test).mean())

    return {
        "n_suspected": suspicion.n_suspected,
        "class_separation": class_separation(train, shares.argmax(axis=1)),
        "vote_patterns": vote(train, test),
        "vote_pixels": vote(pixels, test_pixels),
        **{f"auc_{name}": find_auc(score, wrong) for name, score in scores.items()},
    }


def score_activations(
    activations: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The score of `label_suspicion`, of activations instead of bits.

    Mean absolute difference to the mean activations of the own class, the sample left out, minus that to
    the nearest other class's.
    """
    codes = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(codes)
    means = np.array([activations[codes == code].mean(axis=0) for code in range(sizes.size)])
    apart = np.array([np.abs(activations - mean).mean(axis=1) for mean in means]).T.astype(np.float64)
    rows = np.arange(len(labels))
    with np.errstate(divide="ignore", invalid="ignore"):
        # |a − (n m − a) / (n − 1)| = n / (n − 1) · |a − m|.
        own = apart[rows, codes] * (sizes / (sizes - 1))[codes]
    apart[rows, codes] = np.inf
    return np.asarray(own - apart.min(axis=1))


def find_auc(score: npt.NDArray[np.floating[Any]], wrong: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a wrong label has the higher score, ties by half.

    NaN if there are no wrong labels, no right ones, or no scores.

    Examples
    --------
    >>> import numpy as np
    >>> find_auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    from scipy.stats import rankdata

    known = ~np.isnan(score)
    score, wrong = score[known], wrong[known]
    n_wrong = int(wrong.sum())
    if not 0 < n_wrong < wrong.size:
        return float("nan")
    ranks = rankdata(score)[wrong].sum() - n_wrong * (n_wrong + 1) / 2
    return float(ranks / (n_wrong * (wrong.size - n_wrong)))
