"""What an NWB file says about a recording: an artificial network, said plainly, and nothing invented."""

from __future__ import annotations

import importlib.metadata
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ann2neo.exchange.recordings import printable
from ann2neo.extras import require
from ann2neo.spikes.raster import SpikeRaster

SESSION_START_TIME = "session_start_time"
"""Annotation of a recording that says when it was made, in ISO 8601 with its time zone."""

METADATA = (
    "data_collection",
    "experiment_description",
    "experimenter",
    "institution",
    "keywords",
    "lab",
    "notes",
    "protocol",
    "related_publications",
    "session_description",
    "stimulus_notes",
)
"""Fields of `pynwb.NWBFile` that users may set."""

_SUBJECT = (
    "age",
    "date_of_birth",
    "description",
    "genotype",
    "sex",
    "species",
    "strain",
    "subject_id",
    "weight",
)

_SYNTHETIC = "http://purl.obolibrary.org/obo/NCBITaxon_32630"
"""NCBI's taxon "synthetic construct": of the values that NWB's tools take, the least wrong."""

_PACKAGES = ("ann2neo", "numpy", "pynwb", "hdmf", "h5py")


def subject_fields(subject: str | Mapping[str, Any] | None, network: str) -> dict[str, Any]:
    """Arguments of `pynwb.file.Subject`: those given, before those that fit every artificial network.

    Raises
    ------
    TypeError, ValueError
        If `subject` is neither a name nor a mapping of a Subject's fields, or its ``subject_id`` is
        empty or holds a slash, which DANDI's paths cannot.
    """
    if not (subject is None or isinstance(subject, (str, Mapping))):
        raise TypeError(f"subject must be a str or a mapping of fields of Subject, got {subject!r:.60}")
    given = {"subject_id": subject} if isinstance(subject, str) else dict(subject or {})
    unknown = [key for key in given if key not in _SUBJECT]
    if unknown:
        raise ValueError(f"subject must hold fields among {_SUBJECT}, got {unknown[0]!r}")
    identity = given.get("subject_id", path_name(network, "network"))
    if not isinstance(identity, str):
        raise TypeError(f"subject must be a str, or a mapping with a str 'subject_id', got {identity!r}")
    _check_zone(given.get("date_of_birth"), "subject['date_of_birth']")
    if not path_name(identity, "") or re.search(r"[/\\\0]", identity):
        raise ValueError(
            f"subject must have a letter or digit of ASCII and no slash in its id, got {identity!r}"
        )
    known = {
        "subject_id": identity,
        "species": _SYNTHETIC,
        "sex": "U",
        "description": (
            f"{printable(network)}: an artificial neural network, not a living being. NWB asks for "
            "species, sex and age: 'synthetic construct', unknown and 0 days stand in for them."
        ),
    }
    if "date_of_birth" not in given:
        known["age"] = "P0D"
    return {**known, **given}


def check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """`metadata`, if it has only fields among `METADATA`."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping of fields of NWBFile, got {metadata!r:.60}")
    fields = dict(metadata or {})
    unknown = [key for key in fields if key not in METADATA]
    if unknown:
        raise ValueError(f"metadata must hold fields among {METADATA}, got {unknown[0]!r}")
    return fields


def nwb_file(
    raster: SpikeRaster,
    session: str,
    *,
    subject: dict[str, Any],
    session_start_time: datetime | None,
    metadata: dict[str, Any],
) -> Any:
    """A `pynwb.NWBFile` that describes the recording and holds no data yet."""
    pynwb = require("pynwb", extra="nwb")
    start, said_by = _start_time(session_start_time, raster)
    network = network_of(raster)
    period = raster.sampling_period
    annotations = json.dumps(dict(raster.annotations), ensure_ascii=False)
    fields = {
        "session_description": (
            f"Spike trains of an artificial neural network, {printable(network)}, not of a living "
            f"being: {raster.n_units} units, {raster.n_samples} samples of a data set, shown one after "
            f"another. Sample k is the time from k to k + 1 times {period!r} s, which stands for no "
            f"duration in the world. session_start_time is {said_by}."
        ),
        "experiment_description": _experiment(raster),
        "stimulus_notes": "Each trial is a sample of the data set: its row in the table 'trials'.",
        "notes": printable(f"Annotations of the recording: {annotations}"),
        "was_generated_by": _software(raster),
        **metadata,
    }
    return pynwb.NWBFile(
        identifier=str(uuid.uuid4()),
        session_start_time=start,
        session_id=path_name(session, "recording"),
        subject=pynwb.file.Subject(**subject),
        **fields,
    )


def network_of(raster: SpikeRaster) -> str:
    """The network's name, as `to_block` names its Block."""
    return str(raster.annotations.get("network", "network"))


def path_name(text: str, otherwise: str) -> str:
    """`text` as DANDI's paths can hold it: ASCII letters and digits with single hyphens between."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or otherwise


def _start_time(given: datetime | None, raster: SpikeRaster) -> tuple[datetime, str]:
    """When the recording was made, and who says so."""
    name, said_by = SESSION_START_TIME, "as given by whoever wrote this file"
    stored = raster.annotations.get(name)
    if given is None and stored is not None:
        name, said_by = f"annotations[{name!r}]", "as the recording says"
        try:
            given = datetime.fromisoformat(stored)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a time in ISO 8601, got {stored!r:.80}") from None
    now = datetime.now(UTC)
    if given is None:
        return now, "when this file was written, since the recording does not say when it was made"
    if not isinstance(given, datetime):
        raise TypeError(f"{name} must be a datetime.datetime, got {given!r:.80}")
    _check_zone(given, name)
    if given > now:
        raise ValueError(f"{name} must not lie in the future, got {given.isoformat()}")
    return given, said_by


def _check_zone(time: Any, name: str) -> None:
    if isinstance(time, datetime) and time.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone, got {time.isoformat()}; set its tzinfo")


def _experiment(raster: SpikeRaster) -> str:
    keys = ("condition", "threshold", "weights_hash", "framework")
    said = {key: raster.annotations.get(key) for key in keys}
    stated = [f"{key.replace('_', ' ')}: {value}" for key, value in said.items() if value is not None]
    unstated = [key.replace("_", " ") for key, value in said.items() if value is None]
    text = "A unit spikes at a sample if its activation is above the threshold. " + "; ".join(stated)
    return printable(text + (f". Not stated: {', '.join(unstated)}." if unstated else "."))


def _software(raster: SpikeRaster) -> list[list[str]]:
    versions = [[name, importlib.metadata.version(name)] for name in _PACKAGES]
    framework = raster.annotations.get("framework")
    name, _, version = framework.partition(" ") if isinstance(framework, str) else ("", "", "")
    return [*versions, [printable(name), printable(version)]] if name and version else versions
