"""A raster on disk: a Zarr store (format 2), a directory or one ``.zip`` file.

Layout: an array ``words`` (uint64, one chunk per block of samples) and groups ``units`` and ``samples``
with an array per column; see `zarr_arrays`. The store's attributes hold the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from ann2neo.spikes import kernels, raster_tables
from ann2neo.spikes.argument_checks import check_count, check_period, check_range
from ann2neo.spikes.files.paths import as_path, find_path
from ann2neo.spikes.files.whole_file import check_target, write_whole
from ann2neo.spikes.files.zarr_arrays import (
    Identity,
    PlainStore,
    ReplacedError,
    checksum,
    checksum_metadata,
    new_array,
    new_group,
    open_archive,
    open_store,
    write_table,
)
from ann2neo.spikes.packing import buffer_words
from ann2neo.spikes.progress import track
from ann2neo.spikes.typing import Words
from ann2neo.spikes.words import WORD, n_words

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

FORMAT = "ann2neo.SpikeRaster"
CODEC = "zstd"
FORMAT_VERSION = 3
"""2, whose chunks are packed by zlib, and 1, which had no checksum of the metadata, are read too."""

_MOST_TIMES = 20
"""That a store is read anew since another writer replaced it."""

_ATTRIBUTES = r"\.z(array|attrs|group|metadata)|zarr\.json|\.DS_Store"
_OWN_FILES = re.compile(
    rf"(words/|(units|samples)/(\d+/)?)?({_ATTRIBUTES})|words/\d+\.\d+|(units|samples)/\d+/\d+"
)
_OWN_FOLDERS = re.compile(r"words|(units|samples)(/\d+)?")
"""What a store of this package has in it, all else is somebody's."""

_T = TypeVar("_T")


def save(raster: SpikeRaster, path: str | Path, *, overwrite: bool, progress: bool) -> Path:
    """See `SpikeRaster.save`."""
    words = raster.words
    with StoreWriter(path, raster.n_units, overwrite=overwrite) as writer:
        for start in track(range(0, words.shape[1], writer.block), "write", progress=progress):
            writer.write(words[:, start : start + writer.block])
        writer.finish(
            raster.n_samples, raster.units, raster.samples, raster.sampling_period, raster.annotations
        )
    return writer.path


def load(path: str | Path, make: Callable[..., _T], *, start: int = 0, stop: int | None = None) -> _T:
    """What `make`, the class of rasters, makes of the store at `path`; see `SpikeRaster.load`.

    It is called here, since what it refuses is a damaged store.
    """
    path = find_path(path, "raster", folder=True)
    for _ in range(_MOST_TIMES):
        # Read anew where another writer replaced it meanwhile.
        with suppress(ReplacedError):
            return _load(path, make, start, stop)
    return _load(path, make, start, stop)


def _load(path: Path, make: Callable[..., _T], start: int, stop: int | None) -> _T:
    with open_raster_store(path) as stored:
        attributes = read_attributes(path, stored)
        first, last = check_range(start, stop, attributes["n_samples"])
        with name_damage(path):
            found = _read(stored, attributes, make, first, last)
    return found


@contextmanager
def open_raster_store(
    path: Path, identity: Identity | None = None, said: dict[str, Any] | None = None
) -> Iterator[PlainStore]:
    """`open_store`; what is no whole zip archive is a ValueError that names the path."""
    try:
        with open_store(path, identity, said) as stored:
            yield stored
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is not a raster's Zarr store, or is damaged: {error}") from error


@contextmanager
def name_damage(path: Path) -> Iterator[None]:
    """Whatever fails in the block is a ValueError that calls the store at `path` damaged."""
    try:
        yield
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def read_words(stored: PlainStore, total: int, start: int, stop: int, units: Any = None) -> Words:
    """Words of samples `start` to `stop` of a store of `total` samples, of some units or of all."""
    words = stored.read("words", n_words(total), start // WORD, n_words(stop))
    if units is not None:
        words = words[units]
    kernels.drop(words, start % WORD)
    words = words[:, : n_words(stop - start)]
    tail = (stop - start) % WORD
    if tail and stop < total:
        words[:, -1] &= np.uint64((1 << tail) - 1)
    return words


def _read(
    stored: PlainStore, attributes: Mapping[str, Any], make: Callable[..., _T], start: int, stop: int
) -> _T:
    total = attributes["n_samples"]
    words = read_words(stored, total, start, stop)
    return make(
        words,
        stop - start,
        stored.read_table("units", len(words), 0, len(words)),
        stored.read_table("samples", total, start, stop),
        sampling_period=attributes["sampling_period"],
        annotations=attributes["annotations"],
    )


def read_attributes(path: Path, stored: PlainStore) -> dict[str, Any]:
    """Attributes of a raster's store, if it is one that this version reads."""
    try:
        attributes = stored.attributes()
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a raster's Zarr store, or is damaged: no .zattrs") from error
    if attributes.get("format") != FORMAT:
        raise ValueError(f"{path} is not a raster's Zarr store: its format is not {FORMAT!r}")
    version = attributes.get("format_version")
    if version not in range(1, FORMAT_VERSION + 1) or isinstance(version, bool):
        raise ValueError(
            f"{path} has format version {version!r}, this ann2neo reads {FORMAT_VERSION}; "
            "upgrade ann2neo to read it"
        )
    try:
        check_count(attributes.get("n_samples"), "n_samples")
        said = attributes.pop("metadata_crc32", None)
        if (said is None) != (version == 1) or said not in (None, checksum_metadata(attributes, stored)):
            raise ValueError("the checksum of its metadata does not match")
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return attributes


class StoreWriter:
    """Writes a raster block by block into a temporary store beside `path` and renames it when whole.

    A context manager: leaving it without `finish`, or by an exception, leaves nothing behind.
    """

    def __init__(self, path: str | Path, n_units: int, *, overwrite: bool = False) -> None:
        self.path = as_path(path)
        if self.path.suffix.lower() not in (".zarr", ".zip"):
            raise ValueError(f"path must end in .zarr (a directory) or .zip (one file), got {self.path}")
        self._n_units = check_count(n_units, "n_units")
        self.block = buffer_words(n_units)
        self._n_words = 0
        self._checksums: list[int] = []
        self._stack = ExitStack()
        self._finished = False
        self._overwrite = overwrite
        check_target(self.path, overwrite=overwrite, check_replaced=_check_store)

    def __enter__(self) -> StoreWriter:
        with ExitStack() as stack:
            target = write_whole(self.path, overwrite=self._overwrite, check_replaced=_check_store)
            self._new = stack.enter_context(target)
            is_zip = self.path.suffix.lower() == ".zip"
            self._folder = self._new.with_name("store") if is_zip else self._new
            self._group = new_group(self._folder)
            chunk = (self._n_units, self.block)
            self._words = new_array(self._group, "words", (self._n_units, 0), chunk, "<u8")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        if exception[0] is None and not self._finished:
            exception = (_NotFinishedError, _NotFinishedError(), None)
        with suppress(_NotFinishedError):
            self._stack.__exit__(*exception)

    @property
    def n_words(self) -> int:
        """Words per unit that were written."""
        return self._n_words

    def adopt(self, path: Path) -> bool:
        """Append the words of another store, a directory, by its files, if they are chunks of this one.

        That is so if they are as large and begin where one begins here; behind one that is not full
        nothing can be appended. Files are read to check them, and linked where the file system can, else
        copied.
        """
        stored = PlainStore(path)
        shape, chunks, *_ = stored.describe("words")
        if list(chunks) != [self._n_units, self.block] or self._n_words % self.block:
            return False
        if stored.codec("words") != CODEC:
            return False
        checksums = stored.attributes("words")["crc32"]
        with name_damage(path):
            # Whole, before anybody throws the other store away.
            for start in range(0, int(shape[1]), self.block):
                stored.read("words", int(shape[1]), start, min(start + self.block, int(shape[1])))
        first = len(self._checksums)
        self._n_words += int(shape[1])
        self._words.resize((self._n_units, self._n_words))
        for number in range(len(checksums)):
            source = path / "words" / f"0.{number}"
            target = self._folder / "words" / f"0.{first + number}"
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        self._checksums += checksums
        return True

    def write(self, words: np.ndarray) -> None:
        """Append a block of words, shape (n_units, at most `buffer_words(n_units)`).

        Only the last block may be shorter than that.
        """
        start = len(self._checksums) * self.block
        size = words.shape[1]
        if len(words) != self._n_units or not 1 <= size <= self.block or start != self._n_words:
            raise ValueError(
                f"words must come in blocks of shape ({self._n_units}, {self.block}), only the last "
                f"one shorter; got {words.shape} after {self._n_words} words"
            )
        self._n_words += size
        self._words.resize((self._n_units, self._n_words))
        self._words[:, start:] = words
        self._checksums.append(checksum(words))

    def finish(
        self,
        n_samples: int,
        units: pd.DataFrame,
        samples: pd.DataFrame,
        sampling_period: float,
        annotations: Mapping[str, Any],
    ) -> None:
        """Write the tables and put the store in its place; arguments as for `SpikeRaster`."""
        if n_words(check_count(n_samples, "n_samples")) != self._n_words:
            raise ValueError(f"n_samples is {n_samples}, but {self._n_words} words of 64 were written")
        units = raster_tables.normalize_table(
            units, name="units", n_rows=self._n_units, required=raster_tables.UNITS
        )
        samples = raster_tables.normalize_table(
            samples, name="samples", n_rows=n_samples, required=raster_tables.SAMPLES
        )
        self._words.attrs.put({"crc32": self._checksums})
        write_table(self._group, "units", units)
        write_table(self._group, "samples", samples)
        attributes = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "n_samples": int(n_samples),
            "sampling_period": check_period(sampling_period),
            "annotations": dict(raster_tables.check_annotations(annotations)),
        }
        attributes["metadata_crc32"] = checksum_metadata(attributes, PlainStore(self._folder))
        self._group.attrs.put(attributes)
        if self._folder != self._new:
            _zip_folder(self._folder, self._new)
        self._finished = True
        self._stack.close()


class _NotFinishedError(Exception):
    """A store is left before it is whole."""


def _check_store(path: Path) -> None:
    """Refuse to replace anything but a raster's store: a mistaken path must not cost somebody more."""
    if path.is_dir() and not any(path.iterdir()):
        return
    if not path.is_dir() and not path.is_file():
        raise FileExistsError(f"{path} is a pipe or a device; it is not replaced")
    try:
        with open_store(path) as stored:
            is_store = stored.attributes().get("format") == FORMAT
    except ReplacedError:
        # By another writer of this package, which checked as well.
        is_store = True
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile):
        is_store = False
    if not is_store:
        raise FileExistsError(f"{path} is something else than a raster; it is not replaced")
    for name, is_folder in _list_inside(path):
        if not (_OWN_FOLDERS if is_folder else _OWN_FILES).fullmatch(name):
            raise FileExistsError(f"{path} holds {name} too; it is not replaced")


def _list_inside(path: Path) -> Iterator[tuple[str, bool]]:
    """Names in a store, and whether they are folders; links are followed nowhere."""
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                found = Path(folder, name)
                is_folder = name in folders and not found.is_symlink()
                yield found.relative_to(path).as_posix(), is_folder
    else:
        with open_archive(path) as archive:
            for member in archive.infolist():
                yield member.filename.rstrip("/"), member.is_dir()


def _zip_folder(folder: Path, target: Path) -> None:
    # Chunks are compressed already, and Zarr reads stored members in place.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
