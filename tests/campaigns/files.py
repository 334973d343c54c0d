"""Kills, full disks, damaged files, rivals and threads: is anything ever lost, wrong or left behind?

    python tests/campaigns/files.py [--scale 1.0] [--seed 0] [--only kills disk mutations rivals threads]

At scale 1: over 300 kills of writers, some of them at each rename; over 300 runs on a file system that
is full (a small tmpfs, or where mounting is not allowed a limit on the size of files); over 1,000
mutations for each reader; two writers and a reader; threads. Classes of outcomes are counted; exit 1 if
there is a bad one. A file that crashes or hangs its reader is read once more with ``isolated=True``.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import ann2neo as a2n
from ann2neo.spikes.files import isolation, name_exchange
from tests.campaigns import activation_files
from tests.campaigns.faults import (
    ENDINGS,
    classify,
    find_leftovers,
    make,
    read,
    read_mutations,
    report,
    run_child,
    write,
)
from tests.campaigns.faults import (
    is_bad as is_bad,
)


def kill_writers(n_kills: int, seed: int, folder: Path, *, every: int = 1) -> Iterator[str]:
    """Kill writers before and after each of their renames, or of every few, and at random moments."""
    rng = random.Random(seed)
    old, new = make(1), make(2)
    for ending in (*ENDINGS, "npy"):
        path = folder / f"a.{ending}"
        write(old, path)
        at = 1
        while (ended := run_child(partial(_write_killed, new, path, at))) == "killed":
            at += every
            yield f"{ending}: at a rename: {_after(path, old, new, folder)}"
            write(old, path)
        if ended != "done":
            yield f"{ending}: other: {ended:.80}"
        run_child(partial(_time, new, path, folder / "seconds"))
        seconds = float((folder / "seconds").read_text())
        for _ in range(max(1, n_kills // (len(ENDINGS) + 1))):
            write(old, path)
            ended = run_child(partial(_write, new, path), kill_after=rng.uniform(0, 1.1 * seconds))
            how = "killed" if ended == "killed" else "done"
            yield f"{ending}: {how}: {_after(path, old, new, folder)}"


def _time(raster: a2n.SpikeRaster, path: Path, answer: Path) -> str:
    start = os.times().elapsed
    write(raster, path)
    answer.write_text(str(os.times().elapsed - start))
    return "done"


def _write(raster: a2n.SpikeRaster, path: Path) -> str:
    write(raster, path)
    return "done"


def _write_killed(raster: a2n.SpikeRaster, path: Path, at: int) -> str:
    """Write, and die just before (odd) or after (even) the n-th rename."""
    seen = [0]

    def count() -> None:
        seen[0] += 1
        if seen[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(function: Callable[..., object]) -> Callable[..., object]:
        def rename(*names: object, **options: object) -> object:
            count()
            done = function(*names, **options)
            count()
            return done

        return rename

    os.replace, os.rename = watch(os.replace), watch(os.rename)  # type: ignore[assignment]
    name_exchange._rename = watch(name_exchange._rename)  # type: ignore[assignment]
    return _write(raster, path)


def _after(path: Path, old: a2n.SpikeRaster, new: a2n.SpikeRaster, folder: Path) -> str:
    """What is there after a fault, and after the next write."""
    if path.suffix == ".npy":
        dense = np.load(path, allow_pickle=False)
        is_new = np.array_equal(dense, new.to_dense())
        found = "new" if is_new else "old" if np.array_equal(dense, old.to_dense()) else "wrong: npy"
    else:
        found = classify(path, {"old": old, "new": new})
    write(new, path)
    left = find_leftovers(folder)
    for name in left:
        shutil.rmtree(folder / name, ignore_errors=True)
    return f"left behind: {left[0]}" if left else f"{found:.100}"


def fill_disks(n_runs: int, seed: int, folder: Path) -> Iterator[str]:
    """Write where there is not enough room."""
    rng = random.Random(seed)
    old, new = make(1), make(2, n_samples=20_000, n_units=32)
    for ending in (*ENDINGS, "npy"):
        whole = folder / f"whole.{ending}"
        write(new, whole)
        need = _size(whole)
        with _small_disk(folder / "disk", 3 * need + 2**22) as (disk, limited):
            path = disk / f"a.{ending}"
            for _ in range(n_runs // (len(ENDINGS) + 1)):
                write(old, path)
                room = int(rng.uniform(0, 1.2) * need)
                if not limited:
                    _fill(disk, room)
                ended = run_child(partial(_write_limited, new, path, room if limited else None))
                (disk / "filler").unlink(missing_ok=True)
                left = find_leftovers(disk)
                if ended == "done" or ended.startswith(("raised OSError", "raised FileExists")):
                    ended = ended.removeprefix("raised ").partition(":")[0]
                else:
                    ended = f"other: {ended:.120}"
                found = _after(path, old, new, disk)
                yield f"{ending}: {ended}: {f'left behind: {left[0]}' if left else found}"


def _size(path: Path) -> int:
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in inside if one.is_file())


def _write_limited(raster: a2n.SpikeRaster, path: Path, room: int | None) -> str:
    if room is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    return _write(raster, path)


def _fill(disk: Path, room: int) -> None:
    """Leave so many bytes."""
    free = shutil.disk_usage(disk).free
    with open(disk / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - room))


@contextmanager
def _small_disk(place: Path, size: int) -> Iterator[tuple[Path, bool]]:
    """A tmpfs of that size; or a plain folder and True."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        print("no small file system can be mounted here: a limit on the size of files instead")
    try:
        yield place, bool(mounted.returncode)
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(place)], check=True)


def mutate_files(n_mutations: int, seed: int, folder: Path) -> Iterator[str]:
    """Read damaged files of each format."""
    original = make(3)
    for ending in ENDINGS:
        path = folder / f"a.{ending}"
        write(original, path)
        rng = random.Random(f"{seed} {ending}")
        read_one = partial(_read_damaged, original=original)
        yield from read_mutations(path, n_mutations, rng, read_one, ending)


def _read_damaged(path: Path, original: a2n.SpikeRaster, **options: bool) -> str:
    try:
        found = read(path, **options)
    except (ValueError, FileNotFoundError) as error:
        return "refused" if path.name in str(error) else "refused without the file's name"
    except OSError:
        return "refused: OSError"
    if found == original:
        return "the same recording"
    same = found.words.shape == original.words.shape and np.array_equal(found.words, original.words)
    return "wrong words about the right spikes" if same else "wrong spikes"


def meet_rivals(n_reads: int, seed: int, folder: Path) -> Iterator[str]:
    """Two processes write to one path, a third reads."""
    rasters = {"one": make(seed + 4), "two": make(seed + 5)}
    for ending in ENDINGS:
        path = folder / f"rivals.{ending}"
        write(rasters["one"], path)
        writers = [_start_writer(raster, path) for raster in rasters.values()]
        try:
            for _ in range(n_reads):
                yield f"{ending}: {classify(path, rasters)}"
        finally:
            for writer in writers:
                os.kill(writer, signal.SIGKILL)
                os.waitpid(writer, 0)
        write(rasters["one"], path)
        if left := find_leftovers(folder):
            yield f"{ending}: left behind: {left}"


def _start_writer(raster: a2n.SpikeRaster, path: Path) -> int:
    process = os.fork()
    if process == 0:
        while True:
            write(raster, path)
    return process


def use_threads(n_rounds: int, seed: int, folder: Path) -> Iterator[str]:
    """Four threads write and read files of their own, and one that they share."""
    for ending in ENDINGS:
        rasters = {str(number): make(seed + number) for number in range(4)}
        found = run_child(partial(_run_threads, n_rounds, rasters, folder, ending), seconds=600)
        for outcome in found.splitlines():
            yield f"{ending}: {outcome}"


def _run_threads(n_rounds: int, rasters: dict[str, a2n.SpikeRaster], folder: Path, ending: str) -> str:
    outcomes: list[str] = []

    def work(name: str, raster: a2n.SpikeRaster) -> None:
        for _ in range(n_rounds):
            try:
                own = folder / f"own-{name}.{ending}"
                write(raster, own)
                outcomes.append("own: the same" if read(own) == raster else "own: wrong")
                write(raster, folder / f"shared.{ending}")
                one = read(folder / f"shared.{ending}")
                known = any(one == other for other in rasters.values())
                outcomes.append("shared: one of theirs" if known else "shared: wrong")
            except ValueError as error:
                outcomes.append(f"lost: {str(error).replace(str(folder), '')[:80]}")
            except Exception as error:
                outcomes.append(f"other: {type(error).__name__} {str(error)[:80]}")

    threads = [threading.Thread(target=work, args=one) for one in rasters.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "\n".join(outcomes)


PARTS: dict[str, tuple[Callable[[int, int, Path], Iterator[str]], int]] = {
    "kills": (kill_writers, 330),
    "disk": (fill_disks, 330),
    "mutations": (mutate_files, 1050),
    "activations": (activation_files.mutate_activations, 1050),
    "rivals": (meet_rivals, 100),
    "threads": (use_threads, 10),
}


def main() -> int:
    """Run what was asked for; how many bad outcomes there were."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    n_bad = 0
    isolation.SECONDS = 30
    for name in options.only:
        part, size = PARTS[name]
        with tempfile.TemporaryDirectory() as folder:
            runs = part(max(1, round(size * options.scale)), options.seed, Path(folder))
            n_bad += report(name, runs)
    print(f"{n_bad} bad outcomes")
    return n_bad


if __name__ == "__main__":
    sys.exit(main() > 0)
