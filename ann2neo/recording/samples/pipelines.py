"""What a tf.data pipeline does to the order of its samples, read from the pipeline itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from ann2neo.spikes.callers import find_stacklevel

_VOUCH = "if the order is known to be that of the data set, pass iter(dataset)"
_INFINITE = -1
_DRAWN = ("RandomShuffle", "RandomIndexShuffle", "StatelessShuffle")


def check_pipeline(dataset: Any) -> bool:
    """Refuse a tf.data.Dataset that shuffles or repeats, wherever in its pipeline; tell if in doubt.

    Raises
    ------
    ValueError
        If it shuffles, repeats samples, or leaves their order open.

    Warns
    -----
    UserWarning
        If samples may be shuffled or repeated inside of its functions, or the pipeline cannot be read.
    """
    if int(dataset.cardinality()) == _INFINITE:
        raise ValueError("samples must end: this tf.data.Dataset repeats for ever; take(n) some batches")
    try:
        steps = list(_walk(dataset))
        options = dataset.options()
    except (AttributeError, TypeError, ValueError, NotImplementedError) as error:
        _warn(f"this tf.data.Dataset does not show its pipeline ({error!s:.80})")
        return True
    if getattr(options, "deterministic", None) is False:
        raise ValueError(_refusal("options().deterministic is False, so that batches may overtake", ""))
    for step, alone in steps:
        _check_step(step, alone)
    for step, _ in steps:
        doubt = _find_doubt(step)
        if doubt:
            _warn(doubt)
            return True
    return False


def _walk(dataset: Any, alone: bool = True) -> Iterator[tuple[Any, bool]]:
    """Each step of a pipeline, and whether it is the only source of what comes behind it."""
    yield dataset, alone
    sources = dataset._inputs()
    for source in sources:
        yield from _walk(source, alone and len(sources) == 1)


def _check_step(step: Any, alone: bool) -> None:
    kind = type(step).__name__
    if "Shuffle" in kind and _number(step, "_buffer_size", 2) != 1:
        raise ValueError(_refusal("it has a shuffle", " without it (shuffle=False)"))
    if kind == "_RepeatDataset" and _number(step, "_count", 2) not in (0, 1):
        # Beside another source it may fill up, as a constant label for each image.
        if alone:
            raise ValueError(_refusal("it has a repeat, which shows samples again", " without it"))
        _warn("this tf.data.Dataset has a repeat in a part of its pipeline")
    if getattr(step, "_deterministic", None) in ("false", False) or _may_overtake(step):
        raise ValueError(
            _refusal("a step of it has deterministic=False, so that samples may overtake", "")
        )


def _number(step: Any, attribute: str, unknown: int) -> int:
    value = getattr(step, attribute, None)
    try:
        return unknown if value is None else int(value)
    except (TypeError, ValueError):
        return unknown


def _may_overtake(step: Any) -> bool:
    """Of an interleaving, which keeps what it was told only in its graph."""
    if type(step).__name__ != "_ParallelInterleaveDataset":
        return False
    from tensorflow.core.framework import graph_pb2  # type: ignore[import-untyped,unused-ignore]

    graph = graph_pb2.GraphDef.FromString(step._as_serialized_graph().numpy())
    found = [node for node in graph.node if node.op.startswith("ParallelInterleaveDataset")]
    return any(node.attr["deterministic"].s == b"false" for node in found)


def _find_doubt(step: Any) -> str:
    """What a step does, or the functions in it, that may change the order; "" for nothing."""
    kind = type(step).__name__
    if kind in ("_RandomDataset", "_DirectedInterleaveDataset"):
        return "this tf.data.Dataset draws from several sources, or by random numbers"
    if kind == "_GroupByWindowDataset":
        return "this tf.data.Dataset puts its samples in groups (group_by_window, buckets by length)"
    if "Interleave" in kind:
        return "this tf.data.Dataset takes its samples from several sources in turn (interleave)"
    for op in _list_ops(step):
        if "Shuffle" in op and (op.endswith("Dataset") or "Dataset" in op or op in _DRAWN):
            return f"a function of this tf.data.Dataset shuffles ({op})"
        if op.startswith("RepeatDataset"):
            return "a function of this tf.data.Dataset repeats (RepeatDataset)"
    return ""


def _list_ops(step: Any) -> Iterator[str]:
    for function in step._functions():
        graph = function.function.graph.as_graph_def()
        yield from (node.op for node in graph.node)
        for inner in graph.library.function:
            yield from (node.op for node in inner.node_def)


def _refusal(found: str, without: str) -> str:
    return (
        "samples must come once each and in the order of the data set, got a tf.data.Dataset whose "
        f"order is another: {found}; make one{without or ' that keeps the order'}, for another order "
        f"pass arrays and rng; {_VOUCH}"
    )


def _warn(reason: str) -> None:
    warnings.warn(
        f"the order of samples cannot be checked: {reason}; if they are shuffled or repeated, "
        "sample_index and labels given apart are those of other samples",
        stacklevel=find_stacklevel(),
    )
