"""What campaigns of kills, full disks, mutations and rivals share: recordings, writers, children."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import ann2neo as a2n
from tests.campaigns.damage import mutate

ENDINGS = ("zarr", "zip", "nwb", "nix", "nc")
"""Of the files that can be read back; see `write`."""

SECONDS = 30
"""A child that takes longer hangs."""


def make(seed: int, n_samples: int = 600, n_units: int = 6) -> a2n.SpikeRaster:
    """A recording with tables and annotations worth losing."""
    rng = np.random.default_rng(seed)
    half = n_units // 2
    units = pd.DataFrame(
        {
            "layer": ["conv[1]"] * half + ["dense"] * (n_units - half),
            "unit_index": [*range(half), *range(n_units - half)],
            "depth (um)": rng.random(n_units),
        }
    )
    samples = pd.DataFrame(
        {"sample_index": rng.permutation(n_samples), "label": rng.integers(10, size=n_samples)}
    )
    return a2n.SpikeRaster.from_dense(
        rng.random((n_samples, n_units)) < 0.3,
        units,
        samples,
        annotations={"seed": seed, "network": "m"},
    )


def write(raster: a2n.SpikeRaster, path: Path) -> None:
    """In the format that the name says, over what is there."""
    a2n.save(raster, path, overwrite=True)


def read(path: Path, **options: bool) -> a2n.SpikeRaster:
    """Quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return a2n.load(path, **options)


def run_child(work: Callable[[], str], kill_after: float | None = None, seconds: float = SECONDS) -> str:
    """What `work` returns in a fork of this process; or how that ended.

    Returns
    -------
    str
        The answer, ``"raised NAME: message"``, ``"crash SIGNAL"``, ``"killed"`` or ``"hang"``.
    """
    out, into = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(out)
        answer = _answer(work)
        os.write(into, answer.encode(errors="replace")[:4000])
        os._exit(0)
    os.close(into)
    ended = _wait(process, seconds if kill_after is None else kill_after)
    with os.fdopen(out, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    if ended is None:
        return "hang" if kill_after is None else "killed"
    if os.WIFSIGNALED(ended):
        number = os.WTERMSIG(ended)
        return "killed" if number == signal.SIGKILL else f"crash {signal.Signals(number).name}"
    return answer


def _answer(work: Callable[[], str]) -> str:
    try:
        # What libraries print while they crash is no part of the outcome.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return work()
    except BaseException as error:
        return f"raised {type(error).__name__}: {error}"


def _wait(process: int, seconds: float) -> int | None:
    """The status of a child; None where it had to be killed."""
    end = time.monotonic() + seconds
    pause = 0.0005
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return None
        time.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(2 * pause, 0.01)


def find_leftovers(folder: Path) -> list[str]:
    """Hidden files and folders of writers."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def classify(path: Path, known: dict[str, a2n.SpikeRaster]) -> str:
    """Which of the known recordings is at `path`; in a child, which may crash."""

    def look() -> str:
        try:
            found = read(path)
        except FileNotFoundError:
            return "lost: nothing there"
        except ValueError as error:
            return f"lost: {error}"
        return next((name for name, one in known.items() if one == found), "wrong: another recording")

    return run_child(look)


BAD = ("lost", "wrong", "crash", "hang", "raised", "left", "other", "refused without")
"""Beginnings of bad outcomes; these are "format: how: what"."""


def is_bad(outcome: str) -> bool:
    """Whether it must not happen; of a reader that is not isolated a crash or hang may."""
    return any(part.strip().startswith(BAD) for part in outcome.split(":")[1:])


def report(title: str, outcomes: Iterable[str]) -> int:
    """Print how many of each class there were; how many of a bad one."""
    counts = Counter(outcomes)
    print(f"{title}: {sum(counts.values())} runs", flush=True)
    for name, number in sorted(counts.items(), key=lambda one: -one[1]):
        print(f"    {number:6d}  {name}", flush=True)
    return sum(number for name, number in counts.items() if is_bad(name))


def read_mutations(
    path: Path, n_mutations: int, rng: random.Random, read_one: Callable[..., str], kind: str
) -> Iterator[str]:
    """How reading each damaged copy ended, in a child; what crashes or hangs it is read isolated too."""
    for number in range(n_mutations):
        damaged = path.with_name(f"damaged-{number}{path.suffix}")
        how = mutate(path, damaged, rng)
        found = run_child(partial(read_one, damaged))
        if not found.startswith(("crash", "hang")):
            yield f"{kind}: {_judge(found)}"
        else:
            yield f"{kind}: without isolation a {found}"
            again = run_child(partial(read_one, damaged, isolated=True), seconds=90)
            yield f"{kind} isolated, after {how}: {_judge(again)}"
        shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()


def _judge(found: str) -> str:
    return f"other than promised: {found:.90}" if found.startswith("raised") else found
