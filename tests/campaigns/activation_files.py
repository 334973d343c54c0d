"""Damaged files of activations: refused, or read as arrays of the shape that they say."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

import ann2neo as a2n
from tests.campaigns.faults import read_mutations

CHECKED = ("npz", "pt")
"""Formats with a checksum of their own (zip); in others changed numbers are numbers like any other."""


def make_files(folder: Path, activations: np.ndarray) -> list[Path]:
    """A file of each format."""
    import h5py
    import torch
    import zarr
    from scipy import io

    np.save(folder / "a.npy", activations)
    np.savez(folder / "a.npz", dense=activations)
    np.savetxt(folder / "a.txt", activations)
    torch.save(torch.from_numpy(activations), folder / "a.pt")
    io.savemat(folder / "a.mat", {"features": activations})
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("dense", data=activations, chunks=(50, 4), compression="gzip")
    zarr.save_array(str(folder / "a.zarr"), activations)
    return sorted(folder.glob("a.*"))


def read_file(path: Path, activations: np.ndarray, **options: bool) -> str:
    """How reading ended."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with a2n.open_activations(path, **options) as layers:
                (found,) = (np.asarray(layer[:]) for layer in layers.values())
    except (ValueError, FileNotFoundError) as error:
        return "refused" if path.name in str(error) else "refused without the file's name"
    except OSError:
        return "refused: OSError"
    if found.shape == activations.shape and np.array_equal(found, activations):
        return "the same numbers"
    if path.suffix[1:] in CHECKED:
        return "wrong numbers in spite of a checksum"
    return "changed numbers, of a format without checksum"


def mutate_activations(n_mutations: int, seed: int, folder: Path) -> Iterator[str]:
    """Read damaged files of each format."""
    activations = np.random.default_rng(seed).standard_normal((200, 8))
    for path in make_files(folder, activations):
        rng = random.Random(f"{seed} {path.name}")
        read_one = partial(read_file, activations=activations)
        yield from read_mutations(path, max(1, n_mutations // 7), rng, read_one, path.suffix[1:])
