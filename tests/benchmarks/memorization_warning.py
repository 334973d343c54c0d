"""How often `RateDrop` warns without cause, and how soon it warns when labels turn random.

Run with ``python tests/benchmarks/memorization_warning.py [NUMBER OF RUNS] [PROCESSES]``. Each run draws
a network, an optimizer and its settings, and trains twice from the same weights: on true labels
throughout, and on labels that are random from half way on. The rate is the last hidden layer's for 100
training samples after every batch. Digits; with ``ANN2NEO_DATA``, MNIST as well. The rule's numbers were
chosen on other seeds than those of the runs here.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from scipy.stats import binomtest
from tqdm.auto import tqdm

N_STEPS = 1200
SEED = 20_000
RATES = {
    "sgd": (0.02, 0.05, 0.1, 0.2, 0.5),
    "momentum": (0.01, 0.03, 0.1),
    "adam": (3e-4, 1e-3, 3e-3),
}
DATASETS = ("digits", "mnist") if os.environ.get("ANN2NEO_DATA") else ("digits",)


@dataclass(frozen=True)
class Outcome:
    """One run: its settings, its accuracy and the step of a warning without and with random labels."""

    settings: dict[str, Any]
    accuracy: float
    changed_at: int
    on_true_labels: int | None
    on_random_labels: int | None


def run(seed: int) -> Outcome:
    """Train one network twice."""
    import keras

    from ann2neo import training

    keras.backend.clear_session()
    rng = np.random.default_rng(seed)
    settings = _settings(rng)
    data = training.load(settings["data"])
    data = data.subset(min(len(data.x_train), 20_000), 1, rng=rng)
    model = training.build(
        settings["network"], settings["width"], input_shape=data.input_shape, n_classes=10, rng=rng
    )
    optimizer = {
        "sgd": keras.optimizers.SGD,
        "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
        "adam": keras.optimizers.Adam,
    }[settings["optimizer"]](settings["learning_rate"])
    optimizer.build(model.trainable_variables)
    one_pass = _pass(model, optimizer, data.x_train, settings["batch_size"])
    n_passes = max(2, N_STEPS // (len(data.x_train) // settings["batch_size"]))
    rates, random_rates = [], []
    for _ in range(n_passes // 2):
        rates.append(one_pass(data.y_train, rng))
    changed_at = sum(map(len, rates))
    variables = [*model.variables, *optimizer.variables]
    values = [variable.numpy() for variable in variables]
    random_labels = training.random_labels(data.y_train, rng)
    for _ in range(n_passes - n_passes // 2):
        random_rates.append(one_pass(random_labels, rng))
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    before = list(rates)
    for _ in range(n_passes - n_passes // 2):
        rates.append(one_pass(data.y_train, rng))
    predicted = model.predict(data.x_train, batch_size=1024, verbose=0).argmax(axis=1)
    return Outcome(
        settings,
        float(np.mean(predicted == data.y_train)),
        changed_at,
        _warned_at(np.concatenate(rates)),
        _warned_at(np.concatenate(before + random_rates)),
    )


def _settings(rng: np.random.Generator) -> dict[str, Any]:
    data = str(rng.choice(DATASETS, p=(0.75, 0.25) if len(DATASETS) > 1 else None))
    optimizer = str(rng.choice(list(RATES), p=(0.6, 0.2, 0.2)))
    return {
        "data": data,
        "network": str(rng.choice(["mlp", "cnn"])) if data == "digits" else "mlp",
        "width": int(rng.choice([16, 32, 64, 128, 256])),
        "optimizer": optimizer,
        "learning_rate": float(rng.choice(RATES[optimizer])),
        "batch_size": int(rng.choice([32, 64, 128] if data == "digits" else [128, 256])),
    }


def _pass(model: Any, optimizer: Any, x: np.ndarray, batch_size: int) -> Callable:
    """A pass over the data as one TensorFlow graph, which gives the rate after each batch."""
    import keras
    import tensorflow as tf

    hidden = keras.Model(model.inputs, model.get_layer("hidden").output)
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    images, probe = tf.constant(x), tf.constant(x[:100])

    @tf.function(autograph=False)
    def trained(batches: Any, labels: Any) -> Any:
        def step(rows: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = loss_of(tf.gather(labels, rows), model(tf.gather(images, rows), training=True))
            optimizer.apply(tape.gradient(loss, model.trainable_variables))
            return tf.reduce_mean(tf.cast(hidden(probe) > 0, tf.float32))

        return tf.map_fn(step, batches, fn_output_signature=tf.float32, parallel_iterations=1)

    def one_pass(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        order = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
        return trained(tf.constant(order.reshape(-1, batch_size)), tf.constant(labels)).numpy()

    return one_pass


def _warned_at(rates: np.ndarray) -> int | None:
    from ann2neo import training

    rule = training.RateDrop()
    return next((step for step, rate in enumerate(rates, 1) if rule.update(float(rate))), None)


def report(outcomes: list[Outcome]) -> None:
    """Print false alarms with their exact binomial interval, and delays."""
    console = Console(width=120, highlight=False)
    false = [outcome for outcome in outcomes if outcome.on_true_labels is not None]
    interval = binomtest(len(false), len(outcomes)).proportion_ci(0.95, "exact")
    console.print(
        f"warnings on true labels: {len(false)} of {len(outcomes)} runs of {N_STEPS} batches = "
        f"{len(false) / len(outcomes):.1%}, 95 % interval {interval.low:.1%} to {interval.high:.1%}"
    )
    for outcome in false:
        console.print(f"  {outcome.on_true_labels}, accuracy {outcome.accuracy:.2f}, {outcome.settings}")
    changed = [o for o in outcomes if o.on_random_labels is None or o.on_random_labels > o.changed_at]
    delays = [
        np.inf if outcome.on_random_labels is None else outcome.on_random_labels - outcome.changed_at
        for outcome in changed
    ]
    caught = sum(np.isfinite(delays))
    quantiles = np.quantile(delays, [0.5, 0.9, 0.95], method="higher")
    console.print(
        f"labels turned random: {caught} of {len(changed)} runs warned within about {N_STEPS // 2} "
        f"batches; delay: median {quantiles[0]:g}, 90 % {quantiles[1]:g}, 95 % {quantiles[2]:g} batches"
    )
    accuracies = [outcome.accuracy for outcome in outcomes]
    console.print(f"training accuracy on true labels: median {np.median(accuracies):.3f}")


def _one_thread() -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main() -> None:
    """Run, report."""
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    n_processes = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, mp_context=context, initializer=_one_thread) as pool:
        seeds = range(SEED, SEED + n_runs)
        report(list(tqdm(pool.map(run, seeds), total=n_runs, desc="runs", mininterval=10)))


if __name__ == "__main__":
    main()
