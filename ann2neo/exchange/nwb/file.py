"""SpikeRaster ↔ NWB files: for pynapple, SpikeInterface, DANDI and whatever else reads NWB."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import neo

from ann2neo.exchange.isolated import read_isolated
from ann2neo.exchange.neo.block import to_block
from ann2neo.exchange.neo.trains import Binning, check_binning
from ann2neo.exchange.nwb.metadata import (
    check_metadata,
    network_of,
    nwb_file,
    path_name,
    subject_fields,
)
from ann2neo.exchange.nwb.reading import Recording, read_recording
from ann2neo.exchange.nwb.writing import write_recording
from ann2neo.exchange.recordings import name_recordings
from ann2neo.exchange.seal import seal_file
from ann2neo.extras import require
from ann2neo.spikes.argument_checks import check_period
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.whole_file import make_folder, write_whole
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import PathLikeStr, TimeLike

COARSEST = 0.01
"""Seconds a sample may stand for before nwbinspector takes it for a mistake."""


def write_nwb(
    source: Any,
    path: PathLikeStr,
    *,
    subject: str | Mapping[str, Any] | None = None,
    session_start_time: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    compression: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write recordings to NWB files, from which `read_nwb` gives back equal ones.

    Spikes are units' ``spike_times`` in seconds, sample ``k`` at ``k * sampling_period``; the unit
    table is that of the units, the sample table the ``trials``. What NWB has no place for is JSON in
    the scratch data ``"ann2neo"``. The file says that an artificial network was recorded, and by which
    versions of which packages. A file appears whole or not at all.

    Parameters
    ----------
    source : SpikeRaster, what `as_raster` takes, or a mapping of name to raster
        Several recordings are of one network: a mapping, or a `neo.Block` of several Segments, as for
        `to_block`. Of a Block what a raster holds is written; a warning names what else it has.
    path : str or Path
        A file that ends in ``.nwb``, or a directory that exists, in which each recording becomes
        ``sub-X/sub-X_ses-Y.nwb``, DANDI's layout. Several recordings need a directory.
    subject : str or mapping, optional
        The ``subject_id``, or fields of `pynwb.file.Subject`. Default: the network's name in ASCII
        letters, digits and hyphens; species "synthetic construct", sex unknown, age 0 days, which NWB's
        tools ask for.
    session_start_time : datetime, optional
        When the recording was made, with a time zone. Default: the annotation ``"session_start_time"``
        of the recording (ISO 8601), or else the time of writing in UTC; the file says which.
    metadata : mapping, optional
        Further fields of `pynwb.NWBFile`, such as ``experimenter`` ("Last, First"), ``institution``,
        ``lab``, ``related_publications``. With ``keywords`` Neo's NWBIO cannot read the file (Neo's
        issue 1413).
    compression : int
        Level of gzip, 0 (none) to 9.
    overwrite : bool
        Replace files that are there.
    progress : bool
        Show a bar where it takes long.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    FileExistsError
        If a file exists and `overwrite` is False.
    FileNotFoundError
        If the directory to write in does not exist.
    ImportError
        If pynwb is not installed.
    OSError
        If the file cannot be written, as on a full disk.
    TypeError, ValueError
        Where an argument does not fit this description; the message names it.

    Warns
    -----
    UserWarning
        If a sample stands for more than 10 ms, which nwbinspector reports as a violation though the
        file is valid, or if a Block has more than a raster holds.

    Notes
    -----
    Beside the trials a time series ``class_label`` holds the labels for pynapple's tuning curves.

    References
    ----------
    .. [1] Rübel, O., et al. (2022). The Neurodata Without Borders ecosystem for neurophysiological data
       science. eLife, 11, e78362.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> raster = a2n.as_raster(np.eye(4, dtype=bool))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_nwb(raster, folder + "/four.nwb", subject="mlp-4")
    ...     a2n.read_nwb(path) == raster
    True
    """
    require("pynwb", extra="nwb")
    _check_compression(compression)
    recordings = name_recordings(source)
    fields = subject_fields(subject, _network(recordings, subject))
    described = check_metadata(metadata)
    target = as_path(path)
    targets = _targets(target, fields["subject_id"], list(recordings))
    with ExitStack() as stack:
        if targets[0] != target:
            stack.enter_context(make_folder(targets[0].parent))
        for position, (name, raster) in enumerate(recordings.items()):
            _warn_if_coarse(raster)
            nwbfile = nwb_file(
                raster,
                name,
                subject=fields,
                session_start_time=session_start_time,
                metadata=described,
            )
            temporary = stack.enter_context(write_whole(targets[position], overwrite=overwrite))
            try:
                write_recording(
                    temporary,
                    nwbfile,
                    raster,
                    name=name,
                    position=position,
                    compression=compression,
                    progress=progress,
                )
                seal_file(temporary)
            except (OSError, RuntimeError) as error:
                raise OSError(f"{targets[position]} could not be written: {error}") from error
    return target


def read_nwb(
    path: PathLikeStr,
    segment: int | str | None = None,
    *,
    sampling_period: TimeLike | None = None,
    bin_size: TimeLike | None = None,
    binary: Literal["raise", "clip"] = "raise",
    isolated: bool = False,
) -> SpikeRaster:
    """The recording in an NWB file.

    Parameters
    ----------
    path : str or Path
        A file, or a directory with one in DANDI's layout. A file that others wrote is read if its units'
        spike times, in seconds, lie on a sample grid that starts at 0 s: spikes, those columns of the
        unit table that hold one plain value per unit, and as annotations what it says of session and
        subject. Samples that not all units were observed in (``obs_intervals``) are left out:
        ``sample_index`` says which are left.
    segment : int or str, optional
        Which recording, by its place or name, where a directory holds several.
    sampling_period : float or Quantity, optional
        Seconds per sample. Files of `write_nwb` know it; of others it defaults to the units'
        ``resolution``.
    bin_size : float or Quantity, optional
        For files of others whose times lie on no grid: make bins of so many seconds, from 0 s on, the
        raster's samples.
    binary : {"raise", "clip"}
        As for `as_raster`, with `bin_size`.
    isolated : bool
        Read the file in another process, with a limit of time and memory: see `load`.

    Returns
    -------
    SpikeRaster

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is not an NWB file with spike times, is truncated or damaged, reads from other files, or
        was written by a later version; if its sampling period is unknown or contradicts
        `sampling_period`; if a spike is off the grid, outside the recording or not alone in its sample
        (the message names unit and time); or if there are more samples than fit in memory.

    Warns
    -----
    UserWarning
        If samples are left out that not all units were observed in; if a file of others has columns or
        whatever else a raster cannot hold. The message names them.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_nwb(np.eye(4, dtype=bool), folder + "/four.nwb")
    ...     a2n.read_nwb(path).spike_counts
    array([1, 1, 1, 1])
    """
    if isolated:
        said = {"segment": segment, "bin_size": bin_size, "binary": binary}
        return read_isolated(path, "nwb", sampling_period=sampling_period, **said)
    binning = check_binning(sampling_period, bin_size, binary)
    recordings = _recordings_in(as_path(path), sampling_period, binning, only_one=segment is None)
    return _choose(recordings, segment, path).raster


def read_nwb_block(path: PathLikeStr, *, sampling_period: TimeLike | None = None) -> neo.Block:
    """The recordings in an NWB file, or in a directory in DANDI's layout, as a `neo.Block`.

    Parameters
    ----------
    path : str or Path
        A file; or the directory of one network, or one that holds this only. There a file is a Segment,
        in the order in which `write_nwb` was given them.
    sampling_period : float, optional
        As for `read_nwb`.

    Returns
    -------
    neo.Block
        The Block that `to_block` makes of the recordings, its Segments named as they were.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `read_nwb`; or if a directory holds several networks, or two recordings of one name.

    Examples
    --------
    >>> import tempfile, numpy as np, ann2neo as a2n
    >>> halves = {"train": np.eye(4, dtype=bool), "test": np.ones((3, 4), dtype=bool)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = a2n.write_nwb(halves, folder, subject="mlp-4")
    ...     [segment.name for segment in a2n.read_nwb_block(path).segments]
    ['train', 'test']
    """
    recordings = _recordings_in(as_path(path), sampling_period, Binning(), only_one=False)
    named = {recording.name: recording.raster for recording in recordings}
    if len(named) < len(recordings):
        names = [recording.name for recording in recordings]
        raise ValueError(f"{path} holds recordings of the same name: {names}; read them one by one")
    return to_block(named)


def _choose(recordings: list[Recording], segment: int | str | None, path: PathLikeStr) -> Recording:
    names = [recording.name for recording in recordings]
    if segment is None:
        return recordings[0]
    if isinstance(segment, str) and names.count(segment) == 1:
        return recordings[names.index(segment)]
    if isinstance(segment, int) and -len(names) <= segment < len(names):
        return recordings[segment]
    raise ValueError(
        f"segment must be the place or name of one among {names} in {path}, got {segment!r}"
    )


def _network(recordings: Mapping[str, SpikeRaster], subject: Any) -> str:
    networks = list(dict.fromkeys(network_of(raster) for raster in recordings.values()))
    if len(networks) > 1 and subject is None:
        raise ValueError(
            f"source has recordings of several networks, {networks}: write each by itself, or say who "
            "they are with subject"
        )
    return networks[0]


def _targets(path: Path, subject_id: str, names: list[str]) -> list[Path]:
    """The file of each recording."""
    if path.suffix.lower() == ".nwb":
        if len(names) > 1:
            raise ValueError(
                f"path must be a directory for {len(names)} recordings, {names}: each becomes a file; "
                f"got {path}"
            )
        return [path]
    if not path.is_dir():
        raise ValueError(f"path must end in .nwb or be a directory that exists, got {path}")
    folder = f"sub-{path_name(subject_id, '')}"
    files = [f"{folder}_ses-{path_name(name, 'recording')}.nwb" for name in names]
    if len(set(files)) < len(files):
        raise ValueError(
            f"source has names that differ in more than ASCII letters and digits only: {names} would "
            f"become the files {files}"
        )
    return [path / folder / file for file in files]


def _recordings_in(
    path: Path, sampling_period: TimeLike | None, binning: Binning, *, only_one: bool
) -> list[Recording]:
    period = None if sampling_period is None else check_period(sampling_period)
    if not path.is_dir():
        return [read_recording(path, period, binning)]
    pattern = "sub-*_ses-*.nwb"
    files = sorted([*path.glob(pattern), *path.glob(f"sub-*/{pattern}")])
    if not files:
        raise FileNotFoundError(f"no NWB file in the directory {path}, as sub-X/sub-X_ses-Y.nwb")
    subjects = sorted({file.name.partition("_ses-")[0] for file in files})
    if len(subjects) > 1:
        raise ValueError(f"{path} holds several networks, {subjects}; read them one by one")
    if only_one and len(files) > 1:
        raise ValueError(
            f"{path} holds {len(files)} recordings, {[file.name for file in files]}: pass segment=… to "
            "choose one"
        )
    found = (read_recording(file, period, binning) for file in files)
    return sorted(found, key=lambda recording: recording.position)


def _check_compression(compression: Any) -> None:
    try:
        level = operator.index(compression)
    except TypeError:
        raise TypeError(f"compression must be an int from 0 to 9, got {compression!r}") from None
    if not 0 <= level <= 9:
        raise ValueError(f"compression must be an int from 0 to 9, got {compression!r}")


def _warn_if_coarse(raster: SpikeRaster) -> None:
    if raster.sampling_period > COARSEST:
        warnings.warn(
            f"sampling_period is {raster.sampling_period} s; above {COARSEST} s nwbinspector reports "
            "'units_resolution_is_valid', though the file is valid and its spikes are exact",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
