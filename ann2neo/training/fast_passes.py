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

    @tf.function
    def trained(inputs: Any, labels: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable.value)
            outputs = network(inputs, training=True)
            value = _total(loss, labels, outputs, network)
            scaled = optimizer.scale_loss(value)
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return value, outputs

    def trained_in_turn(chosen: Any, sizes: list[int]) -> Any:
        # Once a turn what need not be done once a batch: starting an operation takes its time, too.
        inputs, labels = tf.gather(x, chosen), tf.gather(y, chosen)
        done = [trained(*batch) for batch in zip(_cut(inputs, sizes), _cut(labels, sizes), strict=True)]
        values = [tf.cast(value, tf.float32) for value, _ in done]
        return _sums(values, sizes, labels, tf.concat([outputs for _, outputs in done], 0))

    def validated(first: Any, sizes: list[int]) -> Any:
        labels = _stretch(y, first, sum(sizes))
        outputs = network(_stretch(x, first, sum(sizes)), training=False)
        value = tf.cast(_total(loss, labels, outputs, network), tf.float32)
        return _sums([value], sizes, labels, outputs)

    def one_pass(order: Any) -> Any:
        score = _over_batches(
            lambda first, sizes: trained_in_turn(_stretch(order, first, sum(sizes)), sizes),
            (0, plan.n_train),
            plan.batch_size,
            _BATCHES_A_TURN,
        )
        held_out = tf.fill([2], np.float32(np.nan))
        if plan.validates:
            held_out = _over_batches(validated, (plan.n_train, len(plan.x)), _VALIDATION_BATCH, 1)
        return tf.concat([score, held_out], 0)

    return tf.function(one_pass)


def _over_batches(turn: Any, limits: tuple[int, int], size: int, n_batches: int) -> Any:
    """Means of what `turn` sums: of `n_batches` batches of `size` each, and at last of what is left."""
    start, stop = limits
    stride = n_batches * size
    turned = start + (stop - start) // stride * stride
    sums = tf.zeros([2])
    for first in tf.range(start, turned, stride):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        sums += turn(first, [size] * n_batches)
    if turned < stop:
        sums += turn(turned, [min(size, stop - first) for first in range(turned, stop, size)])
    return sums / (stop - start)


def _stretch(tensor: Any, first: Any, size: int) -> Any:
    """Rows from `first` on, a number of them that the graph knows when it is made."""
    return tf.slice(tensor, [first] + [0] * (tensor.ndim - 1), [size, *tensor.shape[1:]])


def _total(loss: Any, labels: Any, outputs: Any, network: Any) -> Any:
    return tf.add_n([loss(labels, outputs), *network.losses])


def _cut(tensor: Any, sizes: list[int]) -> list[Any]:
    """Its rows in batches."""
    return [_stretch(tensor, sum(sizes[:k]), size) for k, size in enumerate(sizes)]


def _sums(values: list[Any], sizes: list[int], labels: Any, outputs: Any) -> Any:
    """Loss and hits, summed over the samples of some batches of which `values` are the mean losses."""
    right = tf.equal(tf.argmax(outputs, -1, output_type=tf.int32), labels)
    loss = tf.add_n([value * size for value, size in zip(values, sizes, strict=True)])
    return tf.stack([loss, tf.reduce_sum(tf.cast(right, tf.float32))])
