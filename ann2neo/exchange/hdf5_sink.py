"""A file for HDF5 to write to that never tells it of a failure."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

_PAGE = 2**16


class HDF5Sink(io.RawIOBase):
    """A new file for HDF5 to write to, which is told of no failure; leaving it raises the first one.

    Where a write fails, as on a full disk, HDF5 fails again when it closes the file, and may take the
    whole process with it. So from the first failure on what is written is kept in memory, and read from
    there, until the writer that calls `check` now and then learns of it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666
        )
        self._place = self._size = 0
        self._failure: OSError | None = None
        self._pages: dict[int, bytearray] = {}

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        # Whatever HDF5 complained of after it is its consequence.
        self.check()

    def check(self) -> None:
        """Raise what went wrong, if anything."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        if not self.closed:
            super().close()
            try:
                os.close(self._file)
            except OSError as error:
                self._failure = self._failure or error

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            done = self._write(rest)
            rest = rest[done:]
            self._place += done
        self._size = max(self._size, self._place)
        return size

    def _write(self, data: memoryview) -> int:
        if self._failure is None:
            try:
                os.lseek(self._file, self._place, os.SEEK_SET)
                return os.write(self._file, data)
            except OSError as error:
                self._failure = error
        number, offset = divmod(self._place, _PAGE)
        done = min(len(data), _PAGE - offset)
        self._page(number)[offset : offset + done] = data[:done]
        return done

    def _page(self, number: int) -> bytearray:
        """What the file holds there, for as much of it as there is, to be changed."""
        if number not in self._pages:
            stored = self._read_file(number * _PAGE, _PAGE)
            self._pages[number] = bytearray(stored.ljust(_PAGE, b"\0"))
        return self._pages[number]

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        wanted = max(0, min(len(target), self._size - self._place))
        done = 0
        while done < wanted:
            number, offset = divmod(self._place, _PAGE)
            step = min(wanted - done, _PAGE - offset)
            page = self._pages.get(number)
            if page is None:
                target[done : done + step] = self._read_file(self._place, step).ljust(step, b"\0")
            else:
                target[done : done + step] = page[offset : offset + step]
            done += step
            self._place += step
        return done

    def _read_file(self, place: int, size: int) -> bytes:
        try:
            os.lseek(self._file, place, os.SEEK_SET)
            return os.read(self._file, size)
        except OSError as error:
            self._failure = self._failure or error
            return b""

    def truncate(self, size: int | None = None) -> int:
        size = self._place if size is None else size
        try:
            if self._failure is None:
                os.ftruncate(self._file, size)
        except OSError as error:
            self._failure = error
        self._size = size
        return size
