"""Checks of arguments that several tests share, and the names these go by in results."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster

ALTERNATIVES = ("two-sided", "less", "greater")
"""Which values of a statistic speak against the null: both extremes, small ones, large ones."""


def evaluate_statistic(
    function: Callable[[Any], Any], raster: SpikeRaster | StoredRaster, argument: str
) -> np.ndarray:
    """What a statistic, given as `argument`, says of a raster: floats, shape () or (n_units,)."""
    if not callable(function):
        raise TypeError(
            f"{argument} must be a function of a raster, such as ann2neo.fanofactor, "
            f"got {function!r:.80}"
        )
    found = function(raster)
    try:
        values = np.asarray(found)
    except ValueError:
        # Sequences of different lengths, such as the intervals of each unit.
        values = np.array(None)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"{argument} must return real numbers, a number per unit; "
            f"{describe_function(function)} returned {found!r:.80}"
        )
    if values.shape not in {(), (raster.n_units,)}:
        raise ValueError(
            f"{argument} must return shape (n_units,) = ({raster.n_units},) or one number; "
            f"{describe_function(function)} returned shape {values.shape}"
        )
    return values.astype(np.float64)


def describe_function(function: Callable[..., Any]) -> str:
    """As it would be called: ``fanofactor(window=50)``."""
    if isinstance(function, functools.partial):
        options = [_describe(value) for value in function.args]
        options += [f"{key}={_describe(value)}" for key, value in function.keywords.items()]
        return f"{describe_function(function.func)}({', '.join(options):.60})"
    return getattr(function, "__name__", type(function).__name__)


def _describe(value: Any) -> str:
    # A function's repr has its address, which differs from run to run.
    return describe_function(value) if callable(value) else repr(value)
