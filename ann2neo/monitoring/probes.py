"""Probe samples: small sets that a network in training is shown again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ann2neo.recording.samples.batches import batches
from ann2neo.recording.samples.labels import check_labels


class Probes:
    """Named sets of samples, joined so that a network sees them all in as few batches as may be.

    Parameters
    ----------
    probes : mapping of str to samples
        Samples as `ann2neo.record` takes them.
    batch_size : int
        Samples per batch, at most.
    labels : mapping of str to labels, optional
        For each set of samples a label per sample, as `ann2neo.record` takes them.

    Attributes
    ----------
    ranges : dict of str to (int, int)
        Where in the joined samples each set begins and ends, by name.
    batches : list
        What to call the network with.
    n_batch : list of int
        Samples in each.
    n_samples : int
        Samples in all.
    labels : dict of str to array of shape (n_samples,)
        By name; empty without labels.
    """

    def __init__(
        self, probes: Mapping[str, Any], batch_size: int, labels: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(probes, Mapping) or not probes:
            raise TypeError(
                "probes must be a dict of name to samples, with one set at least, got "
                f"{_describe(probes)}"
            )
        self.ranges: dict[str, tuple[int, int]] = {}
        parts: list[Any] = []
        n_samples = 0
        for name, samples in probes.items():
            if not isinstance(name, str) or not name:
                raise TypeError(f"probes must have names, non-empty str, got {name!r}")
            read = _read_samples(name, samples)
            parts += [batch.inputs for batch in read]
            start, n_samples = n_samples, n_samples + sum(batch.n_samples for batch in read)
            self.ranges[name] = (start, n_samples)
        joined = batches(_join(parts), labels=False, batch_size=batch_size, rng=None)
        self.batches = [batch.inputs for batch in joined]
        self.n_batch = [batch.n_samples for batch in joined]
        self.n_samples = n_samples
        self.labels = {} if labels is None else _check_labels(labels, self.sizes)

    @property
    def sizes(self) -> dict[str, int]:
        """Samples in each set, by name."""
        return {name: stop - start for name, (start, stop) in self.ranges.items()}


def _read_samples(name: str, samples: Any) -> list[Any]:
    try:
        read = list(batches(samples, labels=False, batch_size=1024, rng=None))
    except (TypeError, ValueError) as error:
        raise type(error)(f"probes[{name!r}]: {error}") from error
    if not read:
        raise ValueError(f"probes[{name!r}] must hold at least one sample, got none")
    for number, batch in enumerate(read):
        for leaf in _leaves(batch.inputs):
            if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
                row = int(np.argmax(~np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)))
                sample = sum(earlier.n_samples for earlier in read[:number]) + row
                raise ValueError(f"probes[{name!r}] must be finite, sample {sample} is not")
    return read


def _check_labels(labels: Any, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The labels of each set, checked."""
    if not isinstance(labels, Mapping):
        raise TypeError(f"labels must be a dict of probe to labels, got {_describe(labels)}")
    if set(labels) != set(sizes):
        raise ValueError(f"labels must name each probe, {list(sizes)}, got {list(labels)}")
    checked = {name: check_labels(labels[name], f"labels[{name!r}]").copy() for name in sizes}
    for name, values in checked.items():
        if len(values) != sizes[name]:
            raise ValueError(
                f"labels[{name!r}] must have one entry per sample ({sizes[name]}), got {len(values)}"
            )
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise ValueError(
                f"labels[{name!r}] must not be NaN, that of sample {np.argmax(np.isnan(values))} is"
            )
        values.flags.writeable = False
    return checked


def _describe(value: Any) -> str:
    """An empty dict, or what else it is: an array would fill the message with its numbers."""
    return repr(value) if isinstance(value, Mapping) else type(value).__name__


def _leaves(inputs: Any) -> list[np.ndarray]:
    if isinstance(inputs, Mapping):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def _join(parts: list[Any]) -> Any:
    """One structure of arrays out of several alike."""
    first = parts[0]
    forms = [_form(part) for part in parts]
    for form in forms:
        if form != forms[0]:
            raise ValueError(f"probes must be samples of one shape, got {forms[0]} and {form}")
    if isinstance(first, Mapping):
        return {key: np.concatenate([part[key] for part in parts]) for key in first}
    if isinstance(first, tuple):
        return tuple(np.concatenate(leaves) for leaves in zip(*parts, strict=True))
    return np.concatenate(parts)


def _form(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {key: np.shape(value)[1:] for key, value in inputs.items()}
    return [np.shape(leaf)[1:] for leaf in _leaves(inputs)]
