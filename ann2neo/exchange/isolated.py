"""Rasters in files that one does not trust, read by another process."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

from ann2neo.exchange.format_table import all_formats
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.files.isolation import run_isolated
from ann2neo.spikes.files.paths import find_path
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr, TimeLike

ISOLATED = "ann2neo.exchange.isolated:copy_spikes"
"""What reads in the other process."""


def read_isolated(
    path: PathLikeStr, format: str, *, sampling_period: TimeLike | None = None, **options: Any
) -> SpikeRaster:
    """What the reader of a format gives, without its code running in this process.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As the reader does; and ValueError if it crashes, or takes too long or too much memory.
    """
    found = find_path(path, folder=True)
    options = {key: value for key, value in options.items() if value is not None}
    if "bin_size" in options:
        options["bin_size"] = check_period(options["bin_size"], "bin_size")
    if sampling_period is not None:
        options["sampling_period"] = check_period(sampling_period)
    with tempfile.TemporaryDirectory() as folder:
        run_isolated(ISOLATED, Path(folder), found, format=format, **options)
        return SpikeRaster.load(Path(folder) / "spikes.zip")


def copy_spikes(folder: Path, path: Path, format: str, **options: Any) -> None:
    """Copy a raster in a file to a store in a folder; what the other process does."""
    module, function = all_formats()[format].reader.split(":")
    read = getattr(importlib.import_module(module), function)
    read(path, **options).save(folder / "spikes.zip")
