"""Train a network under a condition."""

from __future__ import annotations

import json
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.extras import needed
from ann2neo.spikes.arguments import checked_count, checked_rng
from ann2neo.training.conditions import CONDITIONS, Condition
from ann2neo.training.datasets import Dataset, as_dataset, random_labels
from ann2neo.training.passes import Passes, Plan


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and how it came about.

    Attributes
    ----------
    network : keras.Model
        A copy, trained and compiled; what was frozen still is.
    condition : Condition
    history : pandas.DataFrame
        A row a pass: ``training_epoch`` (from 1), ``loss`` and ``accuracy`` (running, as Keras'),
        ``val_loss`` and ``val_accuracy`` (NaN without validation), ``seconds``.
    labels : array of int, shape (n_samples,)
        What was trained on: a label for each of ``x_train``, in its order, those held out included.
    provenance : dict
        Flat and JSON-able: ``record(…).with_annotations(**trained.provenance)``.
    """

    network: Any
    condition: Condition
    history: pd.DataFrame
    labels: np.ndarray
    provenance: dict[str, Any]


def train(
    condition: Condition,
    network: Any,
    data: Any,
    *,
    rng: np.random.Generator,
    learning_rate: float = 0.1,
    batch_size: int = 256,
    validation_split: float = 0.1,
    optimizer: Any = None,
    from_logits: bool = False,
    fast: bool | str = "auto",
    callbacks: Sequence[Any] = (),
    progress: bool = True,
) -> Trained:
    """Train a copy of a network under a condition.

    Parameters
    ----------
    condition : Condition
    network : keras.Model or Trained
        Its weights are the start. A Trained must be of the condition this one starts from. It may be
        compiled or not; it is left as it is.
    data : Dataset or tuple of arrays
        See `as_dataset`.
    rng : numpy.random.Generator
        Draws random labels, the order of each pass and the seeds of random layers.
    learning_rate : float
        Of stochastic gradient descent without momentum; an `optimizer` brings its own.
    batch_size : int
        The last batch of a pass is what is left.
    validation_split : float
        Share of the training samples, the last ones, that is held out, in [0, 1).
    optimizer : keras optimizer, optional
        Of its settings a new one is made.
    from_logits : bool
        Whether the network ends without softmax.
    fast : {"auto", True, False}
        Whole passes inside one compiled TensorFlow graph; ``"auto"`` where that is possible: on Keras'
        TensorFlow backend, without `callbacks`. Otherwise Keras' ``fit``, in the same order.
    callbacks : sequence of keras.callbacks.Callback
    progress : bool
        Show a progress bar.

    Returns
    -------
    Trained

    Raises
    ------
    DivergedError
        If the loss is not finite.
    TypeError, ValueError
        If an argument is out of its domain, or network, data and condition do not fit.

    Notes
    -----
    The loss is categorical cross-entropy. The defaults are the firing-rate paper's protocol.
    The same state of `rng`, network and data give the same weights, to the last bit, on the same machine
    and versions (on a GPU only as far as TensorFlow's kernels are deterministic there).

    References
    ----------
    Lehmler et al., "Understanding activation patterns in artificial neural networks by exploring
    stochastic processes" (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import training
    >>> rng = np.random.default_rng(0)
    >>> data = training.load("digits").subset(300, 50, rng=rng)
    >>> network = training.build("mlp", 16, input_shape=(8, 8, 1), n_classes=10, rng=rng)
    >>> condition = training.GENERALIZING.with_stop(epochs=3)
    >>> trained = training.train(condition, network, data, rng=rng, batch_size=32, progress=False)
    >>> trained.history.accuracy.round(1).tolist()
    [0.1, 0.2, 0.3]
    """
    needed("keras", extra="tensorflow")
    from ann2neo.training import copies

    rng, data = checked_rng(rng), as_dataset(data)
    drawn_from = _described(rng)
    start = _start(condition, network)
    plan = _plan(condition, data, batch_size, validation_split, rng)
    fast = _is_fast(fast, callbacks)
    copy = copies.copied(start, rng)
    copies.freeze(copy, condition.trainable)
    _check_fit(copy, data, from_logits)
    _compile(copy, optimizer, learning_rate, from_logits)
    frozen, hash_before = copies.frozen_values(copy), _hash(copy)
    passes = Passes(condition, progress)
    try:
        _run(copy, plan, passes, rng, fast, callbacks)
    finally:
        passes.close()
    copies.check_unchanged(frozen)
    history = passes.history()
    provenance = {
        "condition": condition.name,
        **drawn_from,
        "epochs_run": len(history),
        "stopped_by": passes.stopped_by,
        "training_accuracy": _last(history.accuracy),
        "validation_accuracy": _last(history.val_accuracy),
        "start_weights_hash": hash_before,
        "weights_hash": _hash(copy),
        "validation_split": float(validation_split),
        "batch_size": plan.batch_size,
        **_compiled_with(copy),
        "fast": fast,
    }
    return Trained(copy, condition, history, plan.y, provenance)


def train_conditions(
    network: Any,
    data: Any,
    conditions: Iterable[Condition] = tuple(CONDITIONS.values()),
    *,
    rng: np.random.Generator,
    **options: Any,
) -> dict[str, Trained]:
    """Train a network under several conditions, each where it has to start.

    Parameters
    ----------
    network : keras.Model
        Untrained: its weights are the initial ones of all conditions.
    data : Dataset or tuple of arrays
    conditions : iterable of Condition
        The paper's five, if not given. What starts from generalizing weights starts from those of the
        first condition that has true labels and initial weights.
    rng : numpy.random.Generator
        Each condition gets a child of its own.
    **options
        As `train`.

    Returns
    -------
    dict of Trained
        By the conditions' names, in the order given.

    Raises
    ------
    ValueError
        If two conditions have one name, or one lacks what it starts from.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import training
    >>> rng = np.random.default_rng(0)
    >>> data = training.load("digits").subset(300, 50, rng=rng)
    >>> network = training.build("mlp", 16, input_shape=(8, 8, 1), n_classes=10, rng=rng)
    >>> short = [condition.with_stop(epochs=2) for condition in training.CONDITIONS.values()]
    >>> list(train_conditions(network, data, short, rng=rng, progress=False))
    ['Random', 'Generalizing', 'MemRetrainLast', 'MemRetrainAll', 'MemRandomLast']
    """
    chosen, data = list(conditions), as_dataset(data)
    names = [condition.name for condition in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"conditions must differ in name, got {names}")
    source = next((c.name for c in chosen if _generalizes(c)), None)
    later = [condition.name for condition in chosen if condition.start == "generalizing"]
    if later and source is None:
        raise ValueError(f"conditions {later} start from generalizing weights: add GENERALIZING")
    children = dict(zip(names, checked_rng(rng).spawn(len(chosen)), strict=True))
    trained: dict[str, Trained] = {}
    for condition in sorted(chosen, key=lambda condition: condition.name in later):
        start = trained[str(source)] if condition.name in later else network
        trained[condition.name] = train(condition, start, data, rng=children[condition.name], **options)
    return {name: trained[name] for name in names}


def _generalizes(condition: Condition) -> bool:
    return condition.start == "initial" and condition.labels == "true" and condition.stop.epochs > 0


def _start(condition: Condition, network: Any) -> Any:
    if not isinstance(condition, Condition):
        raise TypeError(f"condition must be a Condition, got {condition!r:.60}; see CONDITIONS")
    if not isinstance(network, Trained):
        return network
    fits = (
        _generalizes(network.condition)
        if condition.start == "generalizing"
        else not len(network.history) and network.condition.start == "initial"
    )
    if not fits:
        raise ValueError(
            f"condition {condition.name!r} starts from {condition.start} weights, "
            f"but network went through {network.condition.name!r}"
        )
    return network.network


def _plan(
    condition: Condition, data: Dataset, batch_size: Any, split: Any, rng: np.random.Generator
) -> Plan:
    labels = data.y_train
    if condition.labels == "random":
        labels = random_labels(labels, rng)
        labels.flags.writeable = False
    n_train = _n_train(len(labels), split)
    return Plan(condition, data.x_train, labels, n_train, checked_count(batch_size, "batch_size"))


def _compile(network: Any, optimizer: Any, learning_rate: Any, from_logits: bool) -> None:
    keras = needed("keras", extra="tensorflow")
    network.compile(
        _optimizer(optimizer, learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # no faster here, and another order of sums than the fast path's
    )


def _compiled_with(network: Any) -> dict[str, Any]:
    keras = needed("keras", extra="tensorflow")
    return {
        "optimizer": type(network.optimizer).__name__,
        "learning_rate": float(keras.ops.convert_to_numpy(network.optimizer.learning_rate)),
        "backend": keras.backend.backend(),
    }


def _hash(network: Any) -> str:
    from ann2neo.recording.keras import weights_hash

    return weights_hash(network)


def _run(
    network: Any,
    plan: Plan,
    passes: Passes,
    rng: np.random.Generator,
    fast: bool,
    callbacks: Sequence[Any],
) -> None:
    if not plan.condition.stop.epochs:
        return
    if fast:
        from ann2neo.training.fast_passes import train_fast

        train_fast(network, plan, passes, rng)
    else:
        from ann2neo.training.fit_passes import train_by_fit

        train_by_fit(network, plan, passes, rng, callbacks)


def _is_fast(fast: Any, callbacks: Sequence[Any]) -> bool:
    if fast not in (True, False, "auto"):
        raise ValueError(f"fast must be 'auto', True or False, got {fast!r:.60}")
    keras = needed("keras", extra="tensorflow")
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(f"callbacks must be keras.callbacks.Callback, got {callback!r:.60}")
    backend = keras.backend.backend()
    hindrances = []
    if backend != "tensorflow":
        hindrances.append(f"Keras runs on {backend}, not on TensorFlow")
    if callbacks:
        hindrances.append("callbacks are called between batches")
    if fast is True and hindrances:
        raise ValueError(f"fast=True is not possible: {'; '.join(hindrances)}")
    return bool(fast) and not hindrances


def _optimizer(optimizer: Any, learning_rate: Any) -> Any:
    optimizers = needed("keras", extra="tensorflow").optimizers
    if optimizer is not None:
        if not isinstance(optimizer, optimizers.Optimizer):
            raise TypeError(f"optimizer must be a keras optimizer, got {optimizer!r:.60}")
        return type(optimizer).from_config(optimizer.get_config())
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, numbers.Real):
        raise TypeError(f"learning_rate must be a positive number, got {learning_rate!r:.60}")
    if not 0 < float(learning_rate) < np.inf:
        raise ValueError(f"learning_rate must be positive and finite, got {learning_rate!r:.60}")
    return optimizers.SGD(float(learning_rate))


def _n_train(n_samples: int, split: Any) -> int:
    """Samples not held out: as many as Keras' `validation_split` leaves."""
    if isinstance(split, bool) or not isinstance(split, numbers.Real):
        raise TypeError(f"validation_split must be a number in [0, 1), got {split!r:.60}")
    if not 0 <= float(split) < 1:
        raise ValueError(f"validation_split must lie in [0, 1), got {split!r:.60}")
    left = int(n_samples * (1.0 - float(split)))
    if not left:
        raise ValueError(f"validation_split={split} leaves none of {n_samples} samples to train with")
    return left


def _check_fit(network: Any, data: Dataset, from_logits: bool) -> None:
    """Show the network two samples: does it take them, and answer with a distribution over classes?"""
    from keras import ops

    try:
        outputs = ops.convert_to_numpy(network(data.x_train[:2], training=False))
    except Exception as error:
        raise ValueError(
            f"data do not fit network {network.name!r}: samples have shape {data.input_shape}: "
            f"{str(error).strip():.300}"
        ) from error
    if outputs.ndim != 2 or outputs.shape[1] < data.n_classes:
        raise ValueError(
            f"network {network.name!r} must answer a sample with {data.n_classes} numbers, one a class, "
            f"got outputs of shape {outputs.shape[1:]}"
        )
    sums_to_one = np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0
    if not (from_logits or sums_to_one):
        raise ValueError(
            f"network {network.name!r} must end in a softmax, or be trained with from_logits=True; "
            f"its outputs for a sample sum to {outputs[0].sum():.3g}"
        )


def _described(rng: np.random.Generator) -> dict[str, Any]:
    """Enough to make the same draws again: the generator's state now, and where it came from."""
    seeds = rng.bit_generator.seed_seq
    return {
        "seed": str(getattr(seeds, "entropy", "")),
        "spawn_key": list(getattr(seeds, "spawn_key", ())),
        "rng_state": json.dumps(rng.bit_generator.state, default=np.ndarray.tolist),
    }


def _last(column: pd.Series) -> float | None:
    return float(column.iloc[-1]) if len(column) and np.isfinite(column.iloc[-1]) else None
