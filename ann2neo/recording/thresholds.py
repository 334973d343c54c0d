"""The level above which a unit counts as active."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ann2neo.recording.observation import Site

_ROWS_TRIED = 8


def thresholds(threshold: Any, sites: Sequence[Site], n_units: Sequence[int]) -> list[Any]:
    """The threshold of each site: a float, an array of one a unit, or a callable.

    Raises
    ------
    TypeError, ValueError
        If a mapping names another layer, or lacks one; if a threshold is not a finite number, or an
        array does not fit the layer's units.
    """
    if isinstance(threshold, Mapping):
        names = [site.name for site in sites]
        if set(threshold) != set(names):
            raise ValueError(f"threshold must name each recorded layer {names}, got {list(threshold)}")
        levels = [threshold[name] for name in names]
    else:
        levels = [threshold] * len(sites)
    return [_check(*item) for item in zip(levels, sites, n_units, strict=True)]


def _check(level: Any, site: Site, n_units: int) -> Any:
    if callable(level):
        return level
    if isinstance(level, numbers.Real):
        level = float(level)
    elif isinstance(level, (list, tuple)) or hasattr(level, "__array__"):
        level = np.asarray(level, np.float64)
        if level.shape != (n_units,):
            raise ValueError(
                f"threshold must be a number or have one entry a unit of layer {site.name!r}, "
                f"shape ({n_units},); got shape {level.shape}"
            )
    else:
        raise TypeError(
            f"threshold must be a number, an array, a dict a layer or a callable, got {level!r:.60}"
        )
    if not np.isfinite(level).all():
        raise ValueError(f"threshold must be finite, got {level!r:.60} for layer {site.name!r}")
    return level


def evaluate(level: Any, activations: np.ndarray, site: Site, *, check: bool) -> Any:
    """A threshold as numbers for this batch; a callable is asked, with `check` row by row too."""
    if not callable(level):
        return level
    activations = np.asarray(activations)
    found = _call(level, activations, site)
    # A level computed over the batch (its mean, say) would change with batch_size.
    for row in range(min(len(activations), _ROWS_TRIED) if check else 0):
        alone = _call(level, activations[row : row + 1], site)
        if not np.allclose(found[row], alone[0], rtol=1e-5, atol=0, equal_nan=True):
            raise ValueError(
                f"threshold gives layer {site.name!r} another level when a sample comes alone than in a "
                "batch: it must look at each sample (row) by itself, or be an array computed beforehand"
            )
    if not np.isfinite(found).all():
        if np.isfinite(activations).all():
            raise ValueError(f"threshold must return finite levels, got others for layer {site.name!r}")
        # The activations are the fault, and the packer names it.
        return np.zeros_like(found)
    return found


def _call(level: Any, activations: np.ndarray, site: Site) -> np.ndarray:
    # What works in place would change what is packed, and an array that is the caller's own.
    shown = activations.view()
    shown.flags.writeable = False
    try:
        values = np.asarray(level(shown))
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise ValueError(
            f"threshold must not change the activations it is given, those of layer {site.name!r}: let "
            f"it work on a copy ({error})"
        ) from error
    try:
        return np.broadcast_to(values, activations.shape)
    except ValueError:
        raise ValueError(
            f"threshold must return what broadcasts to (n_samples, n_units) = {activations.shape} for "
            f"layer {site.name!r}, got shape {values.shape}"
        ) from None


def describe_threshold(levels: Sequence[Any]) -> Any:
    """The threshold as an annotation: the number where there is one, else how it was given."""
    if all(isinstance(level, float) for level in levels) and len(set(levels)) == 1:
        return levels[0]
    for level in levels:
        if callable(level):
            return f"callable {getattr(level, '__qualname__', type(level).__qualname__)}"
    return "column 'threshold' of units"
