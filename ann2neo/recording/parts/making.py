"""A recording made in parts, by any number of processes or machines that see one folder."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ann2neo.recording.parts.factories import Factory, build_network, find_factory, name_factory
from ann2neo.recording.parts.plan import RecordingPlan, check_plan, find_versions, write_plan
from ann2neo.recording.record import record
from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.store import StoreWriter
from ann2neo.spikes.files.stored_raster import StoredRaster, open_raster
from ann2neo.spikes.packing import buffer_words
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.typing import PathLikeStr
from ann2neo.spikes.words import WORD
from ann2neo.spikes.workers import Workers, map_work

_OPTIONS = (
    "layers",
    "threshold",
    "batch_size",
    "conv_units",
    "sampling_period",
    "dataset_split",
    "annotations",
)


def plan_recording(
    make_network: Factory,
    make_samples: Factory,
    store: PathLikeStr,
    *,
    n_samples: int,
    n_parts: int,
    make_labels: Factory | None = None,
    overwrite: bool = False,
    **options: Any,
) -> RecordingPlan:
    """Lay down a recording that is made in parts, by other processes or machines.

    Builds the network once and shows it the first batch, so that what does not work fails here.

    Parameters
    ----------
    make_network : str or callable
        ``"module:function"``, or a function of a module that can be imported where parts are made.
        Called without arguments it returns the network, with its weights.
    make_samples : str or callable
        Likewise; called as ``make_samples(start, stop)`` it returns these samples of the data set as
        arrays, as `record` takes them.
    store : str or Path
        Zarr directory that `finish_recording` makes. The plan and the parts lie beside it, in a
        folder of that name that ends in ``.parts``.
    n_samples : int
        Samples of the data set.
    n_parts : int
        From 1 to the number of batches: parts end with a batch, so that each batch is what it would be
        in one recording; and where there are enough samples, with a chunk of the store.
    make_labels : str or callable, optional
        ``make_labels(start, stop)`` returns their labels.
    overwrite : bool
        Replace another plan, and its parts.
    **options
        ``layers``, ``threshold`` (a number or a dict of them), ``batch_size``, ``conv_units``,
        ``sampling_period``, ``dataset_split`` and ``annotations`` of `record`.

    Returns
    -------
    RecordingPlan

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, a factory cannot be imported by name, or the samples that the
        factory makes are not as many as were asked for.
    FileExistsError
        If there is another plan in the folder and `overwrite` is False. The same plan is left alone,
        with the parts that are there.

    See Also
    --------
    record_part, record_parts, finish_recording

    Examples
    --------
    >>> import pathlib, sys, tempfile, ann2neo as a2n
    >>> folder = tempfile.mkdtemp()
    >>> _ = pathlib.Path(folder, "my_factories.py").write_text('''
    ... import keras, numpy as np
    ... def network():
    ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", name="hidden")])
    ... def samples(start, stop):
    ...     return np.eye(8, 4)[start:stop]
    ... ''')
    >>> sys.path.append(folder)
    >>> plan = a2n.plan_recording(
    ...     "my_factories:network", "my_factories:samples", folder + "/spikes.zarr",
    ...     n_samples=8, n_parts=2, batch_size=4, layers="hidden",
    ... )
    >>> parts = [a2n.record_part(plan, number, progress=False) for number in range(2)]
    >>> a2n.open_raster(a2n.finish_recording(plan)).n_samples
    8
    """
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise TypeError(f"plan_recording takes the options {_OPTIONS} of record, got {unknown[0]!r}")
    n_samples, n_parts = check_count(n_samples, "n_samples"), check_count(n_parts, "n_parts")
    batch_size = check_count(options.setdefault("batch_size", 256), "batch_size")
    n_batches = -(-n_samples // batch_size)
    if n_parts > n_batches:
        raise ValueError(
            f"n_parts must be at most {n_batches}, the number of batches of {batch_size} of the "
            f"{n_samples} samples, got {n_parts}"
        )
    target = as_path(store)
    if target.suffix.lower() != ".zarr":
        raise ValueError(f"store must end in .zarr, got {target}")
    network, samples = name_factory(make_network), name_factory(make_samples)
    labels = None if make_labels is None else name_factory(make_labels)
    first = _record(network, samples, labels, 0, min(batch_size, n_samples), options)
    made = int(first.samples["sample_index"].iloc[-1]) + 1
    if made != min(batch_size, n_samples):
        raise ValueError(f"make_samples(0, {min(batch_size, n_samples)}) gave {made} samples")
    chunk = buffer_words(first.n_units) * WORD
    plan = RecordingPlan(
        network,
        samples,
        labels,
        str(target.absolute()),
        _cut(n_samples, n_parts, batch_size, chunk * made // first.n_samples),
        first.n_units,
        json.loads(json.dumps(options)),
        dict(first.annotations),
        find_versions(),
    )
    write_plan(plan, overwrite=overwrite)
    return plan


def record_part(plan: RecordingPlan | PathLikeStr, number: int, *, progress: bool = True) -> Path:
    """Make one part of a planned recording, unless it is there.

    A part is a store of its own, whole or absent. Two processes may make the same one.

    Parameters
    ----------
    plan : RecordingPlan, str or Path
        The plan, or its folder.
    number : int
        Which part, from 0.
    progress : bool
        Show a progress bar in terminals and notebooks.

    Returns
    -------
    pathlib.Path
        The part.

    Raises
    ------
    FileNotFoundError
        If the folder of the plan is not there, so on a machine that does not share it.
    ValueError
        If there is no such part, the plan was edited or replaced, or the network, its weights, the
        versions of packages or the number of samples are not those of the plan. Nothing is kept then.

    Examples
    --------
    That of `plan_recording` makes, joins and opens a recording.
    """
    plan = check_plan(plan)
    if not 0 <= check_count(number, "number", least=0) < plan.n_parts:
        raise ValueError(f"number must lie in [0, {plan.n_parts}), got {number}")
    path, start, stop = plan.part_path(number), plan.edges[number], plan.edges[number + 1]
    if path.exists():
        _check_part(plan, open_raster(path), start, stop)
        return path
    if plan.versions != find_versions():
        raise ValueError(f"the plan was made with {plan.versions}, here are {find_versions()}")
    # Its own name until it is known to be the plan's; what a killed process leaves, finish sweeps.
    own = plan.folder / f"making-{number:05d}-{socket.gethostname()}-{os.getpid()}.zarr"
    try:
        _record(
            plan.make_network,
            plan.make_samples,
            plan.make_labels,
            start,
            stop,
            plan.options,
            own,
            progress,
        )
        _check_part(plan, open_raster(own), start, stop)
        try:
            own.rename(path)
        except OSError:
            # Another process was faster: a folder that is not empty is not replaced.
            if not path.exists():
                raise
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return path


def record_parts(
    plan: RecordingPlan | PathLikeStr, *, workers: Workers = 1, progress: bool = True
) -> list[Path]:
    """Make all parts that are not there yet.

    Parameters
    ----------
    plan : RecordingPlan, str or Path
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        Processes that each build the network once. What a killed worker or scheduler was at is made
        again; parts on disk are not.
    progress : bool
        Show a progress bar of parts.

    Returns
    -------
    list of pathlib.Path
        All parts, in order.

    Examples
    --------
    That of `plan_recording` makes, joins and opens a recording.
    """
    plan = check_plan(plan)
    missing = plan.list_missing_parts()
    make = functools.partial(record_part, plan, progress=False)
    with ProgressBar(plan.n_parts, "record", progress=progress) as bar:
        bar.update(plan.n_parts - len(missing))
        for _ in map_work(make, missing, workers=workers):
            bar.update(1)
    return [plan.part_path(number) for number in range(plan.n_parts)]


def finish_recording(plan: RecordingPlan | PathLikeStr) -> Path:
    """Join the parts to one store, equal to what one `record` would have written.

    Parts that end with a chunk are linked, or copied as they are, else their bits are moved. The parts
    stay: delete the folder when you do not need it. Done before, it does nothing.

    Parameters
    ----------
    plan : RecordingPlan, str or Path
        The plan, or its folder.

    Returns
    -------
    pathlib.Path
        The store that the plan names.

    Raises
    ------
    FileNotFoundError
        If parts are missing; the message says which.
    ValueError
        If the plan was edited, or a part is damaged or of another plan.
    FileExistsError
        If something else is at the store's place.

    Examples
    --------
    That of `plan_recording` makes, joins and opens a recording.
    """
    plan = check_plan(plan)
    missing = plan.list_missing_parts()
    if missing:
        raise FileNotFoundError(f"{plan.folder} lacks the parts {missing} of {plan.n_parts}")
    for number in range(plan.n_parts):
        _check_part(
            plan, open_raster(plan.part_path(number)), plan.edges[number], plan.edges[number + 1]
        )
    parts, target = open_raster(plan.folder), Path(plan.store)
    if not _is_finished(target, parts):
        try:
            _join(plan, parts, target)
        except FileExistsError:
            # Another process was faster.
            if not _is_finished(target, parts):
                raise
    for left in plan.folder.glob("making-*.zarr"):
        shutil.rmtree(left, ignore_errors=True)
    return target


def _is_finished(target: Path, parts: StoredRaster) -> bool:
    """Whether the recording is in its place; FileExistsError if something else is."""
    if not target.exists():
        return False
    try:
        there = open_raster(target)
    except ValueError as error:
        raise FileExistsError(f"{target} exists and is something else: {error}") from error
    if there.n_samples != parts.n_samples or dict(there.annotations) != dict(parts.annotations):
        raise FileExistsError(f"{target} exists and is another recording")
    return True


def _join(plan: RecordingPlan, parts: StoredRaster, target: Path) -> None:
    with StoreWriter(target, parts.n_units) as writer:
        for number in range(plan.n_parts):
            part = plan.part_path(number)
            is_last = number == plan.n_parts - 1
            whole = is_last or open_raster(part).n_samples % (writer.block * WORD) == 0
            if not (whole and writer.adopt(part)):
                break
        _write_rest(writer, parts)
        writer.finish(
            parts.n_samples, parts.units, parts.samples, parts.sampling_period, parts.annotations
        )


def _write_rest(writer: StoreWriter, parts: StoredRaster) -> None:
    """The words that were not taken over, moved into the store's own chunks."""
    step = writer.block * WORD
    for start in range(writer.n_words * WORD, parts.n_samples, step):
        stop = min(start + step, parts.n_samples)
        writer.write(parts.select(samples=np.arange(start, stop)).load().words)


def _record(
    make_network: str,
    make_samples: str,
    make_labels: str | None,
    start: int,
    stop: int,
    options: Mapping[str, Any],
    store: Path | None = None,
    progress: bool = False,
) -> Any:
    samples = find_factory(make_samples)(start, stop)
    labels = None if make_labels is None else find_factory(make_labels)(start, stop)
    return record(
        build_network(make_network),
        samples,
        labels=labels,
        first_sample=start,
        store=store,
        progress=progress,
        **options,
    )


def _cut(n_samples: int, n_parts: int, batch_size: int, chunk: int) -> list[int]:
    """Edges of parts that are multiples of the batch and, if there are enough samples, of chunks."""
    step = int(np.lcm(batch_size, max(chunk, 1)))
    if n_samples < n_parts * step:
        step = batch_size
    n_steps = -(-n_samples // step)
    return [min(n_samples, step * (n_steps * number // n_parts)) for number in range(n_parts + 1)]


def _check_part(plan: RecordingPlan, part: StoredRaster, start: int, stop: int) -> None:
    for key in {**plan.annotations, **part.annotations}:
        own, said = plan.annotations.get(key), part.annotations.get(key)
        if own != said:
            raise ValueError(
                f"part {start} to {stop} does not match its plan: {key} is {said!r:.60}, not {own!r:.60}"
            )
    if part.n_units != plan.n_units:
        raise ValueError(f"part {start} to {stop} has {part.n_units} units, its plan {plan.n_units}")
    shown = part.samples["sample_index"]
    if (shown.iloc[0], shown.iloc[-1]) != (start, stop - 1):
        raise ValueError(
            f"part {start} to {stop} holds the samples {shown.iloc[0]} to {shown.iloc[-1]}: "
            "make_samples returned another number of them"
        )
