"""How a raster shows itself as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

_ITEMS = 6


def render(raster: SpikeRaster) -> str:
    """A few lines: size, layers, columns of the samples, rates, annotations."""
    counts = raster.spike_counts
    rates = counts / raster.n_samples
    sizes = raster.units["layer"].value_counts(sort=False)
    lines = [
        describe_size(raster),
        "  layers: " + _shorten([f"{name} ({size:,})" for name, size in sizes.items()]),
        "  samples: " + ", ".join(raster.samples.columns),
        f"  firing rate: {rates.mean():.3g} spikes per sample on average, "
        f"{rates.min():.3g} to {rates.max():.3g}; {np.sum(counts == 0):,} silent, "
        f"{np.sum(counts == raster.n_samples):,} always on",
    ]
    said = [f"{k}={v!r:.40}" for k, v in raster.annotations.items() if k != "weights_hash"]
    if said:
        lines.append("  " + _shorten(said))
    return "\n".join(lines)


def describe_size(raster: SpikeRaster) -> str:
    """The first line."""
    return (
        f"SpikeRaster: {raster.n_units:,} units × {raster.n_samples:,} samples of "
        f"{raster.sampling_period * 1000:g} ms ({raster.words.nbytes / 1000:,.0f} kB)"
    )


def _shorten(items: list[str]) -> str:
    shown = ", ".join(items[:_ITEMS])
    return shown if len(items) <= _ITEMS else f"{shown}, … ({len(items) - _ITEMS} more)"
