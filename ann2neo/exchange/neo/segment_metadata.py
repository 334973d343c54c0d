"""What Neo's Segments and Blocks say of themselves ↔ a raster's annotations, or a warning."""

from __future__ import annotations

import datetime
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import neo

from ann2neo.exchange.columns import raster_annotations
from ann2neo.exchange.configuration import CONFIGURATION
from ann2neo.spikes.callers import find_stacklevel

_TEXTS = ("name", "description", "file_origin")
_TIMES = ("file_datetime", "rec_datetime")

ABOUT = {f"{holder}_{one}" for holder in ("segment", "block") for one in (*_TEXTS, *_TIMES)}
"""Annotations of a raster that say what attributes a foreign Segment and its Block had."""


def read_about(segment: neo.Segment) -> dict[str, Any]:
    """Attributes and annotations of a foreign Segment and its Block, as annotations of a raster.

    Those of the Block begin with ``block_``.

    Warns
    -----
    UserWarning
        If a raster cannot hold some; the message names them.
    """
    return raster_annotations(_list_values(segment), f"segment {segment.name!r} and its block say")


def _list_values(segment: neo.Segment) -> Iterator[tuple[Any, Any]]:
    yield from segment.annotations.items()
    for holder, one in (("segment", segment), ("block", segment.block)):
        for attribute in () if one is None else (*_TEXTS, *_TIMES):
            value = getattr(one, attribute)
            if value:
                text = value.isoformat() if isinstance(value, datetime.datetime) else str(value)
                yield f"{holder}_{attribute}", text
    if segment.block is not None:
        for key, value in segment.block.annotations.items():
            yield f"block_{key}" if isinstance(key, str) else key, value


def write_about(annotations: Mapping[str, Any], holder: str) -> dict[str, Any]:
    """Arguments of the Segment or Block that `read_about` read, but for the name."""
    found: dict[str, Any] = {}
    for attribute in (*_TEXTS[1:], *_TIMES):
        value = annotations.get(f"{holder}_{attribute}")
        if not isinstance(value, str):
            continue
        if attribute in _TIMES:
            try:
                found[attribute] = datetime.datetime.fromisoformat(value)
            except ValueError:
                continue
        else:
            found[attribute] = value
    return found


def warn_of_the_rest(segment: neo.Segment, samples: str, layers: set[str]) -> None:
    """Say what else than spike trains and the table of samples a Segment has.

    Warns
    -----
    UserWarning
        If there is anything, or its foreign Block has Groups that are no layers.
    """
    rest = [
        *segment.analogsignals,
        *segment.irregularlysampledsignals,
        *segment.imagesequences,
        *segment.events,
        *(epoch for epoch in segment.epochs if epoch.name != samples),
    ]
    if segment.block is not None and CONFIGURATION not in segment.block.annotations:
        rest += [group for group in segment.block.groups if group.name not in layers]
    if rest:
        counts = Counter(type(item).__name__ for item in rest)
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
        warnings.warn(
            f"segment {segment.name!r} has {kinds} beside its spike trains, which a raster does not "
            "hold",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
