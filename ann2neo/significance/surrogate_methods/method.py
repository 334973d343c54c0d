"""What a surrogate method is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.spikes.raster import SpikeRaster

Words = npt.NDArray[np.uint64]
State = npt.NDArray[np.uint64]
Draw = Callable[[State], Words]
"""Makes the words of one surrogate raster from a state of the compiled loops' generator; nothing else
changes, so that several threads may call it at once."""


@dataclass(frozen=True)
class SurrogateMethod:
    """One method: how it draws, and what a test against its surrogates means.

    Parameters
    ----------
    name : str
        What `surrogates` takes as `method`.
    prepare : callable
        Function of a raster and the options of the method, keyword-only, that returns a `Draw`. Options
        that do not fit are refused before a draw.
    null : str
        The hypothesis under which raster and surrogates have one law.
    preserves, destroys : str
        Of the raster, in the words of a table.
    """

    name: str
    prepare: Callable[..., Draw]
    null: str
    preserves: str
    destroys: str

    @property
    def options(self) -> list[inspect.Parameter]:
        """The options of the method, as its function declares them."""
        return list(inspect.signature(self.prepare).parameters.values())[1:]

    @property
    def call(self) -> str:
        """Name and options: ``bin_shuffling (bin_size)``."""
        names = " or ".join(one.name for one in self.options)
        return f"``{self.name}``" + (f" ({names})" if names else "")

    def check_options(self, options: dict[str, Any]) -> None:
        """Refuse options that the method does not know, and the lack of those it needs."""
        names = [one.name for one in self.options]
        missing = [one for one in self.options if one.default is one.empty and one.name not in options]
        if missing or not options.keys() <= set(names):
            raise TypeError(f"{self.name} takes the options {names}, got {list(options)}")


def describe_method(
    null: str, *, preserves: str, destroys: str
) -> Callable[[Callable[..., Draw]], SurrogateMethod]:
    """Make a `SurrogateMethod`, of its name, of a function that prepares the drawing."""

    def make(prepare: Callable[..., Draw]) -> SurrogateMethod:
        return SurrogateMethod(prepare.__name__, prepare, null, preserves, destroys)

    return make


def draw_into_zeros(raster: SpikeRaster, kernel: Callable[..., None], *arguments: Any) -> Draw:
    """Draw by a kernel that sets bits of words that are zero."""

    def draw(state: State) -> Words:
        words = np.zeros_like(raster.words)
        kernel(*arguments, state, words)
        return words

    return draw
