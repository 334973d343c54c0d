"""Train a network under a condition."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.extras import require
from ann2neo.spikes.argument_checks import check_rng
from ann2neo.training.conditions import CONDITIONS, Condition
from ann2neo.training.datasets import as_dataset
from ann2neo.training.training_loop import Passes, Plan, plan_training


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and how it came about.

    Attributes
    ----------
    network : keras.Model
        A copy, trained and compiled; what was frozen still is.
    condition : Condition
    history : pandas.DataFrame
        A row per pass: ``training_epoch`` (from 1), ``loss`` and ``accuracy`` (running, as Keras'),
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
        Fraction of the training samples, the last ones, that is held out, in [0, 1).
    optimizer : keras optimizer, optional
        Of its settings a new one is made.
    from_logits : bool
        Whether the network ends without softmax.
    fast : {"auto", True, False}
        Whole passes inside one compiled TensorFlow graph; ``"auto"`` where that is possible: on Keras'
        TensorFlow backend, where no callback is to be called between batches. Otherwise Keras' ``fit``,
        in the same order.
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
    require("keras", extra="tensorflow")
    from ann2neo.recording.keras.weights import hash_weights
    from ann2neo.training import clone, compiling, data_checks

    rng, data = check_rng(rng), as_dataset(data)
    drawn_from, start = _describe(rng), _start(condition, network)
    plan = plan_training(condition, data, batch_size, validation_split, rng)
    fast = _is_fast(fast, callbacks)
    copy = clone.copy_network(start, rng)
    clone.freeze(copy, condition.trainable)
    data_checks.check_fit(copy, data, from_logits)
    compiling.compile_for_classes(copy, optimizer, learning_rate, from_logits)
    frozen, hash_before = clone.list_frozen_values(copy), hash_weights(copy)
    passes = _run(copy, plan, rng, fast, callbacks, progress)
    clone.check_unchanged(frozen)
    provenance = {
        "condition": condition.name,
        **drawn_from,
        **passes.outcome(),
        "start_weights_hash": hash_before,
        "weights_hash": hash_weights(copy),
        "validation_split": float(validation_split),
        "batch_size": plan.batch_size,
        **compiling.compile_with(copy),
        "fast": fast,
    }
    return Trained(copy, condition, passes.history(), plan.y, provenance)


def train_conditions(
    network: Any,
    data: Any,
    conditions: Iterable[Condition] | Mapping[str, Condition] = CONDITIONS,
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
    conditions : iterable of Condition or mapping to Condition
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
    TypeError, ValueError
        If `conditions` holds something else, two of one name or one without what it starts from, or an
        argument does not fit `train`.

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
    chosen, data = _list(conditions), as_dataset(data)
    names = [condition.name for condition in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"conditions must differ in name, got {names}")
    source = next((c.name for c in chosen if _generalizes(c)), None)
    later = [condition.name for condition in chosen if condition.start == "generalizing"]
    if later and source is None:
        raise ValueError(f"conditions {later} start from generalizing weights: add GENERALIZING")
    children = dict(zip(names, check_rng(rng).spawn(len(chosen)), strict=True))
    trained: dict[str, Trained] = {}
    for condition in sorted(chosen, key=lambda condition: condition.name in later):
        start = trained[str(source)] if condition.name in later else network
        trained[condition.name] = train(condition, start, data, rng=children[condition.name], **options)
    return {name: trained[name] for name in names}


def _list(conditions: Any) -> list[Condition]:
    held: Any = conditions.values() if isinstance(conditions, Mapping) else conditions
    # A name is iterable too, by its letters.
    several = isinstance(held, Iterable) and not isinstance(held, str)
    listed = list(held) if several else [held]
    wrong = [given for given in listed if not (several and isinstance(given, Condition))]
    if wrong:
        raise TypeError(
            f"conditions must be Conditions, in a list or mapping, got {wrong[0]!r:.60}; "
            "see ann2neo.training.CONDITIONS"
        )
    return listed


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


def _run(
    network: Any,
    plan: Plan,
    rng: np.random.Generator,
    fast: bool,
    callbacks: Sequence[Any],
    progress: bool,
) -> Passes:
    """All passes over the training data."""
    passes = Passes(plan.condition, progress)
    try:
        if plan.condition.stop.epochs and fast:
            from ann2neo.training.graph_loop import train_fast

            train_fast(network, plan, passes, rng, callbacks)
        elif plan.condition.stop.epochs:
            from ann2neo.training.keras_loop import train_by_fit

            train_by_fit(network, plan, passes, rng, callbacks)
    finally:
        passes.close()
    return passes


def _is_fast(fast: Any, callbacks: Sequence[Any]) -> bool:
    if fast not in (True, False, "auto"):
        raise ValueError(f"fast must be 'auto', True or False, got {fast!r:.60}")
    keras = require("keras", extra="tensorflow")
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"callbacks must be a list or tuple, got {callbacks!r:.60}")
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(f"callbacks must be keras.callbacks.Callback, got {callback!r:.60}")
    backend = keras.backend.backend()
    hindrances = []
    if backend != "tensorflow":
        hindrances.append(f"Keras runs on {backend}, not on TensorFlow")
    if any(_acts_between_batches(callback) for callback in callbacks):
        hindrances.append("callbacks are called between batches")
    if fast is True and hindrances:
        raise ValueError(f"fast=True is not possible: {'; '.join(hindrances)}")
    return bool(fast) and not hindrances


def _acts_between_batches(callback: Any) -> bool:
    """Whether a callback has more to do than at the begin and the end of passes and of training."""
    base = require("keras", extra="tensorflow").callbacks.Callback
    hooks = [name for name in vars(base) if name.startswith("on_") and "batch" in name]
    hooks += ["on_test_begin", "on_test_end"]
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(base, name) for name in hooks
    )


def _describe(rng: np.random.Generator) -> dict[str, Any]:
    """Enough to make the same draws again: the generator's state now, and where it came from."""
    seeds = rng.bit_generator.seed_seq
    return {
        "seed": str(getattr(seeds, "entropy", "")),
        "spawn_key": list(getattr(seeds, "spawn_key", ())),
        "rng_state": json.dumps(rng.bit_generator.state, default=np.ndarray.tolist),
    }
