"""A cell that trains per network under a condition and records what its units do."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ann2neo.recording.record import record
from ann2neo.significance.assumptions import PoissonAssumptions, poisson_assumptions
from ann2neo.statistics.fano import fanofactor
from ann2neo.statistics.rates import firing_rate
from ann2neo.statistics.summary import summarize
from ann2neo.study.cells.cell_files import Work
from ann2neo.study.config.cell import make_rng
from ann2neo.study.config.sources import is_function, load_function

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster
    from ann2neo.training.datasets import Dataset
    from ann2neo.training.training_run import Trained

N_SPIKES = 200
"""Samples of each recording that are kept as spike trains."""
ALPHA = 0.05
_REJECTING = ("fano_poisson", "fano_bernoulli", "ljung_box", "runs")


def run(work: Work) -> list[dict[str, Any]]:
    """Train, record each split, and write ``history.csv``, ``units.csv`` and the first spikes."""
    from ann2neo.training.training_run import train

    plan = work.plan
    study, cell = plan.study, plan.cell
    data = load_data(work)
    _check_window(study, data)
    trained = train(
        plan.condition,
        build_network(work, data),
        data,
        rng=make_rng(cell.seed, "training", *cell.place().values()),
        learning_rate=study.training.learning_rate,
        batch_size=study.training.batch_size,
        validation_split=study.training.validation_split,
    )
    trained.history.to_csv(work.folder / "history.csv", index=False)
    if study.keep_weights or cell.condition == "Generalizing":
        save_weights(trained.network, work.folder / "weights.npz")
    about = _about(trained, data)
    rows, units = [], []
    for split in study.splits:
        raster = _record_split(work, trained, data, split)
        raster.select(samples=np.arange(min(N_SPIKES, raster.n_samples))).save(
            work.folder / f"spikes_{split}.zarr.zip"
        )
        rows.append({"split": split, **_indicators(raster, study.window), **about})
        units.append(_units(raster, split, study.window))
    pd.concat(units).to_csv(work.folder / "units.csv", index=False)
    return rows


def load_data(work: Work) -> Dataset:
    """The cell's data set, or its part; replicates have different parts."""
    data = _load(work.plan.dataset, work.data_dir)
    part, before = work.plan.study.subset, work.plan.study.pretraining
    if part is None:
        return data
    rng = make_rng(work.plan.cell.seed, "subset", work.plan.cell.dataset)
    if before is None:
        return data.subset(part.n_train, part.n_test, rng=rng).downscale(part.downscale)
    both = data.subset(part.n_train + before.n_train, part.n_test, rng=rng).downscale(part.downscale)
    others = slice(part.n_train, None)
    chosen = others if work.plan.cell.kind == "pretraining" else slice(part.n_train)
    return dataclasses.replace(both, x_train=both.x_train[chosen], y_train=both.y_train[chosen])


@functools.lru_cache(maxsize=1)
def _load(name: str, data_dir: str | None) -> Dataset:
    """A worker's cells mostly share a data set, and decoding one may take ten seconds."""
    from ann2neo.training.datasets import as_dataset, load

    return as_dataset(load_function(name, "datasets")()) if is_function(name) else load(name, data_dir)


def build_network(work: Work, data: Dataset) -> Any:
    """The network that a cell starts with.

    It is untrained, the same for all cells of its place in the grid, or has the weights of the cell that
    this one starts from; of one that was pretraining, only before the observed layer.
    """
    from ann2neo.networks.builders import NETWORKS

    cell, wanted = work.plan.cell, work.plan.network
    own = is_function(wanted.builder)
    build = load_function(wanted.builder, "builder") if own else NETWORKS[wanted.builder]
    network = build(
        cell.width,
        input_shape=data.input_shape,
        n_classes=data.n_classes,
        rng=make_rng(cell.seed, "weights", cell.network, cell.width, cell.dataset),
        # TOML has no word for None.
        **{key: None if value == "none" else value for key, value in wanted.options.items()},
    )
    names = [layer.name for layer in network.layers]
    if wanted.layer not in names:
        raise ValueError(
            f"layer of network {wanted.name!r} must be one of {names}, got {wanted.layer!r}"
        )
    if work.start is not None:
        before = names.index(wanted.layer) if work.plan.start.kind == "pretraining" else None
        load_weights(network.layers[:before], work.start / "weights.npz")
    return network


def save_weights(network: Any, file: Path) -> None:
    """Write a network's weights, layer by layer."""
    values = [value for layer in network.layers for value in layer.get_weights()]
    arrays = {f"weight_{number}": value for number, value in enumerate(values)}
    np.savez(file, **arrays)


def load_weights(layers: Sequence[Any], file: Path) -> None:
    """Give the first layers of a network the weights that `save_weights` wrote of all of them."""
    first = 0
    with np.load(file, allow_pickle=False) as arrays:
        for layer in layers:
            n_weights = len(layer.get_weights())
            layer.set_weights([arrays[f"weight_{first + number}"] for number in range(n_weights)])
            first += n_weights


def _check_window(study: Any, data: Dataset) -> None:
    """Refuse a single window before hours of training: counts in it vary by nothing, and F is 0."""
    for split in study.splits:
        size = len(getattr(data, f"x_{split}"))
        if size < 2 * study.window:
            raise ValueError(
                f"window must be at most half of the {size} samples of split {split!r}, "
                f"got {study.window}"
            )


def _record_split(work: Work, trained: Trained, data: Dataset, split: str) -> SpikeRaster:
    cell, study = work.plan.cell, work.plan.study
    rng = make_rng(cell.seed, "order", *cell.place().values(), split)
    # What `record` notes itself.
    said = {k: v for k, v in trained.provenance.items() if k not in ("backend", "weights_hash")}
    return record(
        trained.network,
        getattr(data, f"x_{split}"),
        layers=work.plan.network.layer,
        labels=getattr(data, f"y_{split}"),
        rng=rng if study.order == "permutation" else None,
        dataset_split=split,
        annotations={**said, **cell.place(), "study": study.name},
        progress=False,
    )


def _about(trained: Trained, data: Dataset) -> dict[str, Any]:
    """What is the same for each split."""
    said = trained.provenance
    training, validation = _number(said["training_accuracy"]), _number(said["validation_accuracy"])
    return {
        "training_accuracy": training,
        "validation_accuracy": validation,
        "test_accuracy": measure_test_accuracy(trained.network, data),
        "generalization_gap": None if training is None or validation is None else training - validation,
        "epochs_run": said["epochs_run"],
        "stopped_by": said["stopped_by"],
        "weights_hash": said["weights_hash"],
    }


def measure_test_accuracy(network: Any, data: Dataset) -> float:
    """Share of the test images that the network gives their true label."""
    outputs = network.predict(data.x_test, batch_size=1000, verbose=0)
    return float(np.mean(outputs.argmax(axis=-1) == data.y_test))


def _indicators(raster: SpikeRaster, window: int) -> dict[str, Any]:
    summary = summarize(raster, window=window).iloc[0]
    battery = poisson_assumptions(raster, window, alpha=ALPHA)
    row: dict[str, Any] = {str(k): _number(v) for k, v in summary.items()}
    row |= {"n_units": raster.n_units, "n_samples": raster.n_samples}
    row |= {f"{name}_rejecting": _fraction_rejecting(battery, name) for name in _REJECTING}
    adf = _fraction_rejecting(battery, "adf")
    return {**row, "adf_not_rejecting": None if adf is None else 1 - adf}


def _fraction_rejecting(battery: PoissonAssumptions, test: str) -> float | None:
    """Of the units that could be tested, the share with p ≤ α, each by itself."""
    pvalue = battery.tests[test].pvalue
    tested = pvalue[~np.isnan(pvalue)]
    return float(np.mean(tested <= ALPHA)) if tested.size else None


def _units(raster: SpikeRaster, split: str, window: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "split": split,
            "unit_index": raster.units["unit_index"].to_numpy(),
            "firing_rate": firing_rate(raster),
            "fanofactor": fanofactor(raster, window),
        }
    )


def _number(value: Any) -> float | None:
    """A float as JSON has it: None for NaN."""
    return None if value is None or math.isnan(value) else float(value)
