"""A cell that trains a network on samples that no other cell sees, and keeps its weights."""

from __future__ import annotations

from typing import Any

from ann2neo.study.cells.cell_files import Work
from ann2neo.study.cells.condition_cell import build_network, load_data, save_weights
from ann2neo.study.config.cell import make_rng
from ann2neo.training.conditions import GENERALIZING


def run(work: Work) -> list[dict[str, Any]]:
    """Train on true labels, and write ``history.csv`` and ``weights.npz``."""
    from ann2neo.training.training_run import train

    study, cell = work.plan.study, work.plan.cell
    data = load_data(work)
    trained = train(
        GENERALIZING.with_stop(epochs=study.pretraining.epochs),
        build_network(work, data),
        data,
        rng=make_rng(cell.seed, "training", *cell.place().values(), "pretraining"),
        learning_rate=study.training.learning_rate,
        batch_size=study.training.batch_size,
        validation_split=study.training.validation_split,
    )
    trained.history.to_csv(work.folder / "history.csv", index=False)
    save_weights(trained.network, work.folder / "weights.npz")
    return []
