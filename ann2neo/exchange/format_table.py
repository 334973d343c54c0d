"""The formats of files that hold spikes, and how other packages add theirs.

A package joins by an entry point of the group ``ann2neo.formats``: its name is that of the format, and
it gives a `Format`. This module imports nothing heavy: the command line asks it for its help.
"""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass

GROUP = "ann2neo.formats"


@dataclass(frozen=True)
class Format:
    """A file format, with its reader and writer as "module:function"; an empty one: there is none.

    Parameters
    ----------
    suffixes : tuple of str
        Endings of the names of its files, in lower case.
    reader : str
        Takes a path and the keyword `sampling_period` (None or seconds), gives a raster; where its files
        hold `several` recordings also the keyword `segment`, an index, a name or None.
    writer : str
        Takes a raster, a path and the keywords `overwrite` and `progress`, whether to show a bar.
    several : bool
        Whether a file can hold several recordings.
    needs : tuple of str
        Modules that may be missing, without which nothing can be written.
    extra : str
        The extra of this package that brings them.
    """

    suffixes: tuple[str, ...]
    reader: str = ""
    writer: str = ""
    several: bool = False
    needs: tuple[str, ...] = ()
    extra: str = ""


FORMATS = {
    "zarr": Format(
        (".zarr", ".zip"), "ann2neo.exchange.formats:read_store", "ann2neo.exchange.formats:write_store"
    ),
    "nwb": Format(
        (".nwb",),
        "ann2neo.exchange.nwb.file:read_nwb",
        "ann2neo.exchange.nwb.file:write_nwb",
        True,
        ("pynwb",),
        "nwb",
    ),
    "nix": Format(
        (".nix",),
        "ann2neo.exchange.nix:read_nix",
        "ann2neo.exchange.nix:write_nix",
        True,
        ("nixio",),
        "nix",
    ),
    "netcdf": Format(
        (".nc",),
        "ann2neo.exchange.xarray:read_netcdf",
        "ann2neo.exchange.xarray:write_netcdf",
        False,
        ("xarray", "h5netcdf"),
        "xarray",
    ),
    "npy": Format((".npy",), "", "ann2neo.exchange.formats:write_npy"),
}
"""Name → format; see `all_formats` for those of other packages too."""


def all_formats() -> dict[str, Format]:
    """Name → format, those of this package and those that other packages add.

    Raises
    ------
    TypeError
        If an entry point of another package gives something else than a `Format`.
    """
    return {**_of_other_packages(), **FORMATS}


@functools.cache
def _of_other_packages() -> dict[str, Format]:
    found = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        loaded = entry.load()
        if not isinstance(loaded, Format):
            raise TypeError(
                f"entry point {entry.name!r} of {GROUP} must give a Format, got {loaded!r:.60}"
            )
        found[entry.name] = loaded
    return found


def list_formats(*, reading: bool) -> list[str]:
    """Names of the formats that can be read as spikes, or written."""
    return [name for name, one in all_formats().items() if (one.reader if reading else one.writer)]


def list_endings(*, reading: bool) -> list[str]:
    """Endings of the names of files that can be read as spikes, or written."""
    formats = all_formats()
    return [suffix for name in list_formats(reading=reading) for suffix in formats[name].suffixes]
