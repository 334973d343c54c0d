"""What a format has no place for, as one JSON text that is kept beside the spikes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ann2neo.exchange.errors import MismatchError
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import TimeLike

CONFIGURATION = "ann2neo"
"""Name of the attribute, annotation or data set that holds the text."""


def description(raster: SpikeRaster, **further: Any) -> dict[str, Any]:
    """Sampling period, which may not survive as a rate, annotations, and what the format needs."""
    about = {"sampling_period": raster.sampling_period, "annotations": dict(raster.annotations)}
    return {**about, **further}


def configuration(raster: SpikeRaster, **further: Any) -> str:
    """The `description` of a recording as text."""
    return _text(description(raster, **further))


def configuration_of_all(recordings: list[dict[str, Any]]) -> str:
    """Descriptions of several recordings as one text."""
    return _text({"recordings": recordings})


def read_configuration(text: Any, where: str, *keys: str) -> dict[str, Any]:
    """The description in `text`; `where` names its place in errors, `keys` what it has to have.

    Raises
    ------
    ValueError
        If the text is damaged or from a later version.
    """
    return _read(text, where, keys, lambda found: [found])[0]


def read_configuration_of_all(text: Any, where: str, *keys: str) -> list[dict[str, Any]]:
    """As `read_configuration`, for the text of several recordings."""
    return _read(text, where, keys, lambda found: found["recordings"])


def _text(contents: dict[str, Any]) -> str:
    return json.dumps({"format": 1, **contents})


def _read(
    text: Any, where: str, keys: tuple[str, ...], descriptions: Callable[[Any], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
        if found["format"] != 1:
            raise ValueError(
                f"its format is {found['format']!r}, this version of ann2neo knows format 1"
            )
        described = descriptions(found)
        for one in described:
            for key in ("sampling_period", "annotations", *keys):
                one[key]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{where} cannot be read: {error!r}") from error
    return described


def find_period(given: TimeLike | None, stored: float, where: str) -> float:
    """The sampling period that is stored, if the one given does not contradict it."""
    if given is not None and not math.isclose(check_period(given), stored, rel_tol=1e-9):
        raise MismatchError(f"sampling_period is {stored} s in this {where}, got {given}")
    return stored
