"""SpikeRaster ↔ NIX files through Neo's NixIO, with what NixIO refuses or loses carried beside."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import neo
import numpy as np
import quantities as pq

from ann2neo.exchange.isolated import read_isolated
from ann2neo.exchange.neo.block import choose_segment, raster_from_neo, to_block
from ann2neo.exchange.neo.segments import SAMPLES
from ann2neo.exchange.neo.train_metadata import ATTRIBUTES
from ann2neo.exchange.neo.trains import check_binning
from ann2neo.exchange.recordings import name_recordings, printable, storable
from ann2neo.exchange.seal import check_seal, seal_file
from ann2neo.extras import require
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.files.hdf5_checks import check_hdf5
from ann2neo.spikes.files.paths import as_path, find_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr, TimeLike

CARRIED = "ann2neo_carried"
"""Annotation of the Block in the file that holds, as JSON, the columns that NixIO does not take."""

# NixIO's own: an annotation of such a name would be taken for what NixIO wrote.
_NIX_NAMES = {"nix_name", "neo_name", "neo_parent", "file_datetime", "t_start", "t_stop"}


def write_nix(source: Any, path: PathLikeStr, *, overwrite: bool = False, progress: bool = True) -> Path:
    """Write recordings to a NIX file, from which `read_nix` gives back equal ones.

    The file holds the Block that `to_block` makes of the recordings, as Neo's NixIO writes it: whatever
    reads NIX finds trains, tables and annotations. NixIO loses the sampling rate and refuses some names
    and values; these are JSON in the Block's annotations ``"ann2neo"`` and ``"ann2neo_carried"``.
    A file appears whole or not at all.

    Parameters
    ----------
    source : SpikeRaster, what `as_raster` takes, or a mapping of name to raster
        As for `write_nwb`; several recordings become Segments of one file.
    path : str or Path
        File to make.
    overwrite : bool
        Replace a file that is there.
    progress : bool
        Show a bar where it takes long.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    FileNotFoundError
        If the directory to write in does not exist.
    ImportError
        If nixio is not installed.
    OSError
        If the file cannot be written, as on a full disk; room for it is claimed before.
    ValueError
        If `source` cannot become a Block; see `to_block`.

    Warns
    -----
    UserWarning
        If a Block has more than a raster holds.

    Notes
    -----
    The Block is held in memory, and NixIO takes about 20 ms a train: for large recordings use
    `write_nwb`.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.eye(4, dtype=bool))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_nix(raster, folder + "/four.nix")
    ...     a2n.read_nix(path) == raster
    True
    """
    require("nixio", extra="nix")
    path = as_path(path)
    recordings = name_recordings(source)
    block = to_block(recordings)
    carried = {str(segment.name): _take_out(segment) for segment in block.segments}
    block.annotations[CARRIED] = json.dumps(carried)
    for named in (block, *block.groups):
        named.name = printable(named.name)
    size = sum(4 * len(text) for text in block.annotations.values())
    size += sum(map(_bound_size, recordings.values()))
    with write_whole(path, overwrite=overwrite) as temporary:
        try:
            _claim(temporary, size)
            n_trains = sum(raster.n_units for raster in recordings.values())
            with (
                ProgressBar(n_trains, "write", unit="train", progress=progress) as bar,
                _CountingNixIO(str(temporary), "ow") as file,
            ):
                file.bar = bar
                file.write_block(block)
            seal_file(temporary)
        except (OSError, RuntimeError) as error:
            raise OSError(f"{path} could not be written: {error}") from error
    return path


def read_nix(
    path: PathLikeStr,
    segment: int | str | None = None,
    *,
    sampling_period: TimeLike | None = None,
    bin_size: TimeLike | None = None,
    binary: Literal["raise", "clip"] = "raise",
    t_stop_spikes: Literal["raise", "drop", "keep"] = "raise",
    isolated: bool = False,
) -> SpikeRaster:
    """A recording in a NIX file.

    Parameters
    ----------
    path : str or Path
        File that `write_nix` or Neo's NixIO wrote.
    segment : int or str, optional
        Which Segment, by index or name; needed if there are several.
    sampling_period : float or quantities.Quantity, optional
        Seconds per sample. Files of `write_nix` know it, others need it: NixIO drops it.
    bin_size : float or quantities.Quantity, optional
    binary : {"raise", "clip"}
    t_stop_spikes : {"raise", "drop", "keep"}
        As for `as_raster`.
    isolated : bool
        Read the file in another process, with a limit of time and memory: see `load`.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ImportError
        If nixio is not installed.
    TypeError
        If `segment` is neither an index nor a name.
    ValueError
        If it is not a NIX file with one Block, is truncated or damaged, or its trains cannot become a
        raster; see `from_block` and `as_raster`.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_nix(np.eye(4, dtype=bool), folder + "/four.nix")
    ...     a2n.read_nix(path).spike_counts
    array([1, 1, 1, 1])
    """
    require("nixio", extra="nix")
    if isolated:
        said = {"bin_size": bin_size, "binary": binary, "t_stop_spikes": t_stop_spikes}
        return read_isolated(path, "nix", segment=segment, sampling_period=sampling_period, **said)
    period = None if sampling_period is None else check_period(sampling_period)
    binning = check_binning(sampling_period, bin_size, binary, t_stop_spikes)
    block = _read_block(find_path(path, "NIX file"))
    try:
        carried = json.loads(block.annotations.pop(CARRIED, "{}"))
        for one in block.segments:
            _put_back(one, carried.get(one.name, {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: its annotation {CARRIED!r}: {error!r}") from error
    try:
        chosen = choose_segment(block, segment)
        return raster_from_neo(chosen, sampling_period=period, **asdict(binning))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError) as error:
        if isinstance(error, TypeError) and segment is not None:
            raise
        raise ValueError(f"{path} is damaged: {error!r}") from error


class _CountingNixIO(neo.NixIO):  # type: ignore[misc]
    """Neo's, which tells of each train it has written."""

    bar: ProgressBar

    def _write_spiketrain(self, *arguments: Any) -> None:
        super()._write_spiketrain(*arguments)
        self.bar.update()


def _read_block(path: Path) -> neo.Block:
    nixio = require("nixio", extra="nix")
    check_seal(path)
    try:
        check_hdf5(path)
        with neo.NixIO(str(path), "ro") as file:
            blocks = file.read_all_blocks()
    except (PermissionError, BlockingIOError, MemoryError):
        raise
    except (Exception, nixio.exceptions.InvalidFile) as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path} is not a NIX file, or is truncated or damaged: {error!r}") from error
    if len(blocks) != 1:
        raise ValueError(f"{path} must hold one Block, got {len(blocks)}; read it with neo.NixIO")
    return blocks[0]


def _bound_size(raster: SpikeRaster) -> int:
    """More bytes than the recording's part of the file, by what files of NixIO were found to take."""
    units, samples = raster.units, raster.samples
    tables = int(units.memory_usage(deep=True).sum() + samples.memory_usage(deep=True).sum())
    trains = raster.n_units * 2**12 * (8 + len(units.columns)) + 8 * int(raster.spike_counts.sum())
    return 2**18 + trains + 64 * raster.n_samples + 4 * tables


def _claim(path: Path, size: int) -> None:
    """Fail here if the disk has no room: where NixIO fails to write, HDF5 may end the process."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _take_out(segment: neo.Segment) -> dict[str, Any]:
    """Take out of a Segment what NixIO does not take; the columns, for `_put_back`."""
    if not storable(segment.name):
        raise ValueError(f"source must have names without NUL for NIX, got {segment.name!r}")
    # The Block's configuration has the recording's own annotations.
    segment.annotations = {k: v for k, v in segment.annotations.items() if _fits(k, v)}
    trains, (samples,) = segment.spiketrains, segment.epochs
    samples.labels = np.array([printable(label) for label in samples.labels])
    taken = [
        key
        for key in trains[0].annotations
        if not all(_fits(key, train.annotations[key]) for train in trains)
    ]
    units = dict(_plain_column(key, [train.annotations[key] for train in trains]) for key in taken)
    for train in trains:
        for attribute in ATTRIBUTES:
            text = getattr(train, attribute)
            setattr(train, attribute, None if text is None else printable(text))
        train.annotations = {k: v for k, v in train.annotations.items() if k not in taken}
    columns = {key: values.tolist() for key, values in samples.array_annotations.items()}
    columns = {key: values for key, values in columns.items() if not _fits(key, values)}
    for key in columns:
        del samples.array_annotations[key]
    return {"units": units, "samples": columns}


def _plain_column(key: str, values: list[Any]) -> tuple[str, list[Any]]:
    """A column as JSON takes it; of quantities, the unit is in its name."""
    if not isinstance(values[0], pq.Quantity):
        return key, values
    return f"{key} ({values[0].dimensionality.string})", [float(value.magnitude) for value in values]


def _put_back(segment: neo.Segment, carried: dict[str, Any]) -> None:
    for key, values in carried.get("units", {}).items():
        for train, value in zip(segment.spiketrains, values, strict=True):
            train.annotations[key] = value
    for epoch in segment.epochs:
        if epoch.name == SAMPLES:
            epoch.array_annotations.update(
                {key: np.asarray(values) for key, values in carried.get("samples", {}).items()}
            )


def _fits(key: str, value: Any) -> bool:
    """Whether NixIO gives an annotation back as it was."""
    # "." is HDF5's name of the group itself.
    if key == "." or "/" in key or not storable(key) or key in _NIX_NAMES:
        return False
    if isinstance(value, pq.Quantity):
        # NixIO's own spelling of composed units is read as text.
        return str(value.dimensionality.string).isalpha()
    values = value if isinstance(value, list) else [value]
    if len({type(one) for one in values}) > 1 or any(one is None for one in values):
        return False
    if values and type(values[0]) is int:
        return all(-(2**63) <= one < 2**63 for one in values)
    return not any(isinstance(one, str) and not storable(one) for one in values)
