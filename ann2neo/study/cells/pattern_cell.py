"""A cell that trains per network and follows the activation patterns of all its rectifiers."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import load_data, measure_test_accuracy
from ann2neo.study.config.cell import make_rng
from ann2neo.training.conditions import GENERALIZING
from ann2neo.training.training_loop import count_trained_on

if TYPE_CHECKING:
    from ann2neo.training.datasets import Dataset

MOMENTUM = 0.9
_N_EVEN = 10


def run(work: Work) -> list[dict[str, Any]]:
    """Train, and write ``patterns.csv``, a row per look and layer."""
    import keras

    from ann2neo.training.training_run import train

    study, cell = work.plan.study, work.plan.cell
    network, blocks = work.plan.network, work.plan.blocks
    data = load_data(work)
    # The networks of a seed see the same samples in the same order: they are compared seed by seed.
    rng = make_rng(cell.seed, "patterns", cell.dataset)
    n_train = count_trained_on(len(data.x_train), study.training.validation_split)
    n_batches = math.ceil(n_train / study.training.batch_size)
    n_steps = n_batches * study.patterns.epochs
    rate = _rate(network.schedule, network.learning_rate or study.training.learning_rate, n_steps)
    untrained = _build_network(work, data)
    with tempfile.TemporaryDirectory(dir=work.folder) as folder:
        snapshots = Path(folder) / "snapshots"
        callback = _callback(work, data, snapshots, n_train, n_batches, rng)
        trained = train(
            GENERALIZING.with_stop(epochs=study.patterns.epochs),
            untrained,
            data,
            rng=rng,
            batch_size=study.training.batch_size,
            optimizer=keras.optimizers.SGD(rate, momentum=MOMENTUM),
            validation_split=study.training.validation_split,
            callbacks=[callback],
        )
        frame = _replay(snapshots)
    frame.insert(0, "blocks", blocks)
    frame["training_accuracy"] = trained.provenance["training_accuracy"]
    frame["test_accuracy"] = measure_test_accuracy(trained.network, data)
    frame.to_csv(work.folder / "patterns.csv", index=False)
    trained.history.to_csv(work.folder / "history.csv", index=False)
    return []


def _build_network(work: Work, data: Dataset) -> Any:
    from ann2neo.networks.builders import build

    cell, network = work.plan.cell, work.plan.network
    return build(
        network.network,
        network.width,
        input_shape=data.input_shape,
        n_classes=data.n_classes,
        rng=make_rng(cell.seed, "weights", "patterns", cell.width, cell.dataset),
        **network.options(work.plan.blocks),
    )


def _callback(
    work: Work, data: Dataset, snapshots: Path, n_train: int, n_batches: int, rng: np.random.Generator
) -> Any:
    """Looks at some of the samples trained on, kept on disk so that they meet the final state."""
    from ann2neo.monitoring.callbacks.keras_callback import MonitorCallback
    from ann2neo.monitoring.patterns.pattern_monitor import PatternMonitor

    wanted = work.plan.study.patterns
    if n_train < wanted.n_probe:
        raise ValueError(
            f"n_probe must be at most {n_train}, the samples trained on, got {wanted.n_probe}"
        )
    # The last samples are for validation, as `train` splits.
    chosen = rng.permutation(n_train)[: wanted.n_probe]
    probe = data.x_train[chosen]
    monitor = PatternMonitor(
        {"train": probe},
        labels={"train": data.y_train[chosen]},
        snapshots=snapshots,
        conv_units="channels",
    )

    steps = _steps(wanted.n_looks, n_batches, wanted.epochs)
    return MonitorCallback(monitor, every=steps, batch_norm_samples=probe)


def _steps(n_looks: int, n_batches: int, epochs: int) -> list[int]:
    """Dense at first, for the early maps, and even, for layers that settle late."""
    from ann2neo.monitoring.schedules import log_spaced

    last = n_batches * epochs
    even = np.linspace(0, last, _N_EVEN + 1).round().astype(int)[1:].tolist()
    moments = [max(1, n_batches // 10), max(1, last // 2)]
    return sorted({*log_spaced(last, n_looks).tolist(), *even, *moments} - {0})


def _replay(snapshots: Path) -> pd.DataFrame:
    """The looks against the initial, the previous and the final one, layers numbered by depth."""
    from ann2neo.monitoring.patterns.snapshots import Snapshots

    kept = Snapshots(snapshots)
    frame = kept.replay(progress=False)
    depth = {layer: number for number, layer in enumerate(kept.layers, 1)}
    frame.insert(list(frame.columns).index("layer") + 1, "depth", frame["layer"].map(depth))
    return frame


def _rate(schedule: str, highest: float, n_steps: int) -> Any:
    """The learning rate as Keras' optimizers take it."""
    import keras

    from ann2neo.training.learning_rates import OneCycleRate, TriangularRate

    if schedule == "constant":
        return highest
    if schedule == "cyclic":
        return TriangularRate(highest / 10, highest, half_cycle=max(1, n_steps // 6))
    if schedule == "one-cycle":
        return OneCycleRate(highest, n_steps=max(10, n_steps))
    falls = [max(1, n_steps // 2), max(2, 3 * n_steps // 4)]
    rates = [highest, highest / 10, highest / 100]
    return keras.optimizers.schedules.PiecewiseConstantDecay(falls, rates)
