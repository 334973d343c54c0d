"""Files that hold data sets: Keras' own layout, or JPEG images one behind another."""

from __future__ import annotations

import io
import logging
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.extras import require

_LOG = logging.getLogger(__name__)
_VARIABLE = "ANN2NEO_DATA"

IMAGES = {"mnist": (28, 28, 1), "fashion_mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
"""Shape of an image of each data set that is read from a file."""

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""x_train, y_train, x_test, y_test."""


def digits() -> Arrays:
    """Scikit-learn's handwritten digits, 80 % of each class to train with, always the same ones."""
    bunch = require("sklearn.datasets", extra="demo").load_digits()
    images = (bunch.images[..., None] / 16).astype(np.float32)
    labels = bunch.target
    # One fixed shuffle, because the data are ordered by writer.
    order = np.random.default_rng(0).permutation(len(labels))
    # Number of each sample among those of its class, in that order.
    rank = np.empty(len(labels), np.int64)
    for label in range(10):
        of_class = order[labels[order] == label]
        rank[of_class] = np.arange(len(of_class))
    test = rank < np.rint(0.2 * np.bincount(labels))[labels]
    train, test = order[~test[order]], order[test[order]]
    return images[train], labels[train], images[test], labels[test]


def images(name: str, data_dir: str | Path | None) -> tuple[str, Arrays]:
    """Images of `name` from a file, or by Keras' downloader, and where from; see `training.load`."""
    file = find_file(name, data_dir)
    if file is None:
        x_train, y_train, x_test, y_test = _download(name)
        source = f"Keras' {name}"
    else:
        x_train, y_train, x_test, y_test = _from_file(file)
        source = str(file)
    x_train = _scale(x_train, name, source, "x_train")
    x_test = _scale(x_test, name, source, "x_test")
    return source, (x_train, y_train, x_test, y_test)


def find_file(name: str, data_dir: str | Path | None) -> Path | None:
    """The file of a data set in the folder that is told; None if Keras is to be asked."""
    folder = os.environ.get(_VARIABLE) if data_dir is None else data_dir
    if not folder:
        return None
    for file in (Path(folder) / f"{name}.npz", Path(folder) / f"{name}_jpeg.npz"):
        if file.is_file():
            return file
    if data_dir is None:
        _LOG.warning("%s; asking Keras' downloader", _describe_lack(name, folder))
        return None
    raise FileNotFoundError(
        f"data_dir (--data-dir) must hold {name}.npz or {name}_jpeg.npz; {folder} has neither"
    )


def _describe_lack(name: str, folder: str | Path) -> str:
    return f"{_VARIABLE} is {folder}, which has neither {name}.npz nor {name}_jpeg.npz"


def _download(name: str) -> Arrays:
    keras = require("keras", extra="tensorflow")
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:
        folder = os.environ.get(_VARIABLE)
        looked = f"{_describe_lack(name, folder)}, and " if folder else ""
        raise FileNotFoundError(
            f"{looked}{name} could not be downloaded ({error!s:.120}); put {name}.npz, with x_train, "
            "y_train, x_test and y_test, into a folder and name that as data_dir (--data-dir) or in the "
            f"environment variable {_VARIABLE}"
        ) from error
    return x_train, y_train, x_test, y_test


def _from_file(file: Path) -> Arrays:
    jpeg = file.stem.endswith("_jpeg")
    try:
        # A handle of our own: NumPy leaves its own open when it fails.
        with file.open("rb") as handle:
            # Of what is neither its own nor a zip file NumPy says to unpickle it.
            if not zipfile.is_zipfile(handle):
                raise ValueError("it is no zip archive of arrays, as numpy.savez writes one")
            handle.seek(0)
            values = _read(np.load(handle, allow_pickle=False), jpeg)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{file} cannot be read as .npz: {error}") from error
    if jpeg:
        for part in ("train", "test"):
            where = f"{file}, {part}"
            values[f"x_{part}"] = _decode(values[f"jpeg_{part}"], values[f"offsets_{part}"], where)
    return values["x_train"], values["y_train"], values["x_test"], values["y_test"]


def _read(archive: Any, jpeg: bool) -> dict[str, np.ndarray]:
    keys = ("jpeg", "offsets", "y") if jpeg else ("x", "y")
    wanted = [f"{key}_{part}" for part in ("train", "test") for key in keys]
    if not set(wanted) <= set(archive.files):
        raise ValueError(f"it must hold {', '.join(wanted)}, and holds {', '.join(archive.files)}")
    return {key: archive[key] for key in wanted}


def _decode(jpeg: np.ndarray, offsets: np.ndarray, where: str) -> np.ndarray:
    """Images of one size whose JPEG bytes lie between successive offsets."""
    if jpeg.ndim != 1 or jpeg.dtype != np.uint8:
        raise ValueError(f"{where}: JPEG bytes must be one row of uint8, got {jpeg.dtype} {jpeg.shape}")
    steps = np.diff(offsets) if offsets.ndim == 1 and offsets.dtype.kind in "iu" else np.zeros(0)
    if not len(steps) or offsets[0] != 0 or offsets[-1] != len(jpeg) or (steps <= 0).any():
        raise ValueError(
            f"{where}: offsets must be whole numbers that rise from 0 to {len(jpeg)}, where bytes end"
        )
    decode = _decoder()
    decoded: list[np.ndarray] = []
    for i in range(len(steps)):
        try:
            image = decode(jpeg[offsets[i] : offsets[i + 1]].tobytes())
        except Exception as error:
            raise ValueError(f"{where}: image {i} is no whole JPEG: {error!s:.120}") from error
        if decoded and image.shape != decoded[0].shape:
            raise ValueError(
                f"{where}: images must be of one size, but image {i} is {image.shape} and the first "
                f"{decoded[0].shape}"
            )
        decoded.append(image)
    return np.stack(decoded)


def _decoder() -> Callable[[bytes], np.ndarray]:
    opened = require("PIL.Image", extra="plot").open
    return lambda content: np.asarray(opened(io.BytesIO(content)))


def _scale(x: np.ndarray, name: str, source: str, key: str) -> np.ndarray:
    """0 … 255 → [0, 1], with an axis of channels."""
    shape = IMAGES[name]
    if x.dtype != np.uint8:
        raise ValueError(f"{source}: {key} must be uint8, 0 to 255, got dtype {x.dtype}")
    if x.ndim == 3 and shape[2] == 1:
        x = x[..., None]
    if x.shape[1:] != shape:
        raise ValueError(f"{source}: {key} must hold images of shape {shape}, got shape {x.shape}")
    return x.astype(np.float32) / np.float32(255)
