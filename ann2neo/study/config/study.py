"""A study and its TOML file: networks, data sets, conditions, seeds, and how networks are trained."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from ann2neo.study.config.builtin import builtin_studies, builtin_text
from ann2neo.study.config.cell import Cell
from ann2neo.study.config.plan import CellPlan, find_condition, plan_cell
from ann2neo.study.config.process_settings import ProcessSettings
from ann2neo.study.config.setting_checks import check_flag, check_int, check_list, check_word
from ann2neo.study.config.settings import (
    Network,
    PatternNetwork,
    Patterns,
    Pretraining,
    StopRule,
    Subset,
    Switch,
    Training,
    check_condition,
    check_dataset,
)
from ann2neo.study.config.sources import (
    describe_condition,
    name_conditions,
    read_condition,
    short_name,
)
from ann2neo.study.config.toml_tables import from_table, from_tables, list_values, write_values
from ann2neo.study.config.uses_settings import UsesSettings, list_variants
from ann2neo.training.conditions import CONDITIONS, Condition

_TABLES = {
    "training": Training,
    "switch": Switch,
    "patterns": Patterns,
    "process": ProcessSettings,
    "uses": UsesSettings,
    "subset": Subset,
    "pretraining": Pretraining,
}
_LISTS = {"networks": Network, "pattern_networks": PatternNetwork, "stop": StopRule}
_SPLITS = ("train", "test")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True)
class Study:
    """A grid of networks × widths × data sets × conditions × seeds.

    Parameters
    ----------
    name : str
        Letters, digits, ``-``, ``_`` and ``.``.
    networks : tuple of Network
    datasets : tuple of str
        ``"digits"``, ``"mnist"``, ``"fashion_mnist"``, ``"cifar10"``, or ``"module:function"``, which
        returns what `ann2neo.training.as_dataset` takes; the function's name is the data set's.
    conditions : tuple of str or Condition
        What these go through: names of `ann2neo.training.conditions.CONDITIONS`, and conditions of
        one's own, in TOML ``[[conditions]]`` with name, start, labels, trainable, epochs, and if wanted
        accuracy and plateau; those of the package are named alone there.
    seeds : tuple of int
        Each is a replicate: other weights, random labels and orders.
    splits : tuple of {"train", "test"}
        Data recorded: all training images (those kept for validation too), all test images.
    order : {"permutation", "data set"}
        Order in which the samples are shown while recording.
    window : int
        Samples a window of the Fano factor; a split has to hold two windows.
    training : Training
    stop : tuple of StopRule
        For a cell, the rule holds that names most of it: of those for its condition one with its network
        before one with its width before one with its data set. A condition without a rule stops as
        `ann2neo.training` says.
    switch : Switch, optional
    patterns : Patterns, optional
    pattern_networks : tuple of PatternNetwork, optional
        With `patterns`; a study may have these, `networks` or both.
    process : ProcessSettings, optional
        Models of the process, fitted to the units of each network of `networks` and condition.
    uses : UsesSettings, optional
        Networks of `networks` that learn wrong labels, and what their spikes are good for. A study that
        has this needs no `conditions`.
    subset : Subset, optional
        Default: the whole data sets.
    pretraining : Pretraining, optional
        With `subset` and `networks`: these learn true labels of other samples first.
    keep_weights : bool
        Keep every trained network's weights, ``weights.npz`` of its cell.

    Raises
    ------
    TypeError, ValueError
        If a setting is not of its domain or two do not fit; the message names it.

    Examples
    --------
    >>> from ann2neo.study import Study
    >>> study = Study.from_toml("digits-quick")
    >>> [cell.key for cell in study.cells()][0]
    'condition-mlp-64-digits-Random-0'
    """

    name: str
    networks: tuple[Network, ...] = ()
    datasets: tuple[str, ...] = ()
    conditions: tuple[str | Condition, ...] = ()
    seeds: tuple[int, ...] = (0,)
    splits: tuple[str, ...] = _SPLITS
    order: str = "permutation"
    window: int = 100
    training: Training = field(default_factory=Training)
    stop: tuple[StopRule, ...] = ()
    switch: Switch | None = None
    patterns: Patterns | None = None
    pattern_networks: tuple[PatternNetwork, ...] = ()
    process: ProcessSettings | None = None
    uses: UsesSettings | None = None
    subset: Subset | None = None
    pretraining: Pretraining | None = None
    keep_weights: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or set(self.name) - _NAME:
            raise ValueError(f"name must be made of letters, digits, -, _ and ., got {self.name!r:.80}")
        check_list(self.datasets, "datasets", check_dataset)
        short = [short_name(source) for source in self.datasets]
        if len(set(short)) < len(short):
            raise ValueError(f"datasets must differ in name, got {short}")
        check_list(self.seeds, "seeds", check_int)
        check_list(self.splits, "splits", lambda value, key: check_word(value, key, _SPLITS))
        check_word(self.order, "order", ("permutation", "data set"))
        check_int(self.window, "window", least=1)
        check_flag(self.keep_weights, "keep_weights")
        if self.networks or not self.pattern_networks:
            self._check_networks()
        elif self.conditions or self.switch is not None or self.uses is not None:
            got = f"{self.conditions!r:.80}, {self.switch} and {self.uses}"
            raise ValueError(f"conditions, switch and uses must be left out without networks, got {got}")
        self._check_patterns()
        if self.process is not None and not (self.networks and self.keep_weights):
            raise ValueError(
                "process must be left out without networks and keep_weights = true, got "
                f"{len(self.networks)} networks and keep_weights = {self.keep_weights}"
            )
        if self.pretraining is not None and not (self.networks and self.subset):
            raise ValueError(
                "pretraining must be left out without networks and subset, got "
                f"{len(self.networks)} networks and subset = {self.subset}"
            )
        self._check_stops()

    def _check_patterns(self) -> None:
        if bool(self.pattern_networks) != (self.patterns is not None):
            raise ValueError(
                "patterns and pattern_networks must both be there or both be left out, got "
                f"{self.patterns} and {len(self.pattern_networks)} networks"
            )
        self._check_cells("pattern_networks")
        names = [network.name for network in self.pattern_networks]
        if len(set(names)) < len(names):
            raise ValueError(f"pattern_networks must differ in name, got {names}")

    def _check_networks(self) -> None:
        if not isinstance(self.networks, tuple) or not self.networks:
            raise ValueError(f"networks must have one [[networks]] or more, got {self.networks!r:.80}")
        if self.conditions or self.uses is None:
            check_list(self.conditions, "conditions", check_condition)
        names = name_conditions(self.conditions)
        if len(set(names)) < len(names):
            raise ValueError(f"conditions must differ in name, got {names}")
        everything = {"datasets": tuple(map(short_name, self.datasets)), "conditions": names}
        for network in self.networks:
            for key, all_ in everything.items():
                own = getattr(network, key) or ()
                if set(own) - set(all_):
                    raise ValueError(
                        f"{key} of network {network.name!r} must be among the study's, {all_}, got {own}"
                    )
            conditions = network.conditions or names
            for name in conditions:
                if self.condition(name).start == "generalizing" and "Generalizing" not in conditions:
                    raise ValueError(
                        f"conditions must hold 'Generalizing', from which {name!r} starts, "
                        f"got {conditions}"
                    )
        self._check_cells("networks")

    def _check_cells(self, name: str) -> None:
        seen = set()
        for cell in self.cells():
            if cell in seen:
                raise ValueError(f"{name} must name each cell once, got {cell.key} twice")
            seen.add(cell)

    def _check_stops(self) -> None:
        subjects = [rule.subject for rule in self.stop]
        for subject in subjects:
            if subjects.count(subject) > 1:
                raise ValueError(f"stop must have one rule for the same cells, got two for {subject}")
        cells = [cell for cell in self.cells() if cell.kind == "condition"]
        for rule in self.stop:
            if not any(rule.is_for(cell) for cell in cells):
                wanted = ", ".join(f"{value!r}" for value in rule.subject if value is not None)
                raise ValueError(f"stop must be for cells of the study, got a rule for {wanted}")
        for cell in cells:
            find_condition(self, cell)

    def cells(self) -> list[Cell]:
        """What is to be run, in the order of the results."""
        places = [
            (network, width, dataset, seed)
            for network in self.networks
            for width in network.widths
            for dataset in network.datasets or map(short_name, self.datasets)
            for seed in self.seeds
        ]
        first = [
            Cell("pretraining", network.name, width, dataset, "", seed)
            for network, width, dataset, seed in places
            if self.pretraining is not None
        ]
        cells = [
            Cell("condition", network.name, width, dataset, condition, seed)
            for network, width, dataset, seed in places
            for condition in network.conditions or name_conditions(self.conditions)
        ]
        if self.process is not None:
            cells += [replace(cell, kind="process") for cell in cells]
        if self.switch is not None:
            cells += [
                Cell("switch", network.name, width, dataset, "", seed)
                for network, width, dataset, seed in places
            ]
        if self.uses is not None:
            cells += [
                Cell("uses", network.name, width, dataset, name, seed)
                for network, width, dataset, seed in places
                for name in list_variants(self.uses)
            ]
        cells += [
            Cell("patterns", network.key(blocks), network.width, dataset, "", seed)
            for network in self.pattern_networks
            for blocks in network.blocks
            for dataset in map(short_name, self.datasets)
            for seed in self.seeds
        ]
        return first + cells

    def condition(self, name: str) -> Condition:
        """The condition of a name, as it is defined."""
        own = {one.name: one for one in self.conditions if isinstance(one, Condition)}
        return own[name] if name in own else CONDITIONS[name]

    def plan(self, cell: Cell) -> CellPlan:
        """All that the study says of one of its cells."""
        return plan_cell(self, cell)

    @classmethod
    def from_toml(cls, source: str | Path) -> Study:
        """Read a study.

        Parameters
        ----------
        source : str or Path
            A file, or the name of a study that comes with the package (`builtin_studies`).

        Raises
        ------
        FileNotFoundError
            If there is neither.
        TypeError, ValueError
            If the file is not TOML, or has a key or value that is not understood; the message names
            file, key, domain and value.
        """
        if str(source) in builtin_studies():
            return cls.from_text(builtin_text(str(source)), f"{source}")
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(
                f"no study {str(source)!r}: neither a TOML file nor one of "
                f"{', '.join(builtin_studies())}"
            )
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not TOML: {error}") from error
        return cls.from_text(text, str(path))

    @classmethod
    def from_text(cls, text: str, file: str = "study") -> Study:
        """The study that a TOML text says; `file` is how messages call it."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{file} is not TOML: {error}") from error
        try:
            for key, part in _TABLES.items():
                if key in table:
                    table[key] = from_table(part, table[key], f"[{key}]")
            if isinstance(table.get("conditions"), list):
                table["conditions"] = [
                    read_condition(one, f"[[conditions]] {number}") if isinstance(one, dict) else one
                    for number, one in enumerate(table["conditions"], 1)
                ]
            for key, part in _LISTS.items():
                if key in table:
                    table[key] = from_tables(part, table[key], key)
            study: Study = from_table(cls, table, "")
            return study
        except (TypeError, ValueError) as error:
            raise type(error)(f"{file}: {error}") from error

    def to_toml(self) -> str:
        """The study as TOML; `from_toml` of it is an equal study.

        Examples
        --------
        >>> from ann2neo.study import Study
        >>> print(Study.from_toml("digits-quick").to_toml().splitlines()[0])
        name = "digits-quick"
        """
        own = {key: value for key, value in list_values(self).items() if key not in {*_TABLES, *_LISTS}}
        has_own = any(isinstance(one, Condition) for one in self.conditions)
        if has_own:
            del own["conditions"]
        text = write_values(own)
        for one in self.conditions if has_own else ():
            text += ["", "[[conditions]]", *write_values(describe_condition(one))]
        for key in _LISTS:
            for part in getattr(self, key):
                text += ["", f"[[{key}]]", *write_values(list_values(part))]
        for key in _TABLES:
            if getattr(self, key) is not None:
                text += ["", f"[{key}]", *write_values(list_values(getattr(self, key)))]
        return "\n".join(text) + "\n"
