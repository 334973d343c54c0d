"""What the commands share: tables on the terminal, quiet frameworks."""

from __future__ import annotations

import os
from typing import Any

from rich.table import Column, Table


def frame_table(frame: Any, title: str, *, header: bool = True) -> Table:
    rows = Table(title=title, show_header=header)
    for column in frame.columns:
        justify: Any = "left" if frame[column].dtype.kind not in "if" else "right"
        rows.add_column(str(column), justify=justify, no_wrap=column in ("layer", "test"))
    for values in frame.itertuples(index=False):
        rows.add_row(*(shown(value) for value in values))
    return rows


def right(names: str) -> list[Any]:
    return [Column(name.replace("-", " "), justify="right") for name in names.split()]


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def quieten_frameworks() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
