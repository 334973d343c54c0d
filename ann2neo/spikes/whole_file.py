"""Files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A path to write to, beside `path`; what is there becomes `path` when the block ends without error.

    After an error nothing is left behind, and a file that was there before stands as it was.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False, or is a directory.
    FileNotFoundError
        If the directory to write in does not exist.
    """
    _check_target(path, overwrite)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the directory {path.parent} does not exist")
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder / path.name
        _check_target(path, overwrite)
        os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make the directory `path` if it is not there; after an error it is gone again."""
    made = not path.exists()
    path.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        if made:
            path.rmdir()
        raise


class Sink(io.FileIO):
    """A new file for HDF5 to write to, which is told of no failure; leaving it raises the first one.

    Where a write fails, as on a full disk, HDF5 fails again when it closes the file, and may take the
    whole process with it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failure: OSError | None = None

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        # Whatever HDF5 complained of after it is its consequence.
        self.check()

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self._failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = self._failure or error
            return self.tell() if size is None else size

    def check(self) -> None:
        """Raise what went wrong, if anything."""
        if self._failure is not None:
            raise self._failure


def _check_target(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FileExistsError(f"{path} is a directory; it is not replaced by a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
