"""The main job once through: digits → three networks → spike trains → Elephant → pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import neo
import numpy as np
import pandas as pd
import quantities as pq
from elephant.conversion import BinnedSpikeTrain
from elephant.statistics import cv, isi, mean_firing_rate

from ann2neo.exchange.neo.block import to_block
from ann2neo.extras import require
from ann2neo.recording.record import record
from ann2neo.spikes.progress import ProgressBar

WINDOW = 100
"""Samples a window of the Fano factor."""

_BATCH = 128

COLORS = {"generalizing": "#0072b2", "memorizing": "#d55e00", "untrained": "#666666"}


class Column(NamedTuple):
    """A column of the demo's table: its name there, its heading and what it is."""

    name: str
    title: str
    meaning: str


COLUMNS = (
    Column("training_accuracy", "accuracy", "on the labels the network was trained on"),
    Column("firing_rate", "rate", "spikes per sample, mean over the 64 units"),
    Column("cv_firing_rate_percent", "CV %", "variation of these rates, standard deviation over mean"),
    Column("fano_factor", "Fano", "variance over mean of spike counts, mean over units that fire"),
    Column("one_minus_rate", "1 − rate", "the Fano factor if these units fired independently each time"),
    Column("isi_cv", "ISI CV", "variation of the intervals between spikes, mean over units that fire"),
    Column("sqrt_one_minus_rate", "√(1 − rate)", "the ISI CV if these units fired independently"),
    Column("silent_units", "silent", "units that never fire"),
)
"""The columns of ``indicators.csv`` behind the network's name."""


@dataclass(frozen=True)
class Activity:
    """What Elephant says of one network, a value per unit."""

    firing_rate: np.ndarray
    fano_factor: np.ndarray
    isi_cv: np.ndarray


def run(out: Path, *, seed: int = 0, progress: bool = True) -> tuple[pd.DataFrame, list[Path]]:
    """Train, record, analyze and draw.

    Parameters
    ----------
    out : Path
        Directory to write to; made if missing.

    Returns
    -------
    table : pandas.DataFrame
        A row per network.
    files : list of Path
        What was written.
    """
    require("keras", extra="demo")
    require("viziphant", extra="demo")
    digits = require("sklearn.datasets", extra="demo").load_digits()
    rng = np.random.default_rng(seed)
    images = (digits.data / digits.data.max()).astype(np.float32)
    labels = digits.target
    out.mkdir(parents=True, exist_ok=True)

    # name → (labels to train on, passes over them); random labels take longer to learn
    trainings = {
        "generalizing": (labels, 40),
        "memorizing": (rng.permutation(labels), 300),
        "untrained": (labels, 0),
    }
    blocks, activities, rows, files = {}, {}, [], []
    for name, (targets, epochs) in trainings.items():
        model = _network(name, images.shape[1], seed)
        accuracy = _train(model, images, targets, epochs, rng, progress)
        raster = record(
            model, images, labels=labels, rng=rng, annotations={"condition": name}, progress=progress
        )
        files.append(raster.save(out / f"{name}.zarr.zip", overwrite=True))
        blocks[name] = to_block(raster)
        activities[name] = analyze(blocks[name])
        rows.append({"network": name, "training_accuracy": accuracy, **_summary(activities[name])})
    table = pd.DataFrame(rows)
    table.to_csv(out / "indicators.csv", index=False)
    files += [out / "indicators.csv"]
    files += [_rasters(blocks, out / "spike_trains.png")]
    files += [_distributions(activities, out / "distributions.png")]
    return table, files


def analyze(block: neo.Block) -> Activity:
    """Firing rate, windowed Fano factor and CV of the inter-spike intervals, by Elephant's functions."""
    trains = block.segments[0].spiketrains
    dt = (1 / trains[0].sampling_rate).rescale(pq.ms)
    rates = [float((mean_firing_rate(train) * dt).simplified) for train in trains]
    active = BinnedSpikeTrain(list(trains), bin_size=dt).to_array()
    whole = active.shape[1] // WINDOW * WINDOW
    counts = active[:, :whole].reshape(len(active), -1, WINDOW).sum(axis=2)
    with np.errstate(invalid="ignore"):
        fano = counts.var(axis=1) / counts.mean(axis=1)
    intervals = [cv(isi(train)) if len(train) > 2 else np.nan for train in trains]
    return Activity(np.array(rates), fano, np.array(intervals, dtype=float))


def _summary(activity: Activity) -> dict[str, Any]:
    rate = activity.firing_rate
    active = rate > 0
    return {
        "firing_rate": rate.mean(),
        "cv_firing_rate_percent": 100 * rate.std() / rate.mean(),
        "fano_factor": np.nanmean(activity.fano_factor),
        "one_minus_rate": np.mean(1 - rate[active]),
        "isi_cv": np.nanmean(activity.isi_cv),
        "sqrt_one_minus_rate": np.mean(np.sqrt(1 - rate[np.isfinite(activity.isi_cv)])),
        "silent_units": int(np.sum(~active)),
    }


def _network(name: str, n_inputs: int, seed: int) -> Any:
    import keras

    def glorot(offset: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed + offset)

    model = keras.Sequential(
        [
            keras.Input((n_inputs,)),
            keras.layers.Dense(64, activation="relu", kernel_initializer=glorot(0), name="hidden"),
            keras.layers.Dense(10, activation="softmax", kernel_initializer=glorot(1), name="output"),
        ],
        name=name,
    )
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _train(
    model: Any,
    images: np.ndarray,
    targets: np.ndarray,
    epochs: int,
    rng: np.random.Generator,
    progress: bool,
) -> float:
    """Train and return the accuracy on the training labels."""
    import keras

    class Shuffled(keras.utils.PyDataset):  # type: ignore[misc]
        """Batches in another order each pass, drawn from `rng`: Keras' own shuffling takes no seed."""

        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(images) // _BATCH)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            chosen = self.order[_BATCH * index : _BATCH * (index + 1)]
            return images[chosen], targets[chosen]

        def on_epoch_end(self) -> None:
            self.order = rng.permutation(len(images))

    if epochs:
        name = f"train {model.name}"
        with ProgressBar(epochs, name, unit="pass", delay=0, progress=progress) as bar:
            advance = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update())
            model.fit(Shuffled(), epochs=epochs, shuffle=False, verbose=0, callbacks=[advance])
    return float(model.evaluate(images, targets, verbose=0)[1])


def _rasters(blocks: dict[str, neo.Block], path: Path) -> Path:
    """The first samples of each network as a raster plot."""
    from matplotlib.figure import Figure
    from viziphant.rasterplot import rasterplot

    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    axes = figure.subplots(len(blocks), 1, sharex=True)
    for axis, (name, block) in zip(axes, blocks.items(), strict=True):
        trains = [train.time_slice(None, 150 * pq.ms) for train in block.segments[0].spiketrains]
        rasterplot(trains, axes=axis, color=COLORS[name], marker="|", s=9)
        axis.set(title=name, xlabel="", ylabel="unit", xlim=(-1, 151), ylim=(-1, len(trains)))
    axes[-1].set_xlabel("sample (1 ms each)")
    figure.savefig(path, dpi=150)
    return path


def _distributions(activities: dict[str, Activity], path: Path) -> Path:
    """Firing rates of the units in rising order; Fano factors and ISI CVs against them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    rate, fano, intervals = figure.subplots(1, 3)
    for name, activity in activities.items():
        rates = activity.firing_rate
        order = np.arange(1, rates.size + 1)
        rate.plot(order, np.sort(rates), "o-", color=COLORS[name], ms=2.5, lw=1, label=name)
        style: dict[str, Any] = {"color": COLORS[name], "ms": 3.5, "alpha": 0.7, "mew": 0}
        fano.plot(rates, activity.fano_factor, "o", **style)
        intervals.plot(rates, activity.isi_cv, "o", **style)
    rates = np.linspace(0, 1, 200)
    fano.plot(rates, 1 - rates, color="black", lw=1, label="independent: 1 − p")
    intervals.plot(rates, np.sqrt(1 - rates), color="black", lw=1, label="independent: √(1 − p)")
    rate.set(xlabel="unit, by rate", ylabel="firing rate (spikes per sample)", ylim=(-0.02, 1.02))
    label = f"Fano factor (windows of {WINDOW})"
    fano.set(xlabel="firing rate p", ylabel=label, xlim=(-0.02, 1.02), ylim=(0, None))
    intervals.set(
        xlabel="firing rate p", ylabel="CV of the intervals", xlim=(-0.02, 1.02), ylim=(0, None)
    )
    for axis in (rate, fano, intervals):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    return path
