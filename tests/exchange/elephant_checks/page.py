"""The documentation's page on Elephant's functions, which is the list that the tests walk."""

import importlib
import inspect
import pkgutil
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elephant

PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "use_elephants_functions.md"

VERDICTS = ("works", "needs", "off the grid", "takes a signal", "means nothing", "no trains")
SILENT_UNITS = ("raises", "NaN", "0", "empty", "left out", "as others", "–")

INTERNAL = (
    "elephant.current_source_density_src",
    "elephant.functional_connectivity_src",
    "elephant.gpfa.gpfa_core",
    "elephant.gpfa.gpfa_util",
    "elephant.parallel.mpi",
    "elephant.parallel.parallel",
    "elephant.spade_src",
    "elephant.test",
)
"""Modules that Elephant's reference does not show."""


@dataclass(frozen=True)
class Row:
    """What the page says of a function."""

    name: str
    verdict: str
    words: str
    silent: str

    @property
    def arguments(self) -> list[str]:
        """Those that the page says to give, by their names."""
        return re.findall(r"`(\w+)=", self.words)

    @property
    def called(self) -> Any:
        """Elephant's own."""
        module, _, name = self.name.rpartition(".")
        return getattr(importlib.import_module(module), name)


def read_page() -> list[Row]:
    """The rows of its tables, each below a heading with the module's name."""
    rows, module = [], ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            module = line.removeprefix("## ").strip("` ")
        found = re.fullmatch(r"\| `(\w+)` \| ([^|]+) \| ([^|]*) \| ([^|]+) \|", line)
        if found and module.startswith("elephant."):
            rows.append(Row(f"{module}.{found[1]}", *(text.strip() for text in found.groups()[1:])))
    return rows


def find_public() -> set[str]:
    """Names of Elephant's public functions and classes, with their modules."""
    found: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, name, _ in pkgutil.walk_packages(elephant.__path__, "elephant."):
            if name.startswith(INTERNAL):
                continue
            module = importlib.import_module(name)
            said = set(getattr(module, "__all__", ()))
            found |= {
                f"{name}.{one}"
                for one, item in vars(module).items()
                if not one.startswith("_")
                and (inspect.isfunction(item) or inspect.isclass(item))
                and (one in said or item.__module__ == name)
            }
    return {name for name in found if not name.startswith("elephant.gpfa.gpfa.")}
