"""What a format has no place for, as one JSON text that is kept beside the spikes."""

from __future__ import annotations

import json
from typing import Any

from ann2neo.spikes.raster import SpikeRaster

CONFIGURATION = "ann2neo"
"""Name of the attribute or annotation that holds the text."""


def configuration(raster: SpikeRaster, **further: Any) -> str:
    """Sampling period, which may not survive as a rate, annotations, and what the format needs."""
    about = {"sampling_period": raster.sampling_period, "annotations": dict(raster.annotations)}
    return json.dumps({"format": 1, **about, **further})


def read_configuration(text: Any, where: str, *keys: str) -> dict[str, Any]:
    """The configuration in `text`; `where` names its place in errors, `keys` what it has to have.

    Raises
    ------
    ValueError
        If the text is damaged or from a later version.
    """
    try:
        found = json.loads(text)
        if found["format"] != 1:
            raise ValueError(
                f"its format is {found['format']!r}, this version of ann2neo knows format 1"
            )
        for key in ("sampling_period", "annotations", *keys):
            found[key]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{where} cannot be read: {error!r}") from error
    return found


def known_period(given: float | None, stored: float, where: str) -> float:
    """The sampling period that is stored, if the one given does not contradict it."""
    if given not in (None, stored):
        raise ValueError(f"sampling_period is {stored} s in this {where}, got {given}")
    return stored
