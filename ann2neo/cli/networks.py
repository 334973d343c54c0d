"""`ann2neo record` and `ann2neo layers`: commands that look at a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ann2neo.cli.rasters import say_raster
from ann2neo.cli.terminal import frame_table, open_array, quieten_frameworks, say, say_table, start_keras

_MODEL = typer.Argument(
    metavar="MODEL",
    help="A saved Keras model, NAME.keras, or MODULE:FUNCTION that returns a Keras or PyTorch network.",
)
_SAMPLES = typer.Option(help="Samples to show it, a .npy file, samples first.")


def record(
    model: Annotated[str, _MODEL],
    samples: Annotated[Path, _SAMPLES],
    out: Annotated[
        Path,
        typer.Option(help="Where to write: NAME.zarr, NAME.zarr.zip, or another of convert's."),
    ],
    labels: Annotated[Path | None, typer.Option(help="A label per sample, a .npy file.")] = None,
    layers: Annotated[
        str, typer.Option(help="last_hidden, all, or names of layers with commas between.")
    ] = "last_hidden",
    threshold: Annotated[float, typer.Option(help="A unit is active above this activation.")] = 0.0,
    batch_size: Annotated[int, typer.Option(help="Samples shown at a time.")] = 256,
    shuffle_seed: Annotated[
        int | None, typer.Option(min=0, help="Show the samples in an order drawn with this seed.")
    ] = None,
    conv_units: Annotated[str, typer.Option(help="all: each activation a unit; channels.")] = "all",
    split: Annotated[str | None, typer.Option(help="Name of the data split, such as test.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Record the spikes of a network."""
    import numpy as np

    from ann2neo.exchange.formats import check_format, save

    # What cannot be written is said before minutes of recording, and before the model is looked at.
    target = check_format(out, None)
    check_out(out, target, overwrite=overwrite)
    images = open_array(samples, "--samples")
    targets = None if labels is None else open_array(labels, "--labels")
    network = load_network(model)
    from ann2neo.recording.record import record as record_network
    from ann2neo.spikes.raster import SpikeRaster

    options: dict[str, Any] = {"store": out, "overwrite": overwrite} if target == "zarr" else {}
    recorded = record_network(
        network,
        images,
        layers=_split_names(layers),
        labels=targets,
        threshold=threshold,
        batch_size=batch_size,
        rng=None if shuffle_seed is None else np.random.default_rng(shuffle_seed),
        conv_units=cast(Any, conv_units),  # checked by `record`
        dataset_split=split,
        **options,
    )
    if target != "zarr":
        save(recorded, out, target, overwrite=overwrite)
        say(f"Wrote {out}")
        return
    say_raster(out, SpikeRaster.load(out))


def list_layers(
    model: Annotated[str, _MODEL],
    samples: Annotated[Path, _SAMPLES],
) -> None:
    """List the layers that can be recorded, with what record --layers takes."""
    images = open_array(samples, "--samples")
    network = load_network(model)
    from ann2neo.recording.layer_table import list_layers as tabulate_layers

    found = tabulate_layers(network, images)
    rows = found[["layer", "kind", "activation", "shape", "n_units"]].astype(object)
    rows["record"] = [
        "last_hidden, all"
        if last
        else ("all" if every else f"by name: {reason}" if reason else "by name")
        for last, every, reason in zip(
            found["in_last_hidden"], found["in_all"], found["reason"].fillna(""), strict=True
        )
    ]
    rows = rows.rename(columns={"n_units": "units", "record": "--layers"}).fillna("")
    say_table(frame_table(rows, f"Layers of {model}"))


def _say_how(is_last: bool, is_in_all: bool, reason: str) -> str:
    """How ``--layers`` takes a layer."""
    if is_in_all:
        return "last_hidden, all" if is_last else "all"
    return f"by name; {reason}" if reason else "by name"


def check_out(out: Path, target: str, *, overwrite: bool) -> None:
    """Refuse what could not be written, such as a format whose library is missing."""
    from ann2neo.exchange.format_table import all_formats
    from ann2neo.extras import require

    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; pass overwrite=True to replace it")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"the directory {out.absolute().parent} does not exist")
    format = all_formats()[target]
    for module in format.needs:
        try:
            require(module, extra=format.extra)
        except ImportError as error:
            raise ImportError(
                f"{error}; or record to NAME.zarr, and `ann2neo convert` it where it is there"
            ) from error


def load_network(model: str) -> Any:
    """A saved Keras model, or what a function returns."""
    from ann2neo.study.config.sources import is_function, load_function

    path = Path(model)
    if path.exists() or not is_function(model):
        return _load_keras(path)
    quieten_frameworks()
    function = load_function(model, "MODEL")
    return function()


def _load_keras(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"MODEL: no file {path}; a function is given as MODULE:FUNCTION")
    from ann2neo.extras import require

    start_keras()
    keras = require("keras", extra="tensorflow")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ValueError(f"MODEL: {path} cannot be read as a Keras model: {error}") from error


def _split_names(layers: str) -> str | list[str]:
    return layers if layers in ("last_hidden", "all") else [name.strip() for name in layers.split(",")]
