"""Rasters put together: more units at the same samples, or more samples of the same units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np

from ann2neo.spikes import kernels, raster_tables
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr
from ann2neo.spikes.words import freeze, n_words


def concat(
    rasters: Sequence[SpikeRaster | StoredRaster | PathLikeStr],
    *,
    over: Literal["layers", "samples"],
    annotations: Mapping[str, Any] | None = None,
) -> SpikeRaster:
    """Put rasters together.

    Parameters
    ----------
    rasters : sequence of SpikeRaster, or of what is on disk (StoredRaster or path)
        At least one; all of the same sampling period. What is on disk is loaded: `open_raster` reads a
        folder of parts without that.
    over : {"layers", "samples"}
        ``"layers"``: other units at the same samples. ``"samples"``: the same units at further
        samples, one recording after the other.
    annotations : mapping, optional
        Annotations of the result. Default: those of the parts, which must then agree.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    ValueError
        If the parts differ in sampling period, annotations, samples (over layers) or units (over
        samples), or if a unit appears twice.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> one, two = a2n.as_raster(np.eye(3, dtype=bool)), a2n.as_raster(np.ones((2, 3), dtype=bool))
    >>> a2n.concat([one, two], over="samples").spike_counts
    array([3, 3, 3])
    """
    given = [None] if isinstance(rasters, str) or not isinstance(rasters, Iterable) else rasters
    parts: list[Any] = [
        as_raster(part) if isinstance(part, (StoredRaster, str, PathLike)) else part for part in given
    ]
    if not parts or not all(isinstance(part, SpikeRaster) for part in parts):
        raise TypeError(f"rasters must be a non-empty sequence of SpikeRaster, got {rasters!r:.80}")
    rasters = parts
    if over not in ("layers", "samples"):
        raise ValueError(f"over must be 'layers' or 'samples', got {over!r}")
    first = rasters[0]
    for raster in rasters[1:]:
        if raster.sampling_period != first.sampling_period:
            raise ValueError(
                f"rasters differ in sampling_period: {first.sampling_period} s and "
                f"{raster.sampling_period} s"
            )
        if annotations is None:
            _check_same_annotations(*(_drop_start(one.annotations, over) for one in (first, raster)))
    kept = _join_annotations(rasters, over) if annotations is None else annotations
    return (_over_layers if over == "layers" else _over_samples)(rasters, kept)


def _over_layers(rasters: list[SpikeRaster], annotations: Mapping[str, Any]) -> SpikeRaster:
    first = rasters[0]
    for raster in rasters[1:]:
        if not raster_tables.same(raster._sample_table.table, first._sample_table.table):
            raise ValueError("over='layers' needs the same samples table in every raster")
    units = raster_tables.stack_tables([raster._unit_table.table for raster in rasters], name="units")
    twice = units.duplicated(["layer", "unit_index"])
    if twice.any():
        unit = units[twice].iloc[0]
        raise ValueError(f"unit {unit.unit_index} of layer {unit.layer!r} appears twice in rasters")
    words = np.concatenate([raster.words for raster in rasters])
    return SpikeRaster(
        freeze(words),
        first.n_samples,
        units,
        first._sample_table.table,
        sampling_period=first.sampling_period,
        annotations=annotations,
    )


def _over_samples(rasters: list[SpikeRaster], annotations: Mapping[str, Any]) -> SpikeRaster:
    first = rasters[0]
    for raster in rasters[1:]:
        if not raster_tables.same(raster._unit_table.table, first._unit_table.table):
            raise ValueError("over='samples' needs the same units table in every raster")
    n_samples = sum(raster.n_samples for raster in rasters)
    words = np.zeros((first.n_units, n_words(n_samples)), np.uint64)
    start = 0
    for raster in rasters:
        kernels.append(raster.words, raster.n_samples, words, start)
        start += raster.n_samples
    return SpikeRaster(
        freeze(words),
        n_samples,
        first._unit_table.table,
        raster_tables.stack_tables([raster._sample_table.table for raster in rasters], name="samples"),
        sampling_period=first.sampling_period,
        annotations=annotations,
    )


def _drop_start(annotations: Mapping[str, Any], over: str) -> Mapping[str, Any]:
    """Without ``t_start``, which stretches of a recording each have their own of."""
    if over == "layers":
        return annotations
    return {key: value for key, value in annotations.items() if key != raster_tables.T_START}


def _join_annotations(rasters: Sequence[SpikeRaster], over: str) -> Mapping[str, Any]:
    """Those of the first; its ``t_start`` only where each part begins when the one before ends."""
    first = rasters[0].annotations
    start = first.get(raster_tables.T_START)
    if over == "layers" or not isinstance(start, float):
        return _drop_start(first, over)
    for raster in rasters:
        said = raster.annotations.get(raster_tables.T_START)
        if not isinstance(said, float) or abs(said - start) > 1e-6 * raster.sampling_period:
            return _drop_start(first, over)
        start += raster.n_samples * raster.sampling_period
    return first


def _check_same_annotations(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    for key in {**a, **b}:
        if (key in a) != (key in b) or a[key] != b[key]:
            raise ValueError(
                f"rasters differ in annotations[{key!r}]: {a.get(key)!r} and {b.get(key)!r}; "
                "say with annotations= what the result carries"
            )
