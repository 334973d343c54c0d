"""Whole passes over the training data inside one TensorFlow graph.

`fit` returns to Python after every batch; for small networks that takes longer than the batch does.
Here Python draws the order of a pass, and the graph does the rest: gathering batches, training steps,
validation. Not compiled by XLA: on a CPU that made these networks no faster, measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ann2neo.training.passes import Passes, Plan, Score

_VALIDATION_BATCH = 1000
_BATCHES_A_TURN = 4


def train_fast(network: Any, plan: Plan, passes: Passes, rng: np.random.Generator) -> None:
    """Train the compiled `network` until `passes` says it is over."""
    run = _compiled(network, plan)
    over = False
    while not over:
        passes.begin()
        order = rng.permutation(plan.n_train).astype(np.int32)
        over = passes.ended(Score(*run(tf.constant(order)).numpy().tolist()))
    network.optimizer.finalize_variable_values(network.trainable_variables)


def _compiled(network: Any, plan: Plan) -> Any:
    """A graph from the order of a pass to the four numbers of its `Score`."""
    loss, optimizer = network.loss, network.optimizer
    x, y = tf.constant(plan.x), tf.constant(plan.y.astype(np.int32))
    variables = network.trainable_variables
    optimizer.build(variables)

    def trained(chosen: Any) -> Any:
        inputs, labels = tf.gather(x, chosen), tf.gather(y, chosen)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable.value)
            outputs = network(inputs, training=True)
            value = _total(loss, labels, outputs, network)
            scaled = optimizer.scale_loss(value)
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return _sums(value, labels, outputs)

    def validated(first: Any, size: int) -> Any:
        labels = _stretch(y, first, size)
        outputs = network(_stretch(x, first, size), training=False)
        return _sums(_total(loss, labels, outputs, network), labels, outputs)

    def one_pass(order: Any) -> Any:
        score = _over_batches(
            lambda first, size: trained(_stretch(order, first, size)), 0, plan.n_train, plan.batch_size
        )
        held_out = tf.fill([2], np.float32(np.nan))
        if plan.validates:
            held_out = _over_batches(validated, plan.n_train, len(plan.x), _VALIDATION_BATCH)
        return tf.concat([score, held_out], 0)

    return tf.function(one_pass)


def _over_batches(step: Any, start: int, stop: int, size: int) -> Any:
    """Means of what `step` sums, over batches of `size` and a last one of what is left."""
    # Several batches a turn: a turn takes as long as some ten operations of a small network.
    stride = _BATCHES_A_TURN * size
    turned = start + (stop - start) // stride * stride
    batch = tf.function(step)
    sums = tf.zeros([2])
    for first in tf.range(start, turned, stride):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        sums += tf.add_n([batch(first + number * size, size) for number in range(_BATCHES_A_TURN)])
    for first in range(turned, stop, size):
        sums += batch(tf.constant(first), min(size, stop - first))
    return sums / (stop - start)


def _stretch(tensor: Any, first: Any, size: int) -> Any:
    """Rows from `first` on, a number of them that the graph knows when it is made."""
    return tf.slice(tensor, [first] + [0] * (tensor.ndim - 1), [size, *tensor.shape[1:]])


def _total(loss: Any, labels: Any, outputs: Any, network: Any) -> Any:
    return tf.add_n([loss(labels, outputs), *network.losses])


def _sums(value: Any, labels: Any, outputs: Any) -> Any:
    right = tf.equal(tf.argmax(outputs, -1, output_type=tf.int32), labels)
    count = tf.cast(tf.size(labels), tf.float32)
    return tf.stack([tf.cast(value, tf.float32) * count, tf.reduce_sum(tf.cast(right, tf.float32))])
