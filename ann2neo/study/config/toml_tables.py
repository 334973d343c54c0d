"""Dataclasses from TOML tables and back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any


def from_tables(part: type, tables: Any, key: str) -> tuple[Any, ...]:
    """A dataclass from each of a list of tables."""
    if not isinstance(tables, list):
        raise TypeError(f"{key} must be written as [[{key}]], got {tables!r:.80}")
    return tuple(
        from_table(part, table, f"[[{key}]] {number}") for number, table in enumerate(tables, 1)
    )


def from_table(part: Any, table: Any, where: str) -> Any:
    """A dataclass from a TOML table: unknown and missing keys are refused, lists become tuples."""
    at = f"{where}: " if where else ""
    if not isinstance(table, dict):
        raise TypeError(f"{at}must be a table, got {table!r:.80}")
    known = {field.name: field for field in dataclasses.fields(part)}
    if "options" in known:
        # Whatever else there is belongs to somebody who knows it: a builder.
        del known["options"]
        options = {key: value for key, value in table.items() if key not in known}
        table = {key: value for key, value in table.items() if key in known}
        table |= {"options": options} if options else {}
        known["options"] = next(f for f in dataclasses.fields(part) if f.name == "options")
    for key in table:
        if key not in known:
            raise ValueError(f"{at}key must be one of {', '.join(known)}, got {key!r:.80}")
    for key, wanted in known.items():
        if key not in table and _is_required(wanted):
            raise ValueError(f"{at}{key} is missing")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    try:
        return part(**values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{at}{error}") from error


def _is_required(wanted: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return wanted.default is missing and wanted.default_factory is missing


def list_values(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not None."""
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    values |= values.pop("options", {})
    return {key: value for key, value in values.items() if value is not None}


def write_values(values: dict[str, Any]) -> list[str]:
    """Lines of TOML that give keys their values."""
    # What JSON and TOML write alike: strings of our own alphabet, numbers, booleans, flat lists.
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]
