"""What all accumulators have in common: their place, their units, merging, and a file of their own."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ann2neo.spikes.argument_checks import check_count
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.files.paths import find_path
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import LazyTable
from ann2neo.spikes.typing import PathLikeStr, RasterLike
from ann2neo.statistics.accumulators.checks import check_units

_FORMAT = "ann2neo.accumulator"
_VERSION = 1


class Accumulator:
    """A statistic of a recording that comes in chunks of samples.

    ``update`` adds the next samples; ``merge`` joins two accumulators of stretches that follow one
    another; ``result`` gives the statistic. Results do not depend on how the recording was cut.

    Parameters
    ----------
    start : int
        Place in the recording of the first sample that will be seen.
    """

    _any_order: ClassVar[bool] = False
    """Whether stretches may be added and merged in any order."""

    _by_unit: bool = False
    """Whether what it holds of a unit comes from that unit alone and stands in a row of each array."""

    _settings: ClassVar[tuple[str, ...]] = ()
    """Attributes that two accumulators must have in common to be merged."""

    _kept: ClassVar[tuple[type, ...]] = ()
    """Classes of objects among the attributes, beside numbers, arrays and collections of these."""

    def __init__(self, *, start: int = 0) -> None:
        self.start = self.stop = check_count(start, "start", least=0)
        self.n_units: int | None = None
        # The table of the units, or what tells them from others.
        self._units: LazyTable | str | None = None

    @property
    def n_samples(self) -> int:
        """Samples seen."""
        return self.stop - self.start

    def update(self, chunk: RasterLike) -> Self:
        """Add the next samples, as a `SpikeRaster` or what `as_raster` takes; from disk in pieces."""
        for piece in as_recording(chunk).chunks():
            self._check_units(piece.n_units, piece._unit_table, "chunk")
            self._update(piece)
            self.stop += piece.n_samples
        return self

    def merge(self, later: Self) -> Self:
        """A new accumulator of what this one and one of the samples right behind have seen.

        Raises
        ------
        TypeError, ValueError
            If `later` is of another kind, has other settings or other units, or starts elsewhere.
        """
        if type(later) is not type(self):
            raise TypeError(f"later must be a {type(self).__name__}, got {later!r:.80}")
        for name in self._settings:
            own, given = getattr(self, name), getattr(later, name)
            if own != given:
                raise ValueError(f"later must have {name} {own}, got {given}")
        if later.start != self.stop and not self._any_order:
            raise ValueError(f"later must start at sample {self.stop}, got {later.start}")
        merged = self._copy()
        if later.n_units is not None:
            merged._check_units(later.n_units, later._units, "later")
            merged._merge(later._copy())
        merged.stop = self.stop + later.n_samples
        return merged

    def save(self, path: PathLikeStr, *, overwrite: bool = False) -> Path:
        """Write to a file of NumPy arrays (``.npz``) without pickle, whole or not at all.

        Raises
        ------
        FileExistsError
            If `path` exists and `overwrite` is False.
        """
        arrays: list[np.ndarray] = []
        state = {name: _encode(value, arrays) for name, value in self.__getstate__().items()}
        about = {"format": _FORMAT, "version": _VERSION, "kind": type(self).__name__, "state": state}
        with write_whole(path, overwrite=overwrite) as target, target.open("wb") as file:
            named: dict[str, Any] = {f"a{k}": array for k, array in enumerate(arrays)}
            np.savez(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **named)
        return find_path(path)

    @classmethod
    def load(cls, path: PathLikeStr) -> Self:
        """Read an accumulator of this class that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If nothing is there.
        ValueError
            If it is another file, another accumulator's, of a later version, or damaged.
        """
        found = find_path(path)
        try:
            with found.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                about = json.loads(file["about"].tobytes())
                arrays = [file[f"a{k}"] for k in range(len(file.files) - 1)]
            if about["format"] != _FORMAT or about["version"] != _VERSION:
                raise ValueError(f"format {about['format']!r}, version {about['version']!r}")
        except (MemoryError, PermissionError):
            raise
        except Exception as error:
            raise ValueError(f"{found} is no accumulator's file, or is damaged: {error}") from error
        if about["kind"] != cls.__name__:
            raise ValueError(f"{found} holds a {about['kind']}, not a {cls.__name__}")
        accumulator = cls.__new__(cls)
        known = {kind.__name__: kind for kind in cls._kept}
        try:
            state = {name: _decode(value, arrays, known) for name, value in about["state"].items()}
        except Exception as error:
            raise ValueError(f"{found} is damaged: {error}") from error
        accumulator.__dict__.update(state)
        return accumulator

    def _update(self, chunk: SpikeRaster) -> None:
        """Add the samples behind `stop`."""
        raise NotImplementedError

    def _merge(self, later: Self) -> None:
        """Add what `later`, a copy that has seen something, has seen; this one may have seen nothing."""
        raise NotImplementedError

    def _check_units(self, n_units: int, units: LazyTable | str | None, name: str) -> None:
        if self.n_units is None or self._units is None:
            self.n_units, self._units = n_units, units
            return
        check_units(self.n_units, n_units, name)
        if units is not self._units and _digest(units) != _digest(self._units):
            raise ValueError(f"{name} must have the layers and units of those before, got others")

    def _copy(self) -> Self:
        copied = copy.copy(self)
        for name, value in vars(self).items():
            # Tables of units do not change, and may be large.
            if name != "_units":
                setattr(copied, name, copy.deepcopy(value))
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_units": _digest(self._units)}


def _digest(units: LazyTable | str | None) -> str | None:
    return units.digest if isinstance(units, LazyTable) else units


def _encode(value: Any, arrays: list[np.ndarray]) -> Any:
    """A value in JSON, its arrays put aside."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"an array of {value.dtype} cannot be saved without pickle")
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if dataclasses.is_dataclass(value):
        state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    else:
        state = vars(value)
    encoded = {name: _encode(item, arrays) for name, item in state.items()}
    return {"object": type(value).__name__, "state": encoded}


def _decode(value: Any, arrays: list[np.ndarray], known: dict[str, type]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "object" in value:
        kind = known[value["object"]]
        state = {name: _decode(item, arrays, known) for name, item in value["state"].items()}
        if dataclasses.is_dataclass(kind):
            return kind(**state)
        made: Any = object.__new__(kind)
        made.__dict__.update(state)
        return made
    if "dict" in value:
        return {_decode(k, arrays, known): _decode(v, arrays, known) for k, v in value["dict"]}
    (name,) = value
    items = [_decode(item, arrays, known) for item in value[name]]
    return tuple(items) if name == "tuple" else items
