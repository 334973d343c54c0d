"""How often `RateDrop` warns without cause, and how soon it warns when labels turn random.

Run with ``python tests/benchmarks/rate_drop.py [NETWORKS A SETTING]``. Perceptrons of three
widths learn the digits with SGD, momentum and Adam at usual learning rates and two batch sizes, each
twice from the same weights: on true labels throughout, and on labels that are random from half way on.
The rate is the hidden layer's for 100 training samples after every batch. The networks of a setting are
trained side by side in one graph: stacked weights, each its own start, order of samples and labels.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from scipy.stats import binomtest
from tqdm.auto import tqdm

from ann2neo import monitoring, training

SEED = 20_000
N_STEPS = 1200
RATES = {
    "sgd": (0.02, 0.05, 0.1, 0.2, 0.5),
    "momentum": (0.01, 0.03, 0.1),
    "adam": (3e-4, 1e-3, 3e-3),
}
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "adam": keras.optimizers.Adam,
}
PAIRS = [(name, rate) for name, rates in RATES.items() for rate in rates]
SETTINGS = list(itertools.product((16, 64, 128), PAIRS, (32, 128)))


@dataclass(frozen=True)
class Outcome:
    """One network: its accuracy on test samples and the steps, from the first, at which it warned."""

    setting: tuple
    accuracy: float
    changed_at: int
    on_true_labels: int | None
    on_random_labels: int | None


def run(setting: tuple, n_networks: int, rng: np.random.Generator) -> list[Outcome]:
    """Train the networks of a setting twice."""
    width, (optimizer_name, learning_rate), batch_size = setting
    data = training.load("digits")
    shape = {"input_shape": data.input_shape, "n_classes": data.n_classes}
    starts = [training.build("mlp", width, rng=rng, **shape).get_weights() for _ in range(n_networks)]
    weights = [keras.Variable(np.stack(values)) for values in zip(*starts, strict=True)]
    optimizer = OPTIMIZERS[optimizer_name](learning_rate)
    optimizer.build(weights)
    train = _trainer(weights, optimizer, data.x_train.reshape(len(data.x_train), -1))

    def rates(labels: np.ndarray) -> np.ndarray:
        return train(_batches(len(data.x_train), n_networks, batch_size, rng), labels).numpy()

    true = np.tile(data.y_train, (n_networks, 1))
    before = rates(true)
    variables = [*weights, *optimizer.variables]
    values = [variable.numpy() for variable in variables]
    on_random = rates(rng.permuted(true, axis=1))
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    on_true = rates(true)
    scores = _layers(weights, data.x_test.reshape(len(data.x_test), -1))[1].numpy()
    accuracies = (scores.argmax(axis=2) == data.y_test).mean(axis=1)
    return [
        Outcome(
            setting,
            float(accuracies[network]),
            len(before),
            _find_warning(np.concatenate([before, on_true])[:, network]),
            _find_warning(np.concatenate([before, on_random])[:, network]),
        )
        for network in range(n_networks)
    ]


def _trainer(weights: list[Any], optimizer: Any, x: np.ndarray) -> Callable[..., Any]:
    """Trains on batches as one TensorFlow graph, which gives each network's rate after each batch."""
    images = tf.constant(x)

    @tf.function(autograph=False)
    def train(batches: Any, labels: Any) -> Any:
        def step(rows: Any) -> Any:
            with tf.GradientTape() as tape:
                scores = _layers(weights, tf.gather(images, rows))[1]
                wanted = tf.gather(labels, rows, batch_dims=1)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, scores)
                # Summed over networks: each has the gradient of its own mean.
                loss = tf.reduce_sum(tf.reduce_mean(losses, axis=1))
            optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]))
            hidden = _layers(weights, images[:100])[0]
            return tf.reduce_mean(tf.cast(hidden > 0, tf.float32), axis=(1, 2))

        return tf.map_fn(step, batches, fn_output_signature=tf.float32, parallel_iterations=1)

    return train


def _layers(weights: list[Any], x: Any) -> tuple[Any, Any]:
    """Hidden activations and scores of each network, for samples of its own or the same for all."""
    kernel, bias, output_kernel, output_bias = (tf.convert_to_tensor(weight.value) for weight in weights)
    hidden = tf.nn.relu(tf.matmul(x, kernel) + bias[:, None])
    return hidden, tf.matmul(hidden, output_kernel) + output_bias[:, None]


def _batches(n_samples: int, n_networks: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of the batches of half a training, shape (n_steps, n_networks, size)."""
    n_batches = n_samples // size
    passes = []
    for _ in range(-(-N_STEPS // 2 // n_batches)):
        order = rng.permuted(np.tile(np.arange(n_samples), (n_networks, 1)), axis=1)
        passes.append(order[:, : n_batches * size].reshape(n_networks, n_batches, size).swapaxes(0, 1))
    return np.concatenate(passes)[: N_STEPS // 2]


def _find_warning(rates: np.ndarray) -> int | None:
    rule = monitoring.RateDrop()
    return next((step for step, rate in enumerate(rates, 1) if rule.update(float(rate))), None)


def report(outcomes: list[Outcome]) -> None:
    """Print false alarms with their exact binomial interval, and delays."""
    console = Console(width=120, highlight=False)
    false = [outcome for outcome in outcomes if outcome.on_true_labels is not None]
    interval = binomtest(len(false), len(outcomes)).proportion_ci(0.95, "exact")
    console.print(
        f"warnings on true labels: {len(false)} of {len(outcomes)} networks, {N_STEPS} batches each = "
        f"{len(false) / len(outcomes):.1%}, 95 % interval {interval.low:.1%} to {interval.high:.1%}"
    )
    for outcome in false:
        console.print(f"  {outcome.on_true_labels}, accuracy {outcome.accuracy:.2f}, {outcome.setting}")
    changed = [o for o in outcomes if o.on_random_labels is None or o.on_random_labels > o.changed_at]
    delays = [
        np.inf if outcome.on_random_labels is None else outcome.on_random_labels - outcome.changed_at
        for outcome in changed
    ]
    quantiles = np.quantile(delays, [0.5, 0.9, 0.95], method="higher")
    console.print(
        f"labels turned random: {np.isfinite(delays).sum()} of {len(changed)} networks warned within "
        f"{N_STEPS // 2} batches; delay: median {quantiles[0]:g}, 90 % {quantiles[1]:g}, 95 % "
        f"{quantiles[2]:g} batches"
    )
    for outcome in changed:
        if outcome.on_random_labels is None:
            console.print(f"  never: {outcome.setting}")
    lowest, low, median = np.quantile([outcome.accuracy for outcome in outcomes], [0, 0.05, 0.5])
    console.print(
        f"test accuracy on true labels: lowest {lowest:.2f}, 5 % {low:.2f}, median {median:.2f}"
    )


def main() -> None:
    """Run, report."""
    n_networks = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    outcomes = []
    for number, setting in enumerate(tqdm(SETTINGS, desc="settings", mininterval=10)):
        outcomes += run(setting, n_networks, np.random.default_rng(SEED + number))
    report(outcomes)


if __name__ == "__main__":
    main()
