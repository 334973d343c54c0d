"""A cell that trains per network on the true labels, then on random ones, and watches its units."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import build_network, load_data
from ann2neo.study.config.cell import make_rng
from ann2neo.training.conditions import GENERALIZING, MEM_RETRAIN_ALL


def run(work: Work) -> list[dict[str, Any]]:
    """Train twice, and write ``switch.csv``, a row per look, probe and layer."""
    from ann2neo.monitoring.activity_monitor import ActivityMonitor
    from ann2neo.monitoring.callbacks.keras_callback import MonitorCallback
    from ann2neo.training.training_run import train

    study, cell = work.plan.study, work.plan.cell
    switch = study.switch
    data = load_data(work)
    rng = make_rng(cell.seed, "switch", *cell.place().values())
    for split, samples in (("train", data.x_train), ("test", data.x_test)):
        if len(samples) < switch.n_probe:
            raise ValueError(
                f"n_probe must be at most {len(samples)}, the samples of split {split!r}, "
                f"got {switch.n_probe}"
            )
    probes = {
        split: samples[rng.permutation(len(samples))[: switch.n_probe]]
        for split, samples in (("train", data.x_train), ("test", data.x_test))
    }
    monitor = MonitorCallback(
        ActivityMonitor(probes, layers=work.plan.network.layer), every=switch.every
    )
    trained = build_network(work, data)
    for condition in (
        GENERALIZING.with_stop(epochs=switch.epochs_true),
        MEM_RETRAIN_ALL.with_stop(epochs=switch.epochs_random),
    ):
        n_true = monitor.step
        trained = train(
            condition,
            trained,
            data,
            rng=rng,
            learning_rate=study.training.learning_rate,
            batch_size=study.training.batch_size,
            validation_split=study.training.validation_split,
            callbacks=[monitor],
        )
    frame = monitor.to_frame()
    frame.insert(2, "labels", np.where(frame["step"] > n_true, "random", "true"))
    frame.to_csv(work.folder / "switch.csv", index=False)
    return []
