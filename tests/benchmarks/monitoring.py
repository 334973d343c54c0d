"""What it costs to watch a network while it trains: `fit` with an ActivityMonitor against plain `fit`.

Run with ``python tests/benchmarks/monitoring.py``. MLP-64, images of MNIST's size, SGD, batches of 256;
the monitor shows it 100 training and 100 test samples after every batch.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from timing import Comparison, medians, show

from ann2neo import monitoring, training

N_SAMPLES, BATCH_SIZE, N_PASSES = 54_000, 256, 10


def monitor_training(rng: np.random.Generator, every: int, bound: str) -> Comparison:
    """A training with looks on a schedule, set-up and table included, against one without."""
    images = rng.random((N_SAMPLES, 784), dtype=np.float32)
    labels = rng.integers(0, 10, N_SAMPLES)
    model = training.build("mlp", 64, input_shape=(28, 28, 1), n_classes=10, rng=rng)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = images.reshape(-1, 28, 28, 1)
    probes = {"train": images[:100], "test": images[-100:]}

    def fit(*callbacks: keras.callbacks.Callback) -> None:
        options = {"batch_size": BATCH_SIZE, "epochs": N_PASSES, "verbose": 0}
        model.fit(images, labels, callbacks=list(callbacks), **options)

    def fit_monitored() -> None:
        monitor = monitoring.MonitorCallback(monitoring.ActivityMonitor(probes), every=every)
        fit(monitor)
        looks = monitor.to_frame()["step"].nunique()
        expected = N_PASSES * -(-N_SAMPLES // BATCH_SIZE) // every + 1
        if looks != expected:
            raise RuntimeError(f"{looks} looks, {expected} expected")

    baseline, ours = medians(fit, fit_monitored, repeats=11)
    name = f"{N_PASSES} passes, 200 samples shown every {every} batches"
    return Comparison(name, "plain fit", baseline, ours, bound)


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    rows = [monitor_training(rng, 1, "≤ 1.25"), monitor_training(rng, 10, "")]
    show("Medians, measured in turn in one run", rows)


if __name__ == "__main__":
    main()
