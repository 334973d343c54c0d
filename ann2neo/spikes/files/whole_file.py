"""Files and folders that appear whole or not at all: the one way in which this package writes.

A writer works in a hidden folder beside its target, which it holds locked. A writer that was killed
leaves that folder unlocked: the next one to the same target finds it by its name and sweeps it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ann2neo.spikes.files.name_exchange import place_path, replace_path, restore_path
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.typing import PathLikeStr

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be swept anyway
    fcntl = None  # type: ignore[assignment]

_SLOTS = 64
"""Writers to one target at one time."""

_ASIDE = "was-replaced.part"


_FULL = errno.ENOSPC, errno.EDQUOT


@contextmanager
def write_whole(
    path: PathLikeStr,
    *,
    overwrite: bool = False,
    check_replaced: Callable[[Path], None] | None = None,
) -> Iterator[Path]:
    """A path to write a file or a folder to; it becomes `path` when the block ends without error.

    After an error, an interrupt or a kill `path` is what it was, or what it is to be. Of a link the
    target is replaced, the link stays.

    Parameters
    ----------
    path : str or Path
    overwrite : bool
        Replace what is there.
    check_replaced : callable, optional
        Takes the path of what would be replaced and raises FileExistsError if it must not be. Default:
        directories, pipes and devices are not.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False, or `check_replaced` refuses.
    FileNotFoundError
        If the directory to write in does not exist.
    PermissionError
        If it must not be written in, or what would be replaced is read-only.
    ValueError
        If `path` is empty.
    """
    path = as_path(path)
    target = Path(os.path.realpath(path))
    check_target(path, overwrite=overwrite, check_replaced=check_replaced)
    with _work_folder(target) as folder:
        new = folder / target.name
        try:
            yield new
        except OSError as error:
            # A full disk does not say which file did not fit.
            if error.errno in _FULL and error.filename is None:
                error.filename = str(path)
            raise
        check_target(path, overwrite=overwrite, check_replaced=check_replaced)
        if overwrite:
            _copy_mode(target, new)
            replace_path(new, target, folder / _ASIDE)
        else:
            place_path(new, target)


@contextmanager
def make_folder(path: Path) -> Iterator[None]:
    """Make the directory `path` if it is not there; after an error it is gone again."""
    made = not path.exists()
    path.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                path.rmdir()
        raise


def check_target(
    path: Path, *, overwrite: bool, check_replaced: Callable[[Path], None] | None = None
) -> None:
    """Refuse what `write_whole` would refuse, before anything is computed that would be lost."""
    target, said = Path(os.path.realpath(path)), as_path(path)
    if os.path.lexists(target):
        if overwrite or target.is_dir():
            (check_replaced or _check_file)(said)
        if not overwrite:
            raise FileExistsError(f"{said} exists; pass overwrite=True to replace it")
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "read-only, it is not replaced", str(said))
    if not target.parent.is_dir():
        parent = target.parent if said.is_symlink() else said.parent
        raise FileNotFoundError(f"the directory {parent} does not exist")


def _copy_mode(target: Path, new: Path) -> None:
    """Who may read what is replaced may read the new one, and nobody else."""
    with suppress(OSError):
        if target.is_dir() == new.is_dir():
            os.chmod(new, stat.S_IMODE(os.stat(target).st_mode))


def _check_file(target: Path) -> None:
    if target.is_dir():
        raise FileExistsError(f"{target} is a directory; it is not replaced by a file")
    if not target.is_file():
        raise FileExistsError(f"{target} is a pipe or a device; it is not replaced by a file")


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A new hidden folder beside `target`; those that killed writers left are gone when it is."""
    slots = _slot_paths(target)
    number, lock = next(
        ((number, lock) for number, slot in enumerate(slots) if (lock := _take_slot(slot, target))),
        (None, None),
    )
    if number is None or lock is None:
        raise FileExistsError(
            f"{target} is being written by {_SLOTS} others; if it is not, remove {slots[0]} and its like"
        )
    folder = slots[number]
    failed = True
    try:
        yield folder
        failed = False
    finally:
        restore_path(target, folder / _ASIDE)
        remade = failed and any(child.is_dir() for child in _children(folder))
        _remove(folder, lock)
        lock.release()
        # After an error zarr may be making the folder anew from its own threads for a while.
        for _ in range(5 if remade else 0):
            time.sleep(0.05)
            if os.path.lexists(folder):
                _sweep(folder, target)
        for slot in slots:
            if slot != folder and os.path.lexists(slot):
                _sweep(slot, target)


def _slot_paths(target: Path) -> list[Path]:
    """Names of working folders; the target's own may be as long as a name can be, so it is cut."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    begin = os.fsdecode(os.fsencode(target.name)[:48]).encode("utf-8", "ignore").decode()
    return [target.parent / f".{begin}.{digest}.{number}.part" for number in range(_SLOTS)]


class _Lock:
    """A folder that no other writer may sweep, for as long as this process lives or until `release`."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    def holds(self, folder: Path) -> bool:
        """Whether it is still this one that has the name: removed, it may be another writer's next."""
        if self._number is None:
            return folder.exists()
        try:
            return os.path.samestat(os.fstat(self._number), os.stat(folder))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        if self._number is not None:
            os.close(self._number)
            self._number = None


def _take_slot(slot: Path, target: Path) -> _Lock | None:
    """The lock of a folder that is new, or that a killed writer left and that is emptied; else None."""
    if os.path.lexists(slot):
        _sweep(slot, target)
    try:
        slot.mkdir(mode=0o700)
    except FileExistsError:
        return None
    except OSError as error:
        # Nobody has to know of the working folder.
        raise OSError(error.errno, error.strerror, str(slot.parent)) from error
    return _lock(slot, made=True)


def _sweep(slot: Path, target: Path) -> None:
    """Remove a folder whose writer is dead, after putting back what it may have moved aside."""
    lock = _lock(slot, made=False)
    if lock is not None:
        try:
            restore_path(target, slot / _ASIDE)
            _remove(slot, lock)
        finally:
            lock.release()


def _lock(slot: Path, *, made: bool) -> _Lock | None:
    """None if another writer has it, or may have it, since the system cannot lock."""
    unlockable = _Lock(None) if made else None
    if fcntl is None:
        return unlockable
    try:
        number = os.open(slot, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between being made or found and being locked, another writer may have swept it.
        if _Lock(number).holds(slot):
            return _Lock(number)
    except BlockingIOError:
        pass
    except OSError:
        os.close(number)
        return unlockable
    os.close(number)
    return None


def _remove(folder: Path, lock: _Lock) -> None:
    """Remove the folder that is locked, again while something is put into it."""
    for _ in range(100):
        if not lock.holds(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        if lock.holds(folder):
            time.sleep(0.05)


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
