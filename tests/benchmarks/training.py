"""Passes over MNIST-sized data inside one graph, against Keras' `fit`.

Run with ``python tests/benchmarks/training.py``, or name some of the networks: ``mlp-64 cnn-64``.
Baseline: what a user would write, one ``model.fit`` on arrays for all passes, with 10 % of the samples
held out. The first pass is left out: that one makes the graph.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from timing import Comparison, show

from ann2neo import training

N_SAMPLES = 60_000
ROUNDS = 3
PASSES = {"mlp-64": 6, "mlp-512": 4, "cnn-64": 2}
"""Passes a round, behind the one that is not counted."""


class _Clock(keras.callbacks.Callback):
    """Seconds of each pass, its validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def passes(name: str, rng: np.random.Generator) -> Comparison:
    """`train` on its fast path and `fit`, in turn; the largest difference is that of final losses."""
    kind, width = name.split("-")
    x = rng.random((N_SAMPLES, 28, 28, 1), dtype=np.float32)
    y = (10 * x[:, :14].mean(axis=(1, 2, 3)) / x.mean(axis=(1, 2, 3)) % 1 * 10).astype(np.int64)
    network = training.build(kind, int(width), input_shape=(28, 28, 1), n_classes=10, rng=rng)
    condition = training.GENERALIZING.with_stop(epochs=PASSES[name] + 1)
    fit_seconds, our_seconds, apart = [], [], 0.0
    for _ in range(ROUNDS):
        model, clock = keras.models.clone_model(network), _Clock()
        model.set_weights(network.get_weights())
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
        fitted = model.fit(
            x,
            y,
            batch_size=256,
            epochs=PASSES[name] + 1,
            validation_split=0.1,
            callbacks=[clock],
            verbose=0,
        )
        fit_seconds += clock.seconds[1:]
        ours = training.train(condition, network, (x, y), rng=rng, fast=True, progress=False)
        our_seconds += ours.history.seconds.tolist()[1:]
        apart = max(apart, abs(fitted.history["loss"][-1] - ours.history.loss.iloc[-1]))
    baseline, fast = statistics.median(fit_seconds), statistics.median(our_seconds)
    operation = f"a pass of {name.upper()}, 54,000 × 784"
    bound = "≤ 0.33" if name == "mlp-64" else "< 1"
    return Comparison(operation, "model.fit", baseline, fast, bound, f"{apart:.1g} in loss")


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    rows = [passes(name, rng) for name in sys.argv[1:] or PASSES]
    show("Median pass, measured in turn in one run", rows)


if __name__ == "__main__":
    main()
