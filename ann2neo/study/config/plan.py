"""All that a study says of one of its cells, resolved once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ann2neo.study.config.cell import Cell
from ann2neo.study.config.settings import Network, PatternNetwork
from ann2neo.study.config.sources import describe_condition, is_function, short_name
from ann2neo.study.config.uses_settings import USES_OF_LABELS, list_variants
from ann2neo.training.conditions import Condition, StoppingRule

if TYPE_CHECKING:
    from ann2neo.study.config.study import Study


@dataclass(frozen=True)
class CellPlan:
    """One cell, and what of its study holds for it.

    Parameters
    ----------
    study : Study
    cell : Cell
    dataset : str
        Where the data come from: a name, or ``module:function``.
    network : Network or PatternNetwork
        The latter of cells of the kind ``"patterns"``.
    blocks : int
        A stage, of a `PatternNetwork`.
    condition : Condition or None
        With the stopping rule that holds for the cell; None for a kind of cells that has no condition.
    start : Cell or None
        The cell whose weights this one starts from.
    """

    study: Study
    cell: Cell
    dataset: str
    network: Network | PatternNetwork
    blocks: int = 0
    condition: Condition | None = None
    start: Cell | None = None

    def list_settings(self) -> dict[str, Any]:
        """All of the study that the cell's results depend on, JSON-able."""
        study = self.study
        said: dict[str, Any] = {
            "training": dataclasses.asdict(study.training),
            "subset": None if study.subset is None else dataclasses.asdict(study.subset),
        }
        if self.condition is not None:
            said |= self._list_condition(self.condition)
        if isinstance(self.network, Network):
            built = self.network.describe_build()
            said |= {"network": built} if built else {}
        if is_function(self.dataset):
            said["dataset"] = self.dataset
        if self.cell.kind == "process" and study.process is not None:
            said["process"] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in dataclasses.asdict(study.process).items()
            }
            # The orders are its own.
            del said["order"]
        if study.pretraining is not None and self.cell.kind != "patterns":
            said["pretraining"] = dataclasses.asdict(study.pretraining)
        if self.cell.kind == "switch" and study.switch is not None:
            said["switch"] = dataclasses.asdict(study.switch)
        if self.cell.kind == "uses" and study.uses is not None:
            # Which of its networks the cell is, its name says.
            has_remedy = bool(list_variants(study.uses)[self.cell.condition].remedy)
            keys = ("n_probe", *(("remedy_epochs",) if has_remedy else USES_OF_LABELS))
            said["uses"] = {key: getattr(study.uses, key) for key in keys}
        if self.cell.kind == "patterns" and study.patterns is not None:
            said["patterns"] = dataclasses.asdict(study.patterns)
            said["network"] = {**dataclasses.asdict(self.network), "blocks": self.blocks}
        return said

    def _list_condition(self, condition: Condition) -> dict[str, Any]:
        study = self.study
        said: dict[str, Any] = {
            "stop": dataclasses.asdict(condition.stop),
            "order": study.order,
            "window": study.window,
            "splits": list(study.splits),
        }
        if any(isinstance(one, Condition) and one.name == condition.name for one in study.conditions):
            said["condition"] = describe_condition(study.condition(condition.name))
        if condition.start == "generalizing":
            first = find_condition(study, self.cell.to_generalizing())
            said["stop of Generalizing"] = dataclasses.asdict(first.stop)
        return said


def plan_cell(study: Study, cell: Cell) -> CellPlan:
    """Resolve what a study says of one of its cells."""
    dataset = next(source for source in study.datasets if short_name(source) == cell.dataset)
    if cell.kind == "patterns":
        name, _, blocks = cell.network.rpartition("_")
        followed = next(network for network in study.pattern_networks if network.name == name)
        return CellPlan(study, cell, dataset, followed, int(blocks))
    network = next(network for network in study.networks if network.name == cell.network)
    start = None
    if study.pretraining is not None and cell.kind != "pretraining":
        start = cell.to_pretraining()
    if cell.kind in ("switch", "uses", "pretraining"):
        return CellPlan(study, cell, dataset, network, start=start)
    condition = find_condition(study, cell)
    if cell.kind == "process":
        start = dataclasses.replace(cell, kind="condition")
    elif condition.start == "generalizing":
        start = cell.to_generalizing()
    return CellPlan(study, cell, dataset, network, condition=condition, start=start)


def find_condition(study: Study, cell: Cell) -> Condition:
    """A cell's condition with the stopping rule that holds for it."""
    condition = study.condition(cell.condition)
    rules = [rule for rule in study.stop if rule.is_for(cell)]
    if not rules:
        return condition
    rule = max(rules, key=lambda rule: rule.specificity)
    accuracy = rule.accuracy
    if accuracy == "published":
        from ann2neo.study.analysis.published import find_published_accuracy

        accuracy = find_published_accuracy(cell)
    return dataclasses.replace(condition, stop=StoppingRule(rule.epochs, accuracy, rule.plateau))
