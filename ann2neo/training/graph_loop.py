"""Whole passes over the training data inside one TensorFlow graph.

`fit` returns to Python after every batch; for small networks that takes longer than the batch does.
Here Python draws the order of a pass, and the graph does the rest: gathering batches, training steps,
validation. Not compiled by XLA: on a CPU that made these networks no faster, measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ann2neo.training.training_loop import Passes, Plan, Score

_VALIDATION_BATCH = 1000
_BATCHES_A_TURN = 4


def train_fast(
    network: Any, plan: Plan, passes: Passes, rng: np.random.Generator, callbacks: Sequence[Any]
) -> None:
    """Train the compiled `network` until `passes` or a callback says it is over."""
    run = _compile(network, plan)
    called = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=plan.condition.stop.epochs, verbose=0
    )
    network.stop_training = False
    called.on_train_begin()
    over, epoch, logs = False, 0, {}
    while not over:
        called.on_epoch_begin(epoch)
        passes.begin()
        order = rng.permutation(plan.n_train).astype(np.int32)
        loss, hits, val_loss, val_hits = run(tf.constant(order), tf.constant(0)).numpy().tolist()
        n_train, n_held_out = plan.n_train, len(plan.x) - plan.n_train
        score = Score(loss / n_train, hits / n_train)
        if plan.validates:
            score = Score(*score[:2], val_loss / n_held_out, val_hits / n_held_out)
        logs = {name: value for name, value in score._asdict().items() if np.isfinite(value)}
        called.on_epoch_end(epoch, logs)
        # Before what they say is asked for: a loss that is not finite ends the training at once.
        over = passes.end(score)
        if network.stop_training and not over:
            over, passes.stopped_by = True, "callback"
        epoch += 1
    called.on_train_end(logs)
    network.optimizer.finalize_variable_values(network.trainable_variables)


def _compile(network: Any, plan: Plan) -> Any:
    """A graph from the order of a pass to the four numbers of its `Score`, not yet divided.

    In the graph all that is divided by numbers it knows is multiplied by their reciprocals, which is not
    the same to the last bit. `fit` does not know its batches' sizes when it makes its graph, and so
    that the same weights come out, neither must this one: it takes a 0 that is added to them.
    """
    loss, optimizer = network.loss, network.optimizer
    x, y = tf.constant(plan.x), tf.constant(plan.y.astype(np.int32))
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function  # type: ignore[untyped-decorator]
    def train_batch(inputs: Any, labels: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable.value)
            outputs = network(inputs, training=True)
            value = _total(loss, labels, outputs, network)
            scaled = optimizer.scale_loss(value)
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return value, outputs

    def train_in_turn(chosen: Any, sizes: list[Any]) -> Any:
        # Once a turn what need not be done once a batch: starting an operation takes its time, too.
        inputs, labels = tf.gather(x, chosen), tf.gather(y, chosen)
        done = [
            train_batch(*batch) for batch in zip(_cut(inputs, sizes), _cut(labels, sizes), strict=True)
        ]
        values = [tf.cast(value, tf.float32) for value, _ in done]
        return _sums(values, sizes, labels, tf.concat([outputs for _, outputs in done], 0))

    def validate(first: Any, sizes: list[Any]) -> Any:
        labels = _stretch(y, first, sizes[0])
        outputs = network(_stretch(x, first, sizes[0]), training=False)
        value = tf.cast(_total(loss, labels, outputs, network), tf.float32)
        return _sums([value], sizes, labels, outputs)

    def one_pass(order: Any, zero: Any) -> Any:
        def turn(first: Any, sizes: list[Any]) -> Any:
            return train_in_turn(_stretch(order, first, sum(sizes)), sizes)

        sums = _over_batches(turn, (0, plan.n_train), plan.batch_size, _BATCHES_A_TURN, zero)
        held_out = tf.zeros([2])
        if plan.validates:
            limits = plan.n_train, len(plan.x)
            held_out = _over_batches(validate, limits, _VALIDATION_BATCH, 1, zero)
        return tf.concat([sums, held_out], 0)

    return tf.function(one_pass)


def _over_batches(turn: Any, limits: tuple[int, int], size: int, n_batches: int, zero: Any) -> Any:
    """Sums of what `turn` gives for `n_batches` batches of `size` each, and at last for what is left."""
    start, stop = limits
    stride = n_batches * size
    turned = start + (stop - start) // stride * stride
    sums = tf.zeros([2])
    for first in tf.range(start, turned, stride):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        sums += turn(first, [size + zero] * n_batches)
    if turned < stop:
        sums += turn(turned, [min(size, stop - first) + zero for first in range(turned, stop, size)])
    return sums


def _stretch(tensor: Any, first: Any, size: Any) -> Any:
    """So many rows from `first` on."""
    return tf.slice(tensor, [first] + [0] * (tensor.ndim - 1), [size, *tensor.shape[1:]])


def _total(loss: Any, labels: Any, outputs: Any, network: Any) -> Any:
    return tf.add_n([loss(labels, outputs), *network.losses])


def _cut(tensor: Any, sizes: list[Any]) -> list[Any]:
    """Its rows in batches."""
    return [_stretch(tensor, sum(sizes[:k]), size) for k, size in enumerate(sizes)]


def _sums(values: list[Any], sizes: list[Any], labels: Any, outputs: Any) -> Any:
    """Loss and hits, summed over the samples of some batches of which `values` are the mean losses."""
    right = tf.equal(tf.argmax(outputs, -1, output_type=tf.int32), labels)
    loss = tf.add_n(
        [value * tf.cast(size, tf.float32) for value, size in zip(values, sizes, strict=True)]
    )
    return tf.stack([loss, tf.reduce_sum(tf.cast(right, tf.float32))])
