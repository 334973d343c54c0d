"""Numbers of one trained network: when its layers settle, and where its entropy dips."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

_BLOCK_OUTPUT = re.compile(r"stage\d+_block\d+_(?!inner_)\w+|hidden")


def settling_time(steps: np.ndarray, values: np.ndarray, final: float) -> np.ndarray:
    """Share of training from which on values are nearer to `final` than to where they began.

    Parameters
    ----------
    steps : ndarray (n_looks,)
        Increasing.
    values : ndarray (n_looks, n_layers)
    final : float
        What the values come to.

    Returns
    -------
    ndarray (n_layers,) of float
        Last crossing of the middle between the first value and `final`, straight between looks, in
        shares of the last step; 1 if it lies behind the last look but one, since the last value is
        `final` by definition and the line to it tells no order. NaN where a value is NaN, the first is
        `final`, or the last is on the first one's side.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo.study.analysis.pattern_numbers import settling_time
    >>> values = np.array([[0.0, 0.0, 1.0], [0.625, 0.25, 1.0], [1.0, 1.0, 1.0]])
    >>> settling_time(np.array([0, 5, 10]), values, 1.0)
    array([0.4, 1. , nan])
    """
    middle = (values[0] + final) / 2
    # Above 0 is the final side, whether values rise or fall.
    beyond = (values - middle) * np.sign(final - values[0])
    before = beyond < 0
    last = len(steps) - 1 - np.argmax(before[::-1], axis=0)
    defined = before[0] & ~before[-1] & ~np.isnan(values).any(axis=0)
    last = np.where(defined, last, 0)
    layer = np.arange(values.shape[1])
    here, there = beyond[last, layer], beyond[last + 1, layer]
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = steps[last] + here / (here - there) * (steps[last + 1] - steps[last])
    crossing = np.where(last == len(steps) - 2, steps[-1], crossing)
    return np.where(defined, crossing / steps[-1], np.nan)


def kendall(depth: ArrayLike, time: ArrayLike) -> float:
    """Kendall's τ-b between depth and the time of the layers that have one.

    Parameters
    ----------
    depth, time : array_like (n_layers,)

    Returns
    -------
    float
        NaN if fewer than two layers have a time, or all have the same.

    Examples
    --------
    >>> from ann2neo.study.analysis.pattern_numbers import kendall
    >>> round(kendall([1, 2, 3, 4], [0.1, 0.2, float("nan"), 0.15]), 3)
    0.333
    """
    # Late, because the report imports this module whether or not it has patterns to tell of.
    from scipy.stats import kendalltau

    known = ~np.isnan(np.asarray(time, dtype=float))
    if known.sum() < 2:
        return np.nan
    return float(kendalltau(np.asarray(depth)[known], np.asarray(time)[known]).statistic)


def kendall_same_width(depth: ArrayLike, time: ArrayLike, n_units: ArrayLike) -> float:
    """Kendall's τ-a between depth and time over the pairs of layers that are equally wide.

    Parameters
    ----------
    depth, time, n_units : array_like (n_layers,)

    Returns
    -------
    float
        Share of pairs whose deeper layer comes later, less the share whose deeper layer comes earlier.
        NaN if no two layers that have a time are equally wide.

    Examples
    --------
    >>> from ann2neo.study.analysis.pattern_numbers import kendall_same_width
    >>> kendall_same_width([1, 2, 3, 4], [0.2, 0.1, 0.8, 0.9], [8, 8, 16, 16])
    0.0
    """
    times = np.asarray(time, dtype=float)
    known = ~np.isnan(times)
    depths, times, widths = np.asarray(depth)[known], times[known], np.asarray(n_units)[known]
    first, second = np.triu_indices(len(times), 1)
    alike = widths[first] == widths[second]
    first, second = first[alike], second[alike]
    signs = np.sign(depths[second] - depths[first]) * np.sign(times[second] - times[first])
    return float(signs.mean()) if len(signs) else np.nan


def deepest_dip(entropy: ArrayLike) -> tuple[float, int | None]:
    """The most by which a layer's value lies below both neighbors', and the place of that layer.

    Parameters
    ----------
    entropy : array_like (n_layers,)

    Returns
    -------
    (float, int or None)
        The largest min(H(ℓ−1), H(ℓ+1)) − H(ℓ) over layers that have two neighbors, and the first ℓ
        that has it, from 0. (0, None) if that is nowhere above 0; (NaN, None) with fewer than three
        layers or a NaN.

    Examples
    --------
    >>> from ann2neo.study.analysis.pattern_numbers import deepest_dip
    >>> deepest_dip([0.75, 0.5, 0.625, 1.0]), deepest_dip([0.5, 0.5, 0.75])
    ((0.125, 1), (0.0, None))
    """
    values = np.asarray(entropy, dtype=float)
    if len(values) < 3 or np.isnan(values).any():
        return np.nan, None
    dips = np.minimum(values[:-2], values[2:]) - values[1:-1]
    deepest = int(np.argmax(dips))
    return (float(dips[deepest]), deepest + 1) if dips[deepest] > 0 else (0.0, None)


def relative_depth(depth: Any, n_layers: Any) -> Any:
    """Where a layer is: 0 the first rectifier, 1 the last; NaN if there is but one."""
    last = np.asarray(n_layers, dtype=float) - 1
    return (np.asarray(depth) - 1) / np.where(last > 0, last, np.nan)


def family(frame: pd.DataFrame) -> pd.Series:
    """What networks are called without their number of blocks, a row each: ``plain`` of ``plain_3``."""
    return pd.Series(
        [
            name.removesuffix(f"_{blocks}")
            for name, blocks in zip(frame["network"], frame["blocks"], strict=True)
        ],
        index=frame.index,
        dtype=object,
    )


def sort_by_kind(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by kind of network as they come, and of each by number of blocks."""
    place = pd.Series(pd.factorize(family(frame))[0], index=frame.index)
    return (
        frame.assign(_place=place)
        .sort_values(["_place", "blocks"], kind="stable")
        .drop(columns="_place")
    )


def is_block_output(frame: pd.DataFrame) -> pd.Series:
    """Which rows are of rectifiers behind a block of a `training.build` network, not inside one."""
    return frame["layer"].map(lambda name: _BLOCK_OUTPUT.fullmatch(name) is not None).astype(bool)
