"""How a notebook shows a raster: its numbers, its layers, its first spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ann2neo.spikes.representation.html import Markup, element, plain_table
from ann2neo.spikes.representation.raster_text import describe_size

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

_LAYERS = 12
_UNITS, _SAMPLES = 40, 160
_ZOOM = 3
_INK = "#0072b2"


def render(raster: SpikeRaster) -> str:
    """A raster as HTML that needs nothing else; all names are escaped."""
    annotations = [[name, f"{value!s:.80}"] for name, value in raster.annotations.items()]
    parts = [
        element("p", element("strong", describe_size(raster))),
        _layer_table(raster),
        _draw(raster),
        element("p", "Columns of the samples: ", ", ".join(raster.samples.columns), "."),
    ]
    if annotations:
        shown = plain_table(["annotation", "value"], annotations)
        parts.append(element("details", element("summary", "Annotations"), shown))
    return element("div", *parts)


def _layer_table(raster: SpikeRaster) -> Markup:
    layers = raster.units["layer"].to_numpy()
    counts = raster.spike_counts
    rows: list[list[object]] = []
    for layer in raster.layers[:_LAYERS]:
        own = counts[layers == layer]
        rates = own / raster.n_samples
        rows.append(
            [
                layer,
                f"{own.size:,}",
                f"{rates.mean():.3g}",
                f"{rates.min():.3g} to {rates.max():.3g}",
                f"{np.sum(own == 0):,}",
                f"{np.sum(own == raster.n_samples):,}",
            ]
        )
    head = ["layer", "units", "mean rate (spikes per sample)", "rates", "silent", "always on"]
    left = len(raster.layers) - _LAYERS
    more = element("p", f"… and {left:,} more layers") if left > 0 else ""
    return Markup(plain_table(head, rows) + more)


def _draw(raster: SpikeRaster) -> Markup:
    """The first samples of the first units as a picture: a tick per spike."""
    n_units, n_samples = min(raster.n_units, _UNITS), min(raster.n_samples, _SAMPLES)
    some = raster.select(units=np.arange(n_units), samples=np.arange(n_samples)).to_dense()
    ticks = "".join(f"M{sample} {unit}v.8" for sample, unit in zip(*np.nonzero(some), strict=True))
    path = element("path", d=ticks, stroke=_INK, stroke_width=0.6, fill="none")
    picture = element(
        "svg",
        path,
        xmlns="http://www.w3.org/2000/svg",
        width=_ZOOM * n_samples,
        height=_ZOOM * n_units,
        viewBox=f"-0.5 0 {n_samples} {n_units}",
        role="img",
        style="max-width: 100%; background: #fff",
    )
    about = (
        f"The first {n_samples} samples (left to right) of the first {n_units} units: a tick per spike."
    )
    return element("figure", picture, element("figcaption", about), style="margin: .5em 0")
