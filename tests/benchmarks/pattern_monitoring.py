"""What it costs to follow the patterns of a network while it trains, against plain `fit`.

Run with ``python tests/benchmarks/pattern_monitoring.py``. ResNets of 16 channels with one and two
blocks a stage, images of 32 × 32, SGD, batches of 128; every 10 batches all ReLU layers on 500 images,
at all positions. Processor time, which other programs on the machine disturb less than time on the
clock. Keeping snapshots comes on top; their compression takes longest with random bits, as here.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import keras
import numpy as np
from timing import Comparison, show

from ann2neo import monitoring, training

BATCH_SIZE, EVERY, N_PROBE = 128, 10, 500


def processor_medians(*ways: Callable[[], object], repeats: int) -> list[float]:
    """Median processor seconds of each way; all are run in turn."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, spent in zip(ways, times, strict=True):
            start = time.process_time()
            way()
            spent.append(time.process_time() - start)
    return [statistics.median(spent) for spent in times]


def monitor_batches(rng: np.random.Generator, blocks: int, *, keep: bool, repeats: int) -> Comparison:
    """Ten batches and one look against ten batches."""
    n_samples = BATCH_SIZE * EVERY
    images = rng.random((n_samples, 32, 32, 3), dtype=np.float32)
    labels = rng.integers(0, 10, n_samples)
    model = training.build("resnet", 16, blocks=blocks, input_shape=(32, 32, 3), n_classes=10, rng=rng)
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        snapshots = f"{folder}/snapshots" if keep else None
        monitor = monitoring.PatternMonitor(
            {"train": images[:N_PROBE]}, snapshots=snapshots, conv_units="channels"
        )
        callback = monitoring.MonitorCallback(monitor, every=EVERY)
        # Getting ready takes place once a training; the callback would do it when each `fit` begins.
        callback.on_train_begin = lambda logs=None: None
        callback.set_model(model)

        def fit(*callbacks: keras.callbacks.Callback) -> None:
            model.fit(images, labels, batch_size=BATCH_SIZE, verbose=0, callbacks=list(callbacks))

        fit(callback)
        plain, watched = processor_medians(fit, lambda: fit(callback), repeats=repeats)
        looks = callback.to_frame()["step"].nunique()
        if looks != 1 + repeats:
            raise RuntimeError(f"{looks} looks, {1 + repeats} expected")
        name = f"{6 * blocks + 2} layers"
        if snapshots is not None:
            size = max(file.stat().st_size for file in os.scandir(snapshots))
            name += f", snapshots of {size / 1e6:.1f} MB kept"
        return Comparison(name, "plain fit", plain, watched, "" if keep else "≤ 1.2")


def main(repeats: int) -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    plans = [(1, False), (1, True), (2, False)]
    rows = [monitor_batches(rng, blocks, keep=keep, repeats=repeats) for blocks, keep in plans]
    show("Medians of processor time, measured in turn in one run", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
