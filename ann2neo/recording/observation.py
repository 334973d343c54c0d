"""What an adapter says of the places it records from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

_AXES = {2: ("step",), 3: ("row", "column"), 4: ("depth", "row", "column")}

# Lowest value of an activation function, and whether it is reached.
_LOWEST = {
    "relu": (0.0, True),
    "relu6": (0.0, True),
    "hard_sigmoid": (0.0, True),
    "sparsemax": (0.0, True),
    "sigmoid": (0.0, False),
    "softmax": (0.0, False),
    "softplus": (0.0, False),
    "exponential": (0.0, False),
    "tanh": (-1.0, False),
    "softsign": (-1.0, False),
    "elu": (-1.0, False),
    "hard_tanh": (-1.0, True),
    "selu": (-1.7580993408473766, False),
}


@dataclass(frozen=True)
class Site:
    """One output of one use of a layer.

    `shape` is that of one sample; `channel_axis` the axis in it that holds the channels, None if
    that is not known; `activation` the name of the function that made the values, where known.
    `has_steps`: the first axis counts steps, such as tokens or frames that a layer sees one by one.
    """

    name: str
    shape: tuple[int | None, ...]
    channel_axis: int | None = -1
    activation: str | None = None
    has_steps: bool = False

    def cannot_be_silent(self, threshold: Any) -> bool:
        """Whether every value the activation function can take lies above the threshold."""
        if self.activation not in _LOWEST:
            return False
        lowest, reached = _LOWEST[self.activation]
        levels = np.asarray(threshold)
        return bool(np.any(levels < lowest) or (not reached and np.any(levels == lowest)))

    def axes(self) -> tuple[str, ...]:
        """Names of the axes of `shape`: ("channel",) for a dense layer, and so on."""
        n_axes = len(self.shape) - self.has_steps
        names = list(_AXES.get(n_axes, tuple(f"axis_{i}" for i in range(n_axes - 1))))
        if self.has_steps:
            names.insert(0, "step" if "step" not in names else "frame")
        names.insert(self._channel_axis() % max(1, len(self.shape)), "channel")
        return tuple(names)

    def units(self) -> pd.DataFrame:
        """A row an activation, in the order of the flattened output, with coordinates if it has some."""
        shape = self._fill_shape()
        size = int(np.prod(shape, dtype=np.int64))
        table = {"layer": [self.name] * size, "unit_index": np.arange(size)}
        if len(shape) > 1 and self.channel_axis is not None:
            places = dict(zip(self.axes(), np.unravel_index(np.arange(size), shape), strict=True))
            table |= {axis: places[axis] for axis in ("channel", *(a for a in places if a != "channel"))}
        return pd.DataFrame(table)

    def channels(self) -> pd.DataFrame:
        """A row a channel."""
        size = self._fill_shape()[self._channel_axis()] if self.shape else 1
        index = np.arange(size)
        return pd.DataFrame({"layer": [self.name] * len(index), "unit_index": index, "channel": index})

    def positions(self, activations: np.ndarray) -> pd.DataFrame:
        """A row a position of one sample, in the order in which `by_channel` lays them out."""
        shape = self._channels_last(activations).shape[1:-1]
        axes = [axis for axis in self.axes() if axis != "channel"]
        n_positions = int(np.prod(shape, dtype=np.int64))
        places = np.unravel_index(np.arange(n_positions), shape) if shape else ()
        return pd.DataFrame(dict(zip(axes, places, strict=True)), index=range(n_positions))

    def by_unit(self, activations: np.ndarray) -> np.ndarray:
        """Activations of a batch as (n_samples, n_units)."""
        if activations.shape[1:] != self._fill_shape():
            raise ValueError(
                f"layer {self.name!r} gave activations of shape {activations.shape[1:]} a sample after "
                f"{self.shape}; pad the samples to one length, or record conv_units='channels'"
            )
        return activations.reshape(len(activations), -1)

    def by_channel(self, activations: np.ndarray) -> np.ndarray:
        """Activations of a batch as (n_samples * n_positions, n_channels), sample by sample."""
        last = self._channels_last(activations)
        if last.shape[-1] != (self.shape[self._channel_axis()] if self.shape else 1):
            raise ValueError(
                f"layer {self.name!r} gave activations of shape {activations.shape[1:]} a sample after "
                f"{self.shape}: another number of channels"
            )
        return last.reshape(-1, last.shape[-1])

    def _channels_last(self, activations: np.ndarray) -> np.ndarray:
        if not self.shape:
            return activations[:, None]
        return np.moveaxis(activations, self._channel_axis() % len(self.shape) + 1, -1)

    def _channel_axis(self) -> int:
        if self.channel_axis is None:
            raise ValueError(
                f"conv_units='channels' needs the axis that holds the channels, and that of layer "
                f"{self.name!r}, shape {self.shape} a sample, is not known: axes were moved, merged or "
                "split on the way to it. Record a layer before that, or conv_units='all'"
            )
        return self.channel_axis

    def _fill_shape(self) -> tuple[int, ...]:
        return tuple(int(size or 0) for size in self.shape)


class NonFiniteSampleError(ValueError):
    """A sample is NaN or infinite where the network would hide it; `row` is its place in the batch."""

    def __init__(self, row: int, value: float) -> None:
        super().__init__(f"sample {row} of the batch holds {value}")
        self.row, self.value = row, value


class NonFiniteWeightError(ValueError):
    """A network holds NaN or infinite weights."""


class Observation(Protocol):
    """A network ready to be recorded from."""

    sites: Sequence[Site]
    annotations: Mapping[str, Any]
    notes: Sequence[str]
    """What the user is to be warned of, such as layers left out."""

    def __call__(self, inputs: Any) -> list[np.ndarray]:
        """Activations at each site for one batch, each (n_batch, *shape)."""


def begin(observation: Observation, inputs: Any) -> None:
    """The first batch is about to be recorded, before anybody looks at the sites.

    An observation that has a method ``begin(inputs)`` runs it as a whole then, and leaves out layers
    that were not what they seemed in a trial; it hands the activations over when the batch is asked for.
    """
    first = getattr(observation, "begin", None)
    if first is not None:
        first(inputs)


ConvUnits = Literal["all", "channels"]

Take = Callable[[list[np.ndarray]], object]
"""Is given the activations of a batch at each site; their memory may be used for the next one after."""

Look = Callable[[Take], None]
"""Runs all batches of a repeated observation, one behind another."""
