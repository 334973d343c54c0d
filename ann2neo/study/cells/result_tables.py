"""What a study found, as tables: a row per cell and data split, per unit, per step of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ann2neo.extras import require
from ann2neo.spikes.files.whole_file import check_target, write_whole
from ann2neo.study.cells import cell_files as cell_files
from ann2neo.study.config.cell import locate_cell
from ann2neo.study.config.study import Study

if TYPE_CHECKING:
    from ann2neo.spikes.raster import SpikeRaster

PLACE = ["network", "width", "dataset", "condition", "seed"]
CORRECTED = [
    "cv_firing_rate_corrected_percent", "fanofactor_corrected", "cv_fanofactor_corrected_percent",
]  # fmt: skip
"""Columns of `ann2neo.summarize` that tables of older versions lack: NaN for these."""
INDICATORS = [
    "study", *PLACE, "split", "status", "error", "n_units", "n_samples", "firing_rate",
    "cv_firing_rate_percent", "fanofactor", "cv_fanofactor_percent", "silent_fraction",
    "always_on_fraction", *CORRECTED, "isi_cv", "fano_poisson_rejecting", "fano_bernoulli_rejecting",
    "ljung_box_rejecting", "runs_rejecting", "adf_not_rejecting", "training_accuracy",
    "validation_accuracy", "test_accuracy", "generalization_gap", "epochs_run",
    "stopped_by", "weights_hash", "seconds",
]  # fmt: skip
UNITS = [*PLACE, "split", "unit_index", "firing_rate", "fanofactor"]
SWITCH = [
    "network", "width", "dataset", "seed", "step", "training_epoch", "labels", "probe", "layer",
    "firing_rate", "cv_firing_rate_percent", "fanofactor",
]  # fmt: skip
PATTERNS = [
    "network", "width", "dataset", "seed", "blocks", "step", "training_epoch", "probe", "layer", "depth",
    "n_units", "n_samples", "n_patterns", "entropy_fraction", "saturated", "weighted_jaccard_initial",
    "weighted_jaccard_final", "flip_rate_final", "training_accuracy", "test_accuracy",
]  # fmt: skip
"""The columns of ``patterns.csv`` that pictures and findings need; there are more."""
PROCESS = [
    *PLACE, "split", "order", "model", "n_units", "best_fraction", "gain", "rejected", "fano_rejected",
]  # fmt: skip
SIMULATED = [
    *PLACE, "split", "order", "population", "exact", "quantity", "observed", "simulated", "least",
    "most",
]  # fmt: skip
_TABLES = {
    "switch": ("switch", SWITCH),
    "patterns": ("patterns", PATTERNS),
    "process": ("process", PROCESS),
    "simulated": ("process", SIMULATED),
}
"""Table → the kind of cell that writes it, and the columns it needs."""
CELLS = ["kind", *PLACE, "status", "error", "seconds"]
_COUNTS = ["n_units", "n_samples", "n_patterns", "epochs_run"]
_TEXTS = [
    "study", "network", "dataset", "condition", "split", "status", "error", "stopped_by", "kind",
    "weights_hash", "labels", "probe", "layer", "order", "model", "population", "quantity",
]  # fmt: skip
_WHOLE = ["width", "seed", "step", "training_epoch", "unit_index", "blocks", "depth"]
_FLAGS = ["saturated", "joint_saturated", "exact"]


class StoredSpikes(Mapping[tuple[Any, ...], "SpikeRaster"]):
    """The rasters that a study kept, read when asked for."""

    def __init__(self, files: Mapping[tuple[Any, ...], Path]) -> None:
        self._files = dict(files)

    def __getitem__(self, key: tuple[Any, ...]) -> SpikeRaster:
        from ann2neo.spikes.raster import SpikeRaster

        return SpikeRaster.load(self._files[key])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _empty(columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a study.

    Parameters
    ----------
    study : Study or None
        None where only the tables are at hand.
    indicators : pandas.DataFrame
        A row per condition cell and split: the columns of ``results.csv``. ``status`` is ``"ok"``,
        ``"failed"`` or ``"diverged"``; what is not defined is NaN, texts are empty.
    units : pandas.DataFrame
        A row per unit: ``network``, ``width``, ``dataset``, ``condition``, ``seed``, ``split``,
        ``unit_index``, ``firing_rate``, ``fanofactor``.
    switch : pandas.DataFrame
        A row a monitored step of the training whose labels become random midway.
    patterns : pandas.DataFrame
        A row per look and layer of the networks whose activation patterns were followed: ``blocks`` a
        stage, ``depth`` of the layer from 1, accuracies (in training: the mean over the last
        pass), and the columns of
        `ann2neo.monitoring.Snapshots.replay`.
    processes : pandas.DataFrame
        A row a process cell, split, order and model: ``n_units`` that change, ``best_fraction`` of them
        that the model describes best by BIC, ``gain``, the mean number of bits per sample held out over
        independent samples, ``rejected``, the share of units whose rescaled intervals reject it at 5 %,
        ``fano_rejected``, those whose Fano factor does. A model ``"poisson"``: counts of these rates.
    simulated : pandas.DataFrame
        A row a process cell, split, order, kind of population and quantity: ``observed``, and mean,
        least and most of populations drawn; ``exact`` is False where their correlations are only near
        those observed.
    spikes : mapping of (network, width, dataset, condition, seed, split) to SpikeRaster
        The first samples of each recording.
    cells : pandas.DataFrame
        A row per cell of any kind: ``status``, ``error``, ``seconds``.
    versions : tuple of dict
        Of Python and packages that cells were run with, each combination once.
    """

    study: Study | None
    indicators: pd.DataFrame
    units: pd.DataFrame = field(default_factory=lambda: _empty(UNITS))
    switch: pd.DataFrame = field(default_factory=lambda: _empty(SWITCH))
    patterns: pd.DataFrame = field(default_factory=lambda: _empty(PATTERNS))
    processes: pd.DataFrame = field(default_factory=lambda: _empty(PROCESS))
    simulated: pd.DataFrame = field(default_factory=lambda: _empty(SIMULATED))
    spikes: Mapping[tuple[Any, ...], SpikeRaster] = field(default_factory=dict)
    cells: pd.DataFrame = field(default_factory=lambda: _empty(CELLS))
    versions: tuple[dict[str, str], ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read results.

        Parameters
        ----------
        path : str or Path
            The folder of a study, finished or not, or one that holds ``results.csv`` or
            ``patterns.csv`` and what there is of ``study.toml``, ``units.parquet``, ``switch.csv``; or
            a ``results.csv`` alone.

        Raises
        ------
        FileNotFoundError
            If there is neither.
        ValueError
            If the file is not the results of a study.
        """
        path = Path(path)
        folder = path if path.is_dir() else path.parent
        if path.is_dir() and (path / "cells").is_dir():
            return gather_results(Study.from_toml(path / "study.toml"), path)
        alone = not path.is_dir()
        file = path if alone else path / "results.csv"
        if not (file.is_file() or (not alone and (path / "patterns.csv").is_file())):
            raise FileNotFoundError(f"no results of a study at {path}")
        has_study = not alone and (folder / "study.toml").is_file()
        return cls(
            Study.from_toml(folder / "study.toml") if has_study else None,
            _read_csv(file, INDICATORS, optional=not alone),
            _empty(UNITS) if alone else _read_parquet(folder / "units.parquet", UNITS),
            _empty(SWITCH) if alone else _read_csv(folder / "switch.csv", SWITCH, optional=True),
            _empty(PATTERNS) if alone else _read_csv(folder / "patterns.csv", PATTERNS, optional=True),
            _empty(PROCESS) if alone else _read_csv(folder / "process.csv", PROCESS, optional=True),
            _empty(SIMULATED)
            if alone
            else _read_csv(folder / "simulated.csv", SIMULATED, optional=True),
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write ``results.csv``, ``.parquet``, ``units.parquet`` and the tables of other kinds of cells.

        Of these, and of ``switch.csv``, ``patterns.csv``, ``process.csv`` and ``simulated.csv``, those
        that have rows.

        Parameters
        ----------
        path : str or Path
            The folder they are written to.
        overwrite : bool
            Replace files of their names.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        FileExistsError
            If there is one of them and `overwrite` is False; nothing is written then.
        FileNotFoundError
            If the folder does not exist.
        """
        require("pyarrow", extra="study")
        tables = {
            "results.csv": self.indicators,
            "results.parquet": self.indicators,
            "units.parquet": self.units,
            "switch.csv": self.switch,
            "patterns.csv": self.patterns,
            "process.csv": self.processes,
            "simulated.csv": self.simulated,
        }
        files = {Path(path) / name: table for name, table in tables.items() if len(table)}
        for file in files:
            check_target(file, overwrite=overwrite)
        for file, table in files.items():
            with write_whole(file, overwrite=overwrite) as part:
                if file.suffix == ".csv":
                    table.to_csv(part, index=False)
                else:
                    table.to_parquet(part)
        return Path(path)


def gather_results(study: Study, out: Path) -> Results:
    """The results of the cells of a study that are there, in the study's order."""
    indicators: list[dict[str, Any]] = []
    units: list[pd.DataFrame] = []
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in _TABLES}
    spikes: dict[tuple[Any, ...], Path] = {}
    states: list[dict[str, Any]] = []
    versions: list[dict[str, Any]] = []
    for cell in study.cells():
        folder = locate_cell(cell, out)
        state = cell_files.read_state(folder)
        if state is None:
            continue
        states.append({**cell.place(), "kind": cell.kind, **state.outcome()})
        if state.versions and state.versions not in versions:
            versions.append(state.versions)
        if cell.kind == "condition":
            rows = state.rows or [{"split": split} for split in study.splits]
            same = {"study": study.name, **cell.place(), **state.outcome()}
            indicators += [{**same, **row} for row in rows]
            units += _tables(folder / "units.csv", cell.place())
            spikes |= {
                (*cell.place().values(), file.name.split("_")[1].split(".")[0]): file
                for file in sorted(folder.glob("spikes_*.zarr.zip"))
            }
        # Kinds without conditions have no column of them.
        place = {key: value for key, value in cell.place().items() if value != ""}
        for name, (kind, _) in _TABLES.items():
            if cell.kind == kind:
                tables[name] += _tables(folder / f"{name}.csv", place)
    return Results(
        study,
        _set_types(pd.DataFrame(indicators, columns=INDICATORS)),
        _concat(units, UNITS),
        _concat(tables["switch"], SWITCH),
        _concat(tables["patterns"], PATTERNS),
        _concat(tables["process"], PROCESS),
        _concat(tables["simulated"], SIMULATED),
        StoredSpikes(spikes),
        _set_types(pd.DataFrame(states, columns=CELLS)),
        tuple(versions),
    )


def _concat(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return _set_types(pd.concat(tables, ignore_index=True)) if tables else _empty(columns)


def _tables(file: Path, place: dict[str, Any]) -> list[pd.DataFrame]:
    """A cell's own table with the cell's place before it, in a list; an empty one if there is none."""
    if not file.is_file():
        return []
    table = pd.read_csv(file, dtype=dict.fromkeys(_TEXTS, str))
    for position, (name, value) in enumerate(place.items()):
        table.insert(position, name, value)
    return [table]


def _set_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The same types whatever is missing: counts stay whole, texts are never NaN."""
    typed = frame.copy()
    for name in frame.columns:
        if name in _TEXTS:
            typed[name] = frame[name].astype(object).fillna("").astype(str)
        elif name in _WHOLE or name in _FLAGS:
            typed[name] = frame[name].astype("bool" if name in _FLAGS else "int64")
        else:
            typed[name] = frame[name].astype("Int64" if name in _COUNTS else "float64")
    return typed


def _read_csv(file: Path, columns: list[str], *, optional: bool = False) -> pd.DataFrame:
    if optional and not file.is_file():
        return _empty(columns)
    frame = pd.read_csv(file, dtype=dict.fromkeys(_TEXTS, str))
    if columns is INDICATORS:
        frame = frame.reindex(columns=[*frame, *(name for name in CORRECTED if name not in frame)])
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(f"{file} is not a table of a study: it has no column {', '.join(missing)}")
    return _set_types(frame)


def _read_parquet(file: Path, columns: list[str]) -> pd.DataFrame:
    return pd.read_parquet(file) if file.is_file() else _empty(columns)
