"""What a study found, as tables: a row per cell and data split, per unit, per step of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
AUC = ["auc_patterns", "auc_activations", "auc_pixels", "auc_final_loss", "auc_early_loss"]
USES = [
    *PLACE, "noise", "remedy", "epochs_run", "n_samples", "n_wrong", "training_accuracy", "learned",
    "test_accuracy", "n_suspected", "vote_patterns", "vote_pixels", *AUC,
]  # fmt: skip
STOPPING = [*PLACE, "criterion", "training_epoch", "test_accuracy", "gap"]
PRUNING = [*PLACE, "criterion", "fraction", "tuned", "test_accuracy"]
REMOVAL = [*PLACE, "layer", "n_samples", "n_silent", "n_firing", "changed", "largest_change"]


class _Table(NamedTuple):
    """The kind of cell that writes a table, the attribute of `Results`, and the columns it needs."""

    kind: str
    attribute: str
    columns: list[str]


_TABLES = {
    "switch": _Table("switch", "switch", SWITCH),
    "patterns": _Table("patterns", "patterns", PATTERNS),
    "process": _Table("process", "processes", PROCESS),
    "simulated": _Table("process", "simulated", SIMULATED),
    "uses": _Table("uses", "uses", USES),
    "stopping": _Table("uses", "stopping", STOPPING),
    "pruning": _Table("uses", "pruning", PRUNING),
    "removal": _Table("uses", "removal", REMOVAL),
}
"""By the name of the file."""
CELLS = ["kind", *PLACE, "status", "error", "seconds"]
_COUNTS = [
    "n_units", "n_samples", "n_patterns", "epochs_run", "n_wrong", "n_silent", "n_firing", "changed",
]  # fmt: skip
_TEXTS = [
    "study", "network", "dataset", "condition", "split", "status", "error", "stopped_by", "kind",
    "weights_hash", "labels", "probe", "layer", "order", "model", "population", "quantity", "remedy",
    "criterion",
]  # fmt: skip
_WHOLE = ["width", "seed", "step", "training_epoch", "unit_index", "blocks", "depth"]
_FLAGS = ["saturated", "joint_saturated", "exact", "tuned"]


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
        A row per monitored step of the training whose labels become random midway.
    patterns : pandas.DataFrame
        A row per look and layer of the networks whose activation patterns were followed: ``blocks`` a
        stage, ``depth`` of the layer from 1, accuracies (in training: the mean over the last
        pass), and the columns of
        `ann2neo.monitoring.Snapshots.replay`.
    processes : pandas.DataFrame
        A row per process cell, split, order and model: ``n_units`` that change, ``best_fraction`` of
        them that the model describes best by BIC, ``gain``, the mean number of bits per sample held out
        over independent samples, ``rejected``, the share of units whose rescaled intervals reject it at
        5 %, ``fano_rejected``, those whose Fano factor does. A model ``"poisson"``: counts of these
        rates.
    simulated : pandas.DataFrame
        A row per process cell, split, order, kind of population and quantity: ``observed``, and mean,
        least and most of populations drawn; ``exact`` is False where their correlations are only near
        those observed.
    uses : pandas.DataFrame
        A row per network that learned wrong labels: ``condition`` names the variant, ``noise`` the share
        of wrong labels, ``remedy`` what was tried against learning them; ``learned``, the share of the
        wrong labels that it gives; ``auc_…``, the areas under the ROC curves by which patterns,
        activations, pixels, and the loss at the end and early in training tell which labels are wrong;
        ``vote_…``, accuracies on test samples of the nearest patterns and the nearest binarized pixels.
    stopping : pandas.DataFrame
        A row per such network and criterion: the pass it chooses, the ``test_accuracy`` there, and its
        ``gap`` to the best pass.
    pruning : pandas.DataFrame
        A row per network trained on true labels, criterion, ``fraction`` of units removed and whether
        the rest was ``tuned``: ``test_accuracy``.
    removal : pandas.DataFrame
        A row per network, layer (or ``"all"``) and number of training samples looked at: ``n_silent``
        units, ``n_firing`` of them on test samples, test predictions ``changed`` without them,
        ``largest_change`` of a logit.
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
    uses: pd.DataFrame = field(default_factory=lambda: _empty(USES))
    stopping: pd.DataFrame = field(default_factory=lambda: _empty(STOPPING))
    pruning: pd.DataFrame = field(default_factory=lambda: _empty(PRUNING))
    removal: pd.DataFrame = field(default_factory=lambda: _empty(REMOVAL))
    spikes: Mapping[tuple[Any, ...], SpikeRaster] = field(default_factory=dict)
    cells: pd.DataFrame = field(default_factory=lambda: _empty(CELLS))
    versions: tuple[dict[str, str], ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read results.

        Parameters
        ----------
        path : str or Path
            The folder of a study, finished or not, or one that holds ``results.csv`` or another of
            its tables, and what there is of ``study.toml``, ``units.parquet``; or a ``results.csv``
            alone.

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
        if not (file.is_file() or any((path / f"{name}.csv").is_file() for name in _TABLES)):
            raise FileNotFoundError(f"no results of a study at {path}")
        tables: dict[str, Any] = {
            table.attribute: _empty(table.columns)
            if alone
            else _read_csv(folder / f"{name}.csv", table.columns, optional=True)
            for name, table in _TABLES.items()
        }
        has_study = not alone and (folder / "study.toml").is_file()
        return cls(
            Study.from_toml(folder / "study.toml") if has_study else None,
            _read_csv(file, INDICATORS, optional=not alone),
            _empty(UNITS) if alone else _read_parquet(folder / "units.parquet", UNITS),
            **tables,
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write ``results.csv``, ``.parquet``, ``units.parquet`` and the tables of other kinds of cells.

        Of these those that have rows.

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
            **{f"{name}.csv": getattr(self, table.attribute) for name, table in _TABLES.items()},
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
        for name, table in _TABLES.items():
            if cell.kind == table.kind:
                tables[name] += _tables(folder / f"{name}.csv", place)
    return Results(
        study,
        _set_types(pd.DataFrame(indicators, columns=INDICATORS)),
        _concat(units, UNITS),
        spikes=StoredSpikes(spikes),
        cells=_set_types(pd.DataFrame(states, columns=CELLS)),
        versions=tuple(versions),
        **{table.attribute: _concat(tables[name], table.columns) for name, table in _TABLES.items()},
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
