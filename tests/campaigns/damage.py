"""Seeded damage to files: bits, bytes, runs, lengths, order."""

from __future__ import annotations

import random
import shutil
from pathlib import Path


def mutate(source: Path, damaged: Path, rng: random.Random) -> str:
    """A copy of a file or folder with one piece of damage; what kind it is."""
    if source.is_dir():
        shutil.copytree(source, damaged)
        files = sorted(path for path in damaged.rglob("*") if path.is_file())
        chosen = rng.choice(files)
        if rng.random() < 0.05:
            chosen.unlink()
            return "a file removed"
    else:
        shutil.copyfile(source, damaged)
        chosen = damaged
    how = rng.choice(list(KINDS))
    chosen.write_bytes(KINDS[how](bytearray(chosen.read_bytes()), rng))
    return how


def _place(data: bytearray, rng: random.Random) -> int:
    """Half of the time near the beginning, where headers are."""
    reach = min(len(data), 4096) if rng.random() < 0.5 else len(data)
    return rng.randrange(max(1, reach))


def _flip_bit(data: bytearray, rng: random.Random) -> bytearray:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)
    return data


def _set_byte(data: bytearray, rng: random.Random) -> bytearray:
    if data:
        data[_place(data, rng)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return data


def _zero_run(data: bytearray, rng: random.Random) -> bytearray:
    start, length = _place(data, rng), rng.randint(1, 512)
    data[start : start + length] = bytes(len(data[start : start + length]))
    return data


def _random_run(data: bytearray, rng: random.Random) -> bytearray:
    start, length = _place(data, rng), rng.randint(1, 64)
    data[start : start + length] = rng.randbytes(len(data[start : start + length]))
    return data


def _truncate(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(max(1, len(data)))]


def _delete_run(data: bytearray, rng: random.Random) -> bytearray:
    start = _place(data, rng)
    del data[start : start + rng.randint(1, 64)]
    return data


def _insert_run(data: bytearray, rng: random.Random) -> bytearray:
    start = _place(data, rng)
    data[start:start] = rng.randbytes(rng.randint(1, 64))
    return data


def _append(data: bytearray, rng: random.Random) -> bytearray:
    return data + rng.randbytes(rng.randint(1, 512))


def _swap_runs(data: bytearray, rng: random.Random) -> bytearray:
    length = rng.randint(1, 256)
    one, other = sorted((_place(data, rng), _place(data, rng)))
    if one + length <= other and other + length <= len(data):
        data[one : one + length], data[other : other + length] = (
            data[other : other + length],
            data[one : one + length],
        )
    return data


KINDS = {
    "a bit flipped": _flip_bit,
    "a byte set": _set_byte,
    "a run of zeros": _zero_run,
    "a run of noise": _random_run,
    "cut short": _truncate,
    "a run deleted": _delete_run,
    "a run inserted": _insert_run,
    "noise appended": _append,
    "two runs swapped": _swap_runs,
}
"""Kind → function of the bytes and a generator."""
