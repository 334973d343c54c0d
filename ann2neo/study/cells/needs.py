"""What a study needs from outside, looked for before its first cell rather than failing cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ann2neo.extras import require
from ann2neo.study.config.cell import Cell
from ann2neo.study.config.sources import is_function, load_function
from ann2neo.study.config.study import Study


def check_needs(study: Study, cells: Iterable[Cell], data_dir: str | None) -> None:
    """Look for the packages, data sets, weights and functions that some cells need.

    Raises
    ------
    ImportError, FileNotFoundError, ValueError
        In one line, with what is needed and what to do.
    """
    require("keras", extra="study")
    cells = list(cells)
    datasets = {cell.dataset: study.plan(cell).dataset for cell in cells}
    for name, source in datasets.items():
        _try(f"data set {name!r}", _find_data, source, data_dir)
    wanted = {cell.network for cell in cells if cell.kind != "patterns"}
    for network in study.networks:
        if network.name in wanted:
            label = f"network {network.name!r}"
            if is_function(network.builder):
                _try(label, load_function, network.builder, "builder")
            elif network.builder == "densenet121":
                _try(label, _find_weights, network.options.get("weights", "imagenet"))


def _try(what: str, find: Callable[..., Any], *arguments: Any) -> None:
    try:
        find(*arguments)
    except (ImportError, OSError, ValueError) as error:
        raise type(error)(f"the study needs {what}: {error}") from error


def _find_data(source: str, data_dir: str | None) -> None:
    from ann2neo.training import dataset_files
    from ann2neo.training.datasets import load

    if is_function(source):
        load_function(source, "datasets")
    elif source == "digits":
        require("sklearn.datasets", extra="demo")
    elif dataset_files.find_file(source, data_dir) is None:
        # Keras has it or downloads it: now rather than in the first cell.
        load(source, data_dir)


def _find_weights(weights: str) -> None:
    if weights == "none":
        return
    if weights != "imagenet":
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f"weights must be 'imagenet', 'none' or a file; there is no {weights}"
            )
        return
    keras = require("keras", extra="study")
    try:
        # The smallest network that has them; downloads them if they are not kept yet.
        keras.applications.DenseNet121(include_top=False, weights="imagenet", input_shape=(32, 32, 3))
    except Exception as error:
        raise FileNotFoundError(
            "ImageNet's weights are neither kept by Keras nor can be downloaded; "
            f"set weights = 'none' or to a file in [[networks]] ({' '.join(str(error).split()):.120})"
        ) from error
